"""What is the same to a reader: classes of CIDs, and of invocations.

    Classes(view, policy, groups).least(cid)          the least of its class
                                 .same_as(invocation) -> Same(others, links, ..)
                                 .led_from(invocation) -> one step further, marked

Two invocations are the same if they are equal once each CID in code, imports, files,
stdin and puts is replaced by the least of its class. Nothing here depends on the order
in which a store received what is in the log. Source: FORMATS 8; docs/spec/links.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from invocation_spec.cid import CID, DAG_CBOR, RAW
from invocation_spec.model import (
    GvmiProgram,
    Input,
    Invocation,
    OciProgram,
    Program,
)
from octostore.belief.admitted import CLASS_MAX, Admitted, Cut, Edge
from octostore.belief.alike import CANDIDATES_MAX, TooManyError, alike
from octostore.belief.groups import Groups
from octostore.belief.normal import Place, normal, places
from octostore.belief.policy import Policy
from octostore.questions.found import Found, disclosed, read_found
from octostore.records import Link, Meaning
from octostore.view import View

__all__ = ["CLASS_MAX", "Classes", "Led", "Same", "same_as"]


@dataclass(frozen=True, slots=True)
class Same:
    """Invocations of the log that are the same as one, and the links that say so.

    `normal` is the CID of the normal form, the invocation's own if no link changes
    it. `cuts` are places where links were not followed to their end.
    """

    invocation: CID
    normal: CID
    invocations: tuple[CID, ...] = ()
    links: tuple[CID, ...] = ()
    cuts: tuple[Cut, ...] = ()


@dataclass(frozen=True, slots=True)
class Led:
    """An invocation to which one directed link leads; it is another one all the same.

    `forward` if the link begins at what was asked.
    """

    invocation: CID
    link: CID
    means: Meaning
    forward: bool
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class _Class:
    """CIDs that are one, and how each hangs on the least of them."""

    least: CID
    above: dict[CID, Edge] = field(default_factory=dict)  # to the next towards it

    @property
    def members(self) -> tuple[CID, ...]:
        return (self.least, *self.above)

    def holds(self, cid: CID) -> bool:
        """Whether this CID is a member."""
        return cid == self.least or cid in self.above

    def way_up(self, cid: CID) -> list[CID]:
        """The links from a member to the least."""
        way = []
        while cid != self.least:
            edge = self.above[cid]
            way.append(edge.link)
            cid = edge.to
        return way


class Classes:
    """The classes that the admitted links of one view make; each is found once."""

    def __init__(
        self,
        view: View,
        policy: Policy | None = None,
        groups: Groups | None = None,
        checked: Iterable[Link] = (),
    ) -> None:
        self._view = view
        self._admitted = Admitted(view, policy, groups, checked)
        self._classes: dict[Place, _Class] = {}

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """Where links were not followed, so far."""
        return tuple(self._admitted.cuts[cid] for cid in sorted(self._admitted.cuts))

    def least(self, cid: CID, *, is_code: bool = False) -> CID:
        """The least member of its class, which stands for all; itself if alone."""
        return self._least(Place(cid, is_code))

    def members(self, cid: CID, *, is_code: bool = False) -> tuple[CID, ...]:
        """All that are the same as this CID, itself among them, sorted."""
        return tuple(sorted(self._class(Place(cid, is_code)).members))

    def links(self, a: CID, b: CID, *, is_code: bool = False) -> tuple[CID, ...]:
        """The links by which two CIDs are one; none if they are not, or equal."""
        one = self._class(Place(a, is_code))
        if a == b or not one.holds(b):
            return ()
        up, down = one.way_up(a), one.way_up(b)
        while up and down and up[-1] == down[-1]:
            up.pop()
            down.pop()
        return (*up, *reversed(down))

    def same_as(self, invocation: CID) -> Same:
        """The other invocations with a claim in the log that are the same.

        An invocation that is not in the log, or that withholds its blocks, is the
        same as none as far as anybody can see.
        """
        found = self._read(invocation)
        if found is None:
            return Same(invocation, invocation)
        ran, least = found.invocation, self._least
        form = Invocation(
            normal(found.program, least) if found.program else ran.program,
            normal(found.input, least) if found.input else ran.input,
        ).cid
        others: list[CID] = []
        links: set[CID] = set()
        try:
            for other in alike(
                self._view, ran, found.program, found.input, least, self._members
            ):
                others.append(other.invocation)
                links.update(self._between(found.program, other.program))
                links.update(self._between(found.input, other.input))
        except TooManyError:
            reason = f"over {CANDIDATES_MAX} invocations may be the same; none is taken"
            self._admitted.cut(invocation, reason)
            others, links = [], set()
        return Same(
            invocation, form, tuple(sorted(others)), tuple(sorted(links)), self.cuts
        )

    def led_from(self, invocation: CID) -> tuple[Led, ...]:
        """Invocations of the log to which one directed link leads, by either end."""
        found = self._read(invocation)
        if found is None:
            return ()
        led = [
            _led(edge, edge.to, invocation)
            for edge in self._admitted.leads(invocation)
            if edge.record.means == "reduces-to"
        ]
        if found.program is not None:
            code = found.program.code
            for edge in self._admitted.leads(code):
                program = _with_code(found.program, edge)
                if program is not None:
                    other = Invocation(program.cid, found.invocation.input)
                    led.append(_led(edge, other.cid, code))
        claimed = {item for item in led if self._is_claimed(item.invocation)}
        return tuple(sorted(claimed, key=lambda item: (item.invocation, item.link)))

    def _read(self, invocation: CID) -> Found | None:
        """What claims disclose of it; None if links cannot matter."""
        number = self._view.number(invocation)
        if self._admitted.is_empty or number is None:
            return None
        ran = Invocation.from_block(self._view.block(number))
        return read_found(self._view, ran, disclosed(self._view, number))

    def _is_claimed(self, invocation: CID) -> bool:
        number = self._view.number(invocation)
        return number is not None and any(True for _ in self._view.claims_of(number))

    def _between(
        self, a: Program | Input | None, b: Program | Input | None
    ) -> Iterable[CID]:
        if a is None or b is None:
            return
        for one, other in zip(places(a), places(b), strict=True):
            yield from self.links(one.cid, other.cid, is_code=one.is_code)

    def _least(self, place: Place) -> CID:
        return self._class(place).least

    def _members(self, place: Place) -> tuple[CID, ...]:
        return self._class(place).members

    def _class(self, place: Place) -> _Class:
        found = self._classes.get(place)
        if found is None:
            found = self._join(place)
            for cid in found.members:
                self._classes[Place(cid, place.is_code)] = found
        return found

    def _join(self, place: Place) -> _Class:
        """All that hangs together with this CID, hung on the least of them."""
        left = self._together(place)
        found = _Class(min(left))
        left.discard(found.least)
        level = [found.least]
        while level:
            below = []
            for cid in level:
                for edge in self._edges(cid, is_code=place.is_code):
                    if edge.to in left:
                        left.discard(edge.to)
                        found.above[edge.to] = Edge(cid, edge.link, edge.record)
                        below.append(edge.to)
            level = below
        return found

    def _together(self, place: Place) -> set[CID]:
        """All that hangs together with this CID; itself alone if that is no class."""
        members = {place.cid}
        left = [place.cid]
        while left:
            for edge in self._edges(left.pop(), is_code=place.is_code):
                if edge.to not in members:
                    members.add(edge.to)
                    left.append(edge.to)
            if len(members) > CLASS_MAX:
                reason = f"over {CLASS_MAX} CIDs would be one; each stands for itself"
                self._admitted.cut(place.cid, reason)
                return {place.cid}
        if self._admitted.is_exhausted:  # then it may not be all of them
            return {place.cid}
        if not place.is_code and _differ(members):
            reason = "links make one of bytes that differ; each stands for itself"
            self._admitted.cut(place.cid, reason)
            return {place.cid}
        return members

    def _edges(self, cid: CID, *, is_code: bool) -> Iterable[Edge]:
        for edge in self._admitted.edges(cid):
            if edge.record.means == "same-program":
                if is_code:
                    yield edge
            elif not is_code or self._class(Place(cid)).holds(edge.to):
                yield edge


def same_as(
    view: View,
    policy: Policy | None,
    groups: Groups | None,
    invocation: CID,
    checked: Iterable[Link] = (),
) -> Same:
    """The invocations that are the same as one; see `Classes.same_as`.

    Without a policy only `checked` links are followed: those that the reader has
    verified himself.
    """
    return Classes(view, policy, groups, checked).same_as(invocation)


def _differ(members: Iterable[CID]) -> bool:
    """Whether digests prove that not all of these are the same bytes.

    One false link suffices, and nobody can tell which one it is.
    """
    flat = [
        (cid.codec, cid.hash_code) for cid in members if cid.codec in (RAW, DAG_CBOR)
    ]
    return len(set(flat)) < len(flat)


def _led(edge: Edge, invocation: CID, start: CID) -> Led:
    record = edge.record
    return Led(invocation, edge.link, record.means, record.a == start, record.platform)


def _with_code(program: Program, edge: Edge) -> Program | None:
    """The program to which a link of its code leads; None if it leads to none.

    An index and a manifest are images alike; a Golem image is another kind.
    """
    record = edge.record
    if record.means == "selects" and isinstance(program, OciProgram):
        return OciProgram(edge.to)
    if record.means == "built-from":
        if isinstance(program, GvmiProgram) and edge.to == record.b:
            return OciProgram(edge.to)
        if isinstance(program, OciProgram) and edge.to == record.a:
            return GvmiProgram(edge.to)
    return None
