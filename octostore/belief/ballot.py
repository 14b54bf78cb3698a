"""What groups say of one output, laid side by side where it can be compared.

    Vote(group, platform, value, network)      one counted claim of one output
    Ballot: value -> groups for it; groups that contradict themselves

Values are compared within a class of platforms and within a family: raw, or dag-cbor,
by one hash function. Claims that do not say where they ran speak in every class.
Source: FORMATS 4, 5; docs/spec/verdict.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from invocation_spec.cid import CID, DAG_CBOR, EMPTY_BYTES, RAW, SHA2_256
from octostore.belief.platforms import UNTOLD
from octostore.belief.verdict import OutputValue

__all__ = [
    "CLASSES_MAX",
    "Ballot",
    "Vote",
    "ballots",
    "can_be_checked",
    "family",
    "is_empty",
    "may_coincide",
]

#: Classes of platforms that are told apart on one output. Networks know a dozen; with
#: more, all claims speak in one class, so that the work does not grow by the square.
CLASSES_MAX: Final = 64

#: A file of no bytes and a folder of no names, as Kubo writes them (its QmbFMk.. and
#: QmUNLL..).
_EMPTY_UNIXFS: Final = frozenset(
    CID.parse(text)
    for text in (
        "bafybeif7ztnhq65lumvvtr4ekcwd2ifwgm3awq4zfr3srh462rwyinlb4y",
        "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354",
    )
)

Family: TypeAlias = tuple[int, int] | CID | None


class Vote(NamedTuple):
    """One counted claim of one output; `platform` is the policy's class."""

    group: str
    platform: str
    value: OutputValue
    network: str
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Ballot:
    """Groups by value, in one class and family; who says two of them is for none.

    `weights` are of all groups here, `networks` those on which a value is claimed.
    """

    for_: Mapping[OutputValue, frozenset[str]]
    contradicting: frozenset[str]
    weights: Mapping[str, int]
    networks: Mapping[OutputValue, frozenset[str]]

    def against(self, value: OutputValue) -> frozenset[str]:
        """Who is here and not for this value."""
        return frozenset(self.weights.keys() - self.for_[value])


def ballots(votes: Sequence[Vote]) -> dict[OutputValue, tuple[Ballot, ...]]:
    """For each value the ballots on which it stands, one for each class of platforms.

    A value that nobody claims of a known platform stands against all others.
    """
    known = {vote.platform for vote in votes if vote.platform != UNTOLD}
    if len(known) < 2 or len(known) > CLASSES_MAX:
        whole = _by_family(votes)
        return {value: (board,) for board in whole.values() for value in board.for_}
    scopes = {
        name: _by_family([vote for vote in votes if vote.platform in (name, UNTOLD)])
        for name in sorted(known)
    }
    scopes[UNTOLD] = _by_family(votes)
    claimed: dict[OutputValue, set[str]] = defaultdict(set)
    for vote in votes:
        claimed[vote.value].add(vote.platform)
    return {
        value: tuple(
            scopes[name][family(value)] for name in sorted(names - {UNTOLD} or {UNTOLD})
        )
        for value, names in claimed.items()
    }


def family(value: OutputValue) -> Family:
    """Values of one family are equal or conflict; None is that of exit statuses."""
    if isinstance(value, int):
        return None
    codec = value.codec
    return (codec, value.hash_code) if codec in (RAW, DAG_CBOR) else value


def may_coincide(value: OutputValue) -> bool:
    """Whether two that are wrong may well say this: an exit status, an empty output."""
    return isinstance(value, int) or is_empty(value)


def can_be_checked(value: OutputValue) -> bool:
    """Whether the claim of an anchor would contradict it if it were wrong.

    Anchors name files as results are to be named, raw by sha2-256 (FORMATS 5); a name
    by another hash, or of UnixFS, contradicts none of theirs.
    """
    if isinstance(value, int) or is_empty(value):
        return True
    return value.codec in (RAW, DAG_CBOR) and value.hash_code == SHA2_256


def is_empty(value: OutputValue) -> bool:
    """Whether this is an output of nothing, by the CIDs that it commonly has."""
    return value in EMPTY_BYTES or value in _EMPTY_UNIXFS


def _by_family(votes: Sequence[Vote]) -> dict[Family, Ballot]:
    names = {value: family(value) for value in {vote.value for vote in votes}}
    families: dict[Family, list[Vote]] = {name: [] for name in names.values()}
    if len(families) == 1:  # as nearly always
        return {name: _ballot(votes) for name in families}
    for vote in votes:
        families[names[vote.value]].append(vote)
    return {name: _ballot(members) for name, members in families.items()}


def _ballot(votes: Sequence[Vote]) -> Ballot:
    said: dict[str, OutputValue] = {}
    contradicting: set[str] = set()
    weights: dict[str, int] = {}
    groups: dict[OutputValue, set[str]] = defaultdict(set)
    networks: dict[OutputValue, set[str]] = defaultdict(set)
    for group, _, value, network, weight in votes:
        if said.setdefault(group, value) != value:
            contradicting.add(group)
        if weight >= weights.get(group, 0):
            weights[group] = weight
        groups[value].add(group)
        networks[value].add(network)
    if contradicting:
        networks.clear()
        for names in groups.values():
            names -= contradicting
        for vote in votes:
            if vote.group not in contradicting:
                networks[vote.value].add(vote.network)
    return Ballot(
        {value: frozenset(names) for value, names in groups.items()},
        frozenset(contradicting),
        weights,
        {value: frozenset(names) for value, names in networks.items()},
    )
