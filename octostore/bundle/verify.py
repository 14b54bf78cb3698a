"""A bundle verified step by step, from the file alone.

    for step in Reading(stream, log=vkey).steps():
        step.name, step.says

Each step rests on those before it; the first that does not hold raises, and
`Reading.step` names it. The statements go through the one door into a store of
their own, and the question is asked there. Source: docs/spec/bundle.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, Self

from invocation_spec.cid import CID
from octostore.belief.policy import Policy
from octostore.belief.verdict import Verdict
from octostore.bundle.answering import placed, whole_answer
from octostore.bundle.believed import (
    Belief,
    Believed,
    check_belief,
    read_policy_block,
    read_verdict,
)
from octostore.bundle.contents import BundleCar, take_statements
from octostore.bundle.format import Bundle
from octostore.car import Block
from octostore.counted import counted, entries, first_entries
from octostore.errors import NoteError, ProofError
from octostore.log import Checkpoint
from octostore.map.head import MapHead
from octostore.map.heads import LoggedHead
from octostore.map.proof import MapProof
from octostore.questions.answer import Answer, InvocationAnswer
from octostore.questions.completeness import check_listed, unproven
from octostore.questions.evidence import behind
from octostore.questions.found import found_of
from octostore.spool import Spool
from octostore.store import Octostore
from octostore.tables import our_cid
from octostore.temporary import temporary_folder
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.multiproof import verify_multiproof
from octostore.tlog.note import VerifierKey
from octostore.tlog.witness import Quorum
from octostore.view import View

__all__ = [
    "Reading",
    "Step",
    "VerifiedBundle",
    "verify_bundle",
]

_NOBODY: Final = Quorum((), 0)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that holds, in words."""

    name: str
    says: str


@dataclass(frozen=True, slots=True)
class VerifiedBundle:
    """An answer that is proven: all claims that the map had when `head` was made.

    `signed.log` is the key that was trusted; `is_named_by_itself` says that only
    the bundle names it.
    """

    bundle: Bundle
    signed: SignedCheckpoint
    head: MapHead
    answer: Answer
    is_named_by_itself: bool
    steps: tuple[Step, ...]
    believed: Believed | None = None

    @property
    def unproven(self) -> tuple[str, ...]:
        """What the map cannot show to this question; a line each."""
        return unproven(self.answer.asked)

    @property
    def trusted(self) -> tuple[str, ...]:
        """What no step can show, and a reader has to believe; a line each."""
        log = self.signed.log.name
        named = "which only this file says" if self.is_named_by_itself else "as told"
        witnesses = ", ".join(item.by.name for item in self.signed.cosigned)
        seen = f"cosigned by {witnesses}" if witnesses else "no witness was asked for"
        return (
            f"that {self.signed.log} is the key of {log}, {named}",
            f"that {log} did not fork: {seen}",
            f"that its map leaves out nothing of its {first_entries(self.head.size)}:"
            " whoever replays the log can tell",
            "that nothing was kept out of the log: ask others",
            "names, which are the issuers' own; a later name, or that a claim was taken"
            " back, may be missing",
            "that those who signed claims tell the truth",
            *(() if self.believed is None else self.believed.trusted),
        )


def verify_bundle(
    stream: BinaryIO,
    *,
    log: VerifierKey | None = None,
    quorum: Quorum = _NOBODY,
) -> VerifiedBundle:
    """All steps at once; see `Reading.steps` for what it raises."""
    reading = Reading(stream, log=log, quorum=quorum)
    for _ in reading.steps():
        pass
    return reading.result


class Reading:
    """One bundle on its way to be believed.

    `log` is the key of the log whose bundle it must be; without one, the key that
    the bundle names. `quorum` says which witnesses must have signed the checkpoint.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        log: VerifierKey | None = None,
        quorum: Quorum = _NOBODY,
    ) -> None:
        self.step = "file"
        self._stream = stream
        self._log = log
        self._quorum = quorum
        self._steps: list[Step] = []
        self._result: VerifiedBundle | None = None

    @property
    def result(self) -> VerifiedBundle:
        """What is proven, after the last step."""
        if self._result is None:
            raise ValueError("not all steps were taken")
        return self._result

    def steps(self) -> Iterator[Step]:
        """Verify one thing after the other.

        Raises:
            CarError: no CAR, or it breaks off.
            EncodingError: an envelope is not canonical.
            NoteError: the checkpoint is not signed as it must be.
            StatementError: a statement in it does not verify.
            ProofError: anything else that does not hold.
        """
        for step in self._all():
            self._steps.append(step)
            yield step

    def _all(self) -> Iterator[Step]:
        car = BundleCar(self._stream)
        bundle = Bundle.from_block(car.next(car.root))
        yield Step("file", "a bundle of one answer")

        self.step = "checkpoint"
        signed = self._signed(bundle)
        tree = signed.checkpoint
        yield Step(self.step, f"{tree.origin} signed that it has {entries(tree.size)}")
        for witness in signed.cosigned:
            yield Step("witness", f"{witness.by.name} signed it, too")

        self.step = "entries"
        verify_multiproof(bundle.leaves, tree.size, bundle.proof, tree.root)
        told = counted(len(bundle.statements), "statement")
        yield Step(self.step, f"the map head and {told} are in that log")

        self.step = "map head"
        head = MapHead.from_block(car.next(bundle.head[1]))
        _check_places(bundle, head)
        yield Step(
            self.step,
            f"entry {bundle.head[0]} is the map of those before entry {head.size}",
        )
        self.step = "map"
        proof = MapProof.from_bytes(car.next(bundle.map))

        self.step = "belief"
        belief = _Belief.read(car, bundle)

        self.step = "statements"
        with (
            temporary_folder("verify") as folder,
            Spool(folder) as spool,
        ):
            places = take_statements(car, bundle.statements, spool)
            yield Step(
                self.step,
                f"{told}, signed and whole; nothing is left over",
            )
            self.step = "answer"
            with Octostore.open(Path(folder) / "store") as store:
                _fill(store, spool, places)
                local = whole_answer(store, bundle.asked, store.checkpoint().size)
                if set(behind(store, local)) != places.keys():
                    raise ProofError("a statement that the answer does not rest on")
                with store.view() as view:
                    size = store.checkpoint().size
                    found = [found_of(view, item, size) for item in local.invocations]
                    self.step = "verdict"
                    checked = (local.invocations, Checkpoint(tree.size, tree.root))
                    believed = None if belief is None else belief.check(view, checked)
                    self.step = "answer"
        answer = replace(
            local,
            checkpoint=Checkpoint(tree.size, tree.root),
            invocations=tuple(placed(item, places) for item in local.invocations),
            map=LoggedHead(bundle.head[0], head),
        )
        claims = sum(len(item.claims) for item in found)
        yield Step(
            self.step,
            f"{counted(claims, 'claim')} on {counted(len(found), 'invocation')},"
            " computed here from what was signed",
        )
        self.step = "complete"
        check_listed(proof, head.root, bundle.asked, found)
        yield Step(self.step, "the map has just these claims on what was asked")
        if believed is not None:
            self.step = "verdict"
            told = counted(len(believed.judged), "verdict")
            yield Step(
                self.step,
                f"{told} by the policy {believed.policy.name!r}, computed here from"
                " these claims and what the file tells of their keys",
            )
        self._result = VerifiedBundle(
            bundle,
            signed,
            head,
            answer,
            self._log is None,
            tuple(self._steps),
            believed,
        )

    def _signed(self, bundle: Bundle) -> SignedCheckpoint:
        if self._log is not None and self._log != bundle.log:
            raise NoteError(f"a bundle of another log, whose key is {bundle.log}")
        note = bundle.checkpoint.encode()
        signed = SignedCheckpoint.open(note, bundle.log, self._quorum.witnesses)
        self._quorum.check(signed)
        return signed


@dataclass(frozen=True, slots=True)
class _Belief:
    """What a bundle says of verdicts, as it was read."""

    belief: Belief
    policy: Policy
    verdicts: tuple[Verdict, ...]

    @classmethod
    def read(cls, car: BundleCar, bundle: Bundle) -> Self | None:
        """The blocks of it, which stand before the statements."""
        if bundle.belief is None:
            return None
        belief = Belief.from_block(car.next(bundle.belief))
        policy = read_policy_block(car.next(belief.policy))
        if len(set(belief.verdicts)) < len(belief.verdicts):
            raise ProofError("one verdict twice", at="/belief")
        verdicts = tuple(read_verdict(car.next(cid)) for cid in belief.verdicts)
        return cls(belief, policy, verdicts)

    def check(
        self, view: View, found: tuple[Sequence[InvocationAnswer], Checkpoint]
    ) -> Believed:
        return check_belief(view, self.belief, self.policy, self.verdicts, found)


def _check_places(bundle: Bundle, head: MapHead) -> None:
    """The map covers the statements, and comes after what it covers."""
    index, last = bundle.head[0], bundle.statements[-1:]
    if head.size > index:
        raise ProofError(
            f"a map of {entries(head.size)}, logged as entry {index}, before it"
        )
    if last and last[0][0] >= head.size:
        raise ProofError(
            f"the statement at entry {last[0][0]} came after the map of {head.size}"
        )


def _fill(store: Octostore, spool: Spool, parts: Mapping[CID, int]) -> None:
    """Take the statements in through the one door."""
    receipt = store.ingest(
        Block(our_cid(digest), spool.find(digest) or b"") for digest in spool
    )
    refused = parts.keys() - set(receipt.accepted)
    if receipt.malformed is not None or refused:
        raise ProofError(f"not taken in: {receipt.malformed or min(map(str, refused))}")
