"""What anchored checks say of a group, and what agreement is worth from it: numbers.

    Check(group, kind, platform, day, right)   one group's claims on an invocation
    Tally: (group, kind, platform) -> {day: (wrong, right)}     whole numbers
    Learned.error(group, kind, platform)       upper credible bound, parts of ONE
    weight = ln((1 - e) / e)                   parts of ONE: log-odds that it is right
    support = max over n of (w1 + .. + wn) / (1 + shared (n - 1))
    odds O(s) = 1 / (exp(-s) + floor), and what a value gained X(s) = O(s) - O(0)
    confidence of v = X(v) / (sum of X(u) over all values u + O(against all))

Whole numbers and correctly rounded decimals only: the same on every machine. The rule
is always the real number, then rounded down (errors: up); 50 digits find it. Source:
ADR 26; docs/spec/verdict.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Final, Protocol, TypeAlias, TypeVar

from invocation_spec.cid import CID
from octostore.belief.policy import ONE, EvidenceTerms, Policy

__all__ = [
    "COUNT_MAX",
    "Check",
    "Counted",
    "Days",
    "Learned",
    "Rates",
    "Subject",
    "Tally",
    "confidences",
    "error_bound",
    "error_of",
    "faded",
    "support",
    "weight",
]

_T = TypeVar("_T")

#: Checks of one outcome that are reckoned with, after decay: ten thousand right ones
#: put the bound at 0.03 %, below what anybody should believe of a machine.
COUNT_MAX: Final = 10_000

#: Of whom something is learned: group, kind of program, class of platforms.
Subject: TypeAlias = tuple[str, str, str]
#: Day since 1970 -> how many checks were wrong, how many right.
Days: TypeAlias = Mapping[int, tuple[int, int]]

_REAL: Final = Context(
    prec=50, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[]
)
_ONE: Final = Decimal(ONE)
_HALF: Final = ONE // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One group's claim was checked by an anchor's on the same invocation.

    `kind` is the program's, `platform` the policy's class of it, `day` that of the log
    time, days since 1970. `by` are the claims that show it.
    """

    group: str
    kind: str
    platform: str
    day: int
    right: bool
    by: tuple[CID, ...] = ()


class Rates(Protocol):
    """What is learned of groups, as of one checkpoint."""

    def error(self, group: str, kind: str, platform: str) -> int | None:
        """Upper bound of its error rate, parts of `ONE`; None if it has no weight."""
        ...


class Counted(Protocol):
    """Where counts of checks are kept."""

    def days(self, subject: Subject) -> Days:
        """What is counted of a subject; nothing if it was never checked."""
        ...


class Tally:
    """Counts of checks by subject and day; in any order they are the same counts."""

    def __init__(self, checks: Iterable[Check] = ()) -> None:
        self._days: dict[Subject, dict[int, tuple[int, int]]] = {}
        for check in checks:
            self.add(check)

    def add(self, check: Check) -> None:
        """Count a check once more."""
        self._count(check, 1)

    def remove(self, check: Check) -> None:
        """Count a check once less: another claim changed what an invocation teaches."""
        self._count(check, -1)

    def days(self, subject: Subject) -> Days:
        """What is counted of a subject; nothing if it was never checked."""
        return self._days.get(subject, {})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self._days == other._days

    __hash__ = None  # type: ignore[assignment] # it changes

    def _count(self, check: Check, by: int) -> None:
        subject = (check.group, check.kind, check.platform)
        days = self._days.setdefault(subject, {})
        wrong, right = days.get(check.day, (0, 0))
        days[check.day] = (wrong, right + by) if check.right else (wrong + by, right)
        assert min(days[check.day]) >= 0, check  # noqa: S101
        if days[check.day] == (0, 0):
            del days[check.day]
        if not days:
            del self._days[subject]


class Learned:
    """Error rates under a policy, from counts, as of the day `today`.

    `ended` are groups of whom an equivocation is known: they have no weight.
    """

    def __init__(
        self,
        policy: Policy,
        tally: Counted,
        today: int,
        ended: Iterable[str] = (),
    ) -> None:
        self._terms, self._tally, self._today = policy.evidence, tally, today
        self._held = {group.name: group.error for group in policy.groups}
        for name in policy.anchors:
            if self._held.get(name) is None:
                self._held[name] = policy.evidence.anchor_error
        self._ended = frozenset(ended)
        self._known: dict[Subject, int | None] = {}

    def error(self, group: str, kind: str, platform: str) -> int | None:
        """Upper bound of its error rate, parts of `ONE`; None if it has no weight."""
        subject = (group, kind, platform)
        if subject not in self._known:
            self._known[subject] = (
                None
                if group in self._ended
                else error_of(
                    self._tally.days(subject),
                    self._today,
                    self._terms,
                    self._held.get(group),
                )
            )
        return self._known[subject]


def error_of(
    days: Days, today: int, terms: EvidenceTerms, held: int | None = None
) -> int | None:
    """The error rate of a group with these checks, parts of `ONE`.

    None if there are fewer than `terms.checks` and the reader holds nothing. The worst
    bound counts, of all checks and of those from a day on whence two were wrong: one
    wrong check is weighed against all that were right; after two, what was right before
    them does not vouch for whoever may have changed.
    """
    if held is None and sum(map(sum, days.values())) < terms.checks:
        return None
    worst = wrong = right = mistakes = 0
    for day in sorted(days, reverse=True):
        left = faded(max(0, today - day), terms.half_life_days)
        wrong += days[day][0] * left
        right += days[day][1] * left
        mistakes += days[day][0]
        if days[day][0] and mistakes > 1:
            worst = max(worst, _between(wrong, right, terms, held))
    return max(worst, _between(wrong, right, terms, held))


def _between(wrong: int, right: int, terms: EvidenceTerms, held: int | None) -> int:
    """The bound for counts in parts of `ONE`, right ones rounded down."""
    whole, part = divmod(min(wrong, COUNT_MAX * ONE), ONE)
    sure = min(right // ONE, COUNT_MAX)
    low = _held_bound(whole, sure, terms, held)
    if not part:
        return low
    high = _held_bound(whole + 1, sure, terms, held)
    return low - (low - high) * part // ONE  # rounded up


def _held_bound(wrong: int, right: int, terms: EvidenceTerms, held: int | None) -> int:
    bound = error_bound(
        terms.prior_wrong + wrong, terms.prior_right + right, terms.level
    )
    if held is None:
        return bound
    return max(held, bound) if wrong else min(held, bound)


@lru_cache(maxsize=65_536)
def error_bound(a: int, b: int, level: int) -> int:
    """The least whole x for which Beta(a, b) is below x / ONE with chance `level`.

    `a` and `b` are whole and above 0, `level` is in parts of `ONE`. That chance is the
    one that of a + b - 1 draws, each lucky with x / ONE, at least `a` are lucky. With
    `a` no smaller than `b` it is `ONE`: who is wrong as often as right says nothing.
    """
    if a >= b:
        return ONE
    doubt = _REAL.divide(ONE - level, _ONE)
    low, high = 0, ONE
    while high - low > 1:
        middle = (low + high) // 2
        if _fewer_than(a, a + b - 1, middle) <= doubt:
            high = middle
        else:
            low = middle
    return high


def _fewer_than(a: int, n: int, part: int) -> Decimal:
    """The chance that of `n` draws fewer than `a` are lucky, each with part / ONE."""
    lucky, not_lucky = Decimal(part), Decimal(ONE - part)
    ratio = _REAL.divide(lucky, not_lucky)
    exponent = _REAL.multiply(n, _REAL.ln(_REAL.divide(not_lucky, _ONE)))
    term = total = _REAL.exp(exponent)
    for i in range(1, a):
        term = _REAL.divide(_REAL.multiply(term, _REAL.multiply(ratio, n - i + 1)), i)
        total = _REAL.add(total, term)
    return total


@lru_cache(maxsize=65_536)
def faded(age_days: int, half_life_days: int) -> int:
    """What is left of a check after so many days, parts of `ONE`, rounded down."""
    lives = _REAL.divide(-age_days, half_life_days)
    return _floor(_REAL.exp(_REAL.multiply(lives, _REAL.ln(Decimal(2)))))


@lru_cache(maxsize=65_536)
def weight(error: int) -> int:
    """ln((1 - e) / e) in parts of `ONE`, rounded down; 0 if e is one half or more."""
    if error >= _HALF:
        return 0
    error = max(error, 1)
    return _floor(_REAL.ln(_REAL.divide(ONE - error, error)))


def support(weights: Iterable[Sequence[int]], shared: int) -> int:
    """What the agreement of these groups is worth, parts of `ONE`.

    Each sequence is a cluster: groups between which infrastructure is shared. Of each
    counts the best prefix, greatest weights first, so that one more never lowers it.
    """
    total = 0
    for cluster in weights:
        best = summed = 0
        for n, item in enumerate(sorted(cluster, reverse=True)):
            summed += item
            best = max(best, summed * ONE // (ONE + shared * n))
        total += best
    return total


def confidences(supports: Mapping[_T, int], against: int, floor: int) -> dict[_T, int]:
    """For each value, a lower bound of the chance that it is right, parts of `ONE`.

    `supports` are the values' own, `against` that of groups that are for none of them.
    What nobody has claimed is always possible; it has the odds of no support, and a
    value has what its claims add to those. `floor` is the chance, whatever agrees, that
    those who agree err together.
    """
    nothing = _odds(0, floor)
    gained = {
        value: _REAL.subtract(_odds(worth, floor), nothing)
        for value, worth in supports.items()
    }
    total = _odds(against, floor)
    for one in sorted(gained.values()):  # in one order: sums are rounded
        total = _REAL.add(total, one)
    return {
        value: min(_floor(_REAL.divide(one, total)), ONE - 1)
        for value, one in gained.items()
    }


@lru_cache(maxsize=65_536)
def _odds(worth: int, floor: int) -> Decimal:
    wrong = _REAL.exp(_REAL.divide(-worth, _ONE))
    return _REAL.divide(1, _REAL.add(wrong, _REAL.divide(floor, _ONE)))


def _floor(value: Decimal) -> int:
    return int(
        _REAL.multiply(value, _ONE).to_integral_value(ROUND_FLOOR, context=_REAL)
    )
