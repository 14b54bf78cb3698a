"""An answer is proved whole: nothing left out, nothing put in, as of a map head."""

from __future__ import annotations

import base64
import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec.cid import CID
from invocation_spec.errors import OctostoreError
from invocation_spec.model import Import, Input, Invocation, WasiProgram
from octostore import car, tables
from octostore.car import Block
from octostore.engine import Row
from octostore.errors import NotFoundError, ProofError
from octostore.proven import verify_answer
from octostore.questions import earlier
from octostore.questions.answer import Asked
from octostore.questions.completeness import WholeProof, check_whole
from octostore.questions.evidence import ask, packed
from octostore.questions.found import found_of
from octostore.questions.who import who
from octostore.records import Failure, Withdrawal
from octostore.store import Octostore
from tests.octostore.test_check import change
from tests.octostore.world import C1, D1, R2, Issuer, Ran, data, result

NOW = 1_700_000_000
LIB = data("lib")

PLAIN = Ran()
NONCED = Ran(input=Input(files={"/d": D1}, nonce=b"once"))
LINKED = Ran(WasiProgram(data("main"), imports=(Import(LIB),)))
OTHER = Ran(input=Input(files={"/e": data("D2")}))
#: Code and data that are blocks of ours too, and so could be anything.
NESTED = Ran(WasiProgram(PLAIN.program.cid), Input(files={"/d": PLAIN.input.cid}))

QUESTIONS = {
    "code and data": Asked(C1, D1),
    "code and input": Asked(C1, PLAIN.input.cid),
    "program and data": Asked(PLAIN.program.cid, D1),
    "program and input": Asked(PLAIN.program.cid, PLAIN.input.cid),
    "import and data": Asked(LIB, D1),
    "import and input": Asked(LIB, LINKED.input.cid),
    "invocation": Asked(invocation=PLAIN.cid),
    "invocation with a nonce": Asked(invocation=NONCED.cid),
    "nobody's invocation": Asked(invocation=data("nothing")),
    "nobody's code": Asked(data("nothing"), D1),
    "nobody's program and input": Asked(OTHER.program.cid, LINKED.program.cid),
    "withheld": Asked(data("C3"), OTHER.input.cid),
}


def fill(store: Octostore) -> None:
    told = [
        Issuer("bristol").claims(PLAIN, result()),
        Issuer("caltech").claims(PLAIN, result(R2)),
        Issuer("bristol", seq=0, chain=b"2" * 16).claims(NONCED, result()),
        Issuer("link").claims(LINKED, result()),
        Issuer("other").claims(OTHER, Failure(kind="trap")),
        Issuer("nest").claims(NESTED, result()),
        Issuer("shy").claims(
            Ran(WasiProgram(data("C3")), OTHER.input), result(), withheld=("program",)
        ),
        *(
            Issuer(f"{n}").claims(Ran(WasiProgram(data(f"c{n}"))), result())
            for n in range(20)
        ),
    ]
    for _, blocks in told:
        assert store.ingest(blocks).accepted


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Octostore]:
    path = tmp_path_factory.mktemp("whole") / "store"
    with Octostore.open(path) as store:
        fill(store)
        assert store.update_map(NOW)
        yield store


def sent(store: Octostore, asked: Asked) -> bytes:
    answer, proof = ask(store, asked)
    root, blocks = packed(store, answer, proof)
    return b"".join(car.chunks([root], blocks))


def changed(raw: bytes, change: Any) -> bytes:
    """The same CAR with its answer changed, as a server that lies would send it."""
    first, *rest = (b for b in car.CarReader(io.BytesIO(raw)) if isinstance(b, Block))
    told = json.loads(first.data)
    change(told)
    answer = json.dumps(told).encode()
    root = CID.of_bytes(answer)
    return b"".join(car.chunks([root], [Block(root, answer), *rest]))


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_form_of_the_question_is_proved_whole(
    store: Octostore, name: str
) -> None:
    asked = QUESTIONS[name]
    found = verify_answer(io.BytesIO(sent(store, asked)), asked, is_page=False)
    assert found.whole is not None
    assert found.answer.to_json()["map"] == who(store, asked).to_json()["map"]
    assert len(found.answer.invocations) == len(who(store, asked).invocations)
    assert any(note.startswith("proven: nothing was left out") for note in found.notes)


@pytest.mark.parametrize("code", [C1, NONCED.program.cid])
def test_a_run_with_a_nonce_is_proved_without_the_others(
    store: Octostore, code: CID
) -> None:
    """It stands at its input without the nonce too, and so do others."""
    asked = Asked(code, NONCED.input.cid)
    assert len(who(store, Asked(code, PLAIN.input.cid)).invocations) > 1
    found = verify_answer(io.BytesIO(sent(store, asked)), asked, is_page=False)
    assert found.whole is not None
    assert [item.invocation for item in found.answer.invocations] == [NONCED.cid]


def test_an_answer_has_as_many_invocations_as_expected(store: Octostore) -> None:
    """So that the proofs above are about something."""
    counts = {name: len(who(store, it).invocations) for name, it in QUESTIONS.items()}
    assert counts == {
        "code and data": 2,
        "code and input": 2,
        "program and data": 2,
        "program and input": 3,
        "import and data": 1,
        "import and input": 1,
        "invocation": 2,
        "invocation with a nonce": 1,
        "nobody's invocation": 0,
        "nobody's code": 0,
        "nobody's program and input": 0,
        "withheld": 0,
    }


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_invocation_that_is_left_out_is_refused(store: Octostore, name: str) -> None:
    """With its statement, so that nothing else would show it."""
    asked = QUESTIONS[name]
    answer, proof = ask(store, asked)
    assert proof
    for at in range(len(answer.invocations)):
        items = answer.invocations[:at] + answer.invocations[at + 1 :]
        with store.view() as view:
            found = [found_of(view, item, 10**6) for item in items]
        with pytest.raises(ProofError):
            check_whole(proof, asked, found, answer.checkpoint)


def test_a_claim_that_is_left_out_is_refused(store: Octostore) -> None:
    asked = QUESTIONS["invocation"]
    answer, proof = ask(store, asked)
    assert proof
    with store.view() as view:
        found = [found_of(view, item, 10**6) for item in answer.invocations]
    assert check_whole(proof, asked, found, answer.checkpoint) == ()
    first = found[0]
    assert len(first.claims) == 2
    for claims in (first.claims[:1], first.claims[1:], (), (*first.claims, (C1, D1))):
        less = [type(first)(first.invocation, first.program, first.input, claims)]
        with pytest.raises(ProofError):
            check_whole(proof, asked, [*less, *found[1:]], answer.checkpoint)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_proof_of_another_question_is_refused(store: Octostore, name: str) -> None:
    asked = QUESTIONS[name]
    raw = sent(store, asked)
    own = json.dumps(ask(store, asked)[1].to_json())  # type: ignore[union-attr]
    for other in QUESTIONS.values():
        proof = ask(store, other)[1]
        assert proof
        if json.dumps(proof.to_json()) == own:
            continue
        lie = changed(raw, lambda told, it=proof: told.update(proof=it.to_json()))
        with pytest.raises(ProofError):
            verify_answer(io.BytesIO(lie), asked, is_page=False)


def test_one_bit_flipped_anywhere_in_a_proof_is_refused(store: Octostore) -> None:
    asked = QUESTIONS["code and data"]
    answer, proof = ask(store, asked)
    assert proof
    with store.view() as view:
        found = [found_of(view, item, 10**6) for item in answer.invocations]
    value = proof.to_json()
    assert isinstance(value["path"], list)
    fields: list[tuple[str, Any]] = [("map", None), ("head", None)]
    fields += [("path", n) for n in range(len(value["path"]))]
    for name, at in fields:
        text: Any = value[name] if at is None else value["path"][at]
        raw = bytearray(base64.b64decode(text))
        for place in range(0, 8 * len(raw), 1 if len(raw) < 200 else 5):
            raw[place // 8] ^= 1 << place % 8
            flipped = base64.b64encode(raw).decode()
            path = list(value["path"])
            if at is not None:
                path[at] = flipped
            told = {**value, "path": path} | ({name: flipped} if at is None else {})
            with pytest.raises(ProofError):
                check_whole(WholeProof.from_json(told), asked, found, answer.checkpoint)
            raw[place // 8] ^= 1 << place % 8


@given(
    st.dictionaries(
        st.sampled_from(["head", "entry", "path", "map", "more"]),
        st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text(), max_size=2)),
    )
)
def test_what_is_no_proof_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ProofError):
        WholeProof.from_json(value)


@pytest.mark.parametrize(
    "lie",
    [
        lambda told: told["map"].update(size=1),
        lambda told: told["map"].update(entry=3),
        lambda told: told["map"].update(time=1),
        lambda told: told.pop("map"),
        lambda told: told["proof"].update(entry=told["proof"]["entry"] - 1),
        lambda told: told["proof"]["path"].pop(),
        lambda told: told["checkpoint"].update(size=told["checkpoint"]["size"] + 1),
        lambda told: told["checkpoint"].update(
            root=base64.b64encode(bytes(32)).decode()
        ),
        lambda told: told["invocations"][0]["claims"][0].update(index=10**6),
        lambda told: told["invocations"].append(told["invocations"][0]),
        lambda told: told["invocations"][0].update(extra=1),
        lambda told: told["invocations"][0]["claims"].append(
            told["invocations"][0]["claims"][0]
        ),
        lambda told: told["invocations"][0]["claims"][0].update(index=-7),
        lambda told: told["invocations"][0]["claims"][0].update(index=0.0),
        lambda told: told["invocations"][0]["claims"][0].update(index=False),
        lambda told: told["invocations"][0]["claims"][0].update(index=1),
        lambda told: told["invocations"][0]["claims"][0].update(extra=None),
        lambda told: told["invocations"][0]["claims"][0].update(unproven=True),
        lambda told: told["invocations"][0]["claims"][0].update(unproven="the moon"),
        lambda told: told["invocations"][0]["claims"][0].update(unproven=None),
        lambda told: told["invocations"][0]["outputs"]["/r.csv"][0].update(extra=1),
        lambda told: told["invocations"][0]["outputs"]["/r.csv"].append(
            told["invocations"][0]["outputs"]["/r.csv"][0]
        ),
        lambda told: told["checkpoint"].update(size=told["checkpoint"]["size"] + 0.5),
        lambda told: told["checkpoint"].update(size=float(told["checkpoint"]["size"])),
        lambda told: told["checkpoint"].update(extra=1),
        lambda told: told["map"].update(extra=1),
        lambda told: told["map"].update(size=float(told["map"]["size"])),
        lambda told: told.update(extra=1),
        lambda told: told.update(next=7),
    ],
)
def test_a_server_that_says_something_else_is_refused(
    store: Octostore, lie: Any
) -> None:
    asked = QUESTIONS["code and data"]
    with pytest.raises(OctostoreError):
        verify_answer(
            io.BytesIO(changed(sent(store, asked), lie)), asked, is_page=False
        )


def test_claims_after_the_head_are_marked_and_not_proved(tmp_path: Path) -> None:
    with Octostore.open(tmp_path / "store") as store:
        fill(store)
        logged = store.update_map(NOW)
        assert logged
        assert store.ingest(Issuer("late").claims(PLAIN, result())[1]).accepted
        asked = QUESTIONS["invocation"]
        told: Any = who(store, asked).to_json()
        marks = [c.get("unproven") for c in told["invocations"][0]["claims"]]
        assert marks == [None, None, True]
        assert told["map"]["entry"] == logged.entry
        found = verify_answer(io.BytesIO(sent(store, asked)), asked, is_page=False)
        assert any("only 1 claim came after" in note for note in found.notes)
        # A later head covers it.
        store.update_map(NOW)
        found = verify_answer(io.BytesIO(sent(store, asked)), asked, is_page=False)
        assert not any("came after" in note for note in found.notes)


def test_the_map_is_proved_as_of_its_last_head_only(tmp_path: Path) -> None:
    asked = QUESTIONS["invocation"]
    with Octostore.open(tmp_path / "store") as store:
        with pytest.raises(NotFoundError, match="map update"):
            ask(store, asked)
        fill(store)
        first = store.update_map(NOW)
        assert store.ingest(Issuer("late").claims(PLAIN, result())[1]).accepted
        second = store.update_map(NOW)
        assert first
        assert second
        with pytest.raises(NotFoundError, match="last head"):
            ask(store, asked, as_of=first.entry + 1)
        answer, proof = ask(store, asked, as_of=first.entry + 1, must_prove=False)
        assert proof is None
        assert answer.map == first
        answer, proof = ask(store, asked, as_of=second.entry + 1)
        assert proof
        assert answer.map == second


def test_the_map_of_an_earlier_head_is_derived_for_a_proof(tmp_path: Path) -> None:
    """And proves what it proved then, whole or in pages."""
    with Octostore.open(tmp_path / "store") as store:
        fill(store)
        first = store.update_map(NOW)
        assert first
        size = first.entry + 1
        then = {name: ask(store, asked) for name, asked in QUESTIONS.items()}
        for ran in (PLAIN, NONCED, LINKED):
            told = Issuer(f"late {ran.cid}").claims(ran, result())
            assert store.ingest(told[1]).accepted
        assert store.update_map(NOW)
        before = store.checkpoint()
        for name, asked in QUESTIONS.items():
            found = ask(store, asked, as_of=size, may_derive=True)
            assert found == then[name]
        page, proof = ask(
            store, QUESTIONS["code and data"], limit=1, as_of=size, may_derive=True
        )
        assert proof
        assert (proof.logged, page.next is None) == (first, False)
        assert store.checkpoint() == before
        with pytest.raises(NotFoundError, match="--as-of SIZE --prove"):
            ask(store, QUESTIONS["invocation"], as_of=size)


def test_an_earlier_map_is_derived_from_so_many_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = QUESTIONS["invocation"]
    with Octostore.open(tmp_path / "store") as store:
        fill(store)
        first = store.update_map(NOW)
        assert first
        assert store.ingest(Issuer("late").claims(PLAIN, result())[1]).accepted
        assert store.update_map(NOW)
        size = first.entry + 1
        for most in (first.head.size, first.head.size - 1):
            monkeypatch.setattr(earlier, "EARLIER_MAX", most)
            if most == first.head.size:
                assert ask(store, asked, as_of=size, may_derive=True)[1]
                continue
            with pytest.raises(NotFoundError, match="is not derived again"):
                ask(store, asked, as_of=size, may_derive=True)


def test_as_of_an_earlier_size_what_was_disclosed_later_is_not_found(
    tmp_path: Path,
) -> None:
    """By code and data only when both had been disclosed."""
    with Octostore.open(tmp_path / "store") as store:
        hidden = Issuer("shy").claims(PLAIN, result(), withheld=("program",))
        assert store.ingest(hidden[1]).accepted
        assert store.ingest(Issuer("open").claims(PLAIN, result())[1]).accepted
        for size, by_code, by_input in ((0, 0, 0), (1, 0, 1), (2, 2, 2)):
            for asked, count in (
                (Asked(C1, D1), by_code),
                (Asked(C1, PLAIN.input.cid), by_code),
                (Asked(PLAIN.program.cid, PLAIN.input.cid), by_input),
                (Asked(invocation=PLAIN.cid), by_input),
                (Asked(PLAIN.program.cid, D1), by_input),
            ):
                answer = who(store, asked, as_of=size)
                claims = [c for item in answer.invocations for c in item.claims]
                assert len(claims) == count, (asked, size)
                assert answer.checkpoint.size == size


def others(count: int, *, of_program: bool) -> list[Ran]:
    """Runs of the program of PLAIN on other data, or of other programs on its data."""
    if of_program:
        return [Ran(input=Input(files={"/o": data(f"{n}")})) for n in range(count)]
    return [
        Ran(WasiProgram(data(f"{n}")), Input(files={"/d": D1}, args=(f"{n}",)))
        for n in range(count)
    ]


@pytest.mark.parametrize("of_program", [True, False])
def test_a_program_that_is_withheld_is_found_with_data_by_its_own_cid(
    tmp_path: Path, of_program: bool
) -> None:
    """The map lists it so, FORMATS 6; both ways of the search find it, on pages too."""
    hidden = [PLAIN, Ran(input=Input(files={"/d": D1}, args=("more",)))]
    asked = Asked(PLAIN.program.cid, D1)
    with Octostore.open(tmp_path / "store") as store:
        for ran in (*others(5, of_program=of_program), *hidden):
            told = Issuer(str(ran.cid)).claims(ran, result(), withheld=("program",))
            assert store.ingest(told[1]).accepted
        store.update_map(NOW)
        size = store.checkpoint().size
        found = verify_answer(io.BytesIO(sent(store, asked)), asked, is_page=False)
        assert found.whole is not None
        cids = {ran.cid for ran in hidden}
        assert {item.invocation for item in found.answer.invocations} == cids
        first = who(store, asked, limit=1)
        second = who(store, asked, limit=1, after=first.next)
        pages = [*first.invocations, *second.invocations]
        assert len(pages) == 2
        assert {item.invocation for item in pages} == cids
        assert not who(store, Asked(C1, D1)).invocations
        # Disclosed by one of two: found once, and as of then just the same.
        assert store.ingest(Issuer("open").claims(PLAIN, result())[1]).accepted
        for at in (None, size):
            answer = who(store, asked, as_of=at)
            assert sorted(map(str, cids)) == sorted(
                str(item.invocation) for item in answer.invocations
            )
        store.update_map(NOW)
        found = verify_answer(io.BytesIO(sent(store, asked)), asked, is_page=False)
        assert found.whole is not None


def test_a_withheld_input_is_not_found_by_its_data(tmp_path: Path) -> None:
    """Though another claim has brought its block."""
    other = Ran(WasiProgram(data("C9")), PLAIN.input)
    with Octostore.open(tmp_path / "store") as store:
        for ran, withheld in ((PLAIN, ("input", "program")), (other, ())):
            told = Issuer(str(ran.cid)).claims(ran, result(), withheld=withheld)
            assert store.ingest(told[1]).accepted
        store.update_map(NOW)
        asked = Asked(PLAIN.program.cid, D1)
        found = verify_answer(io.BytesIO(sent(store, asked)), asked, is_page=False)
        assert found.answer.invocations == ()


@pytest.mark.parametrize("first", [("input",), ("program",), ("input", "program"), ()])
@pytest.mark.parametrize("ran", [PLAIN, NONCED, LINKED])
def test_as_of_an_earlier_size_the_answer_is_that_of_a_store_of_then(
    tmp_path: Path, ran: Ran, first: tuple[str, ...]
) -> None:
    """Whatever was withheld then and disclosed later; a nonce, too."""
    told = [
        Issuer("first").claims(ran, result(), withheld=first)[1],
        Issuer("second").claims(ran, result(R2))[1],
    ]
    plain = Invocation(ran.program.cid, PLAIN.input.cid).cid
    codes = (C1, LIB, ran.program.cid)
    pairs = itertools.product(codes, (D1, ran.input.cid, PLAIN.input.cid))
    asks = [Asked(invocation=ran.cid), Asked(invocation=plain)]
    asks += [Asked(*pair) for pair in pairs]
    with (
        Octostore.open(tmp_path / "then") as then,
        Octostore.open(tmp_path / "now") as now,
    ):
        then.ingest(told[0])
        for blocks in told:
            now.ingest(blocks)
        for asked in asks:
            assert who(now, asked, as_of=1).to_json() == who(then, asked).to_json()


def test_as_of_an_earlier_size_names_and_withdrawals_are_those_of_then(
    tmp_path: Path,
) -> None:
    issuer = Issuer("bristol")
    statement, claims = issuer.claims(PLAIN, result())
    told = [
        issuer.says("Bristol")[1],
        claims,
        issuer.says("University of Bristol")[1],
        issuer.state([Withdrawal(claim=statement.part.records[0], why="wrong")])[1],
        issuer.says("UoB")[1],
    ]
    roots = []
    with Octostore.open(tmp_path / "store") as store:
        for blocks in told:
            assert store.ingest(blocks).accepted
            roots.append(store.checkpoint().root)
        asked = Asked(invocation=PLAIN.cid)
        seen = []
        for size in range(1, 6):
            answer = who(store, asked, as_of=size)
            assert answer.checkpoint.root == roots[size - 1]
            seen += [
                (size, claim.name, claim.withdrawn)
                for item in answer.invocations
                for claim in item.claims
            ]
        assert seen == [
            (2, "Bristol", False),
            (3, "University of Bristol", False),
            (4, "University of Bristol", True),
            (5, "UoB", True),
        ]
        with pytest.raises(NotFoundError, match="the log has 5 entries"):
            who(store, asked, as_of=6)


@pytest.mark.parametrize("as_of", [None, 3])
def test_a_page_that_is_just_full_is_whole(tmp_path: Path, as_of: int | None) -> None:
    """What is looked at in vain after it is no next page."""
    asked = Asked(C1, D1)
    with Octostore.open(tmp_path / "store") as store:
        for name in ("one", "two"):
            store.ingest(Issuer(name).claims(PLAIN, result())[1])
        store.update_map(NOW)
        answer, proof = ask(store, asked, limit=2, as_of=as_of)
        assert proof
        assert answer.next is None
        assert len(answer.invocations[0].claims) == 2
        store.ingest(Issuer("three").claims(NONCED, result())[1])
        if as_of is None:
            store.update_map(NOW)
            answer, proof = ask(store, asked, limit=2)
            assert proof
            assert answer.next is not None
        else:
            assert who(store, asked, limit=2, as_of=as_of).next is None


def test_a_store_does_not_prove_what_its_own_map_contradicts(tmp_path: Path) -> None:
    """A claim whose row is lost is in the map still."""
    asked = Asked(invocation=PLAIN.cid)
    with Octostore.open(tmp_path / "store") as store:
        fill(store)
        store.update_map(NOW)
        assert ask(store, asked)[1] is not None
        with store.view() as view:
            number = view.number(PLAIN.cid)
            assert number is not None
            prefix = tables.CLAIMS.key.prefix(number)
            row, _ = next(view.rows.scan(tables.CLAIMS.name, prefix))
    change(tmp_path / "store", Row(tables.CLAIMS.name, row, None))
    with (
        Octostore.open(tmp_path / "store") as store,
        pytest.raises(ProofError, match="the map does not show"),
    ):
        ask(store, asked)


def test_a_proof_is_small(store: Octostore) -> None:
    for name, asked in QUESTIONS.items():
        proof = ask(store, asked)[1]
        assert proof
        # Four roles of two CIDs that could both be blocks of ours take four ways.
        assert len(bytes(proof.proof)) < (1500 if "program and" in name else 1024)


def test_an_invocation_over_the_bound_of_pairs_is_shown_and_not_proved(
    tmp_path: Path,
) -> None:
    libraries = tuple(Import(data(f"lib {n}")) for n in range(63))
    wide = Ran(
        WasiProgram(C1, imports=libraries),
        Input(files={f"/{n}": data(f"{n}") for n in range(65)}),
    )
    with Octostore.open(tmp_path / "store") as store:
        store.ingest(Issuer("wide").claims(wide, result())[1])
        store.update_map(NOW)
        asked = Asked(libraries[0].code, data("0"))
        found = verify_answer(io.BytesIO(sent(store, asked)), asked, is_page=False)
        assert len(found.answer.invocations) == 1
        assert any("the answer for 1 invocation of" in note for note in found.notes)
        asked = Asked(C1, data("0"))
        found = verify_answer(io.BytesIO(sent(store, asked)), asked, is_page=False)
        assert not any("the answer for" in note for note in found.notes)


def test_what_may_be_left_out_over_the_bound_of_pairs_is_said(tmp_path: Path) -> None:
    """A server can leave such a run out, and its proof still holds."""
    libraries = tuple(Import(data(f"lib {n}")) for n in range(63))
    wide = Ran(
        WasiProgram(C1, imports=libraries),
        Input(files={f"/{n}": data(f"{n}") for n in range(65)}),
    )
    asked = Asked(libraries[0].code, data("0"))
    with Octostore.open(tmp_path / "store") as store:
        store.ingest(Issuer("wide").claims(wide, result())[1])
        store.update_map(NOW)
        lie = changed(sent(store, asked), lambda told: told["invocations"].clear())
        first = next(iter(car.CarReader(io.BytesIO(lie))))
        assert isinstance(first, Block)
        alone = b"".join(car.chunks([first.cid], [first]))
        found = verify_answer(io.BytesIO(alone), asked, is_page=False)
        assert found.answer.invocations == ()
        assert any("4096 pairs of code and data" in note for note in found.notes)
        for whole in (Asked(invocation=wide.cid), Asked(invocation=PLAIN.cid)):
            found = verify_answer(io.BytesIO(sent(store, whole)), whole, is_page=False)
            assert not any("4096" in note for note in found.notes)


def test_an_invocation_of_an_answer_is_that_of_its_ends() -> None:
    assert Invocation(PLAIN.program.cid, PLAIN.input.cid).cid == PLAIN.cid
