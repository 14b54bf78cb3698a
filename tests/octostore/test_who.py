from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec.cid import CID, DAG_PB
from invocation_spec.errors import DocumentError
from invocation_spec.model import (
    Import,
    Input,
    OciProgram,
    Program,
    WasiProgram,
    WasmFunctionProgram,
)
from octostore.engine.choice import ENGINES
from octostore.questions import claims as claims_module
from octostore.questions import who as who_module
from octostore.questions.answer import Answer, Asked, ClaimAnswer
from octostore.questions.claims import Claimed, summarize
from octostore.questions.who import who
from octostore.records import Failure, Link, Withdrawal
from octostore.result import Agreement, Result, compare_outputs
from octostore.statement import Statement
from octostore.store import Octostore
from tests.octostore.world import (
    C1,
    D1,
    R1,
    R2,
    Blocks,
    Issuer,
    Ran,
    claim,
    data,
    result,
)


@pytest.fixture(params=sorted(ENGINES))
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store", engine=request.param) as store:
        yield store


def tell(store: Octostore, *told: tuple[Statement, Blocks]) -> None:
    for _, blocks in told:
        assert store.ingest(blocks).accepted


def found(answer: Answer) -> list[CID]:
    return [item.invocation for item in answer.invocations]


def ask(store: Octostore, code: CID, data: CID) -> list[CID]:
    return found(who(store, Asked(program=code, input=data)))


def test_bristol_and_caltech_got_the_same_result_on_two_networks(
    store: Octostore,
) -> None:
    bristol, caltech = Issuer("bristol"), Issuer("caltech")
    ran = Ran()
    one = bristol.claims(ran, result(), network="bacalhau", executor="QmBristol")
    two = caltech.claims(ran, result(exit=None), network="golem:polygon")
    tell(
        store,
        bristol.says("University of Bristol", bacalhau=("QmBristol",)),
        one,
        caltech.says("Caltech"),
        two,
    )
    first = claim(ran, result(), network="bacalhau", executor="QmBristol")
    second = claim(ran, result(exit=None), network="golem:polygon")
    assert who(store, Asked(program=C1, input=D1)).to_json() == {
        "asked": {"program": str(C1), "input": str(D1)},
        "checkpoint": store.checkpoint().to_json(),
        "invocations": [
            {
                "invocation": str(ran.cid),
                "program": str(ran.program.cid),
                "input": str(ran.input.cid),
                "outputs": {
                    "/r.csv": [
                        {
                            "value": str(R1),
                            "claims": [str(first.cid), str(second.cid)],
                            "groups": ["University of Bristol", "Caltech"],
                        }
                    ]
                },
                "conflicts": [],
                "failures": [],
                "claims": [
                    {
                        "claim": str(first.cid),
                        "statement": str(one[0].cid),
                        "issuer": str(bristol.key.public.did),
                        "name": "University of Bristol",
                        "network": "bacalhau",
                        "executor": "QmBristol",
                        "witness": False,
                        "result": str(result().cid),
                        "exit": 0,
                        "issued_at_s": one[0].part.iat,
                        "index": 1,
                    },
                    {
                        "claim": str(second.cid),
                        "statement": str(two[0].cid),
                        "issuer": str(caltech.key.public.did),
                        "name": "Caltech",
                        "network": "golem:polygon",
                        "witness": False,
                        "result": str(result(exit=None).cid),
                        "issued_at_s": two[0].part.iat,
                        "index": 3,
                    },
                ],
            }
        ],
        "links": [],
    }


def test_nobody_is_an_answer(store: Octostore) -> None:
    answer = who(store, Asked(program=C1, input=D1))
    assert answer.invocations == ()
    assert answer.next is None
    assert answer.checkpoint.size == 0


def test_a_program_is_asked_for_by_its_code_and_an_input_by_its_data(
    store: Octostore,
) -> None:
    ran = Ran()
    tell(store, Issuer("one").claims(ran, result()))
    codes, inputs = (C1, ran.program.cid), (D1, ran.input.cid)
    for code, given_data in itertools.product(codes, inputs):
        assert ask(store, code, given_data) == [ran.cid]
        assert ask(store, given_data, code) == []
    for code in codes:
        assert ask(store, code, data("D2")) == []
    for given_data in inputs:
        assert ask(store, data("C2"), given_data) == []
    assert found(who(store, Asked(invocation=ran.cid))) == [ran.cid]
    assert found(who(store, Asked(invocation=data("none")))) == []
    assert found(who(store, Asked(program=C1))) == []


def worlds() -> list[Ran]:
    """Every way to hold C1 or not, with every way to hold D1 or not."""
    programs: list[Program] = [
        WasiProgram(C1),
        WasiProgram(C1, entry="main"),
        WasiProgram(data("C2"), imports=(Import(C1, "lib"),)),
        WasiProgram(C1, imports=(Import(C1, "self"),)),
        WasiProgram(data("C2")),
        OciProgram(C1),
    ]
    inputs = [
        Input(files={"/a": D1}),
        Input(stdin=D1),
        Input(files={"/a": D1, "/b": data("D2")}, stdin=D1),
        Input(files={"/a": data("D2")}),
        Input(files={"/a": D1}, nonce=b"once"),
        Input(),
    ]
    made = [Ran(program, input) for program in programs for input in inputs]
    function = WasmFunctionProgram(C1, "f")
    return [*made, Ran(function, Input(args=({"x": [D1]},)))]


def codes_of(ran: Ran) -> set[CID]:
    imports = ran.program.imports if isinstance(ran.program, WasiProgram) else ()
    return {ran.program.cid, ran.program.code, *(item.code for item in imports)}


def inputs_of(ran: Ran) -> set[CID]:
    plain = Input(files=ran.input.files, stdin=ran.input.stdin, args=ran.input.args)
    return {ran.input.cid, plain.cid, *ran.input.data}


def test_every_invocation_that_holds_both_is_found_once(store: Octostore) -> None:
    rans = worlds()
    for n, ran in enumerate(rans):
        tell(store, Issuer(str(n)).claims(ran, result()))
    codes = {cid for ran in rans for cid in codes_of(ran)}
    inputs = {cid for ran in rans for cid in inputs_of(ran)}
    for code, given_data in itertools.product(codes, inputs):
        asked = Asked(program=code, input=given_data)
        expected = [
            ran.cid
            for ran in rans
            if code in codes_of(ran) and given_data in inputs_of(ran)
        ]
        answer = found(who(store, asked))
        assert sorted(answer) == sorted(expected)
        assert list(paged(store, asked)) == answer


def paged(store: Octostore, asked: Asked) -> Iterator[CID]:
    after = None
    while True:
        answer = who(store, asked, limit=1, after=after)
        yield from found(answer)
        after = answer.next
        if after is None:
            return


def test_an_answer_costs_bounded_looks_and_goes_on(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(who_module, "LOOKS_MAX", 1)
    for n, ran in enumerate(worlds()):
        tell(store, Issuer(str(n)).claims(ran, result()))
    for given_data in (D1, Input(files={"/a": D1}).cid):
        asked = Asked(program=C1, input=given_data)
        one_by_one = list(paged(store, asked))
        monkeypatch.setattr(who_module, "LOOKS_MAX", 10_000)
        assert one_by_one == found(who(store, asked))
        monkeypatch.setattr(who_module, "LOOKS_MAX", 1)


def test_an_invocation_without_nonce_leads_to_its_nonced_siblings(
    store: Octostore,
) -> None:
    plain = Ran()
    nonced = Ran(input=Input(files={"/d": D1}, nonce=b"once"))
    tell(
        store,
        Issuer("one").claims(nonced, result()),
        Issuer("two").claims(plain, result(R2)),
    )
    answer = who(store, Asked(invocation=plain.cid))
    assert [(item.invocation, item.nonced) for item in answer.invocations] == [
        (plain.cid, False),
        (nonced.cid, True),
    ]
    assert all(item.conflicts == () for item in answer.invocations)
    assert "nonced" not in answer.invocations[0].to_json()
    assert answer.invocations[1].to_json()["nonced"] is True
    assert found(who(store, Asked(invocation=nonced.cid))) == [nonced.cid]


def test_a_nonced_sibling_is_found_though_nobody_claims_the_plain_one(
    store: Octostore,
) -> None:
    nonced = Ran(input=Input(files={"/d": D1}, nonce=b"once"))
    tell(store, Issuer("one").claims(nonced, result()))
    assert found(who(store, Asked(invocation=Ran().cid))) == [nonced.cid]
    assert ask(store, C1, Ran().input.cid) == [nonced.cid]
    assert ask(store, Ran().program.cid, Ran().input.cid) == [nonced.cid]


def test_what_is_withheld_is_found_by_its_own_cids_only(store: Octostore) -> None:
    ran = Ran()
    tell(store, Issuer("one").claims(ran, result(), withheld=("input", "program")))
    program, input = ran.program.cid, ran.input.cid
    assert ask(store, program, input) == [ran.cid]
    assert ask(store, C1, input) == ask(store, program, D1) == ask(store, C1, D1) == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_others_disclose_is_found_whoever_withheld_it(
    store: Octostore, order: Iterable[int]
) -> None:
    ran = Ran()
    told = [
        Issuer("one").claims(ran, result(), withheld=("input",)),
        Issuer("two").claims(ran, result(), withheld=("program",)),
        Issuer("three").claims(ran, result(), withheld=("input", "program")),
    ]
    tell(store, *(told[at] for at in order))
    assert ask(store, C1, D1) == ask(store, C1, ran.input.cid) == [ran.cid]
    assert len(who(store, Asked(program=C1, input=D1)).invocations[0].claims) == 3


def one(store: Octostore) -> tuple[tuple[str, ...], dict[str, list[CID]]]:
    (item,) = who(store, Asked(program=C1, input=D1)).invocations
    outputs = {name: [v.value for v in values] for name, values in item.outputs.items()}
    return item.conflicts, outputs


def test_results_that_differ_conflict_per_output(store: Octostore) -> None:
    tell(
        store,
        Issuer("one").claims(Ran(), Result({"/a": R1, "/b": R1, "stdout": R1}, 0)),
        Issuer("two").claims(Ran(), Result({"/a": R2, "/b": R1, "/c": R1}, 1)),
    )
    conflicts, outputs = one(store)
    assert conflicts == ("/a", "exit")
    assert outputs == {"/a": [R1, R2], "/b": [R1], "/c": [R1], "stdout": [R1]}


def test_values_that_cannot_be_compared_do_not_conflict(store: Octostore) -> None:
    tree = CID(bytes((1, DAG_PB)) + R2.raw[2:])
    tell(
        store,
        Issuer("one").claims(Ran(), result(R1)),
        Issuer("two").claims(Ran(), result(tree, exit=None)),
    )
    assert one(store) == ((), {"/r.csv": [R1, tree]})


@pytest.mark.parametrize(
    ("first", "second", "conflicts"),
    [
        ("linux/amd64", "linux/arm64", ()),
        ("linux/amd64", "linux/amd64", ("/r.csv", "exit")),
        ("linux/amd64", None, ("/r.csv", "exit")),
        (None, None, ("/r.csv", "exit")),
    ],
)
def test_results_of_different_platforms_are_shown_and_not_counted_as_conflict(
    store: Octostore, first: str | None, second: str | None, conflicts: tuple[str, ...]
) -> None:
    tell(
        store,
        Issuer("one").claims(Ran(), result(R1), platform=first),
        Issuer("two").claims(Ran(), result(R2, exit=1), platform=second),
    )
    assert one(store) == (conflicts, {"/r.csv": [R1, R2]})


values = st.sampled_from(
    [R1, R2, data("R3"), CID(bytes((1, DAG_PB)) + R1.raw[2:])]
    + [CID.of_digest(bytes([n]) * 32, hash_code=0x16) for n in range(2)]
)
platforms = st.sampled_from([None, "linux/amd64", "linux/arm64", "wasip1/wasm"])


def claimed(value: CID, platform: str | None) -> Claimed:
    shown = ClaimAnswer(
        claim=value,
        statement=value,
        issuer=Issuer("one").key.public.did,
        name=None,
        network="bacalhau",
        executor=None,
        witness=False,
        platform=platform,
        result=value,
        exit=None,
        failure=None,
        issued_at_s=0,
        index=0,
        withdrawn=False,
    )
    return shown, Result({"/r.csv": value})


@given(st.lists(st.tuples(values, platforms), max_size=6))
def test_a_conflict_is_a_pair_that_conflicts(
    reports: list[tuple[CID, str | None]],
) -> None:
    expected = any(
        compare_outputs(a, b) is Agreement.CONFLICT and (None in (p, q) or p == q)
        for (a, p), (b, q) in itertools.combinations(reports, 2)
    )
    ran = Ran()
    claims = [claimed(value, platform) for value, platform in reports]
    summary = summarize(ran.cid, ran.invocation, claims, nonced=False)
    assert summary.conflicts == (("/r.csv",) if expected else ())


def test_failures_never_conflict(store: Octostore) -> None:
    trap = Issuer("two").claims(Ran(), Failure(kind="trap"))
    tell(store, Issuer("one").claims(Ran(), result()), trap)
    (item,) = who(store, Asked(program=C1, input=D1)).invocations
    assert item.conflicts == ()
    assert item.failures == (trap[0].part.records[0],)
    assert [shown.failure for shown in item.claims] == [None, "trap"]


def test_a_withdrawn_claim_is_shown_and_not_counted(store: Octostore) -> None:
    liar = Issuer("liar")
    wrong = liar.claims(Ran(), result(R2))
    tell(store, Issuer("one").claims(Ran(), result(R1)), wrong)
    assert one(store)[0] == ("/r.csv",)
    withdrawn = Withdrawal(claim=wrong[0].part.records[0], why="wrong image")
    tell(store, Issuer("another").state([withdrawn]))
    assert one(store)[0] == ("/r.csv",), "only the issuer withdraws its claim"
    tell(store, liar.state([withdrawn]))
    assert one(store) == ((), {"/r.csv": [R1]})
    (item,) = who(store, Asked(program=C1, input=D1)).invocations
    assert [shown.withdrawn for shown in item.claims] == [False, True]
    assert item.claims[1].to_json()["withdrawn"] is True


def test_who_reports_for_another_executor_is_a_witness(store: Octostore) -> None:
    bristol = Issuer("bristol")
    told = [
        bristol.says("Bristol", bacalhau=("QmA",)),
        bristol.claims(Ran(), result(), executor="QmA"),
        bristol.claims(Ran(), result(), executor="QmB"),
        bristol.claims(Ran(), result(), executor="QmA", network="golem"),
        bristol.claims(Ran(), result()),
        Issuer("nobody").claims(Ran(), result(), executor="QmA"),
    ]
    tell(store, *told)
    (item,) = who(store, Asked(program=C1, input=D1)).invocations
    assert [shown.witness for shown in item.claims] == [
        False,
        True,
        True,
        False,
        True,
    ]


def test_the_latest_profile_gives_the_name(store: Octostore) -> None:
    bristol = Issuer("bristol")
    tell(
        store,
        bristol.says("Bristol"),
        bristol.claims(Ran(), result()),
        bristol.says("University of Bristol"),
    )
    (item,) = who(store, Asked(program=C1, input=D1)).invocations
    assert item.claims[0].name == "University of Bristol"


def test_a_name_that_two_issuers_use_names_neither(store: Octostore) -> None:
    true, false = Issuer("true"), Issuer("false")
    tell(
        store,
        true.says("Bristol"),
        false.says("Bristol"),
        true.claims(Ran(), result()),
        false.claims(Ran(), result()),
    )
    (item,) = who(store, Asked(program=C1, input=D1)).invocations
    assert item.outputs["/r.csv"][0].groups == (
        str(true.key.public.did),
        str(false.key.public.did),
    )


def test_links_that_name_what_was_asked_or_found_are_shown(store: Octostore) -> None:
    same = CID(bytes((1, DAG_PB)) + D1.raw[2:])
    a, b = sorted((D1, same))
    link = Link(a=a, b=b, means="same-bytes")
    other = Link(
        a=min(R1, same), b=max(R1, same), means="same-bytes", how="unrelated to D1"
    )
    tell(
        store,
        Issuer("one").claims(Ran(), result()),
        Issuer("two").state([link, other]),
    )
    assert who(store, Asked(program=C1, input=D1)).links == (link.cid,)
    assert who(store, Asked(program=C1, input=same)).invocations == ()


def test_an_invocation_with_very_many_claims_goes_on_on_the_next_page(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(who_module, "ONE_INVOCATION_MAX", 2)
    for n in range(5):
        tell(store, Issuer(str(n)).claims(Ran(), result()))
    asked, after, seen = Asked(program=C1, input=D1), None, []
    for size in (2, 2, 1):
        answer = who(store, asked, after=after)
        (item,) = answer.invocations
        assert len(item.claims) == size
        seen += [shown.index for shown in item.claims]
        after = answer.next
    assert after is None
    assert seen == [0, 1, 2, 3, 4]


def test_a_page_ends_where_its_claims_have_very_many_outputs(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims_module, "REPORTS_MAX", 20)
    large = Result({f"/{n}": R1 for n in range(12)})
    for n in range(5):
        tell(store, Issuer(str(n)).claims(Ran(), large))
    other = Ran(input=Input(files={"/d": D1, "/e": R2}))
    tell(store, Issuer("6").claims(other, large))
    asked, after, sizes, seen = Asked(program=C1, input=D1), None, [], []
    while True:
        answer = who(store, asked, after=after)
        shown = [one for item in answer.invocations for one in item.claims]
        sizes.append(len(shown))
        seen += [one.index for one in shown]
        after = answer.next
        if after is None:
            break
    assert sorted(seen) == [0, 1, 2, 3, 4, 5]
    assert max(sizes) == 2


@pytest.mark.parametrize("after", ["", "x", "AAAA", "é", "A" * 55, "A" * 72, "+" * 54])
def test_what_is_no_cursor_is_refused(store: Octostore, after: str) -> None:
    with pytest.raises(DocumentError, match="after: not the `next` of an answer"):
        who(store, Asked(program=C1, input=D1), after=after)


@given(st.binary(min_size=40, max_size=52))
def test_no_cursor_breaks_a_question(made: Octostore, raw: bytes) -> None:
    import base64

    text = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    for asked in (Asked(program=C1, input=D1), Asked(invocation=Ran().cid)):
        try:
            who(made, asked, after=text)
        except DocumentError:
            refused = len(raw) not in (40, 52)
            assert refused


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Octostore]:
    with Octostore.open(tmp_path_factory.mktemp("made") / "store") as store:
        tell(store, Issuer("one").claims(Ran(), result()))
        yield store


def test_the_rows_that_a_question_reads_do_not_grow_with_the_store(
    store: Octostore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same matches among few and among many claims on the same code and data."""
    from octostore.engine import lmdb_engine

    tell(store, Issuer("match").claims(Ran(), result()))
    counts = []
    reads = 0
    original = lmdb_engine._LmdbSnapshot.get

    def counted(self: object, table: str, key: bytes) -> bytes | None:
        nonlocal reads
        reads += 1
        return original(self, table, key)  # type: ignore[arg-type]

    monkeypatch.setattr(lmdb_engine._LmdbSnapshot, "get", counted)
    for size in (10, 200):
        issuer = Issuer(f"crowd {size}")
        crowd = [
            Ran(WasiProgram(C1), Input(files={"/d": data(f"D {size} {n}")}))
            if n % 2
            else Ran(WasiProgram(data(f"C {size} {n}")), Input(files={"/d": D1}))
            for n in range(size)
        ]
        blocks = [block for ran in crowd for block in ran.blocks]
        blocks.append((result().cid, result().block))
        tell(store, issuer.state([claim(ran, result()) for ran in crowd], blocks))
        reads = 0
        assert ask(store, C1, D1) == [Ran().cid]
        counts.append(reads)
    assert counts[0] == counts[1]
