"""Where those who ran the same do not say the same: invocation by invocation.

    disagreements(view, reader, after) -> Disagreements
        of each: which outputs, who says what, on which network, platform and program

With a reader the parties are the groups of the policy, and only what counts is held
against each other; without one each key is a party. A party that contradicts itself
shows that the program gives another result each time. Found by walking through the
invocations in the order in which they came, from a cursor on. Source: FORMATS 4, 5, 9.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.model import Invocation
from octostore import tables
from octostore.belief.ballot import family
from octostore.belief.platforms import Platforms
from octostore.belief.reader import Reader
from octostore.belief.verdict import OutputValue
from octostore.errors import ProofError
from octostore.log import Checkpoint
from octostore.questions.who import ONE_INVOCATION_MAX
from octostore.records import Claim, parse_record
from octostore.result import EXIT, Result
from octostore.view import View

__all__ = [
    "DISAGREEMENTS_MAX",
    "LOOKS_MAX",
    "Disagreement",
    "Disagreements",
    "Said",
    "disagreements",
]

#: Disagreements on one page.
DISAGREEMENTS_MAX: Final = 100

#: Invocations looked at for one page, so that it costs a bounded time.
LOOKS_MAX: Final = 20_000

#: Parties, networks and places that one value of one output is shown with.
_SHOWN_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Said:
    """One value of an output: by whom it is reported, and what they say of their runs.

    `dirs` are the folders that networks had laid over the image: where those differ,
    programs may have seen different files.
    """

    value: OutputValue
    parties: tuple[str, ...]
    networks: tuple[str, ...]
    platforms: tuple[str, ...]
    dirs: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """`{value, parties, networks, platforms, dirs}`; what is empty is left out."""
        lists = {
            "networks": self.networks,
            "platforms": self.platforms,
            "dirs": self.dirs,
        }
        return {
            "value": self.value if isinstance(self.value, int) else str(self.value),
            "parties": list(self.parties),
            **{name: list(items) for name, items in lists.items() if items},
        }


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One invocation, and of each output in dispute what is said.

    `contradicting` are parties that contradict themselves. `cut` says why only a part
    was looked at, if so.
    """

    invocation: CID
    program: CID
    input: CID
    outputs: Mapping[str, tuple[Said, ...]]
    contradicting: tuple[str, ...] = ()
    cut: str | None = None

    @property
    def is_nondeterministic(self) -> bool:
        """Whether a party shows that the program gives another result each time."""
        return bool(self.contradicting)

    @property
    def dirs_differ(self) -> bool:
        """Whether those who differ had different folders laid over the image."""
        return any(
            len({said.dirs for said in values}) > 1 for values in self.outputs.values()
        )

    def to_json(self) -> dict[str, object]:
        """The shape of one item of `octostore disagreements --json`."""
        value: dict[str, object] = {
            "invocation": str(self.invocation),
            "program": str(self.program),
            "input": str(self.input),
            "nondeterministic": self.is_nondeterministic,
            "dirs_differ": self.dirs_differ,
            "outputs": {
                name: [said.to_json() for said in values]
                for name, values in self.outputs.items()
            },
        }
        if self.contradicting:
            value["contradicting"] = list(self.contradicting)
        return value | ({} if self.cut is None else {"cut": self.cut})


@dataclass(frozen=True, slots=True)
class Disagreements:
    """A page of them; `next`, given back as `after`, goes on. It may be empty."""

    checkpoint: Checkpoint
    found: tuple[Disagreement, ...]
    looked_at: int
    next: str | None = None

    def to_json(self) -> dict[str, object]:
        """`{checkpoint, disagreements, nondeterministic, looked_at, next?}`."""
        programs = {item.program for item in self.found if item.is_nondeterministic}
        value: dict[str, object] = {
            "checkpoint": self.checkpoint.to_json(),
            "disagreements": [item.to_json() for item in self.found],
            "nondeterministic": [str(cid) for cid in sorted(programs)],
            "looked_at": self.looked_at,
        }
        return value | ({} if self.next is None else {"next": self.next})


class _Voice(NamedTuple):
    """What one party says in one claim."""

    party: str
    network: str
    platform: str | None
    outputs: Mapping[str, OutputValue]
    dirs: tuple[str, ...]


def disagreements(
    view: View,
    reader: Reader | None = None,
    *,
    limit: int = DISAGREEMENTS_MAX,
    after: str | None = None,
) -> Disagreements:
    """The next disagreements after a cursor.

    Raises:
        DocumentError: `after` is no `next` of such a page.
        StoreError: the store cannot be read.
    """
    start = b"" if after is None else _read_cursor(after)
    most = min(max(limit, 1), DISAGREEMENTS_MAX)
    found: list[Disagreement] = []
    looked_at, last = 0, b""
    for key, _ in view.rows.scan(tables.RAN.name, after=start):
        if len(found) >= most or looked_at >= LOOKS_MAX:
            next_ = _cursor(last)
            return Disagreements(view.checkpoint(), tuple(found), looked_at, next_)
        looked_at, last = looked_at + 1, key
        item = _of(view, reader, tables.RAN.key.decode(key)[0])
        if item is not None:
            found.append(item)
    return Disagreements(view.checkpoint(), tuple(found), looked_at)


def _of(view: View, reader: Reader | None, number: int) -> Disagreement | None:
    rows = list(islice(view.claim_rows(number), 2))
    if not rows or (len(rows) < 2 and (reader is None or not reader.policy.links)):
        return None  # nobody to differ, unless links join claims on others
    block = view.block(number)
    cid, ran = CID.of_block(block), Invocation.from_block(block)
    cut = None
    try:
        if reader is None:
            voices, cut = _of_keys(view, number)
        else:
            voices = list(_of_groups(reader, cid))
    except ProofError as error:
        return Disagreement(cid, ran.program, ran.input, {}, cut=error.reason)
    outputs, contradicting = _compared(voices)
    if not outputs:
        return None
    return Disagreement(cid, ran.program, ran.input, outputs, contradicting, cut)


def _of_keys(view: View, number: int) -> tuple[list[_Voice], str | None]:
    """What each key says; withdrawn claims are not held against anybody."""
    voices: list[_Voice] = []
    claims = view.claims_of(number)
    for logged in islice(claims, ONE_INVOCATION_MAX):
        claim, issuer = logged.claim, logged.statement.issuer
        if claim.result is None or view.is_withdrawn(logged.cid, issuer):
            continue
        result = Result.from_block(view.get(claim.result))
        values: dict[str, OutputValue] = dict(result.outputs)
        if result.exit is not None:
            values[EXIT] = result.exit
        voices.append(
            _Voice(str(issuer.did), claim.network, claim.platform, values, claim.dirs)
        )
    if next(claims, None) is None:
        return voices, None
    return voices, f"only the first {ONE_INVOCATION_MAX} claims were compared"


def _of_groups(reader: Reader, cid: CID) -> Iterator[_Voice]:
    """What each group of the policy says, as far as it counts."""
    platforms = Platforms(reader.policy)
    wanted, ignored = set(reader.policy.outputs), set(reader.policy.ignored)
    for said in reader.judged(cid).heard.testimonies:
        if said.group is None or said.silent is not None or said.equivocates:
            continue
        values: dict[str, OutputValue] = dict(said.outputs)
        if said.exit is not None:
            values[EXIT] = said.exit
        values = {
            name: value
            for name, value in values.items()
            if (name in wanted if wanted else name not in ignored)
        }
        told = said.platform
        platform = None if told is None else platforms.of(told)
        claim = parse_record(reader.view.get(said.claim))
        dirs = claim.dirs if isinstance(claim, Claim) else ()
        yield _Voice(said.group, said.network, platform, values, dirs)


def _compared(
    voices: Iterable[_Voice],
) -> tuple[dict[str, tuple[Said, ...]], tuple[str, ...]]:
    """Outputs in dispute with what is said, and who contradicts himself."""
    by_output: dict[str, list[tuple[OutputValue, _Voice]]] = defaultdict(list)
    for voice in voices:
        for name, value in voice.outputs.items():
            by_output[name].append((value, voice))
    outputs: dict[str, tuple[Said, ...]] = {}
    contradicting: set[str] = set()
    for name, told in sorted(by_output.items()):
        if not _differ(told):
            continue
        outputs[name] = _sides(told)
        own: dict[str, list[tuple[OutputValue, _Voice]]] = defaultdict(list)
        for value, voice in told:
            own[voice.party].append((value, voice))
        contradicting.update(party for party, said in own.items() if _differ(said))
    return outputs, tuple(sorted(contradicting))


def _differ(told: Iterable[tuple[OutputValue, _Voice]]) -> bool:
    """Whether two values must be different bytes, and ran alike as far as is told."""
    values: dict[object, dict[str | None, set[OutputValue]]] = {}
    for value, voice in told:
        of = values.setdefault(family(value), defaultdict(set))
        of[voice.platform].add(value)
    return any(
        len(some | of.get(None, set())) > 1
        for of in values.values()
        for some in tuple(of.values())
    )


def _sides(told: Iterable[tuple[OutputValue, _Voice]]) -> tuple[Said, ...]:
    by_value: dict[OutputValue, list[_Voice]] = {}
    for value, voice in told:
        by_value.setdefault(value, []).append(voice)
    return tuple(
        Said(
            value=value,
            parties=_some(voice.party for voice in by),
            networks=_some(voice.network for voice in by),
            platforms=_some(voice.platform for voice in by if voice.platform),
            dirs=_some(path for voice in by for path in voice.dirs),
        )
        for value, by in by_value.items()
    )


def _some(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(items))[:_SHOWN_MAX])


def _cursor(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def _read_cursor(text: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        key = b""
    if len(key) != tables.NO_BYTES or _cursor(key) != text:
        raise DocumentError("not the `next` of a page of disagreements", at="after")
    return key
