"""A crowd of claimants, honest and not, drawn from a seed: what a reader gets to hear.

Organisations run invocations and claim what came out. Each is wrong now and then, and
independently of others; attackers say together what is not so. Everything is drawn from
`random.Random(seed)`, the ranges stand in `World`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from invocation_spec.cid import CID
from octostore.belief.heard import Testimony
from octostore.keys import PublicKey, SecretKey

ME = "me"
ALSO_ME = "my colleague"
PER_DAY = 20
DAY_S = 86_400
FRESH = 40
COPIERS = 20
SLEEPERS = 6

_KEYS: list[PublicKey] = []


def key(number: int) -> PublicKey:
    """A key of its own for each number."""
    while len(_KEYS) <= number:
        _KEYS.append(SecretKey(len(_KEYS).to_bytes(32, "big")).public)
    return _KEYS[number]


@dataclass(frozen=True, slots=True)
class Said:
    """One claim before it is logged: who, with which key, what, and whether blindly."""

    group: str | None
    key: int
    value: str
    committed: bool = False


@dataclass(slots=True)
class World:
    """One draw of all parameters; `n` counts invocations."""

    attack: str
    seed: int
    warm_up: int = 2_000
    attacked: int = 2_000
    #: Parameters that a sweep sets, instead of their draw.
    fixed: Mapping[str, float] = field(default_factory=dict)
    random: random.Random = field(init=False)
    faults: dict[str, float] = field(init=False)
    anchors: dict[str, float] = field(init=False)
    bad: list[str] = field(default_factory=list)
    per_invocation: int = field(init=False)
    commits: float = field(init=False)
    beside: set[str] = field(default_factory=set)
    #: How often they attack, and whether only where they outnumber the others.
    share: float = field(init=False)
    cautious: bool = field(init=False)
    hides: float = field(init=False)
    works: float = field(init=False)
    common: float = field(init=False)
    joins: float = field(init=False)
    index: int = 0

    def __post_init__(self) -> None:
        draw = self.random = random.Random(f"{self.attack} {self.seed}")  # noqa: S311
        honest = draw.randint(8, 16)
        self.faults = {f"org {n}": self.fault() for n in range(honest)}
        self.anchors = {name: draw.uniform(0, 0.001) for name in (ME, ALSO_ME)}
        self.per_invocation = draw.randint(4, 6)
        self.commits = draw.uniform(0.6, 1)
        self.share = draw.uniform(0.1, 1)
        self.cautious = draw.random() < 0.5
        self.hides = draw.uniform(0.5, 1)
        self.works = draw.uniform(0, 0.3)
        self.common = draw.uniform(0.005, 0.015)
        self.joins = draw.uniform(0.5, 1)
        if self.attack in _SETTING:
            _SETTING[self.attack](self)
        self.share = self.fixed.get("share", self.share)

    def fault(self) -> float:
        """How often somebody honest is wrong."""
        return self.fixed.get("fault", self.random.uniform(0.005, 0.025))

    @property
    def groups(self) -> list[str]:
        """All organisations that the reader's policy names, but for the anchors."""
        return [*self.faults, *(name for name in self.bad if name not in self.faults)]

    def invocation(self, n: int) -> tuple[str, list[Said]]:
        """What came out of invocation `n`, and what is said of it, in order."""
        truth = f"right {n}"
        by = self.random.sample(self.honest, self.per_invocation)
        said = [self._honest(name, n) for name in by]
        return truth, _ATTACKS.get(self.attack, _nothing)(self, n, said)

    def checked(self, name: str, n: int) -> Said:
        """What an anchor says of invocation `n`, run again."""
        wrong = self.random.random() < self.anchors[name]
        number = 900 + list(self.anchors).index(name)
        return Said(name, number, self._wrong(name, n) if wrong else f"right {n}")

    def logged(self, said: Said, n: int, day: int) -> Testimony:
        """The claim as the log has it: commitments stand before all claims."""
        self.index += 1
        return Testimony(
            claim=CID.of_bytes(f"{said} {n}".encode()),
            statement=CID.of_bytes(b"statement"),
            index=10_000_000 + self.index,
            record=0,
            issuer=key(said.key),
            network="bacalhau",
            group=said.group,
            outputs={"/r": CID.of_bytes(said.value.encode())},
            log_time_s=day * DAY_S,
            committed=self.index if said.committed else None,
        )

    def _honest(self, name: str, n: int) -> Said:
        wrong = self.random.random() < self.faults[name]
        return Said(
            name,
            list(self.faults).index(name),
            self._wrong(name, n) if wrong else f"right {n}",
            self.random.random() < self.commits,
        )

    def _wrong(self, name: str, n: int) -> str:
        return f"wrong {n} {name} {self.random.random()}"

    def usual(self, n: int) -> list[Said]:
        """What those of `bad` say while they look honest: as often as others claim."""
        often = self.per_invocation / len(self.honest)
        return [
            self._honest(name, n) for name in self.bad if self.random.random() < often
        ]

    def lies(self, n: int) -> list[Said]:
        """What those of `bad` say when they attack: one lie, each blindly."""
        return [
            Said(name, 200 + i, f"lie {n}", committed=True)
            for i, name in enumerate(self.bad)
            if self.random.random() < self.joins
        ]

    @property
    def honest(self) -> list[str]:
        """Organisations that mean well."""
        return [name for name in self.faults if name not in self.beside]


def _nothing(world: World, n: int, said: list[Said]) -> list[Said]:
    return said


def _together(world: World, n: int, said: list[Said]) -> list[Said]:
    """Beside the honest, at first as good as they; then they say the same lie."""
    lies = world.lies(n)
    attacks = n >= world.warm_up and world.random.random() < world.share
    if not attacks or (world.cautious and len(lies) <= len(said)):
        return [*world.usual(n), *said]
    return [*lies, *said]


def _minority(world: World, n: int, said: list[Said]) -> list[Said]:
    """They never were honest: they lie together from the beginning on."""
    if world.random.random() >= world.share:
        return [*world.usual(n), *said]
    return [*world.lies(n), *said]


def _one_organisation(world: World, n: int, said: list[Said]) -> list[Said]:
    if n < world.warm_up or world.random.random() >= world.share:
        return said
    lies = [Said("org 0", 100 + i, f"lie {n}") for i in range(FRESH)]
    return [*lies, *(one for one in said if one.group != "org 0")]


def _fresh(world: World, n: int, said: list[Said]) -> list[Said]:
    if n < world.warm_up or world.random.random() >= world.share:
        return said
    return [
        *(Said(name, 100 + i, f"lie {n}") for i, name in enumerate(world.bad)),
        *said,
    ]


def _copiers(world: World, n: int, said: list[Said]) -> list[Said]:
    first, copies = said[0], []
    for i, name in enumerate(world.bad):
        if world.random.random() < world.works:
            copies.append(Said(name, 100 + i, f"right {n}", committed=True))
        else:
            copies.append(Said(name, 100 + i, first.value))
    return [first, *copies, *said[1:]]


def _withheld(world: World, n: int, said: list[Said]) -> list[Said]:
    """The server keeps back what contradicts its friends."""
    if n < world.warm_up or world.random.random() >= world.share:
        return [*world.usual(n), *said]
    kept = [one for one in said if world.random.random() >= world.hides]
    return [*world.lies(n), *kept]


def _common_fault(world: World, n: int, said: list[Said]) -> list[Said]:
    """Some run on one machine, and nobody knows: when it fails, all of them do."""
    if world.random.random() >= world.common:
        return said
    return [
        replace(one, value=f"lie {n}") if one.group in world.bad else one
        for one in said
    ]


def _labels(world: World, n: int, said: list[Said]) -> list[Said]:
    """One organisation under several names; strangers say that they are others."""
    strangers = [Said(None, 100 + i, f"lie {n}") for i in range(10)]
    return [*strangers, *_together(world, n, said)]


def _some_of_them(least: int, most: int) -> Callable[[World], None]:
    def choose(world: World) -> None:
        world.bad = world.random.sample(
            list(world.faults), world.random.randint(least, most)
        )

    return choose


def _more(count: int) -> Callable[[World], None]:
    """Attackers beside the honest, drawn as they are, and at first as good."""

    def join(world: World) -> None:
        world.bad = [f"bad {n}" for n in range(count)]
        world.beside = set(world.bad)
        world.faults |= {name: world.fault() for name in world.bad}

    return join


def _beside(count: int) -> Callable[[World], None]:
    def join(world: World) -> None:
        world.bad = [f"bad {n}" for n in range(count)]

    return join


def _noise(world: World) -> None:
    world.faults = {name: world.random.uniform(0.02, 0.05) for name in world.faults}


def _careless(world: World) -> None:
    world.anchors = {name: world.random.uniform(0.01, 0.03) for name in world.anchors}


def _withholding(world: World) -> None:
    _more(world.random.randint(1, 3))(world)
    world.share = world.random.uniform(0.02, 0.12)


def _collude(world: World) -> None:
    _more(world.random.randint(2, 4))(world)
    world.share = world.random.uniform(0.05, 0.5)


def _several_names(world: World) -> None:
    _more(world.random.randint(3, 6))(world)


_SETTING: dict[str, Callable[[World], None]] = {
    "honest noise": _noise,
    "40 fresh organisations": _beside(FRESH),
    "6 sleepers": lambda world: _more(int(world.fixed.get("bad", SLEEPERS)))(world),
    "20 copiers of the first claim": _beside(COPIERS),
    "colluding minority": _collude,
    "withholding server": _withholding,
    "careless anchors": _careless,
    "undeclared shared machine": _some_of_them(3, 5),
    "lying labels": _several_names,
}
_ATTACKS: dict[str, Callable[[World, int, list[Said]], list[Said]]] = {
    "40 keys of one organisation": _one_organisation,
    "40 fresh organisations": _fresh,
    "6 sleepers": _together,
    "20 copiers of the first claim": _copiers,
    "colluding minority": _minority,
    "withholding server": _withheld,
    "undeclared shared machine": _common_fault,
    "lying labels": _labels,
}

ATTACKS = (
    "none",
    "honest noise",
    "40 keys of one organisation",
    "40 fresh organisations",
    "6 sleepers",
    "20 copiers of the first claim",
    "colluding minority",
    "withholding server",
    "careless anchors",
    "undeclared shared machine",
    "lying labels",
)
