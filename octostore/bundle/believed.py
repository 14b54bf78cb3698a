"""What a policy makes of the answer in a bundle, and what that rests on.

    {"octostore/belief@1": {
        "policy": &Policy,
        "verdicts": [&Verdict, ..],                   one for each invocation, in order
        "said": [[&Statement, &Claim, "Bristol", null, false], ..],
        "rates": [["Bristol", "wasi", "", 9860000], ..]}}

`said` has the claims by keys that are in a group, or would be: the group, why the claim
is silent, whether the key signed two histories. That, and the error rates, follow from
other records of the log, which no bundle holds; a reader takes them as they are told,
or asks a log. Everything else of a verdict is computed from the statements. Source:
docs/spec/bundle.md, Verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, NamedTuple, Self, cast, get_args

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError
from octostore.belief.evidence import Rates, Subject
from octostore.belief.hear import Hearing
from octostore.belief.heard import Heard, Silence, Testimony
from octostore.belief.judge import Judge
from octostore.belief.policy import ONE, Policy
from octostore.belief.reader import Judged, Reader
from octostore.belief.verdict import Verdict
from octostore.errors import PolicyError, ProofError
from octostore.keys import Did
from octostore.log import Checkpoint
from octostore.questions.answer import InvocationAnswer
from octostore.view import View

__all__ = [
    "BELIEF_TAG",
    "Belief",
    "Believed",
    "believed_of",
    "check_belief",
    "read_policy_block",
    "read_verdict",
]

BELIEF_TAG: Final = "octostore/belief@1"

_FIELDS: Final = {"policy", "rates", "said", "verdicts"}
_SAID: Final = 5
#: Claims of keys in no group are not told of.
_SILENCES: Final = frozenset(get_args(Silence)) - {"no-group"}
_RATE: Final = 4


class _Said(NamedTuple):
    """For whom a claim speaks, as the maker's log has it."""

    statement: CID
    claim: CID
    group: str | None
    silent: Silence | None
    equivocates: bool


@dataclass(frozen=True, slots=True)
class Belief:
    """The block: which policy and verdicts, and what is told and not shown."""

    policy: CID
    verdicts: tuple[CID, ...]
    said: tuple[_Said, ...]
    rates: tuple[tuple[Subject, int | None], ...]

    @property
    def block(self) -> bytes:
        """The one encoding.

        Raises:
            ProofError: it is larger than a block.
        """
        value: Ipld = {
            "policy": self.policy,
            "verdicts": list(self.verdicts),
            "said": [list(said) for said in self.said],
            "rates": [[*subject, error] for subject, error in self.rates],
        }
        try:
            return dagcbor.encode({BELIEF_TAG: value})
        except EncodingError as error:
            raise ProofError(
                f"too many claims of groups for one bundle: {error}"
            ) from error

    @classmethod
    def from_block(cls, block: bytes) -> Self:
        """Read what `block` wrote.

        Raises:
            ProofError: anything else.
        """
        try:
            value: Any = dagcbor.decode(block)
        except EncodingError as error:
            raise ProofError(f"no belief: {error}") from error
        body = value.get(BELIEF_TAG) if isinstance(value, Mapping) else None
        if not isinstance(body, Mapping) or body.keys() != _FIELDS or len(value) != 1:
            raise ProofError(
                f"expected {BELIEF_TAG} with {', '.join(sorted(_FIELDS))}", at="/belief"
            )
        lists = [body[name] for name in ("verdicts", "said", "rates")]
        if not isinstance(body["policy"], CID) or not all(
            isinstance(item, list) for item in lists
        ):
            raise ProofError("a policy and three lists are expected", at="/belief")
        found = cls(
            body["policy"],
            tuple(_link(item) for item in body["verdicts"]),
            tuple(_said(item) for item in body["said"]),
            tuple(_rate(item) for item in body["rates"]),
        )
        if found.block != block:
            raise ProofError("the same belief is written otherwise", at="/belief")
        _check_order([said[:2] for said in found.said], "/belief/said")
        _check_order([subject for subject, _ in found.rates], "/belief/rates")
        return found


@dataclass(frozen=True, slots=True)
class Believed:
    """Verdicts that hold by a policy, and what of them is told and not shown."""

    policy: Policy
    judged: tuple[Judged, ...]
    rates: tuple[tuple[Subject, int | None], ...]
    by_delegation: int

    @property
    def trusted(self) -> tuple[str, ...]:
        """What a reader has to believe of the verdicts; a line each."""
        lines = [
            "that none of the groups' keys was revoked, is tied to two groups or signed"
            " two histories, and no claim withdrawn, but where the file says so"
        ]
        if self.by_delegation:
            lines.append(
                f"that keys which the policy does not name speak for its groups in"
                f" {self.by_delegation} of the claims, by delegations that are not here"
            )
        if self.rates:
            groups = dict.fromkeys(subject[0] for subject, _ in self.rates)
            lines.append(
                f"the error rates of {len(groups)} groups, learned from other claims of"
                " the log: who has it and the policy computes them again"
            )
        return tuple(lines)


def believed_of(
    reader: Reader, invocations: Iterable[InvocationAnswer]
) -> tuple[Belief, list[bytes]]:
    """The belief of a reader in an answer, and its blocks: policy, then verdicts.

    Raises:
        ProofError: a verdict rests on claims that the answer does not have.
    """
    told = _Told(reader.rates)
    judge, policy = Judge(reader.policy), reader.policy
    now, said, verdicts = reader.checkpoint, list[_Said](), list[Verdict]()
    for item in sorted(invocations, key=lambda item: item.invocation):
        heard = reader.judged(item.invocation).heard
        _check_alone(heard, item)
        verdicts.append(
            judge.judge(
                heard, told, policy_cid=policy.cid, size=now.size, root=now.root
            )
        )
        said += [
            _Said(one.statement, one.claim, one.group, one.silent, one.equivocates)
            for one in heard.testimonies
            if one.silent != "no-group"
        ]
    blocks = [policy.block, *(verdict.block for verdict in verdicts)]
    belief = Belief(
        policy.cid,
        tuple(verdict.cid for verdict in verdicts),
        tuple(sorted(said)),
        tuple(sorted(told.asked.items(), key=lambda item: item[0])),
    )
    return belief, blocks


def check_belief(
    view: View,
    belief: Belief,
    policy: Policy,
    verdicts: Sequence[Verdict],
    found: tuple[Sequence[InvocationAnswer], Checkpoint],
) -> Believed:
    """Compute the verdicts again from the statements of a bundle.

    `view` is of a store with these alone; `found` is the answer that they give, and the
    checkpoint of the bundle.

    Raises:
        ProofError: another verdict follows, or what is told cannot be.
    """
    invocations, tree = found
    named = {key: group.name for group in policy.groups for key in group.keys}
    left = {(said.statement, said.claim): said for said in belief.said}
    hearing, judge, told = Hearing(view, policy), Judge(policy), _Given(belief.rates)
    items = sorted(invocations, key=lambda item: item.invocation)
    if len(items) != len(verdicts):
        raise ProofError("a verdict for each invocation is expected", at="/belief")
    judged, by_delegation = list[Judged](), 0
    for item, verdict in zip(items, verdicts, strict=True):
        alone = hearing.hear(item.invocation)
        heard = replace(
            alone,
            testimonies=tuple(
                _as_told(one, left, named, policy) for one in alone.testimonies
            ),
        )
        again = judge.judge(
            heard, told, policy_cid=policy.cid, size=tree.size, root=tree.root
        )
        if again != verdict:
            raise ProofError(
                f"another verdict follows from what is signed and told: {again.state}",
                at=str(item.invocation),
            )
        by_delegation += sum(
            one.group is not None and one.issuer.did not in named
            for one in heard.testimonies
        )
        judged.append(Judged(verdict, heard))
    if left:
        raise ProofError("a claim is told of that is not here", at="/belief/said")
    if told.left:
        raise ProofError("a rate is told of that nobody asked", at="/belief/rates")
    return Believed(policy, tuple(judged), belief.rates, by_delegation)


def _as_told(
    one: Testimony,
    left: dict[tuple[CID, CID], _Said],
    named: Mapping[Did, str],
    policy: Policy,
) -> Testimony:
    """A claim of the bundle, with the voice that its maker's log gives it."""
    said = left.pop((one.statement, one.claim), None)
    own = named.get(one.issuer.did)
    if said is None:
        if own is not None:
            raise ProofError(
                f"nothing is told of a claim by a key of {own!r}", at=str(one.claim)
            )
        return replace(one, group=None, silent="no-group")
    if said.group is not None and (
        said.group != own if own is not None else not _may_speak(said.group, policy)
    ):
        raise ProofError(
            f"told to speak for {said.group!r}, for which the policy has another key",
            at=str(one.claim),
        )
    if said.group is None and said.silent is None:
        raise ProofError("neither a group nor a reason for silence", at=str(one.claim))
    return replace(
        one,
        group=said.group,
        silent=said.silent,
        equivocates=said.equivocates,
    )


def _may_speak(group: str, policy: Policy) -> bool:
    """Whether a key that the policy does not name may speak for a group of it."""
    return policy.delegations and any(one.name == group for one in policy.groups)


def _check_alone(heard: Heard, item: InvocationAnswer) -> None:
    if heard.links or heard.also:
        raise ProofError(
            "the verdict relies on links, which no bundle holds; leave `links` out of"
            " the policy",
            at=str(item.invocation),
        )
    shown = {(claim.statement, claim.claim) for claim in item.claims}
    if any((one.statement, one.claim) not in shown for one in heard.testimonies):
        raise ProofError(
            "claims came after the map head; make the bundle again",
            at=str(item.invocation),
        )


class _Told:
    """Rates that remember what was asked of them."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self.asked: dict[Subject, int | None] = {}

    def error(self, group: str, kind: str, platform: str) -> int | None:
        subject = (group, kind, platform)
        found = self.asked[subject] = self._rates.error(*subject)
        return found


class _Given:
    """Rates as a bundle tells them; each is to be asked for."""

    def __init__(self, rates: Iterable[tuple[Subject, int | None]]) -> None:
        self._rates = dict(rates)
        self.left = set(self._rates)

    def error(self, group: str, kind: str, platform: str) -> int | None:
        subject = (group, kind, platform)
        if subject not in self._rates:
            raise ProofError(
                f"no rate is told of {group!r} for {kind!r}", at="/belief/rates"
            )
        self.left.discard(subject)
        return self._rates[subject]


def _check_order(items: Sequence[tuple[Any, ...]], at: str) -> None:
    if any(one >= other for one, other in pairwise(items)):
        raise ProofError("not in ascending order, or one twice", at=at)


def _link(value: object) -> CID:
    if not isinstance(value, CID):
        raise ProofError("not a link", at="/belief")
    return value


def _said(value: object) -> _Said:
    if not isinstance(value, list) or len(value) != _SAID:
        raise ProofError("expected a list of five", at="/belief/said")
    statement, claim, group, silent, equivocates = value
    if (
        not (group is None or isinstance(group, str))
        or not (silent is None or (isinstance(silent, str) and silent in _SILENCES))
        or not isinstance(equivocates, bool)
    ):
        raise ProofError("not what is said of a claim", at="/belief/said")
    return _Said(
        _link(statement), _link(claim), group, cast("Silence", silent), equivocates
    )


def _rate(value: object) -> tuple[Subject, int | None]:
    if not isinstance(value, list) or len(value) != _RATE:
        raise ProofError("expected a list of four", at="/belief/rates")
    *subject, error = value
    if not all(isinstance(item, str) for item in subject) or not (
        error is None or (type(error) is int and 0 <= error <= ONE)
    ):
        raise ProofError("not a rate", at="/belief/rates")
    return cast("Subject", tuple(subject)), error


def read_verdict(block: bytes) -> Verdict:
    """A verdict of a bundle.

    Raises:
        ProofError: it is none.
    """
    try:
        return Verdict.from_block(block)
    except EncodingError as error:
        raise ProofError(f"no verdict: {error.reason}") from error


def read_policy_block(block: bytes) -> Policy:
    """The policy of a bundle.

    Raises:
        ProofError: it is none.
    """
    try:
        return Policy.from_block(block)
    except (EncodingError, PolicyError) as error:
        raise ProofError(f"no policy: {error.reason}") from error
