"""Bundles: answers that prove themselves, and what cheats would make of them.

Everything by definition: the tree of RFC 6962 from all entries, the trie from all
keys, CBOR by the reference codec.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import dag_cbor
from multiformats import CID

from tests.vectors.make import merkle, trie
from tests.vectors.make.curve import public, signature
from tests.vectors.make.note import LOG, NAME, W1, WITNESS, cosigned, signed, vkey
from tests.vectors.make.rows import OTHER_SEED, SEED, Row, cid_of, did

TAG = "octostore/bundle@1"
TIME_S = 1_669_100_000
THIRD_SEED = bytes(range(1, 33))

C1, C2 = cid_of(b"C1", "raw"), cid_of(b"C2", "raw")
D1, D2 = cid_of(b"D1", "raw"), cid_of(b"D2", "raw")
R1, R2 = cid_of(b"R1", "raw"), cid_of(b"R2", "raw")


def hashed(cid: CID) -> bytes:
    return hashlib.sha256(bytes(cid)).digest()


def key(topic: int, *cids: CID) -> bytes:
    return bytes([topic]) + b"".join(map(hashed, cids))


def decoded(block: bytes) -> Any:
    return dag_cbor.decode(block)


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def car(roots: Sequence[CID], blocks: Iterable[tuple[CID, bytes]]) -> bytes:
    header = dag_cbor.encode({"roots": list(roots), "version": 1})
    sections = [(b"", header), *((bytes(cid), block) for cid, block in blocks)]
    return b"".join(
        varint(len(cid) + len(block)) + cid + block for cid, block in sections
    )


def under_cids(blocks: Iterable[bytes]) -> list[tuple[CID, bytes]]:
    return [(cid_of(block), block) for block in blocks]


@dataclass(frozen=True)
class Ran:
    """An invocation with its blocks, and in what it is found."""

    code: CID = C1
    data: tuple[CID, ...] = (D1,)
    args: tuple[str, ...] = ()
    nonce: bytes = b""

    @cached_property
    def program(self) -> bytes:
        return dag_cbor.encode({"kind": "wasi", "code": self.code})

    @cached_property
    def input(self) -> bytes:
        return dag_cbor.encode(self._input(self.nonce))

    @cached_property
    def invocation(self) -> bytes:
        return self._at(self.input)

    def _input(self, nonce: bytes) -> Any:
        files = {f"/{number}": data for number, data in enumerate(self.data)}
        fields = {"files": files, "args": list(self.args), "nonce": nonce}
        return {name: value for name, value in fields.items() if value}

    def _at(self, input: bytes) -> bytes:
        names: Any = {"program": cid_of(self.program), "input": cid_of(input)}
        return dag_cbor.encode(names)

    @property
    def plain_input(self) -> bytes:
        return dag_cbor.encode(self._input(b""))

    def plain(self) -> bytes:
        """The invocation without its nonce."""
        return self._at(self.plain_input)

    def keys(
        self, claims: Iterable[tuple[CID, CID]], withheld: Collection[str] = ()
    ) -> set[bytes]:
        """What these claims put into a map."""
        p, i = cid_of(self.program), cid_of(self.input)
        shown_p, shown_i = "program" not in withheld, "input" not in withheld
        found: set[bytes] = set()
        inputs = [i]
        if self.nonce and shown_i:
            inputs.append(cid_of(self.plain_input))
        for at in inputs:
            names: Any = {"program": p, "input": at}
            found |= {key(2, at, p), key(6, cid_of(dag_cbor.encode(names)))}
            found |= {key(1, p, at, *claim) for claim in claims}
            found |= {key(3, self.code, at, p)} if shown_p else set()
        for data in self.data if shown_i else ():
            found |= {key(4, data, p, i)}
            found |= {key(5, self.code, data, p, i)} if shown_p else set()
        return found


@dataclass(frozen=True)
class Record:
    """A record with the blocks it needs; `ran` of claims."""

    block: bytes
    needs: tuple[bytes, ...] = ()
    ran: Ran | None = None
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """A statement: its envelope, its name, its records."""

    envelope: bytes
    name: CID
    records: tuple[Record, ...]

    def blocks(self) -> Iterator[bytes]:
        yield self.envelope
        for record in self.records:
            yield record.block
            yield from record.needs

    def claims(self) -> Iterator[tuple[Ran, tuple[str, ...], tuple[CID, CID]]]:
        for record in self.records:
            if record.ran is not None:
                yield record.ran, record.withheld, (self.name, cid_of(record.block))


@dataclass
class Signer:
    """Signs one chain."""

    seed: bytes
    seq: int = 0
    prev: CID | None = None

    def says(self, *records: Record, seed: bytes | None = None) -> Said:
        """The next statement; with `seed`, signed by another than it says."""
        part: Any = {
            "iss": did(public(self.seed)),
            "chain": bytes(range(16)),
            "seq": self.seq,
            "prev": self.prev,
            "iat": 1_669_000_000 + self.seq,
            "records": [cid_of(record.block) for record in records],
        }
        tagged = {"h": bytes.fromhex("3401ed01ed011371"), "octostore/statement@1": part}
        element = dag_cbor.encode(tagged)
        self.seq, self.prev = self.seq + 1, cid_of(element)
        made = signature(seed or self.seed, element)
        return Said(b"\x82\x58\x40" + made + element, cid_of(element), records)


def claim(
    ran: Ran, value: CID | None = R1, withheld: tuple[str, ...] = (), **more: Any
) -> Record:
    """A claim of a result with this output, or of a failure."""
    fields: Any = {"type": "claim", "network": "bacalhau", **more}
    fields["invocation"] = cid_of(ran.invocation)
    if withheld:
        fields["withheld"] = list(withheld)
    needs = [ran.invocation]
    if value is None:
        fields["failure"] = {"kind": "trap"}
    else:
        got = dag_cbor.encode({"outputs": {"/r": value}, "exit": 0})
        fields["result"] = cid_of(got)
        needs.append(got)
    needs += [ran.program] * ("program" not in withheld)
    needs += [ran.input] * ("input" not in withheld)
    return Record(dag_cbor.encode(fields), tuple(needs), ran, withheld)


def profile(name: str) -> Record:
    return Record(dag_cbor.encode({"type": "profile", "name": name}))


def withdrawal(of: Record) -> Record:
    fields: Any = {"type": "withdrawal", "claim": cid_of(of.block), "why": "a typo"}
    return Record(dag_cbor.encode(fields))


def keys_of(said: Iterable[Said]) -> frozenset[bytes]:
    """The keys of the map of these statements."""
    claims: dict[Ran, list[tuple[CID, CID]]] = {}
    hidden: dict[Ran, set[str]] = {}
    for ran, withheld, named in (one for item in said for one in item.claims()):
        claims.setdefault(ran, []).append(named)
        hidden[ran] = hidden.get(ran, set(withheld)) & set(withheld)
    return frozenset(
        name for ran, named in claims.items() for name in ran.keys(named, hidden[ran])
    )


@dataclass(frozen=True)
class Log:
    """A log: statements, a map head, and perhaps more after it."""

    said: tuple[Said, ...]
    after: tuple[Said, ...] = ()
    keys: frozenset[bytes] | None = None
    size: int | None = None
    origin: str = NAME
    seed: bytes = SEED
    declared: int | None = None
    witnesses: tuple[tuple[str, bytes], ...] = ()

    @property
    def mapped(self) -> frozenset[bytes]:
        return keys_of(self.said[: self.size]) if self.keys is None else self.keys

    @property
    def head(self) -> bytes:
        size = len(self.said) if self.size is None else self.size
        head: Any = {"root": trie.root(self.mapped), "size": size, "time": TIME_S}
        head |= {"rules": "octostore/map@1"}
        return dag_cbor.encode({"octostore/map-head@1": head})

    @property
    def head_at(self) -> int:
        return len(self.said)

    @cached_property
    def entries(self) -> list[bytes]:
        return [
            *(b"\x00" + bytes(cid_of(said.envelope)) for said in self.said),
            b"\x01" + bytes(cid_of(self.head)),
            *(b"\x00" + bytes(cid_of(said.envelope)) for said in self.after),
        ]

    @property
    def checkpoint(self) -> str:
        size = len(self.entries) if self.declared is None else self.declared
        text = f"{self.origin}\n{size}\n{merkle.b64(merkle.root(self.entries))}\n"
        lines = signed(self.origin, self.seed, text)
        for name, seed in self.witnesses:
            lines += cosigned(name, seed, text, TIME_S)
        return f"{text}\n{lines}"

    @property
    def vkey(self) -> str:
        return vkey(self.origin, 1, public(self.seed))

    def at(self, place: int) -> Said:
        """The statement at a place of the log."""
        return (*self.said, None, *self.after)[place]  # type: ignore[return-value]


def together(
    entries: list[bytes], places: Collection[int], start: int = 0
) -> list[bytes]:
    """What shows that these places are in the tree of all entries."""
    if not any(start <= place < start + len(entries) for place in places):
        return [merkle.root(entries)]
    if len(entries) == 1:
        return []
    half = 1
    while half * 2 < len(entries):
        half *= 2
    left = together(entries[:half], places, start)
    return left + together(entries[half:], places, start + half)


@dataclass(frozen=True)
class Plan:
    """A bundle to be made; `shown` are the places of its statements.

    What is not given is as it should be.
    """

    log: Log
    asked: Any
    shown: tuple[int, ...]
    questions: tuple[bytes, ...] | None = None
    known: frozenset[bytes] | None = None
    items: tuple[Any, ...] | None = None
    wrong: dict[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> list[Said]:
        return [self.log.at(place) for place in self.shown]

    @property
    def rans(self) -> list[Ran]:
        return list(
            dict.fromkeys(
                ran
                for said in self.said
                for ran, _, _ in said.claims()
                if self.is_asked(ran)
            )
        )

    def is_asked(self, ran: Ran) -> bool:
        named = {bytes(cid) for cid in self.asked.values()}
        roles: Any = (ran.code, *ran.data, cid_of(ran.program), cid_of(ran.input))
        roles = (*roles, cid_of(ran.invocation), cid_of(ran.plain()))
        return named <= {bytes(cid) for cid in roles}

    def asks(self) -> tuple[bytes, ...]:
        """The questions to the map."""
        found = {key(1, cid_of(r.program), cid_of(r.input)) for r in self.rans}
        if "invocation" in self.asked:
            plain = {
                key(1, cid_of(r.program), cid_of(r.plain_input))
                for r in self.rans
                if cid_of(r.plain()) == self.asked["invocation"]
            }
            at = found | plain or {key(6, self.asked["invocation"])}
            return tuple(sorted(at))
        c, d = self.asked["program"], self.asked["input"]
        c_ours, d_ours = (x.codec.name == "dag-cbor" for x in (c, d))
        found |= {key(5, c, d)}
        found |= {key(3, c, d)} if d_ours else set()
        found |= {key(4, d, c)} if c_ours else set()
        found |= {key(1, c, d)} if c_ours and d_ours else set()
        return tuple(sorted(found))

    def proof(self) -> bytes:
        """The block of the map proof."""
        if self.items is not None:
            return trie.block(list(self.items))
        asks = self.asks() if self.questions is None else self.questions
        known = keys_of(self.said) if self.known is None else self.known
        known = frozenset(k for k in known if any(k.startswith(q) for q in asks))
        questions: list[trie.Question] = [(prefix, None, None) for prefix in asks]
        return trie.block(trie.prove(self.log.mapped, questions, known))

    def root(self) -> bytes:
        """The first block."""
        log = self.log
        fields = {
            "asked": self.asked,
            "checkpoint": log.checkpoint,
            "head": [log.head_at, cid_of(log.head)],
            "log": log.vkey,
            "map": cid_of(self.proof()),
            "proof": together(log.entries, [*self.shown, log.head_at]),
            "statements": [[n, cid_of(log.at(n).envelope)] for n in self.shown],
        } | self.wrong
        kept: Any = {TAG: {k: v for k, v in fields.items() if v is not ...}}
        return dag_cbor.encode(kept)

    def blocks(self) -> list[bytes]:
        """All blocks in order, none twice."""
        closures = (block for said in self.said for block in said.blocks())
        return [
            *(self.root(), self.log.head, self.proof()),
            *dict.fromkeys(closures),
        ]

    def car(self) -> bytes:
        """The file."""
        return car_of(self.blocks())


def car_of(blocks: list[bytes]) -> bytes:
    """A CAR of these blocks whose root is the first."""
    under = under_cids(blocks)
    return car([under[0][0]], under)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def good(name: str, why: str, plan: Plan, **trust: Any) -> Row:
    """A bundle that holds, and what it says."""
    claims = [
        {"statement": str(statement), "claim": str(record), "index": place}
        for place in plan.shown
        for ran, _, (statement, record) in plan.log.at(place).claims()
        if plan.is_asked(ran)
    ]
    return {
        "name": name,
        "why": why,
        "valid": True,
        **trust,
        "car": _b64(plan.car()),
        "asked": {word: str(cid) for word, cid in sorted(plan.asked.items())},
        "origin": plan.log.origin,
        "entries": len(plan.log.entries),
        "head": plan.log.head_at,
        "size": plan.log.head_at if plan.log.size is None else plan.log.size,
        "time": TIME_S,
        "claims": claims,
    }


def bad(name: str, why: str, made: Plan | bytes, step: str, **trust: Any) -> Row:
    """A file that is refused; `step` is the first that does not hold."""
    file = made.car() if isinstance(made, Plan) else made
    return {
        "name": name,
        "why": why,
        "valid": False,
        **trust,
        "car": _b64(file),
        "step": step,
    }


class World:
    """Two issuers on C1 and D1, one of them on something else, and a later claim."""

    def __init__(self) -> None:
        self.ran, self.again = Ran(), Ran(args=("-v",))
        me, other = Signer(SEED), Signer(OTHER_SEED)
        self.first = me.says(profile("University of Bristol"), claim(self.ran))
        self.foreign = other.says(claim(Ran(C2, (D2,))))
        self.second = other.says(claim(self.ran, R2))
        self.third = me.says(claim(self.again))
        self.later = other.says(claim(self.again, R2))
        self.said = (self.first, self.foreign, self.second, self.third)
        self.log = Log(self.said, (self.later,))
        self.asked: Any = {"input": D1, "program": C1}
        self.plan = Plan(self.log, self.asked, (0, 2, 3))


def bundles() -> Iterator[Row]:
    """All rows; `car` is a file in base64, `log` and `witnesses` what a reader has."""
    yield from _answers()
    yield from _other_answers()
    yield from _cut()
    yield from _hidden()
    yield from _checkpoints()
    yield from _roots()
    yield from _files()
    yield from _statements()


def _answers() -> Iterator[Row]:
    world = World()
    log, ran = world.log, world.ran
    p, i = cid_of(ran.program), cid_of(ran.input)
    yield good(
        "code and data",
        "two invocations with three claims; a later claim is not in the map",
        world.plan,
    )
    yield good("its log is named", "by the reader", world.plan, log=LOG)
    only: Any
    for name, why, only in (
        ("program and input", "one invocation", {"input": i, "program": p}),
        ("code and input", "each program with that code", {"input": i, "program": C1}),
        ("an invocation", "by its CID", {"invocation": cid_of(ran.invocation)}),
    ):
        yield good(name, why, Plan(log, only, (0, 2)))
    yield good(
        "program and data",
        "each input with that data",
        Plan(log, {"input": D1, "program": p}, (0, 2, 3)),
    )
    for name, why, only in (
        ("nobody claims it", "code and data", {"input": D2, "program": C1}),
        ("an unknown input", "four questions", {"input": p, "program": i}),
        (
            "an unknown invocation",
            "its block is nowhere",
            {"invocation": cid_of(ran.program)},
        ),
    ):
        yield good(name, f"proved to be absent: {why}", Plan(log, only, ()))
    empty = Log((Signer(SEED).says(profile("Bristol")),))
    yield good(
        "a map without keys",
        "a log without claims",
        Plan(empty, world.asked, ()),
    )


def _other_answers() -> Iterator[Row]:
    me, other = Signer(SEED), Signer(OTHER_SEED)
    asked: Any = {"input": D1, "program": C1}
    runs = [Ran(nonce=b"one"), Ran(nonce=b"two")]
    said = tuple(me.says(claim(ran)) for ran in runs)
    yield good(
        "runs with a nonce",
        "asked for without it: they stand below one prefix, and each at its own",
        Plan(Log(said), {"invocation": cid_of(runs[0].plain())}, (0, 1)),
    )
    ran = Ran()
    p, i = cid_of(ran.program), cid_of(ran.input)
    hidden = (
        me.says(claim(ran, R1, ("input",))),
        other.says(claim(ran, R1, ("input", "program"))),
    )
    yield good(
        "an input that is withheld",
        "found by its CID; its block is not in the file",
        Plan(Log(hidden), {"input": i, "program": p}, (0, 1)),
    )
    yield good(
        "and not by its data",
        "nobody discloses it",
        Plan(Log(hidden), asked, ()),
    )
    shown = (*hidden, other.says(claim(ran, R2)))
    yield good(
        "disclosed by a later claim",
        "then all claims of the invocation are found",
        Plan(Log(shown), asked, (0, 1, 2)),
    )
    one, two = claim(ran), claim(ran, R2)
    told = (
        me.says(profile("Bristol"), one),
        other.says(withdrawal(one)),
        me.says(profile("University of Bristol")),
        me.says(withdrawal(two), withdrawal(one)),
        me.says(withdrawal(one)),
        me.says(profile("Bristol University")),
    )
    yield good(
        "a claim taken back",
        "with its first withdrawal by the same key, and the last profile",
        Plan(Log(told), asked, (0, 3, 5)),
    )
    batch = me.says(claim(Ran(C2, (D2,))), claim(ran), claim(ran, None))
    yield good(
        "a statement of several claims",
        "comes whole; of the others nothing is said",
        Plan(Log((batch,)), asked, (0,)),
    )
    odd = Record(dag_cbor.encode({"type": "claim"}))
    yield good(
        "an invalid record",
        "needs itself only, and is no claim",
        Plan(Log((me.says(odd, claim(ran)),)), asked, (0,)),
    )


def _cut() -> Iterator[Row]:
    """Somebody leaves out what the map has."""
    world = World()
    cut = replace(world.plan, shown=(0, 3))
    missing = world.second
    yield bad("cut by one claim", "the map has it below 1 P I", cut, "complete")
    whole = Plan.proof(world.plan)
    yield bad(
        "cut by one claim, with the proof of the whole",
        "it holds a known subtree that is larger",
        _with(cut, proof=whole),
        "complete",
    )
    closed = _closed(cut, missing)
    yield bad(
        "cut by one claim, its leaf closed",
        "closed where a question leads",
        closed,
        "complete",
    )
    yield bad(
        "cut by one invocation",
        "the map has it below 5 C D",
        replace(world.plan, shown=(0, 2)),
        "complete",
    )
    yield bad(
        "cut by all",
        "the map shows that something is there",
        replace(world.plan, shown=()),
        "complete",
    )
    yield bad(
        "cut, and another question asked of the map",
        "the reader asks its own",
        replace(cut, questions=pair(C2, D2)),
        "complete",
    )
    yield bad(
        "cut, with the map of what is left",
        "that head is not in the log",
        _another_head(cut),
        "entries",
    )
    yield bad(
        "the answer to another question",
        "of other data",
        replace(world.plan, asked={"input": D2, "program": C1}),
        "answer",
    )


def pair(code: CID, data: CID) -> tuple[bytes, ...]:
    """The one question for two raw CIDs."""
    return (key(5, code, data),)


def _with(plan: Plan, *, proof: bytes) -> bytes:
    """The file with this block for a proof, and a root that names it."""
    made = replace(plan, wrong={**plan.wrong, "map": cid_of(proof)})
    root, head, _, *rest = made.blocks()
    return car_of([root, head, proof, *rest])


def _closed(plan: Plan, hidden: Said) -> bytes:
    """The proof with the leaves of a statement replaced by their hashes."""
    items = decoded(plan.proof())["octostore/map-proof@1"]
    names = {hashed(hidden.name)}
    closed = [
        hashlib.sha256(b"\x10" + item).digest()
        if isinstance(item, bytes) and item[65:97] in names
        else item
        for item in items
    ]
    assert closed != items
    return _with(plan, proof=trie.block(closed))


def _another_head(plan: Plan) -> bytes:
    """A head of what is shown alone, in the place of the one that is logged."""
    log = replace(plan.log, keys=keys_of(plan.said))
    made = replace(plan, log=log)
    wrong = {
        "checkpoint": plan.log.checkpoint,
        "proof": together(plan.log.entries, [*plan.shown, plan.log.head_at]),
    }
    return replace(made, wrong=wrong).car()


def _hidden() -> Iterator[Row]:
    """The log itself leaves a claim out of its map."""
    world = World()
    left = keys_of((world.first, world.foreign, world.third))
    liar = replace(world.log, keys=left)
    why = "the map of this log does not have it: head and entries prove that it lies"
    yield bad(
        "a log that hides a claim", why, replace(world.plan, log=liar), "complete"
    )
    gone = keys_of((world.first, world.foreign, world.second))
    yield bad(
        "a log that hides an invocation",
        why,
        replace(world.plan, log=replace(world.log, keys=gone)),
        "complete",
    )
    cut = replace(world.plan, log=replace(world.log, keys=gone), shown=(0, 2))
    yield bad(
        "a log that hides an invocation, not signed by its auditor",
        "who replays the log before signing; the file alone cannot show it",
        cut,
        "checkpoint",
        witnesses=[W1],
    )
    batch = Signer(SEED).says(claim(world.ran), claim(world.again))
    kept = frozenset(world.ran.keys([(batch.name, cid_of(batch.records[0].block))]))
    yield bad(
        "a log that hides one of two invocations in a statement",
        "the other comes with it",
        Plan(Log((batch,), keys=kept), world.asked, (0,)),
        "complete",
    )
    more = keys_of((*world.said, world.later))
    yield bad(
        "a log whose map has what it has not",
        "the map shows a claim that nobody signed up to there",
        replace(world.plan, log=replace(world.log, keys=more)),
        "complete",
    )


def _checkpoints() -> Iterator[Row]:
    world = World()
    plan, log = world.plan, world.log
    witnessed = replace(log, witnesses=((WITNESS, OTHER_SEED),))
    yield good(
        "cosigned",
        "by the witness that the reader names",
        replace(plan, log=witnessed),
        witnesses=[W1],
    )
    yield bad(
        "not cosigned", "the reader asks for it", plan, "checkpoint", witnesses=[W1]
    )
    false = replace(log, witnesses=((WITNESS, THIRD_SEED),))
    yield bad(
        "cosigned by another key of that name",
        "a witness is known by name and key",
        replace(plan, log=false),
        "checkpoint",
        witnesses=[W1],
    )
    forged = replace(plan, wrong={"log": LOG}, log=replace(log, seed=THIRD_SEED))
    yield bad("signed by another key", "the log named did not", forged, "checkpoint")
    other = replace(log, origin="octostore.example/other")
    yield bad(
        "of another log",
        "sound in itself; the reader names its log",
        replace(plan, log=other),
        "checkpoint",
        log=LOG,
    )
    yield bad(
        "a checkpoint of another log",
        "under the key of this one",
        replace(plan, wrong={"checkpoint": other.checkpoint}),
        "checkpoint",
    )
    grown = log.checkpoint.replace("\n6\n", f"\n{2**40}\n")
    yield bad(
        "another size",
        "2^40, which nobody signed",
        replace(plan, wrong={"checkpoint": grown}),
        "checkpoint",
    )
    yield bad(
        "a log of 2^40 entries",
        "signed; nothing in it is proven",
        replace(plan, log=replace(log, declared=2**40)),
        "entries",
    )
    bare = log.checkpoint.split("\n\n")[0] + "\n"
    yield bad(
        "unsigned",
        "no note",
        replace(plan, wrong={"checkpoint": bare}),
        "checkpoint",
    )


def _roots() -> Iterator[Row]:
    world = World()
    plan, log = world.plan, world.log
    right = decoded(plan.root())[TAG]
    listed, proof = right["statements"], right["proof"]
    swapped = [[3, listed[1][1]], [2, listed[2][1]]]
    for name, why, step, wrong in (
        ("a field more", "closed", "file", {"verdict": None}),
        ("a field less", "closed", "file", {"log": ...}),
        ("no question", "two kinds", "file", {"asked": {}}),
        ("half a question", "two kinds", "file", {"asked": {"input": D1}}),
        (
            "two questions",
            "two kinds",
            "file",
            {"asked": {**world.asked, "invocation": cid_of(world.ran.invocation)}},
        ),
        ("a question as text", "links", "file", {"asked": {"invocation": "x"}}),
        ("a key of a witness", "no log signs with it", "file", {"log": W1}),
        ("a place as text", "an integer", "file", {"head": ["4", right["head"][1]]}),
        ("a place below 0", "no entry", "file", {"head": [-1, right["head"][1]]}),
        ("a raw map", "a block of ours", "file", {"map": C1}),
        ("descending places", "one order", "file", {"statements": listed[::-1]}),
        ("a place twice", "one order", "file", {"statements": [listed[0], *listed]}),
        ("a head among them", "one entry", "entries", {"head": [3, right["head"][1]]}),
        ("another place", "entry 1", "entries", {"head": [1, right["head"][1]]}),
        ("places swapped", "2 and 3", "file", {"statements": [listed[0], *swapped]}),
        (
            "places moved",
            "the statement of entry 3 at 1",
            "entries",
            {"statements": [listed[0], [1, listed[2][1]], listed[1]]},
        ),
        ("a hash more", "one proof", "entries", {"proof": [*proof, proof[0]]}),
        ("a hash less", "it breaks off", "entries", {"proof": proof[:-1]}),
        ("another hash", "another root", "entries", {"proof": [bytes(32), *proof[1:]]}),
        ("a short hash", "32 bytes", "entries", {"proof": [bytes(31), *proof[1:]]}),
        ("a hash as text", "bytes", "file", {"proof": ["x"]}),
    ):
        made = replace(plan, wrong=wrong)
        yield bad(f"root: {name}", why, made, step)
    for name, why, value in (
        ("another tag", "the name is the version", {TAG[:-1] + "2": right}),
        ("two tags", "closed", {TAG: right, "x": 1}),
        ("no map", "a list", [right]),
    ):
        made_root: Any = value
        _, *rest = plan.blocks()
        file = car_of([dag_cbor.encode(made_root), *rest])
        yield bad(f"root: {name}", why, file, "file")
    early = replace(log, size=5)
    yield bad(
        "a map of what comes after it",
        "logged as entry 4, of 5 entries",
        replace(plan, log=early),
        "map head",
    )
    late = replace(log, said=world.said[:3], after=(world.third,))
    yield bad(
        "a statement after the map",
        "nothing says that the answer is whole with it",
        Plan(late, world.asked, (0, 2, 4)),
        "map head",
    )
    odd = trie.block([*decoded(plan.proof())["octostore/map-proof@1"], None])
    yield bad(
        "a map proof with an item more",
        "one proof",
        _with(plan, proof=odd),
        "complete",
    )
    none = dag_cbor.encode({"octostore/map-proof@2": []})
    yield bad(
        "another kind of map proof",
        "the name is the version",
        _with(plan, proof=none),
        "map",
    )


def _files() -> Iterator[Row]:
    world = World()
    plan = world.plan
    blocks = plan.blocks()
    file = car_of(blocks)
    under = under_cids(blocks)
    extra = dag_cbor.encode("a block that nobody needs")
    strange = Signer(THIRD_SEED).says(profile("nobody asked")).envelope
    for name, why, made, step in (
        ("a block more", "at the end", car_of([*blocks, extra]), "statements"),
        ("a statement more", "not listed", car_of([*blocks, strange]), "statements"),
        (
            "the last block twice",
            "none twice",
            car_of([*blocks, blocks[-1]]),
            "statements",
        ),
        (
            "the last block missing",
            "a statement is not whole",
            car_of(blocks[:-1]),
            "statements",
        ),
        (
            "two blocks swapped",
            "one order",
            car_of([*blocks[:-2], blocks[-1], blocks[-2]]),
            "statements",
        ),
        (
            "map head and proof swapped",
            "one order",
            car_of([blocks[0], blocks[2], blocks[1], *blocks[3:]]),
            "map head",
        ),
        (
            "the root last",
            "it stands first",
            car([under[0][0]], [*under[1:], under[0]]),
            "file",
        ),
        ("two roots", "one", car([under[0][0], under[1][0]], under), "file"),
        ("another root", "that of the first block", car([under[1][0]], under), "file"),
        ("a byte more", "a section that breaks off", file + b"\0", "statements"),
        ("a byte less", "it breaks off", file[:-1], "statements"),
        ("the root alone", "it breaks off", car_of(blocks[:1]), "map head"),
        (
            "one bit of the last block",
            "it hashes to another CID",
            file[:-1] + bytes([file[-1] ^ 1]),
            "statements",
        ),
    ):
        yield bad(f"file: {name}", why, made, step)


def _statements() -> Iterator[Row]:
    world = World()
    ran, asked = world.ran, world.asked
    other = Signer(OTHER_SEED)
    forged = Signer(SEED).says(claim(ran), seed=OTHER_SEED)
    yield bad(
        "a signature that does not hold",
        "logged by a log that takes anything",
        Plan(Log((forged,)), asked, (0,)),
        "statements",
    )
    odd = Record(
        dag_cbor.encode({**decoded(claim(ran).block), "more": 1}),
        (),
        ran,
    )
    yield bad(
        "a claim that is none",
        "the map has it, the rules of records do not",
        Plan(Log((other.says(odd),)), asked, (0,)),
        "answer",
    )
    yield bad(
        "a statement that the answer does not rest on",
        "sound, and of something else",
        replace(world.plan, shown=(0, 1, 2, 3)),
        "answer",
    )
    profiles = (
        world.first,
        Signer(SEED, 1, world.first.name).says(profile("Bristol University")),
    )
    yield bad(
        "an older profile beside the last",
        "one file for one answer",
        Plan(
            Log((*profiles, Signer(SEED, 2, profiles[1].name).says(profile("x")))),
            asked,
            (0, 1, 2),
        ),
        "answer",
    )
    twin = replace(
        world.first,
        envelope=world.first.envelope[:3]
        + signature(SEED, world.first.envelope[67:], salt=b"again")
        + world.first.envelope[67:],
    )
    yield bad(
        "a statement in two envelopes",
        "one claim is not two",
        Plan(Log((world.first, twin)), asked, (0, 1)),
        "statements",
    )
