"""The next entries of the log as rows of the map: read, joined, hashed; not written.

    entries covered .. end  ->  valid claims  ->  keys  ->  pages, root

A claim is valid if the index of claims has it. An invocation's keys grow with what
its claims disclose, so what they did is kept:

    map_ran     no of invocation -> flags

All is read from one snapshot, so a process that may not write can do it. Blocks are
read many at once, each hashed again. Source: docs/spec/map.md, Keys; ADR 16.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple

from invocation_spec.cid import CID, DAG_CBOR, SHA2_256
from invocation_spec.dagcbor import Link, peek
from invocation_spec.model import Invocation
from octostore import tables
from octostore.closure import Closure
from octostore.errors import StoreCorruptError
from octostore.log import KIND_STATEMENT
from octostore.map.heads import covered
from octostore.map.keys import claim_part, codes_of, component, joined_keys, places
from octostore.map.pages import grow
from octostore.packed import unpack
from octostore.tables import Known
from octostore.view import View

__all__ = ["BATCH_CLAIMS", "DISCLOSED", "Batch", "is_behind", "next_batch"]

#: Claims that join the map in one batch, more only if one statement has more: a
#: few seconds of work, some 100 MB of memory.
BATCH_CLAIMS: Final = 1 << 15

#: What a claim can withhold, and what is known when it does not.
DISCLOSED: Final = (("program", Known.PROGRAM), ("input", Known.INPUT))

# As plain numbers: a flag of `enum` costs more than the claim it is found in.
_PROGRAM: Final = int(Known.PROGRAM)
_INPUT: Final = int(Known.INPUT)
_NONCED: Final = int(Known.NONCED)
_FLAGS: Final = tuple((name, int(flag)) for name, flag in DISCLOSED)

_OURS: Final = bytes((1, DAG_CBOR, SHA2_256, 32))


class Batch(NamedTuple):
    """What the entries `start` .. `size` make of the map, and its root then.

    `rows` are by table, keys in order.
    """

    rows: dict[str, dict[bytes, bytes]]
    start: int
    size: int
    root: bytes


def is_behind(view: View, end: int) -> bool:
    """Whether a statement stands before `end` that the map does not have."""
    at, _ = covered(view.rows)
    return any(view.entry(n).kind == KIND_STATEMENT for n in range(at, end))


def next_batch(view: View, end: int) -> Batch | None:
    """The next entries up to `end`, as many as make a batch; None without claims.

    Entries that are no statements change nothing, so a map that lacks only those
    is up to date.

    Raises:
        StoreCorruptError: log, blocks and indexes contradict each other.
    """
    start, _ = covered(view.rows)
    reader = _Reader(view, start)
    at, is_new = start, False
    while at < end and reader.count < BATCH_CLAIMS:
        if view.entry(at).kind == KIND_STATEMENT:
            reader.read(at)
            is_new = True
        at += 1
    if not is_new:
        return None
    keys, flags = reader.finish()
    rows, root = grow(view.rows, keys)
    rows[tables.MAP_RAN.name] = dict(sorted(flags.items()))
    return Batch(rows, start, at, root)


@dataclass(slots=True)
class _Ran:
    """An invocation of the batch: what its claims disclose, and how their keys end."""

    digest: bytes
    shows: int = 0
    claims: list[bytes] = field(default_factory=list)


class _Spoken(NamedTuple):
    """A record that may be a claim: its number, its invocation, what it withholds."""

    no: bytes
    record: bytes
    invocation: bytes
    withheld: Sequence[object]


class _Reader:
    """Reads valid claims of the log, and gathers the keys of a batch."""

    def __init__(self, view: View, start: int) -> None:
        self._view = view
        self._start = start
        self._nos: dict[bytes, bytes] = {}
        self._ran: dict[bytes, _Ran] = {}
        self._blocks: dict[bytes, bytes] = {}
        self._codes: dict[bytes, list[bytes]] = {}
        self._closure = Closure(self._find)
        self.count = 0

    def read(self, index: int) -> None:
        """Take the claims of the statement at this place.

        Raises:
            StoreCorruptError: a block that the indexes name is not there.
        """
        get_many = self._view.rows.get_many
        said = self._view.said(index)
        part = sha256(_OURS + said.part).digest()
        spoken = self._spoken_of(said.records)
        new = {item.invocation for item in spoken if item.invocation not in self._nos}
        self._nos |= get_many(tables.AT.name, new)
        place = tables.no_of(index)
        keys = [
            self._nos.get(item.invocation, b"") + place + item.no for item in spoken
        ]
        valid = get_many(tables.CLAIMS.name, keys)
        for item, row in zip(spoken, keys, strict=True):
            if row not in valid:
                continue
            ran = self._ran.get(item.invocation)
            if ran is None:
                ran = self._ran[item.invocation] = _Ran(item.invocation)
            for name, flag in _FLAGS:
                if name not in item.withheld:
                    ran.shows |= flag
            ran.claims.append(part + sha256(_OURS + item.record).digest())
            self.count += 1

    def finish(self) -> tuple[set[bytes], dict[bytes, bytes]]:
        """The keys of all that was read, and what is disclosed since."""
        rows = self._view.rows
        nos = {self._nos[digest]: ran for digest, ran in self._ran.items()}
        before = {
            no: flags[0]
            for no, flags in rows.get_many(tables.MAP_RAN.name, nos).items()
        }
        self._load({no: ran.digest for no, ran in nos.items()})
        new = [ran for no, ran in nos.items() if _is_new(ran.shows, before.get(no))]
        self._load_ends(new)
        keys: set[bytes] = set()
        flags: dict[bytes, bytes] = {}
        for no, ran in nos.items():
            known = before.get(no)
            if _is_new(ran.shows, known):
                now = self._disclose(keys, ran, known)
                flags[no] = bytes((now,))
            else:
                self._add_claims(keys, ran, known or 0)
        return keys, flags

    def _disclose(self, keys: set[bytes], ran: _Ran, before: int | None) -> int:
        """Add the keys of an invocation of which more is disclosed; what is now."""
        program, input = self._closure.ends(ran.digest)
        now = ran.shows | (before or 0)
        codes: Sequence[bytes] = ()
        data: Sequence[bytes] = ()
        if now & _PROGRAM:
            codes = self._codes_of(program)
        if now & _INPUT:
            given = self._closure.given(input)
            data = [sha256(item).digest() for item in given.data]
            if "nonce" in given.fields:
                now |= _NONCED
        at = self._places(ran.digest, program, input, now)
        keys.update(
            joined_keys(_component(program), _component(input), at, codes, data)
        )
        if before is not None and len(at) > 1:
            ran.claims = [*self._earlier(ran), *ran.claims]
        self._add_claims(keys, ran, now)
        return now

    def _add_claims(self, keys: set[bytes], ran: _Ran, known: int) -> None:
        """Add the keys of its claims, at each place."""
        program, input = self._closure.ends(ran.digest)
        for place, _ in self._places(ran.digest, program, input, known):
            prefix = b"\x01" + _component(program) + place
            keys.update([prefix + item for item in ran.claims])

    def _places(
        self, digest: bytes, program: bytes, input: bytes, known: int
    ) -> list[tuple[bytes, bytes]]:
        """Where the invocation stands, each place with the invocation there."""
        if not known & _NONCED:
            return [(_component(input), _component(digest))]
        ran = Invocation(CID.of_block_digest(program), CID.of_block_digest(input))
        return [
            (component(at), component(Invocation(ran.program, at).cid))
            for at in places(ran, self._closure.input(input))
        ]

    def _codes_of(self, program: bytes) -> list[bytes]:
        codes = self._codes.get(program)
        if codes is None:
            found = codes_of(self._closure.program(program))
            codes = self._codes[program] = [component(code) for code in found]
        return codes

    def _spoken_of(self, records: Iterable[bytes]) -> list[_Spoken]:
        """What each record that may be a claim speaks of, by their digests."""
        get_many = self._view.rows.get_many
        nos = get_many(tables.AT.name, records)
        blocks = get_many(tables.BLOCKS.name, nos.values())
        found: list[_Spoken] = []
        for record, no in nos.items():
            value = peek(_block(blocks.get(no), record))
            if type(value) is not dict or value.get("type") != "claim":
                continue
            # Whether it is valid, the index says; the rest is not looked at.
            link, withheld = value.get("invocation"), value.get("withheld", ())
            if type(link) is Link and link.startswith(_OURS):
                found.append(_Spoken(no, record, link[len(_OURS) :], withheld))
        return found

    def _load_ends(self, new: Iterable[_Ran]) -> None:
        """Read programs and inputs of these invocations, as far as they are shown."""
        wanted: set[bytes] = set()
        for ran in new:
            program, input = self._closure.ends(ran.digest)
            if ran.shows & _PROGRAM and program not in self._codes:
                wanted.add(program)
            if ran.shows & _INPUT:
                wanted.add(input)
        nos = self._view.rows.get_many(tables.AT.name, wanted)
        self._load({no: digest for digest, no in nos.items()})

    def _load(self, digests: dict[bytes, bytes]) -> None:
        """Read the blocks with these numbers, each of them hashed."""
        found = self._view.rows.get_many(tables.BLOCKS.name, digests)
        for no, digest in digests.items():
            self._blocks[digest] = _block(found.get(no), digest)

    def _find(self, digest: bytes) -> bytes | None:
        block = self._blocks.get(digest)
        return self._view.find_digest(digest) if block is None else block

    def _earlier(self, ran: _Ran) -> Iterator[bytes]:
        """Claims of the invocation that are in the map already."""
        (number,) = tables.NUMBER.decode(self._nos[ran.digest])
        for claim in self._view.claims_of(number):
            if claim.statement.index >= self._start:
                return
            yield claim_part(claim.statement.cid, claim.cid)


def _is_new(shows: int, before: int | None) -> bool:
    """Whether claims disclose what none before them did."""
    return before is None or bool(shows & ~before)


def _block(value: bytes | None, digest: bytes) -> bytes:
    """The block that is kept so.

    Raises:
        StoreCorruptError: it is not there, or another.
    """
    block = unpack(value or b"")
    if sha256(block).digest() != digest:
        raise StoreCorruptError(
            "a block has changed on the disk", at=str(CID.of_block_digest(digest))
        )
    return block


def _component(digest: bytes) -> bytes:
    """What stands in a key for the block of ours with this digest."""
    return sha256(_OURS + digest).digest()
