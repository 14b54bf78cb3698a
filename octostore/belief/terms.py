"""What a policy is made of: groups, and the numbers of its model.

    Group("Bristol", [did:key:z6Mk..])   Quorum(groups=2)   EvidenceTerms(confidence=..)

Source: docs/spec/policy.md; schemas/policy.ipldsch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import DidError
from octostore.errors import PolicyError, RecordError
from octostore.keys import Did
from octostore.records import shape
from octostore.records.fields import Fields

__all__ = [
    "COUNT_MAX",
    "GROUPS_MAX",
    "HALF_LIFE_DAYS_MAX",
    "KEYS_MAX",
    "NETWORKS_MAX",
    "ONE",
    "SHARES_MAX",
    "EvidenceTerms",
    "Group",
    "Quorum",
    "check_range",
    "refused",
]

#: Probabilities are whole parts of this: the same on every machine.
ONE: Final = 10**9

#: Groups of a policy; with one key each they just fit a block.
GROUPS_MAX: Final = 10_000

#: Keys of one group. Members of an organisation need not be listed.
KEYS_MAX: Final = 1024

#: Infrastructure that one group shares with others.
SHARES_MAX: Final = 64

#: Networks that must agree; far more than there are.
NETWORKS_MAX: Final = 64

#: Checks, before any is made: more than this nobody assumes, and tables of the
#: credible bound stay small.
COUNT_MAX: Final = 10_000

#: A hundred years: what was checked does not lose weight.
HALF_LIFE_DAYS_MAX: Final = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An independence group: who has one vote together, and what they are called.

    `keys` are keys, and organisations for whose members the group speaks. `error`, in
    parts of `ONE`, is what the reader holds of its error rate before any check; without
    it, what is learned. `shares` names infrastructure that it shares with others.

    Raises:
        PolicyError: no key or too many, out of order, or an error rate that says
            nothing (over a half).
    """

    name: str
    keys: tuple[Did, ...]
    error: int | None = None
    shares: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        with refused():
            shape.check_label(self.name, "/groups")
            at = f"/groups/{self.name[:80]}"
            if not self.keys:
                raise RecordError("a group without keys; nobody speaks for it", at=at)
            shape.check_count(self.keys, KEYS_MAX, f"{at}/keys")
            shape.check_sorted([key.text for key in self.keys], f"{at}/keys")
            if self.error is not None:
                check_range(self.error, (1, ONE // 2), f"{at}/error")
            shape.check_count(self.shares, SHARES_MAX, f"{at}/shares")
            shape.check_sorted(self.shares, f"{at}/shares")
            for share in self.shares:
                shape.check_label(share, f"{at}/shares")

    @classmethod
    def from_fields(cls, fields: Fields, at: str) -> Self:
        """Read `{name, keys, error?, shares?}`."""
        group = cls(
            name=fields.need("name", str),
            keys=tuple(
                _did(text, f"{at}/keys") for text in fields.whole_list("keys", str)
            ),
            error=fields.find("error", int),
            shares=fields.list("shares", str),
        )
        fields.close()
        return group

    def to_ipld(self) -> Ipld:
        """`{name, keys, error?, shares?}`."""
        return shape.present(
            {
                "name": self.name,
                "keys": tuple(key.text for key in self.keys),
                "error": self.error,
                "shares": self.shares,
            }
        )


class _Numbers:
    """Numbers of a model, all of which have a usual value; only others are written."""

    __slots__ = ()

    BOUNDS: ClassVar[Mapping[str, tuple[int, int]]]
    AT: ClassVar[str]

    def __post_init__(self) -> None:
        with refused():
            for name, bounds in self.BOUNDS.items():
                check_range(getattr(self, name), bounds, f"{self.AT}/{name}")

    @classmethod
    def find(cls, fields: Fields) -> Self:
        """Read the map of them, which is left out if all are usual."""
        inner = fields.inner(cls.AT[1:])
        if inner is None:
            return cls()
        found = {name: inner.find(name, int) for name in cls.BOUNDS}
        inner.close()
        return cls(**{name: n for name, n in found.items() if n is not None})

    def to_ipld(self) -> dict[str, Ipld]:
        """Those that are not as usual."""
        usual = type(self)()
        return {
            name: getattr(self, name)
            for name in self.BOUNDS
            if getattr(self, name) != getattr(usual, name)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum(_Numbers):
    """How many groups must agree, on how many networks, with how many against."""

    AT: ClassVar[str] = "/quorum"
    BOUNDS: ClassVar[Mapping[str, tuple[int, int]]] = {
        "groups": (1, GROUPS_MAX),
        "networks": (1, NETWORKS_MAX),
        "against": (0, GROUPS_MAX),
    }

    groups: int = 2
    networks: int = 1
    against: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTerms(_Numbers):
    """The numbers of the model `evidence` (belief/evidence.py); parts are of `ONE`.

    A value is agreed if its lower bound is at least `confidence`. An error rate starts
    as Beta(`prior_wrong`, `prior_right`), is taken at its upper credible bound of level
    `level`, and counts from `checks` anchored checks on. What a check says loses half
    of its weight in `half_life_days`. `shared` is how much one agrees with another for
    sharing infrastructure; `floor` is what always remains to doubt, however many agree:
    that they are wrong together. `anchor_error` is held of an anchor for which the
    policy has no `error`.
    """

    AT: ClassVar[str] = "/evidence"
    # Of a confidence or a level of a half or less two values could have it at once; a
    # prior of nothing is no distribution; and with a floor of nothing agreement alone
    # would make certain.
    BOUNDS: ClassVar[Mapping[str, tuple[int, int]]] = {
        "confidence": (ONE // 2 + 1, ONE - 1),
        "prior_wrong": (1, COUNT_MAX),
        "prior_right": (1, COUNT_MAX),
        "level": (ONE // 2 + 1, ONE - 1),
        "checks": (0, COUNT_MAX),
        "half_life_days": (1, HALF_LIFE_DAYS_MAX),
        "shared": (0, ONE),
        "floor": (1, ONE // 2),
        "anchor_error": (1, ONE // 2),
    }

    confidence: int = 990_000_000
    prior_wrong: int = 1
    prior_right: int = 9
    level: int = 950_000_000
    checks: int = 5
    half_life_days: int = 365
    shared: int = 500_000_000
    floor: int = 100_000
    anchor_error: int = 1_000_000


@contextmanager
def refused() -> Iterator[None]:
    """What breaks a rule that records have too is a fault of the policy here."""
    try:
        yield
    except RecordError as error:
        raise PolicyError(error.reason, at=error.at) from error


def check_range(value: int, bounds: tuple[int, int], at: str) -> None:
    """A number within its bounds, both included."""
    least, most = bounds
    if not least <= value <= most:
        raise RecordError(f"{value}; expected {least} to {most}", at=at)


def _did(text: str, at: str) -> Did:
    try:
        return Did(text)
    except DidError as error:
        raise PolicyError(f"{text[:80]!r}: {error.reason}", at=at) from error
