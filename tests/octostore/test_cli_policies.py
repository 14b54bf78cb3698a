"""`octostore policy`: written, explained, and those found out that never decide."""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, localcontext
from pathlib import Path

import pytest

from octostore.belief.plain import idle, never, percent, said
from octostore.belief.policy import MODELS, ONE, Policy
from octostore.belief.policy_text import read_policy
from octostore.keys import SecretKey
from tests.octostore.said import Command
from tests.octostore.test_policy import FULL

A, B, C = (str(SecretKey.from_seed(bytes([i]) * 32).public.did) for i in range(3))

GROUPS = f"""
[[groups]]
name = "A"
keys = ["{A}"]
[[groups]]
name = "B"
keys = ["{B}"]
[[groups]]
name = "C"
keys = ["{C}"]
"""


def policy(model: str, words: str = "", groups: str = GROUPS) -> Policy:
    text = f'name = "mine"\nmodel = "{model}"\n{words}\n{groups}'
    return read_policy(text.encode())


def held(error: str) -> str:
    return GROUPS.replace('name = "A"', f'name = "A"\nerror = {error}')


def sharing(groups: str = GROUPS) -> str:
    return groups.replace('name = "A"', 'name = "A"\nshares = ["dc"]').replace(
        'name = "B"', 'name = "B"\nshares = ["dc"]'
    )


@pytest.mark.parametrize(
    "found",
    [
        policy("quorum"),
        policy("quorum", "[quorum]\ngroups = 3\nnetworks = 64"),
        policy("quorum", "[quorum]\ngroups = 2", sharing()),
        policy("evidence", 'anchors = ["A"]'),
        policy("evidence", "[evidence]\nchecks = 0\nconfidence = 0.6"),
        policy("evidence", 'anchors = ["A"]\n[evidence]\nconfidence = 0.999'),
        policy("evidence", "", held("0.001")),
    ],
)
def test_a_policy_that_can_decide_is_not_faulted(found: Policy) -> None:
    assert never(found) == ()


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (policy("open"), "counts nobody"),
        (policy("quorum", groups=""), "no group"),
        (policy("evidence", groups=""), "no group"),
        (
            policy("quorum", "[quorum]\ngroups = 4"),
            "4 groups must agree and there",
        ),
        (policy("quorum", "[quorum]\ngroups = 3", sharing()), "2 are left"),
        (policy("evidence"), "no anchor and no group with an error rate"),
        (
            policy("evidence", 'anchors = ["A"]\n[evidence]\nconfidence = 0.99995'),
            "% always remain to doubt; ask for",
        ),
        (
            policy("evidence", "[evidence]\nchecks = 0"),
            "if all groups agree and never were wrong that makes",
        ),
    ],
)
def test_a_policy_that_never_decides_is_told_why(found: Policy, why: str) -> None:
    reasons = never(found)
    assert [why in reason for reason in reasons] == [True]


def test_what_is_asked_for_at_most_is_what_can_be_had() -> None:
    """The confidence that a refusal names is reached, and a little more is not."""
    words = 'anchors = ["A"]\n[evidence]\nconfidence = '
    (reason,) = never(policy("evidence", f"{words}0.99995"))
    named = re.search(r"ask for ([0-9.]+) % or less", reason)
    assert named
    most = Decimal(named[1]) / 100
    assert never(policy("evidence", f"{words}{most}")) == ()
    assert never(policy("evidence", f"{words}{most + Decimal(1) / ONE}"))


def test_every_word_of_a_policy_is_explained() -> None:
    told = "\n".join(said(read_policy(FULL.encode())))
    for word in (
        *("99.9 %", "me", "Bristol", "dc 1, dc 2", "/r.csv, stdout", "/log"),
        *("linux/amd64 and linux/amd64/v3", "against every value", "3 checks"),
        *("2 of 10", "90 %", "90 days", "100 %", "0.0000001 %", "5 %", "1 %"),
        *("Only keys that are named here", "Links by Bristol, me are followed"),
    ):
        assert word in told, word


def test_words_without_effect_are_told() -> None:
    groups = held("0.1")
    words = 'anchors = ["A"]\noutputs = ["/r"]\nrecheck = 0.1'
    assert len(idle(policy("open", words, groups))) == 4
    assert len(idle(policy("quorum", f"{words}\n[quorum]\nnetworks = 4", groups))) == 3
    assert idle(policy("evidence", words, groups)) == ()


@pytest.mark.parametrize(
    ("parts", "words"),
    [(ONE, "100 %"), (0, "0 %"), (1, "0.0000001 %"), (ONE // 20, "5 %")],
)
def test_shares_are_written_as_people_write_them(parts: int, words: str) -> None:
    assert percent(parts) == words
    with localcontext(Context(prec=3, traps=[Inexact])):  # a caller's own
        assert percent(parts) == words
        assert percent(123_456_789) == "12.3456789 %"


def test_a_policy_is_made_and_checked(octostore: Command) -> None:
    made = octostore(
        *("policy", "new", "quorum", "--name", 'my "lab"', "-o", "lab.toml"),
        *("--group", f"Bristol={A},{B}", "--group", f"a=b={C}"),
    )
    assert made.code == 0, made.err
    found = octostore("policy", "check", "lab.toml")
    assert found.code == 0
    assert made.out.split()[-1] in found.out
    assert "2 groups or more" in found.out
    asked = octostore("policy", "check", "lab.toml", "--json").json
    assert (asked["name"], asked["model"], asked["decides"]) == (
        *('my "lab"', "quorum"),
        True,
    )
    policy = read_policy(Path("lab.toml").read_bytes())
    assert [group.name for group in policy.groups] == ["Bristol", "a=b"]
    assert asked["policy"] == str(policy.cid)
    Path("lab.block").write_bytes(policy.block)
    assert octostore("policy", "check", "lab.block", "--json").json == asked
    again = octostore("policy", "new", "open", "-o", "lab.toml")
    assert again.code == 2
    assert "exists" in again.err


@pytest.mark.parametrize("model", MODELS)
def test_a_policy_without_groups_says_how_to_name_them(
    octostore: Command, model: str
) -> None:
    made = octostore("policy", "new", model)
    assert made.code == 0
    assert "# [[groups]]" in made.out
    Path("p.toml").write_text(made.out)
    found = octostore("policy", "check", "p.toml")
    assert found.code == 1
    assert "never decides" in found.out


def test_an_anchor_is_a_group(octostore: Command) -> None:
    made = octostore(
        *("policy", "new", "evidence", "--group", f"me={A}", "--anchor", "me"),
        *("--json",),
    )
    assert made.code == 0
    assert 'anchors = ["me"]' in made.json["toml"]
    wrong = octostore("policy", "new", "evidence", "--anchor", "me")
    assert wrong.code == 2
    assert "'me' is no group of this policy" in wrong.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("check", "open"), 1, "counts nobody"),
        (("check", "quorum"), 2, "policy new quorum --group"),
        (("check", "none.toml"), 2, "No such file"),
        (("new", "majority"), 2, "open"),
        (("new", "open", "--group", "Bristol"), 2, "NAME=DID"),
        (("new", "open", "--group", "Bristol=did:web:x"), 2, "did:web:x"),
        (("new", "open", "--name", "a\nb"), 2, "control character"),
        (("new", "open", "--name", "a\udcff"), 2, "not UTF-8"),
        (("new", "open", "--group", "a\udcff=did:key:z"), 2, "not UTF-8"),
    ],
)
def test_what_is_asked_wrongly_is_refused(
    octostore: Command, arguments: tuple[str, ...], code: int, said: str
) -> None:
    found = octostore("policy", *arguments)
    assert found.code == code
    assert said in found.out + found.err


def test_a_policy_that_is_refused_says_where(octostore: Command) -> None:
    Path("p.toml").write_text('name = "a"\nmodel = "quorum"\n[quorum]\ngroup = 3\n')
    found = octostore("policy", "check", "p.toml", "--json")
    assert found.code == 2
    assert found.json["error"] == "policy"
    assert found.json["at"] == "/quorum"
    assert "did you mean 'groups'?" in found.json["reason"]
    Path("p.block").write_bytes(b"\xa1aa\x01")
    assert octostore("policy", "check", "p.block").code == 2
    Path("large.toml").write_bytes(b"#" * ((1 << 20) + 1))
    assert octostore("policy", "check", "large.toml").code == 2
