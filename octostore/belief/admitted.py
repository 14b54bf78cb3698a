"""Which links a reader follows: those of whom the policy trusts, and checked ones.

    Admitted(view, policy, groups, checked).edges(cid)      same-bytes, same-program
                                           .leads(cid)      selects, built-from, ..

A link counts if a statement that says it speaks for a group in `links` of the policy,
or if its reader has checked it himself. Whatever others say is passed over, a statement
at a time. Source: FORMATS 8; docs/spec/links.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from invocation_spec.cid import CID
from octostore import tables
from octostore.belief.groups import Groups
from octostore.belief.policy import Policy
from octostore.map.heads import log_time_s
from octostore.records import SYMMETRIC, Link, parse_record
from octostore.view import View

__all__ = ["CLASS_MAX", "LOOKS_MAX", "Admitted", "Cut", "Edge"]

#: CIDs of one class. A file has some dozens of names at most: by hash functions,
#: chunkers and layouts. Who can sign more of them than this shall not merge the world.
CLASS_MAX: Final = 1024

#: CIDs, links of those who are trusted, and statements of others on
#: them, that are looked at for one question: a million may name one CID.
LOOKS_MAX: Final = 1 << 17

#: Beyond every block number: where the links of the next statement begin.
_NO_MAX: Final = (1 << 8 * tables.NO_BYTES) - 1


@dataclass(frozen=True, slots=True)
class Cut:
    """Where links were not followed to their end, and why."""

    at: CID
    reason: str


@dataclass(frozen=True, slots=True)
class Edge:
    """An admitted link as seen from one end: where to, and the record."""

    to: CID
    link: CID
    record: Link


class Admitted:
    """The links of one view that one policy admits, or checked ones alone."""

    def __init__(
        self,
        view: View,
        policy: Policy | None = None,
        groups: Groups | None = None,
        checked: Iterable[Link] = (),
    ) -> None:
        self._view = view
        self._trusted = frozenset(policy.links if policy is not None else ())
        self._groups = groups
        self._size = view.checkpoint().size
        self._said_by: dict[int, bool] = {}
        self._found: dict[CID, tuple[Edge, ...]] = {}
        self._looks = 0
        self._checked: dict[CID, list[Link]] = {}
        self.cuts: dict[CID, Cut] = {}
        for link in checked:
            for end in (link.a, link.b):
                self._checked.setdefault(end, []).append(link)

    @property
    def is_empty(self) -> bool:
        """Whether no link at all can be admitted."""
        return not self._trusted and not self._checked

    @property
    def is_exhausted(self) -> bool:
        """Whether no more links are looked up."""
        return self._looks > LOOKS_MAX

    def edges(self, cid: CID) -> tuple[Edge, ...]:
        """The links that say that something is the same as this, in log order."""
        return tuple(
            edge for edge in self._links(cid) if edge.record.means in SYMMETRIC
        )

    def leads(self, cid: CID) -> tuple[Edge, ...]:
        """The directed links that begin or end here, in log order."""
        return tuple(
            edge for edge in self._links(cid) if edge.record.means not in SYMMETRIC
        )

    def cut(self, cid: CID, reason: str) -> None:
        """Remember that links of this CID were not followed."""
        self.cuts.setdefault(cid, Cut(cid, reason))

    def _links(self, cid: CID) -> tuple[Edge, ...]:
        if self.is_empty:
            return ()
        found = self._found.get(cid)
        if found is None:
            links = dict.fromkeys(self._checked.get(cid, ()))
            links.update(dict.fromkeys(self._logged(cid)))
            found = self._found[cid] = tuple(
                Edge(link.b if link.a == cid else link.a, link.cid, link)
                for link in links
            )
        return found

    def _logged(self, cid: CID) -> list[Link]:
        """Admitted links of the log, by statement and CID of the record.

        No more than make the class too large, whatever the others are.
        """
        if not self._trusted or not self._look(cid):
            return []
        found: list[tuple[int, CID, Link]] = []
        same: set[CID] = set()
        for index, number in self._rows(cid):
            record = parse_record(self._view.block(number))
            assert isinstance(record, Link)  # noqa: S101 - so it was indexed
            found.append((index, record.cid, record))
            if record.means == "same-bytes":
                same.add(record.b if record.a == cid else record.a)
                if len(same) > CLASS_MAX:
                    break
        return [record for *_, record in sorted(found, key=lambda item: item[:2])]

    def _rows(self, cid: CID) -> Iterator[tuple[int, int]]:
        """Places and block numbers of links by those who are trusted."""
        keys, name = tables.LINKS.key, tables.LINKS.name
        prefix, start = keys.prefix(cid), b""
        while True:
            beyond = None
            for key, _ in self._view.rows.scan(name, prefix, after=start):
                _, index, number = keys.decode(key)
                if index >= self._size or not self._look(cid):
                    return
                if not self._is_trusted(index):
                    beyond = keys.encode(cid, index, _NO_MAX)
                    break
                yield index, number
            if beyond is None:
                return
            start = beyond

    def _is_trusted(self, index: int) -> bool:
        trusted = self._said_by.get(index)
        if trusted is None:
            assert self._groups is not None  # noqa: S101 - they come with a policy
            time_s = log_time_s(self._view.rows, index, self._size)
            voice = self._groups.speaks(self._view.logged(index), None, time_s)
            trusted = self._said_by[index] = voice.group in self._trusted
        return trusted

    def _look(self, cid: CID) -> bool:
        self._looks += 1
        if self._looks <= LOOKS_MAX:
            return True
        self.cut(cid, f"links were looked up {LOOKS_MAX} times; no more of them are")
        return False
