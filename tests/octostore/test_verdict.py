"""Verdicts as blocks: one value, one encoding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from octostore.belief.verdict import OutputVerdict, Verdict

R1, R2, C1, C2 = sorted(CID.of_bytes(bytes([n])) for n in range(4))

AGREED = OutputVerdict(
    finding="value",
    value=R1,
    for_=("Bristol", "Caltech"),
    against=(),
    silent=("node 7",),
    lower_bound=998_000_000,
)
VERDICT = Verdict(
    invocation=CID.of_block(b"i"),
    policy=CID.of_block(b"p"),
    size=40,
    root=bytes(32),
    state="agreed",
    advice="reuse",
    outputs={
        "/r.csv": AGREED,
        "/tree": OutputVerdict(
            finding="incomparable",
            value=None,
            values=(R1, R2),
            for_=("Bristol",),
            against=(),
            silent=(),
        ),
        "stdout": OutputVerdict(
            finding="undecided", value=None, for_=(), against=("A", "B"), silent=()
        ),
        "exit": OutputVerdict(
            finding="value", value=0, for_=("A",), against=(), silent=()
        ),
    },
    evidence=(C1, C2),
    links=(R1,),
)


def test_a_verdict_is_read_as_it_was_written() -> None:
    again = Verdict.from_block(VERDICT.block)
    assert again == VERDICT
    assert again.cid == VERDICT.cid


def test_a_verdict_is_written_as_its_specimen_says() -> None:
    assert dagcbor.decode(replace(VERDICT, outputs={"/r.csv": AGREED}).block) == {
        "octostore/verdict@1": {
            "invocation": VERDICT.invocation,
            "policy": VERDICT.policy,
            "size": 40,
            "root": bytes(32),
            "state": "agreed",
            "advice": "reuse",
            "outputs": {
                "/r.csv": {
                    "value": R1,
                    "for": ["Bristol", "Caltech"],
                    "against": [],
                    "silent": ["node 7"],
                    "lower_bound": 998_000_000,
                }
            },
            "evidence": [C1, C2],
            "links": [R1],
        }
    }


def _body() -> dict[str, Any]:
    value = cast("dict[str, Any]", dagcbor.decode(VERDICT.block))
    return cast("dict[str, Any]", value["octostore/verdict@1"])


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("state",), "maybe"),
        (("advice",), None),
        (("size",), -1),
        (("size",), True),
        (("root",), bytes(31)),
        (("evidence",), [C2, C1]),
        (("evidence",), [C1, C1]),
        (("links",), ["x"]),
        (("more",), 1),
        (("invocation",), "x"),
        (("outputs",), []),
        (("outputs", "/r.csv"), {}),
        (("outputs", "/r.csv", "lower_bound"), 10**9),
        (("outputs", "/r.csv", "lower_bound"), -1),
        (("outputs", "/r.csv", "for"), ["Caltech", "Bristol"]),
        (("outputs", "/r.csv", "silent"), [1]),
        (("outputs", "/r.csv", "value"), None),
        (("outputs", "/r.csv", "value"), 0),
        (("outputs", "/r.csv", "more"), 0),
        (("outputs", "/tree", "incomparable"), [R1]),
        (("outputs", "/tree", "incomparable"), R1),
        (("outputs", "exit", "value"), R1),
        (("outputs", "exit", "value"), 2**32),
        (("outputs", "stdout"), {"maybe": None, **dict.fromkeys("abcd")}),
    ],
)
def test_what_no_verdict_writes_is_no_verdict(at: tuple[str, ...], value: Any) -> None:
    body = _body()
    place = body
    for name in at[:-1]:
        place = place[name]
    place[at[-1]] = value
    with pytest.raises(EncodingError):
        Verdict.from_block(dagcbor.encode({"octostore/verdict@1": body}))


@pytest.mark.parametrize("name", ["state", "links", "root"])
def test_a_verdict_that_lacks_a_field_is_none(name: str) -> None:
    body = _body()
    del body[name]
    with pytest.raises(EncodingError, match=name):
        Verdict.from_block(dagcbor.encode({"octostore/verdict@1": body}))


def test_only_a_map_with_one_tag_is_a_verdict() -> None:
    others: list[dagcbor.Ipld] = [[], {}, {"octostore/verdict@2": _body()}]
    for value in others:
        with pytest.raises(EncodingError):
            Verdict.from_block(dagcbor.encode(value))


def test_a_finding_and_its_value_fit_each_other() -> None:
    with pytest.raises(EncodingError):
        replace(AGREED, finding="incomparable")
    with pytest.raises(EncodingError):
        replace(AGREED, value=None)
    with pytest.raises(EncodingError):
        replace(AGREED, values=(R1, R2))
