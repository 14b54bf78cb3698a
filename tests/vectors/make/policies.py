"""Policies, each with its nearest invalid neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dag_cbor

from tests.vectors.make.curve import public
from tests.vectors.make.rows import Row, changed, did, invalid, valid

TAG = "octostore/policy@1"

A, B, C = sorted(did(public(bytes([i]) * 32)) for i in range(3))

OPEN: Row = {"name": "open", "model": "open"}
QUORUM: Row = {
    "name": "my lab",
    "model": "quorum",
    "groups": [{"name": "Bristol", "keys": [A, B]}, {"name": "Caltech", "keys": [C]}],
    "quorum": {"networks": 2},
}
EVIDENCE: Row = {**QUORUM, "model": "evidence", "anchors": ["Bristol"]}
del EVIDENCE["quorum"]
FULL: Row = {
    "name": "b\u00fcro",
    "model": "evidence",
    "groups": [
        {"name": "Bristol", "keys": [A], "error": 1, "shares": ["dc 1", "dc 2"]},
        {"name": "caltech", "keys": [B, C], "error": 500_000_000},
    ],
    "anchors": ["Bristol", "caltech"],
    "evidence": {
        "confidence": 999_999_999,
        "prior_wrong": 10_000,
        "prior_right": 1,
        "level": 500_000_001,
        "checks": 0,
        "half_life_days": 36_500,
        "shared": 0,
        "floor": 500_000_000,
        "anchor_error": 1,
    },
    "outputs": ["", "/a", "error", "exit", "value"],
    "ignored": ["/b", "stdout"],
    "platforms": [["linux/amd64", "linux/amd64/v3"], ["linux/arm64", "linux/arm64/v8"]],
    "links": ["caltech"],
    "delegations": False,
    "failures": "against",
    "recheck": 1_000_000_000,
}


def policies() -> Iterable[Row]:
    """All fields of a policy, and what is refused of each."""
    yield _valid("open", "the least it can say", OPEN)
    yield _valid("quorum", "two groups on two networks", QUORUM)
    yield _valid("evidence", "every number as it would be anyway", EVIDENCE)
    yield _valid("every field", "and the least or most of each number", FULL)
    named = {**OPEN, "groups": QUORUM["groups"]}
    yield _valid("open with groups", "they give names to keys", named)
    yield _valid("quorum of none", "valid, and it never decides", _with(groups=...))
    yield from _envelope()
    yield from _whole()
    yield from _groups()
    yield from _numbers()
    yield from _sets()


def _envelope() -> Iterable[Row]:
    block = dag_cbor.encode({TAG: OPEN})
    yield invalid("trailing byte", "one block", block + b"\0", "encoding")
    yield invalid("cut", "breaks off", block[:-1], "encoding")
    wide = block.replace(b"\x64open", b"\x78\x04open")
    yield invalid("length not minimal", "one encoding", wide, "encoding")
    yield invalid("not a map", "a policy is a map", [OPEN], "policy")
    yield invalid("no tag", "the tag says what it is", OPEN, "policy")
    other = {"octostore/policy@2": OPEN}
    yield invalid("another version", "another format", other, "policy")
    yield invalid("two tags", "one policy", {TAG: OPEN, "x": OPEN}, "policy")
    yield invalid("policy in a list", "a map", {TAG: [OPEN]}, "policy")


def _whole() -> Iterable[Row]:
    yield from _refused(
        OPEN,
        ("no name", "what is it called?", {"name": ...}),
        ("empty name", "say something", {"name": ""}),
        ("name with a line break", "one line", {"name": "a\nb"}),
        ("no model", "how is it counted?", {"model": ...}),
        ("unknown model", "closed", {"model": "majority"}),
        ("model in upper case", "one spelling", {"model": "Open"}),
        ("unknown field", "closed", {"weights": {}}),
        ("null field", "left out", {"anchors": None}),
        ("no groups", "left out when empty", {"groups": []}),
        ("quorum of an open policy", "nobody reads it", {"quorum": {"groups": 3}}),
        ("delegations written out", "true is left out", {"delegations": True}),
        ("delegations as a number", "a boolean", {"delegations": 0}),
        ("failures written out", "shown is left out", {"failures": "shown"}),
        ("unknown failures", "closed", {"failures": "ignored"}),
        ("recheck written out", "0 is left out", {"recheck": 0}),
        ("recheck of more than all", "a share", {"recheck": 1_000_000_001}),
        ("recheck below none", "a share", {"recheck": -1}),
        ("recheck as text", "parts", {"recheck": "0.1"}),
    )
    small = {**OPEN, "recheck": 0.05}
    yield invalid("recheck as a float", "no floats", {TAG: small}, "encoding")


def _groups() -> Iterable[Row]:
    bristol, caltech = QUORUM["groups"]
    shared = {"name": "Caltech", "keys": [A]}

    def one(**fields: Any) -> Row:
        return {"groups": [changed(bristol, **fields)]}

    yield from _refused(
        QUORUM,
        ("groups out of order", "ascending", {"groups": [caltech, bristol]}),
        ("one name twice", "a name is one group", {"groups": [bristol, bristol]}),
        ("a key in two groups", "one vote", {"groups": [bristol, shared]}),
        ("a group without keys", "who speaks?", one(keys=[])),
        ("a group without the field", "who speaks?", one(keys=...)),
        ("a group without a name", "who is it?", one(name=...)),
        ("keys out of order", "ascending", one(keys=[B, A])),
        ("a key twice", "a set", one(keys=[A, A])),
        ("a key that is none", "did:key", one(keys=["did:web:bristol.ac.uk"])),
        ("a key as bytes", "text", one(keys=[b"\xed\x01"])),
        ("an error of none", "left out", one(error=0)),
        ("an error over a half", "says the contrary", one(error=500_000_001)),
        ("no shares", "left out when empty", one(shares=[])),
        ("shares out of order", "ascending", one(shares=["b", "a"])),
        ("an unknown field of a group", "closed", one(weight=1)),
        ("a group that is no map", "a map", {"groups": ["Bristol"]}),
    )


def _numbers() -> Iterable[Row]:
    yield from _refused(
        QUORUM,
        ("quorum that says nothing", "left out", {"quorum": {}}),
        ("quorum written out", "2 is left out", {"quorum": {"groups": 2}}),
        ("quorum of no group", "anything would do", {"quorum": {"groups": 0}}),
        ("quorum of 10,001", "too many", {"quorum": {"groups": 10_001}}),
        ("no network", "anything would do", {"quorum": {"networks": 0}}),
        ("65 networks", "too many", {"quorum": {"networks": 65}}),
        ("less than none against", "a number", {"quorum": {"against": -1}}),
        ("an unknown number", "closed", {"quorum": {"keys": 2}}),
        ("evidence of a quorum", "nobody reads it", {"evidence": {"checks": 1}}),
    )
    half, one = 500_000_000, 1_000_000_000
    for name, numbers in {
        "confidence": (half, one),
        "prior_wrong": (0, 10_001),
        "prior_right": (0, 10_001),
        "level": (half, one),
        "checks": (-1, 10_001),
        "half_life_days": (0, 36_501),
        "shared": (-1, one + 1),
        "floor": (0, half + 1),
        "anchor_error": (0, half + 1),
    }.items():
        for number in numbers:
            yield from _refused(
                EVIDENCE,
                (f"{name} {number}", "out of range", {"evidence": {name: number}}),
            )
    usual = {"evidence": {"confidence": 990_000_000}}
    yield from _refused(EVIDENCE, ("evidence written out", "left out", usual))


def _sets() -> Iterable[Row]:
    amd, arm = FULL["platforms"]
    yield from _refused(
        FULL,
        ("an unknown anchor", "a name of a group", {"anchors": ["bristol"]}),
        ("anchors out of order", "ascending", {"anchors": ["caltech", "Bristol"]}),
        ("an anchor twice", "a set", {"anchors": ["Bristol", "Bristol"]}),
        ("links of nobody", "a name of a group", {"links": ["Oxford"]}),
        ("an output that is no name", "a clean path", {"outputs": ["a.csv"]}),
        ("an output above", "a clean path", {"outputs": ["/a/../b"]}),
        ("the root as an output", "a tree", {"outputs": ["/"]}),
        ("stderr", "never an output", {"ignored": ["stderr"]}),
        ("outputs out of order", "ascending", {"outputs": ["value", "/a"]}),
        ("an ignored output that must agree", "either", {"ignored": ["/a"]}),
        ("a class of one platform", "left out", {"platforms": [["linux/amd64"]]}),
        ("a class of none", "left out", {"platforms": [[]]}),
        ("classes out of order", "ascending", {"platforms": [arm, amd]}),
        ("a class out of order", "ascending", {"platforms": [amd[::-1]]}),
        ("a platform in two classes", "one", {"platforms": [amd, [amd[1], arm[0]]]}),
        ("no platform", "os/architecture", {"platforms": [["amd64", "arm64"]]}),
    )


def _valid(name: str, why: str, policy: Row) -> Row:
    return valid(name, why, {TAG: policy})


def _with(**fields: Any) -> Row:
    return changed(QUORUM, **fields)


def _refused(base: Row, *rows: tuple[str, str, Row]) -> Iterable[Row]:
    for name, why, fields in rows:
        yield invalid(name, why, {TAG: changed(base, **fields)}, "policy")
