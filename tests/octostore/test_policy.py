"""A policy is closed: one value, one encoding, every number within its bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.errors import OctostoreError
from octostore.belief.policy import (
    MODELS,
    OUTPUTS_MAX,
    PLATFORMS_MAX,
    POLICY_TAG,
    EvidenceTerms,
    Group,
    Policy,
    Quorum,
)
from octostore.belief.policy_text import (
    LINE_POINTS_MAX,
    POLICY_BYTES_MAX,
    read_policy,
    ready_text,
)
from octostore.belief.terms import (
    COUNT_MAX,
    GROUPS_MAX,
    HALF_LIFE_DAYS_MAX,
    KEYS_MAX,
    NETWORKS_MAX,
    ONE,
    SHARES_MAX,
)
from octostore.errors import PolicyError
from octostore.keys import Did, SecretKey

ROOT = Path(__file__).parents[2]
VECTORS: list[dict[str, Any]] = json.loads(
    (ROOT / "tests" / "vectors" / "policy.json").read_text()
)
VALID = [pytest.param(row, id=row["name"]) for row in VECTORS if row["valid"]]
INVALID = [pytest.param(row, id=row["name"]) for row in VECTORS if not row["valid"]]

DIDS = sorted(SecretKey.from_seed(bytes([i]) * 32).public.did for i in range(4))
ME, BRISTOL, CALTECH, NODE = DIDS

#: Every word of a policy, in an order of its own.
FULL = f"""
name = "my lab"  # as I call it
model = "evidence"
anchors = ["me"]
outputs = ["stdout", "/r.csv"]
ignored = ["/log"]
platforms = [["linux/arm64/v8", "linux/arm64"], ["linux/amd64/v3", "linux/amd64"]]
links = ["me", "Bristol"]
delegations = false
failures = "against"
recheck = 0.05

[[groups]]
name = "me"
keys = ["{ME}"]

[[groups]]
name = "Bristol"
keys = ["{NODE}", "{BRISTOL}"]
error = 0.01
shares = ["dc 2", "dc 1"]

[evidence]
confidence = 0.999
prior_wrong = 2
prior_right = 8
level = 0.9
checks = 3
half_life_days = 90
shared = 1
floor = 0.000000001
anchor_error = 0.002
"""


@pytest.mark.parametrize("row", VALID)
def test_a_valid_policy_reads_back_to_the_same_bytes(row: dict[str, Any]) -> None:
    block = bytes.fromhex(row["block"])
    policy = Policy.from_block(block)
    assert policy.block == block
    assert str(policy.cid) == row["cid"]
    assert policy.to_ipld() == row["value"]  # no link and no bytes in it
    assert hash(Policy.from_block(policy.block)) == hash(policy)


@pytest.mark.parametrize("row", INVALID)
def test_an_invalid_policy_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(OctostoreError) as caught:
        Policy.from_block(bytes.fromhex(row["block"]))
    assert caught.value.code == row["error"]


@pytest.mark.parametrize("row", VALID)
def test_every_field_of_a_policy_has_one_type(row: dict[str, Any]) -> None:
    policy = row["value"][POLICY_TAG]
    others: list[Any] = ["", 0, True, b"", [], {}, [1], {"a": 1}, None]
    for name in {field.name for field in fields(Policy)}:
        for other in others:
            if name in policy and type(other) is type(policy[name]):
                continue
            changed = {POLICY_TAG: {**policy, name: other}}
            with pytest.raises(PolicyError):
                Policy.from_block(dagcbor.encode(changed))


def test_the_schema_names_the_fields_of_the_code() -> None:
    schema = (ROOT / "schemas" / "policy.ipldsch").read_text()
    for kind in (Policy, Group, Quorum, EvidenceTerms):
        body = re.search(
            rf"type {kind.__name__} struct {{[^\n]*\n(.*?)\n}}", schema, re.S
        )
        assert body
        named = re.findall(r"^  (\w+) ", body[1], re.M)
        assert named == [field.name for field in fields(kind)]
    for kind in (Quorum, EvidenceTerms):
        for name, (least, most) in kind.BOUNDS.items():
            usual = getattr(kind(), name)
            words = rf"  {name} optional \w+ # {least} to {most} \({usual}\)\n"
            assert re.search(words, schema), name


def test_a_policy_of_toml_says_every_word() -> None:
    policy = read_policy(FULL.encode())
    assert policy == Policy(
        name="my lab",
        model="evidence",
        groups=(
            Group(
                name="Bristol",
                keys=tuple(sorted((BRISTOL, NODE))),
                error=ONE // 100,
                shares=("dc 1", "dc 2"),
            ),
            Group(name="me", keys=(ME,)),
        ),
        anchors=("me",),
        evidence=EvidenceTerms(
            confidence=999_000_000,
            prior_wrong=2,
            prior_right=8,
            level=900_000_000,
            checks=3,
            half_life_days=90,
            shared=ONE,
            floor=1,
            anchor_error=2_000_000,
        ),
        outputs=("/r.csv", "stdout"),
        ignored=("/log",),
        platforms=(
            ("linux/amd64", "linux/amd64/v3"),
            ("linux/arm64", "linux/arm64/v8"),
        ),
        links=("Bristol", "me"),
        delegations=False,
        failures="against",
        recheck=50_000_000,
    )
    assert Policy.from_block(policy.block) == policy


def test_the_order_of_words_and_sets_does_not_change_a_policy() -> None:
    one = read_policy(FULL.encode())
    parts = FULL.split("[[groups]]")
    groups = parts[1], parts[2].split("[evidence]")[0]
    evidence = parts[2].split("[evidence]")[1]
    other = "\n".join(
        [
            *reversed(parts[0].strip().splitlines()),
            *("[evidence]", *reversed(evidence.strip().splitlines())),
            *(f"[[groups]]\n{group}" for group in reversed(groups)),
        ]
    )
    assert read_policy(other.encode()).cid == one.cid


@pytest.mark.parametrize("model", MODELS)
def test_the_ready_policies_are_read_and_say_their_usual_numbers(model: Any) -> None:
    policy = read_policy(ready_text(model).encode())
    assert (policy.name, policy.model, policy.groups) == (model, model, ())
    assert policy.quorum == Quorum()
    assert policy.evidence == EvidenceTerms()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "my lab"', "", "no 'name'"),
        ("anchors", "anchor", "did you mean 'anchors'?"),
        ("shares", "share", "did you mean 'shares'?"),
        ("floor", "flor", "did you mean 'floor'?"),
        ("delegations = false", "zzzz = 1", "expected name, model, groups"),
        ("[evidence]", "[quorum]", "'quorum'|'prior_wrong'|unknown word"),
        ("recheck = 0.05", "recheck = 5", "0 to 1"),
        ("recheck = 0.05", "recheck = -0.05", "0 to 1"),
        ("recheck = 0.05", "recheck = nan", "0 to 1"),
        ("recheck = 0.05", "recheck = inf", "0 to 1"),
        ("recheck = 0.05", "recheck = true", "a decimal like 0.99"),
        ("recheck = 0.05", 'recheck = "5 %"', "a decimal like 0.99"),
        ("recheck = 0.05", "recheck = 0.0500000001", "nine digits"),
        ("recheck = 0.05", "recheck = 1e-400000", "nine digits"),
        ("recheck = 0.05", "recheck = 1e-99999999999999999999", "out of all bounds"),
        ("recheck = 0.05", f"recheck = {'9' * 5000}", "not TOML"),
        ("checks = 3", "checks = 3.0", "a decimal; expected a whole number"),
        ("checks = 3", "checks = 2026-11-23", "a date or time; expected"),
        ("delegations = false", "delegations = 0", "expected true or false"),
        ('anchors = ["me"]', 'anchors = ["me", "me"]', "'me' stands there twice"),
        ('anchors = ["me"]', 'anchors = ["you"]', "no group of this policy"),
        ('anchors = ["me"]', 'anchors = "me"', "text; expected an array"),
        ('name = "Bristol"', 'name = "me"', "comes after"),
        (str(BRISTOL), str(ME), "a key has one group"),
        (str(BRISTOL), "did:web:x.org", "did:web"),
        ("[[groups]]", "[groups]", "not TOML"),
        ("outputs", "outputs = [\n[", "not TOML"),
    ],
)
def test_toml_that_is_refused_says_why(old: str, new: str, said: str) -> None:
    assert old in FULL
    with pytest.raises(PolicyError, match=re.escape(said).replace(r"\|", "|")):
        read_policy(FULL.replace(old, new).encode())


def test_zeros_at_the_end_of_a_probability_are_no_digits() -> None:
    text = FULL.replace("0.05", "0.0500000000000000")
    assert read_policy(text.encode()) == read_policy(FULL.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"a = " + b"[" * 100_000,
        b"a." * 100_000 + b"a = 1",
        b"[" + b"a." * 100_000 + b"a]",
        b"a = " + b"{b = " * 100_000,
        b"recheck = 0." + b"9" * 1_000_000,
        # Python refuses to write a number of so many digits, into a message too.
        b"name = 'a'\nmodel = 'quorum'\nrecheck = 0x" + b"f" * 4_000,
        b"name = 'a'\nmodel = 'quorum'\nquorum.groups = 0x" + b"f" * 4_000,
    ],
)
def test_hostile_toml_is_refused(data: bytes) -> None:
    with pytest.raises(PolicyError):
        read_policy(data)


def _keys(count: int) -> tuple[Did, ...]:
    return tuple(
        sorted(
            SecretKey.from_seed(i.to_bytes(32, "big")).public.did for i in range(count)
        )
    )


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"/{i:05}" for i in range(count))


def _quorum(**numbers: int) -> Policy:
    return Policy(name="a", model="quorum", quorum=Quorum(**numbers))


def _evidence(**numbers: int) -> Policy:
    return Policy(name="a", model="evidence", evidence=EvidenceTerms(**numbers))


def _platforms(count: int) -> Policy:
    pairs = tuple((f"a/{name[1:]}", f"b/{name[1:]}") for name in _names(count))
    return Policy(name="a", model="open", platforms=pairs)


def _class(count: int) -> Policy:
    one = tuple(f"a/{name[1:]}" for name in _names(count))
    return Policy(name="a", model="open", platforms=(one,))


def _text(size: int) -> Policy:
    head = b'name = "a"\nmodel = "open"\n#'
    return read_policy(head + b"#" * (size - len(head)))


def _points(count: int) -> Policy:
    return read_policy(b'name = "a"\nmodel = "open"\n#' + b"." * count)


def _group(**given: Any) -> Policy:
    group = Group(**{"name": "g", "keys": (ME,), **given})
    return Policy(name="a", model="open", groups=(group,))


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda n: _group(keys=_keys(n)), KEYS_MAX),
        (lambda n: _group(shares=_names(n)), SHARES_MAX),
        (lambda n: _group(error=n), ONE // 2),
        (lambda n: _quorum(groups=n), GROUPS_MAX),
        (lambda n: _quorum(against=n), GROUPS_MAX),
        (lambda n: _quorum(networks=n), NETWORKS_MAX),
        (lambda n: _evidence(checks=n), COUNT_MAX),
        (lambda n: _evidence(half_life_days=n), HALF_LIFE_DAYS_MAX),
        (lambda n: Policy(name="a", model="open", outputs=_names(n)), OUTPUTS_MAX),
        (lambda n: Policy(name="a", model="open", ignored=_names(n)), OUTPUTS_MAX),
        (_platforms, PLATFORMS_MAX),
        (_class, PLATFORMS_MAX),
        (_text, POLICY_BYTES_MAX),
        (_points, LINE_POINTS_MAX),
    ],
)
def test_every_limit_of_a_policy_is_reached_and_not_passed(
    make: Callable[[int], Policy], most: int
) -> None:
    policy = make(most)
    assert Policy.from_block(policy.block) == policy
    with pytest.raises(PolicyError):
        make(most + 1)


def test_ten_thousand_groups_fit_a_block_and_one_more_is_refused() -> None:
    groups = tuple(
        Group(name=f"{i:05}", keys=(key,))
        for i, key in enumerate(_keys(GROUPS_MAX + 1))
    )
    policy = Policy(name="a", model="open", groups=groups[:-1])
    assert Policy.from_block(policy.block) == policy
    with pytest.raises(PolicyError, match="at most 10000"):
        Policy(name="a", model="open", groups=groups)


def test_a_policy_cannot_be_changed() -> None:
    policy = _quorum(groups=3)
    with pytest.raises(AttributeError):
        policy.name = "b"  # type: ignore[misc] # that is the point
    assert policy.cid == CID.of_block(policy.block)
