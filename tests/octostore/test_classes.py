"""What is the same: by links that the policy admits, never inside args, both ways."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invocation_spec.cid import CID, DAG_PB
from invocation_spec.model import (
    GvmiProgram,
    Import,
    Input,
    OciProgram,
    Put,
    Run,
    WasiProgram,
    WasmFunctionProgram,
)
from octostore.belief.admitted import LOOKS_MAX
from octostore.belief.alike import CANDIDATES_MAX
from octostore.belief.classes import CLASS_MAX, Classes, Led, Same, same_as
from octostore.belief.groups import Groups
from octostore.belief.policy import Group, Policy
from octostore.questions.standing import Standings
from octostore.records import Link, Meaning, Record, Revocation
from octostore.statement import RECORDS_MAX
from octostore.store import Octostore
from tests.octostore.world import C1, D1, Issuer, Ran, block_of, claim, data, result

ME, STRANGER = "me", "stranger"


def unixfs(name: str) -> CID:
    """Another CID of the bytes that `data` names."""
    return CID(bytes((1, DAG_PB)) + data(name).raw[2:])


C1_FS, D1_FS = unixfs("C1"), unixfs("D1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


@pytest.fixture
def me() -> Issuer:
    return Issuer(ME)


@pytest.fixture
def stranger() -> Issuer:
    return Issuer(STRANGER)


def link(a: CID, b: CID, means: Meaning = "same-bytes") -> Link:
    low, high = sorted((a, b))
    return Link(a=low, b=high, means=means)


def say(store: Octostore, who: Issuer, *records: Record) -> None:
    statement, blocks = who.state(list(records))
    assert store.ingest(blocks).accepted == (statement.cid,)


def claimed(store: Octostore, *runs: Ran, **more: object) -> None:
    for ran in runs:
        statement, blocks = Issuer(f"who runs {ran.cid}").claims(ran, result(), **more)
        assert store.ingest(blocks).accepted == (statement.cid,)


def policy(*links: str) -> Policy:
    return Policy(
        name="mine",
        model="open",
        groups=(Group(name=ME, keys=(Issuer(ME).key.public.did,)),),
        links=links,
    )


def same(
    store: Octostore, ran: Ran, of: Policy | None = None, size: int | None = None
) -> Same:
    mine = policy(ME) if of is None else of
    with store.view(size) as view:
        return same_as(view, mine, Groups(mine, Standings(view)), ran.cid)


def fed(**fields: object) -> Ran:
    return Ran(input=Input(**fields))  # type: ignore[arg-type] # a test says which


def running(program: object) -> Ran:
    return Ran(program=program, input=Input())  # type: ignore[arg-type] # likewise


RAW, FS = fed(files={"/d": D1}), fed(files={"/d": D1_FS})


def test_a_link_that_the_policy_admits_makes_two_invocations_one(
    store: Octostore, me: Issuer
) -> None:
    claimed(store, RAW, FS)
    assert same(store, RAW) == Same(RAW.cid, RAW.cid)
    one = link(D1, D1_FS)
    say(store, me, one)
    there, back = same(store, RAW), same(store, FS)
    assert there == Same(RAW.cid, RAW.cid, (FS.cid,), (one.cid,))
    assert back == Same(FS.cid, RAW.cid, (RAW.cid,), (one.cid,))


def test_without_a_policy_only_checked_links_are_followed(
    store: Octostore, me: Issuer
) -> None:
    claimed(store, RAW, FS)
    one = link(D1, D1_FS)
    say(store, me, one)
    with store.view() as view:
        assert same_as(view, None, None, RAW.cid).invocations == ()
        found = same_as(view, None, None, RAW.cid, checked=[one])
    assert (found.invocations, found.links) == ((FS.cid,), (one.cid,))


@pytest.mark.parametrize("means", ["same-bytes", "same-program", "selects"])
def test_a_bad_link_by_an_untrusted_key_changes_nothing(
    store: Octostore, me: Issuer, stranger: Issuer, means: Meaning
) -> None:
    image, other = OciProgram(data("image")), OciProgram(unixfs("other"))
    runs = [RAW, FS, running(image), running(other)]
    claimed(store, *runs)
    say(store, me, link(data("x"), unixfs("y")))
    before = [same(store, ran) for ran in runs]
    platform = "linux/amd64" if means == "selects" else None
    for a, b in ((D1, D1_FS), (C1, C1_FS), (image.code, other.code)):
        low, high = sorted((a, b))
        say(store, stranger, Link(a=low, b=high, means=means, platform=platform))
    assert [same(store, ran) for ran in runs] == before
    with store.view() as view:
        mine = policy(ME)
        classes = Classes(view, mine, Groups(mine, Standings(view)))
        assert all(classes.led_from(ran.cid) == () for ran in runs)


def test_a_policy_without_links_follows_none(store: Octostore, me: Issuer) -> None:
    claimed(store, RAW, FS)
    say(store, me, link(D1, D1_FS))
    assert same(store, RAW, policy()).invocations == ()


def test_a_link_that_is_revoked_is_followed_no_more(
    store: Octostore, me: Issuer
) -> None:
    claimed(store, RAW, FS)
    say(store, me, link(D1, D1_FS))
    with store.view() as view:
        size = view.checkpoint().size
    say(store, me, Revocation(key=me.key.public.did, keep=()))
    assert same(store, RAW).invocations == ()
    assert same(store, RAW, size=size).invocations == (FS.cid,)
    assert same(store, RAW, size=size - 1).invocations == ()


def test_an_invocation_that_was_claimed_later_is_not_seen_as_of_before(
    store: Octostore, me: Issuer
) -> None:
    claimed(store, RAW)
    say(store, me, link(D1, D1_FS))
    claimed(store, FS)
    assert same(store, RAW, size=2).invocations == ()
    assert same(store, RAW, size=3).invocations == (FS.cid,)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (fed(stdin=D1), fed(stdin=D1_FS)),
        (
            fed(steps=[Put({"/d": D1}), Run(("a",)), Run(("b",))]),
            fed(steps=[Put({"/d": D1_FS}), Run(("a",)), Run(("b",))]),
        ),
        (running(WasiProgram(D1)), running(WasiProgram(D1_FS))),
        (
            running(WasiProgram(C1, imports=(Import(D1, "m"),))),
            running(WasiProgram(C1, imports=(Import(D1_FS, "m"),))),
        ),
        (
            Ran(WasiProgram(D1), Input(files={"/d": D1_FS, "/e": D1})),
            Ran(WasiProgram(D1_FS), Input(files={"/d": D1, "/e": D1})),
        ),
    ],
    ids=["stdin", "put", "code", "import", "several"],
)
def test_same_bytes_are_the_same_wherever_a_content_stands(
    store: Octostore, me: Issuer, a: Ran, b: Ran
) -> None:
    claimed(store, a, b)
    one = link(D1, D1_FS)
    say(store, me, one)
    for ran, other in ((a, b), (b, a)):
        found = same(store, ran)
        assert (found.invocations, found.links) == ((other.cid,), (one.cid,))
    assert same(store, a).normal == same(store, b).normal


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (fed(files={"/d": D1}), fed(files={"/e": D1_FS})),
        (fed(files={"/d": D1}), fed(files={"/d": D1_FS}, env={"A": "b"})),
        (fed(files={"/d": D1}), fed(files={"/d": D1_FS}, nonce=b"n")),
        (fed(files={"/d": D1}), fed(files={"/d": D1_FS, "/e": D1})),
        (running(WasiProgram(D1)), running(OciProgram(D1_FS))),
        (
            running(WasmFunctionProgram(D1, "f")),
            running(WasmFunctionProgram(D1_FS, "g")),
        ),
        (
            Ran(WasmFunctionProgram(C1, "f"), Input(args=(D1,))),
            Ran(WasmFunctionProgram(C1, "f"), Input(args=(D1_FS,))),
        ),
    ],
    ids=["path", "env", "nonce", "one more", "kind", "function", "args"],
)
def test_what_differs_otherwise_is_not_the_same(
    store: Octostore, me: Issuer, a: Ran, b: Ran
) -> None:
    claimed(store, a, b)
    say(store, me, link(D1, D1_FS))
    assert same(store, a).invocations == same(store, b).invocations == ()


def test_the_same_program_is_so_where_it_runs_and_nowhere_else(
    store: Octostore, me: Issuer
) -> None:
    say(store, me, link(D1, D1_FS, "same-program"))
    code = running(WasiProgram(D1)), running(WasiProgram(D1_FS))
    imported = (
        running(WasiProgram(C1, imports=(Import(D1, "m"),))),
        running(WasiProgram(C1, imports=(Import(D1_FS, "m"),))),
    )
    claimed(store, *code, *imported, RAW, FS)
    assert same(store, code[0]).invocations == (code[1].cid,)
    assert same(store, imported[0]).invocations == ()
    assert same(store, RAW).invocations == ()


def test_links_are_followed_one_after_the_other_and_all_are_named(
    store: Octostore, me: Issuer
) -> None:
    names = [data("a"), unixfs("b"), unixfs("c"), unixfs("d")]
    chain = [link(*pair) for pair in pairwise(names)]
    first, last = (fed(files={"/d": names[at]}) for at in (0, -1))
    claimed(store, first, last)
    say(store, me, *chain)
    found = same(store, first)
    assert found.invocations == (last.cid,)
    assert set(found.links) == {item.cid for item in chain}
    with store.view() as view:
        mine = policy(ME)
        classes = Classes(view, mine, Groups(mine, Standings(view)))
        assert {classes.least(name) for name in names} == {min(names)}
        assert classes.members(names[2]) == tuple(sorted(names))
        assert classes.links(names[1], names[2]) == (chain[1].cid,)
        assert classes.links(names[1], names[1]) == ()
        assert classes.links(names[1], D1) == ()
        assert classes.least(D1) == D1


def test_what_is_withheld_is_the_same_as_nothing(store: Octostore, me: Issuer) -> None:
    claimed(store, RAW)
    statement, blocks = Issuer("shy").state(
        [claim(FS, result(), withheld=("input",))],
        [block_of(FS.invocation), block_of(FS.program), block_of(result())],
    )
    assert store.ingest(blocks).accepted == (statement.cid,)
    say(store, me, link(D1, D1_FS))
    assert same(store, RAW).invocations == same(store, FS).invocations == ()
    claimed(store, FS)  # now somebody shows it
    assert same(store, RAW).invocations == (FS.cid,)


def test_a_part_that_is_withheld_may_still_be_equal(
    store: Octostore, me: Issuer
) -> None:
    say(store, me, link(D1, D1_FS))
    for ran in (RAW, FS):
        statement, blocks = Issuer(str(ran.cid)).state(
            [claim(ran, result(), withheld=("program",))],
            [block_of(ran.invocation), block_of(ran.input), block_of(result())],
        )
        assert store.ingest(blocks).accepted == (statement.cid,)
    assert same(store, RAW).invocations == (FS.cid,)


def test_a_class_that_is_too_large_falls_apart_and_is_told(
    store: Octostore, me: Issuer
) -> None:
    claimed(store, RAW, FS)
    most = [link(D1, unixfs(f"{number}")) for number in range(CLASS_MAX - 2)]
    say(store, me, link(D1, D1_FS), *most)
    found = same(store, RAW)
    assert found.invocations == (FS.cid,)
    assert found.cuts == ()
    say(store, me, link(D1, unixfs("one more")))
    for ran in (RAW, FS):
        cut = same(store, ran)
        assert cut.invocations == cut.links == ()
        assert cut.normal == ran.cid
        assert [str(CLASS_MAX) in item.reason for item in cut.cuts] == [True]


def test_bytes_that_differ_are_never_one_whatever_links_say(
    store: Octostore, me: Issuer
) -> None:
    other = data("D2")
    apart = fed(files={"/d": other})
    claimed(store, RAW, FS, apart)
    say(store, me, link(D1, D1_FS))
    assert same(store, RAW).invocations == (FS.cid,)
    say(store, me, link(other, D1_FS))
    for ran in (RAW, FS, apart):
        cut = same(store, ran)
        assert cut.invocations == cut.links == ()
        assert ["bytes that differ" in item.reason for item in cut.cuts] == [True]


def test_a_program_may_be_other_bytes_but_not_by_links_that_say_the_same(
    store: Octostore, me: Issuer
) -> None:
    one, other = running(WasiProgram(C1)), running(WasiProgram(data("C2")))
    claimed(store, one, other)
    say(store, me, link(C1, C1_FS), link(data("C2"), C1_FS))
    assert same(store, one).invocations == ()
    say(store, me, link(C1, data("C2"), "same-program"))
    assert same(store, one).invocations == (other.cid,)


def test_more_candidates_than_are_looked_at_are_told_and_none_is_taken(
    store: Octostore, me: Issuer
) -> None:
    claimed(store, RAW, FS)
    say(store, me, link(D1, D1_FS))
    blocks = [block_of(result()), block_of(RAW.program)]
    claims = []
    for number in range(CANDIDATES_MAX - 1):
        ran = fed(files={"/d": D1}, env={"N": f"{number}"})
        claims.append(claim(ran, result()))
        blocks += [block_of(ran.invocation), block_of(ran.input)]
    statement, delivery = Issuer("busy").state(claims[:-1], blocks)
    assert store.ingest(delivery).accepted == (statement.cid,)
    assert same(store, RAW).invocations == (FS.cid,)
    say_last, delivery = Issuer("last").state(claims[-1:], blocks)
    assert store.ingest(delivery).accepted == (say_last.cid,)
    found = same(store, RAW)
    assert found.invocations == ()
    assert [cut.at for cut in found.cuts] == [RAW.cid]


def test_a_directed_link_leads_one_step_and_joins_nothing(
    store: Octostore, me: Issuer
) -> None:
    index, manifest, golem = (data(name) for name in ("index", "manifest", "golem"))
    asked, selected = running(OciProgram(index)), running(OciProgram(manifest))
    built = running(GvmiProgram(golem))
    claimed(store, asked, selected, built)
    selects = Link(a=index, b=manifest, means="selects", platform="linux/amd64")
    made = Link(a=golem, b=manifest, means="built-from")
    unclaimed = Link(a=index, b=D1, means="selects", platform="linux/arm64")
    reduced = Link(a=asked.cid, b=RAW.cid, means="reduces-to")
    claimed(store, RAW)
    say(store, me, selects, made, unclaimed, reduced)
    mine = policy(ME)
    with store.view() as view:
        classes = Classes(view, mine, Groups(mine, Standings(view)))
        led = {ran.cid: classes.led_from(ran.cid) for ran in (asked, selected, built)}
        assert classes.same_as(asked.cid) == Same(asked.cid, asked.cid)
    amd = "linux/amd64"
    assert set(led[asked.cid]) == {
        Led(selected.cid, selects.cid, "selects", forward=True, platform=amd),
        Led(RAW.cid, reduced.cid, "reduces-to", forward=True),
    }
    assert set(led[selected.cid]) == {
        Led(asked.cid, selects.cid, "selects", forward=False, platform=amd),
        Led(built.cid, made.cid, "built-from", forward=False),
    }
    assert led[built.cid] == (Led(selected.cid, made.cid, "built-from", forward=True),)


def test_an_invocation_that_is_not_in_the_log_is_the_same_as_none(
    store: Octostore, me: Issuer
) -> None:
    say(store, me, link(D1, D1_FS))
    assert same(store, RAW) == Same(RAW.cid, RAW.cid)


NAMES = [data("a"), *(unixfs(f"{number}") for number in range(5))]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=7),
    st.randoms(use_true_random=False),
)
def test_classes_are_those_of_the_links_in_whatever_order_they_came(
    tmp_path_factory: pytest.TempPathFactory,
    pairs: Sequence[tuple[CID, CID]],
    order: object,
) -> None:
    links = [link(a, b) for a, b in pairs if a != b]
    runs = {name: fed(files={"/d": name}) for name in NAMES}
    classes = {name: {name} for name in NAMES}
    for item in links:
        joined = classes[item.a] | classes[item.b]
        classes.update(dict.fromkeys(joined, joined))
    shuffled = list(links)
    order.shuffle(shuffled)  # type: ignore[attr-defined] # a Random
    answers = []
    for said in (links, shuffled):
        with Octostore.open(tmp_path_factory.mktemp("s") / "store") as store:
            me = Issuer(ME)
            claimed(store, *runs.values())
            for item in said:
                say(store, me, item)
            answers.append([same(store, ran) for ran in runs.values()])
    for found in answers:
        for name, answer in zip(runs, found, strict=True):
            others = {runs[other].cid for other in classes[name] - {name}}
            assert set(answer.invocations) == others
            assert answer.normal == runs[min(classes[name])].cid


def test_whoever_floods_a_content_with_links_hides_none_that_counts(
    store: Octostore, me: Issuer, stranger: Issuer
) -> None:
    claimed(store, RAW, FS)
    for part in range(3):
        names = (unixfs(f"{part} {number}") for number in range(RECORDS_MAX))
        say(store, stranger, *(link(D1, name) for name in names))
    one = link(D1, D1_FS)
    say(store, me, one)
    say(store, stranger, *(link(D1, unixfs(f"{n}")) for n in range(RECORDS_MAX)))
    with store.view() as view:
        mine = policy(ME)
        begin = time.process_time()
        found = same_as(view, mine, Groups(mine, Standings(view)), RAW.cid)
        taken_s = time.process_time() - begin
        begin = time.process_time()
        read = sum(1 for _ in view.links_of(D1))
        read_s = time.process_time() - begin
    assert (found.invocations, found.links, found.cuts) == ((FS.cid,), (one.cid,), ())
    assert read == 4 * RECORDS_MAX + 1
    assert taken_s < read_s  # what strangers say is passed over, not read


def test_when_links_were_looked_up_too_often_no_more_are_followed(
    store: Octostore, me: Issuer
) -> None:
    claimed(store, RAW, FS)
    say(store, me, link(D1, D1_FS))
    with store.view() as view:
        mine = policy(ME)
        classes = Classes(view, mine, Groups(mine, Standings(view)))
        for number in range(LOOKS_MAX):  # each is looked at, and has no links
            assert classes.least(cid := data(f"{number}")) == cid
        found = classes.same_as(RAW.cid)
    assert found.invocations == ()
    assert str(LOOKS_MAX) in found.cuts[0].reason


def test_of_a_class_that_is_too_large_no_more_is_read_than_shows_it(
    store: Octostore, me: Issuer
) -> None:
    claimed(store, RAW, FS)
    say(store, me, link(D1, D1_FS))
    for part in range(4):
        names = (unixfs(f"{part} {number}") for number in range(RECORDS_MAX))
        say(store, me, *(link(D1, name) for name in names))
    mine = policy(ME)
    with store.view() as view:
        begin = time.process_time()
        found = same_as(view, mine, Groups(mine, Standings(view)), FS.cid)
        taken_s = time.process_time() - begin
        begin = time.process_time()
        read = sum(1 for _ in view.links_of(D1))
        read_s = time.process_time() - begin
    assert found.invocations == ()
    assert len(found.cuts) == 1
    assert read == 4 * RECORDS_MAX + 1
    assert taken_s < read_s
