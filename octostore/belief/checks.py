"""What one invocation teaches of its claimants: who was right, who was wrong.

    checks_of(policy, heard) -> (Check("Bristol", "wasi", "", day 19300, right), ..)

An anchor's claim checks those of other groups in the same class of platforms, and a
group that the reader vouches for checks those that had committed before either
revealed. At most one check for a group and class, however many claims it has. Agreement
with the crowd teaches nothing, nor does what may have been copied. Source: ADR 26;
docs/spec/verdict.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from invocation_spec.cid import CID
from octostore.belief.ballot import family, is_empty
from octostore.belief.evidence import Check
from octostore.belief.heard import Heard, Testimony
from octostore.belief.platforms import Platforms
from octostore.belief.policy import Policy
from octostore.belief.verdict import OutputValue
from octostore.result import EXIT

__all__ = ["checks_of"]

_DAY_S: Final = 86_400

_Lesson: TypeAlias = Literal["right", "wrong"]
#: Who speaks: a group, or a key that is in none.
_Speaker: TypeAlias = str | bytes


def checks_of(policy: Policy, heard: Heard) -> tuple[Check, ...]:
    """What this invocation teaches under the policy, in order of group and platform."""
    names = {group.name for group in policy.groups}
    if not _may_teach(policy, heard):
        return ()
    platforms = Platforms(policy)
    classes: dict[str, list[Testimony]] = defaultdict(list)
    for testimony in heard.testimonies:
        if testimony.group in names and _taught(testimony):
            classes[platforms.of(testimony.platform)].append(testimony)
    published = _Published(heard.testimonies)
    found = []
    for platform, testimonies in sorted(classes.items()):
        lessons = _Class(policy, testimonies, published).lessons()
        found += [
            Check(
                group=group,
                kind=heard.kind or "",
                platform=platform,
                day=lesson.day,
                right=lesson.right,
                by=lesson.by,
            )
            for group, lesson in lessons.items()
        ]
    return tuple(sorted(found, key=lambda check: (check.group, check.platform)))


def _may_teach(policy: Policy, heard: Heard) -> bool:
    """Whether anybody spoke who can teach: most invocations have nobody."""
    teachers = {*policy.anchors, *_vouched(policy)}
    return any(testimony.group in teachers for testimony in heard.testimonies)


def _vouched(policy: Policy) -> set[str]:
    """Whose error rate the reader states: agreement with them is not the crowd's."""
    return {group.name for group in policy.groups if group.error is not None}


def _taught(testimony: Testimony) -> bool:
    return (
        testimony.failure is None
        and not testimony.equivocates
        and testimony.log_time_s is not None
        and testimony.silent in (None, "withdrawn")
    )


class _Published:
    """Where each value of each output stood first, and first by somebody else."""

    def __init__(self, testimonies: Iterable[Testimony]) -> None:
        self._first: dict[tuple[str, CID], list[tuple[int, int, _Speaker]]] = {}
        for testimony in sorted(testimonies, key=_place):
            speaker = _speaker(testimony)
            for output in testimony.outputs.items():
                places = self._first.setdefault(output, [])
                if len(places) < 2 and all(place[2] != speaker for place in places):
                    places.append((testimony.index, testimony.record, speaker))

    def copied(self, testimony: Testimony) -> bool:
        """Whether others had published all that this claim says before it was made."""
        if testimony.committed is not None:
            return False
        place, speaker = _place(testimony), _speaker(testimony)
        return all(
            any(
                other != speaker and (index, record) < place
                for index, record, other in self._first[output]
            )
            for output in _solid(testimony).items()
        )


@dataclass(frozen=True, slots=True)
class _Result:
    """A lesson for one group: the earliest day on which it could be drawn."""

    right: bool
    day: int
    by: tuple[CID, ...]


@dataclass(slots=True)
class _Class:
    """The testimonies of one class of platforms."""

    policy: Policy
    testimonies: list[Testimony]
    published: _Published
    anchored: list[Testimony] = field(init=False)
    said: dict[str, dict[OutputValue, list[Testimony]]] = field(init=False)

    def __post_init__(self) -> None:
        anchors = set(self.policy.anchors)
        self.anchored = [
            one
            for one in self.testimonies
            if one.group in anchors and one.silent is None
        ]
        self.said = defaultdict(lambda: defaultdict(list))
        for one in self.anchored:
            for name, value in _values(one).items():
                self.said[name][value].append(one)

    def lessons(self) -> dict[str, _Result]:
        """What each group is taught here, if anything."""
        claims: dict[str, list[Testimony]] = defaultdict(list)
        for one in self.testimonies:
            claims[one.group or ""].append(one)
        contradicting = {group for group in claims if _contradicts(claims[group])}
        if self._differs_by_itself(claims):
            return {}
        found = {}
        for group, own in claims.items():
            results = [result for one in own if (result := self._checked(one))]
            wrong = [result for result in results if not result.right]
            if group in contradicting or wrong:
                results = wrong
            elif not results:
                results = self._by_commitment(group, own)
            if results:
                found[group] = min(results, key=lambda result: (result.day, result.by))
        return found

    def _differs_by_itself(self, claims: Mapping[str, Sequence[Testimony]]) -> bool:
        """Whether the program gives other results each time, so that nobody is wrong.

        An anchor that contradicts itself shows it; others only if they are most of all
        who are no anchors, since two that attack could say so of each other's claims,
        and only if they did before an anchor spoke: who was found out could say so
        afterwards.
        """
        anchors = set(self.policy.anchors)
        others = claims.keys() - anchors
        if any(_contradicts(claims[group]) for group in claims.keys() & anchors):
            return True
        first = min(map(_place, self.anchored), default=None)
        many = sum(
            _contradicts(
                [one for one in claims[group] if first is None or _place(one) < first]
            )
            for group in others
        )
        return many > 1 and 2 * many > len(others)

    def _checked(self, testimony: Testimony) -> _Result | None:
        """What the anchors of other groups say of this claim."""
        conflicts, agreed = [], True
        for name, value in _values(testimony).items():
            lesson = self._compared(testimony, name, value)
            if lesson == "wrong":
                conflicts += self._others(testimony, name)
            elif lesson is None and not is_empty(value) and name != EXIT:
                agreed = False
        if conflicts and testimony.group in self.policy.anchors:
            return None  # which of two anchors is wrong, nobody here knows
        if conflicts:
            return self._wrong(testimony, conflicts)
        covering = [
            anchor
            for anchor in self.anchored
            if anchor.group != testimony.group and _covers(testimony, anchor)
        ]
        if not agreed or not covering or testimony.silent is not None:
            return None
        if self.published.copied(testimony):
            return None
        first = min(covering, key=_when)
        return _result(testimony, first, right=True)

    def _wrong(
        self, testimony: Testimony, conflicts: list[Testimony]
    ) -> _Result | None:
        """Who withdraws before an anchor speaks was not wrong when it was checked."""
        since = testimony.silent_since
        if testimony.silent is not None and since is not None:
            conflicts = [anchor for anchor in conflicts if anchor.index < since]
        if not conflicts:
            return None
        return _result(testimony, min(conflicts, key=_when), right=False)

    def _compared(
        self, testimony: Testimony, name: str, value: OutputValue
    ) -> _Lesson | None:
        """How a value stands to the anchors'; what they dispute teaches nothing."""
        rivals = {
            said
            for said, by in self.said.get(name, {}).items()
            if family(said) == family(value)
            and any(anchor.group != testimony.group for anchor in by)
        }
        if len(rivals) != 1:
            return None
        return "right" if value in rivals else "wrong"

    def _others(self, testimony: Testimony, name: str) -> list[Testimony]:
        value = _values(testimony)[name]
        return [
            anchor
            for said, by in self.said[name].items()
            if family(said) == family(value)
            for anchor in by
            if anchor.group != testimony.group
        ]

    def _by_commitment(self, group: str, own: list[Testimony]) -> list[_Result]:
        """Agreement with somebody vouched for, when both had committed before."""
        teachers = {*_vouched(self.policy), *self.policy.anchors} - {group}
        partners = sorted(
            (
                one
                for one in self.testimonies
                if one.group in teachers
                and one.silent is None
                and one.committed is not None
            ),
            key=_when,
        )
        found = []
        for one in own:
            if one.committed is None or one.silent is not None or self._disputed(one):
                continue
            partner = next((other for other in partners if _both(one, other)), None)
            if partner is not None:
                found.append(_result(one, partner, right=True))
        return found

    def _disputed(self, testimony: Testimony) -> bool:
        """Whether anchors contradict each other on something that this claim says."""
        return any(
            sum(family(said) == family(value) for said in self.said.get(name, ())) > 1
            for name, value in _values(testimony).items()
        )


def _covers(testimony: Testimony, anchor: Testimony) -> bool:
    """Whether a claim says all that the anchor's says that is not empty, and alike."""
    solid = _solid(anchor)
    return (
        bool(solid)
        and all(testimony.outputs.get(name) == value for name, value in solid.items())
        and (None in (testimony.exit, anchor.exit) or testimony.exit == anchor.exit)
    )


def _both(one: Testimony, other: Testimony) -> bool:
    """Whether two claims agree whole, and each was committed before the other's."""
    assert one.committed is not None and other.committed is not None  # noqa: S101, PT018
    return (
        one.committed < other.index
        and other.committed < one.index
        and _covers(one, other)
        and _covers(other, one)
    )


def _contradicts(own: Sequence[Testimony]) -> bool:
    seen: dict[tuple[str, object], OutputValue] = {}
    return any(
        seen.setdefault((name, family(value)), value) != value
        for one in own
        if one.silent is None
        for name, value in _values(one).items()
    )


def _values(testimony: Testimony) -> Mapping[str, OutputValue]:
    if testimony.exit is None:
        return testimony.outputs
    return {**testimony.outputs, EXIT: testimony.exit}


def _solid(testimony: Testimony) -> dict[str, CID]:
    return {
        name: value for name, value in testimony.outputs.items() if not is_empty(value)
    }


def _speaker(testimony: Testimony) -> _Speaker:
    return testimony.group if testimony.group is not None else testimony.issuer.raw


def _place(testimony: Testimony) -> tuple[int, int]:
    return (testimony.index, testimony.record)


def _when(testimony: Testimony) -> tuple[int, int, int]:
    return (testimony.log_time_s or 0, testimony.index, testimony.record)


def _result(testimony: Testimony, other: Testimony, *, right: bool) -> _Result:
    known_s = max(testimony.log_time_s or 0, other.log_time_s or 0)
    by = tuple(sorted({testimony.claim, other.claim}))
    return _Result(right, known_s // _DAY_S, by)
