"""Bundles with verdicts: what a policy makes of an answer, and what cheats would.

The policy counts two groups by their keys; each verdict is written out by hand from
the rules of docs/spec/verdict.md.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import dag_cbor
from multiformats import CID

from tests.vectors.make import merkle
from tests.vectors.make.bundles import (
    C1,
    D1,
    R1,
    R2,
    THIRD_SEED,
    Log,
    Plan,
    Ran,
    Said,
    Signer,
    car_of,
    claim,
    decoded,
)
from tests.vectors.make.curve import public
from tests.vectors.make.rows import OTHER_SEED, SEED, Row, cid_of, did

TAG = "octostore/bundle@2"
POLICY: Any = {
    "octostore/policy@1": {
        "name": "lab",
        "model": "quorum",
        "groups": [
            {"name": "Bristol", "keys": [did(public(SEED))]},
            {"name": "Caltech", "keys": [did(public(OTHER_SEED))]},
        ],
    }
}
ASKED: Any = {"input": D1, "program": C1}


@dataclass
class World:
    """A claim by each group and one by a stranger, all on one invocation."""

    values: tuple[CID, ...] = (R1, R1, R2)
    ran: Ran = field(default_factory=Ran)

    def __post_init__(self) -> None:
        seeds = (SEED, OTHER_SEED, THIRD_SEED)
        self.said: list[Said] = [
            Signer(seed).says(claim(self.ran, value))
            for seed, value in zip(seeds, self.values, strict=False)
        ]
        self.log = Log(tuple(self.said))
        self.plan = Plan(self.log, ASKED, tuple(range(len(self.said))))

    @property
    def named(self) -> list[tuple[CID, CID]]:
        return [(said.name, cid_of(said.records[0].block)) for said in self.said]

    def told(self, *groups: str | None) -> list[Any]:
        """`said` for the first claims, by group."""
        found: list[Any] = [
            [statement, record, group, None, False]
            for (statement, record), group in zip(self.named, groups, strict=False)
        ]
        return sorted(found, key=lambda one: bytes(one[0]))

    def verdict(self, **more: Any) -> Any:
        """That both agree."""
        both = ["Bristol", "Caltech"]
        shown = {"for": both, "against": [], "silent": [], "lower_bound": 0}
        # One record may be signed by both.
        counted = sorted({record for _, record in self.named[:2]}, key=bytes)
        fields: Any = {
            "invocation": cid_of(self.ran.invocation),
            "policy": cid_of(dag_cbor.encode(POLICY)),
            "size": len(self.log.entries),
            "root": merkle.root(self.log.entries),
            "state": "agreed",
            "advice": "reuse",
            "outputs": {"/r": {"value": R1, **shown}, "exit": {"value": 0, **shown}},
            "evidence": counted,
            "links": [],
        }
        return {"octostore/verdict@1": {**fields, **more}}

    def car(
        self,
        verdicts: list[Any] | None = None,
        policy: Any = POLICY,
        tag: str = TAG,
        **more: Any,
    ) -> bytes:
        """The file; `more` are other fields of the belief."""
        blocks = [
            dag_cbor.encode(value)
            for value in ([self.verdict()] if verdicts is None else verdicts)
        ]
        fields: Any = {
            "policy": cid_of(dag_cbor.encode(policy)),
            "verdicts": [cid_of(block) for block in blocks],
            "said": self.told("Bristol", "Caltech"),
            "rates": [],
        }
        belief = dag_cbor.encode({"octostore/belief@1": {**fields, **more}})
        root, head, proof, *rest = self.plan.blocks()
        (right,) = decoded(root).values()
        made: Any = {tag: {**right, "belief": cid_of(belief)}}
        beside = [belief, dag_cbor.encode(policy), *blocks]
        return car_of([dag_cbor.encode(made), head, proof, *beside, *rest])


def believed() -> Iterator[Row]:
    """All rows; `states` are those of the verdicts of a file that holds."""
    world = World()
    yield _good("two groups agree", "a stranger says otherwise", world.car(), "agreed")
    yield _good("a group is silent", *_one_alone())
    yield _good("a group was revoked", *_revoked())
    yield _good("nothing is claimed", *_nothing())
    for name, why, step, more in _lies(world):
        yield _bad(name, why, world.car(**more), step)
    yield _bad(
        "a belief under the first name", "its fields are closed", _first_name(), "file"
    )
    yield _bad(
        "the second name without a belief", "it has one", _no_belief(world), "file"
    )
    other = World((R1, R2))
    lie = other.car([other.verdict()])
    yield _bad("a verdict that does not follow", "they contradict", lie, "verdict")


def _one_alone() -> tuple[str, bytes, str]:
    world = World((R1,))
    shown = {"for": ["Bristol"], "against": [], "silent": ["Caltech"]}
    undecided = {**shown, "lower_bound": 0}
    outputs = {
        "/r": {"undecided": R1, **undecided},
        "exit": {"undecided": 0, **undecided},
    }
    verdict = world.verdict(state="single", advice="compare", outputs=outputs)
    return (
        "one is not enough",
        world.car([verdict], said=world.told("Bristol")),
        ("single"),
    )


def _revoked() -> tuple[str, bytes, str]:
    world = World()
    shown = {"for": ["Bristol"], "against": [], "silent": ["Caltech"]}
    undecided = {**shown, "lower_bound": 0}
    outputs = {
        "/r": {"undecided": R1, **undecided},
        "exit": {"undecided": 0, **undecided},
    }
    counted = [world.named[0][1]]
    verdict = world.verdict(
        state="single", advice="compare", outputs=outputs, evidence=counted
    )
    said = world.told("Bristol", None)
    said = [[*one[:3], "revoked" if one[2] is None else None, False] for one in said]
    return "as the file tells", world.car([verdict], said=said), "single"


def _nothing() -> tuple[str, bytes, str]:
    world = World(())
    return "no verdict on no invocation", world.car([], said=[]), ""


def _lies(world: World) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    told, stranger = world.told("Bristol", "Caltech"), world.named[2]
    right = world.verdict()
    larger = world.verdict(size=len(world.log.entries) + 1)
    yield "another state", "agreed", "verdict", {"verdicts": [
        world.verdict(state="conflict")
    ]}  # fmt: skip
    yield "another size", "that of the checkpoint", "verdict", {"verdicts": [larger]}
    yield "no verdict", "one for each invocation", "verdict", {"verdicts": []}
    yield "two verdicts", "one invocation", "verdict", {
        "verdicts": [right, larger]
    }  # fmt: skip
    yield "a verdict twice", "each once", "belief", {"verdicts": [right, right]}
    yield "no verdict at all", "a map", "belief", {"verdicts": ["agreed"]}
    yield "no policy", "a map of one name", "belief", {"policy": {"name": "lab"}}
    yield "a claim not told of", "by a key of the policy", "verdict", {
        "said": told[:1]
    }  # fmt: skip
    yield "a claim told of twice", "each once", "belief", {"said": [told[0], *told]}
    yield "claims told of in another order", "one file", "belief", {"said": told[::-1]}
    yield "another group", "of a named key", "verdict", {
        "said": world.told("Caltech", "Bristol")
    }  # fmt: skip
    none: Any = [cid_of(b"nowhere"), cid_of(b"nothing"), "Bristol", None, False]
    yield "a claim that is not here", "nobody signed it", "verdict", {
        "said": _sorted([*told, none])
    }  # fmt: skip
    unknown: Any = [*stranger, "Nobody", None, False]
    yield "a group that is not of the policy", "three are no quorum", "verdict", {
        "said": _sorted([*told, unknown])
    }  # fmt: skip
    yield "no group and no reason", "one of them", "verdict", {
        "said": [[*one[:2], None, None, False] for one in told]
    }  # fmt: skip
    yield "a key in no group told of", "the policy names it", "belief", {
        "said": [[*one[:2], None, "no-group", False] for one in told]
    }  # fmt: skip
    yield "an unknown reason", "a closed list", "belief", {
        "said": [[*one[:2], None, "asleep", False] for one in told]
    }  # fmt: skip
    rate: Any = ["Bristol", "wasi", "", 1]
    yield "a rate that nobody asked", "heads are counted", "verdict", {"rates": [rate]}
    yield "a rate twice", "each once", "belief", {"rates": [rate, rate]}
    yield "a reason that is a list", "a word", "belief", {
        "said": [[*one[:2], None, [], False] for one in told]
    }  # fmt: skip
    yield "a rate above one", "parts of 10^9", "belief", {
        "rates": [["Bristol", "wasi", "", 10**9 + 1]]
    }  # fmt: skip
    yield "a field more", "closed", "belief", {"more": 1}
    yield "a list of another kind", "a list", "belief", {"said": None}
    yield "another tag", "the name is the version", "file", {
        "tag": "octostore/bundle@3"
    }  # fmt: skip


def _sorted(told: list[Any]) -> list[Any]:
    return sorted(told, key=lambda one: bytes(one[0]))


def _first_name() -> bytes:
    return World().car(tag="octostore/bundle@1")


def _no_belief(world: World) -> bytes:
    root, *rest = world.plan.blocks()
    (right,) = decoded(root).values()
    made: Any = {TAG: right}
    return car_of([dag_cbor.encode(made), *rest])


def _good(name: str, why: str, car: bytes, states: str) -> Row:
    return {
        "name": name,
        "why": why,
        "valid": True,
        "car": base64.b64encode(car).decode(),
        "states": states.split(),
    }


def _bad(name: str, why: str, car: bytes, step: str) -> Row:
    return {
        "name": name,
        "why": why,
        "valid": False,
        "car": base64.b64encode(car).decode(),
        "step": step,
    }
