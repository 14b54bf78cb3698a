"""The map: one root for one set of keys; proofs that hold, and nothing else does."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec.cid import CID
from invocation_spec.model import Input, Invocation, program_from_block
from octostore.errors import ProofError
from octostore.map.head import MapHead
from octostore.map.keys import claim_key, invocation_keys, places
from octostore.map.proof import (
    KNOWN_MAX,
    PATH_MAX,
    QUESTIONS_MAX,
    MapProof,
    open_proof,
)
from octostore.map.questions import Question
from octostore.map.trie import EMPTY, root_of
from tests.vectors.make import trie

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "map.json").read_text()
)


def rows(kind: str, *, valid: bool = True) -> list[Any]:
    return [
        pytest.param(row, id=row["name"])
        for row in VECTORS
        if row["kind"] == kind and row["valid"] is valid
    ]


def questions_of(row: dict[str, Any]) -> list[Question]:
    return [
        Question(**{name: bytes.fromhex(text) for name, text in item.items()})
        for item in row["questions"]
    ]


def opened(row: dict[str, Any]) -> tuple[tuple[bytes, ...], ...]:
    return open_proof(
        MapProof.from_bytes(bytes.fromhex(row["proof"])),
        bytes.fromhex(row["root"]),
        questions_of(row),
        [bytes.fromhex(key) for key in row["known"]],
    )


@pytest.mark.parametrize("row", rows("keys"))
def test_a_claim_puts_these_keys_into_the_map(row: dict[str, Any]) -> None:
    invocation = Invocation.from_block(bytes.fromhex(row["invocation"]))
    program = row["program"] and program_from_block(bytes.fromhex(row["program"]))
    input = row["input"] and Input.from_block(bytes.fromhex(row["input"]))
    statement, record = CID.parse(row["statement"]), CID.parse(row["record"])
    keys = {
        *invocation_keys(invocation, program, input),
        *(
            claim_key(invocation.program, at, statement, record)
            for at in places(invocation, input)
        ),
    }
    if "root" in row:
        assert (len(keys), root_of(sorted(keys)).hex()) == (row["count"], row["root"])
    else:
        assert sorted(key.hex() for key in keys) == row["keys"]


@pytest.mark.parametrize("row", rows("root"))
def test_the_root_of_a_set_of_keys(row: dict[str, Any]) -> None:
    keys = [bytes.fromhex(key) for key in row["keys"]]
    assert root_of(sorted(keys)).hex() == row["root"]


@pytest.mark.parametrize("row", rows("head"))
def test_a_map_head_has_one_encoding(row: dict[str, Any]) -> None:
    block = bytes.fromhex(row["block"])
    head = MapHead.from_block(block)
    assert (head.size, head.root.hex(), head.time_s) == (
        row["size"],
        row["root"],
        row["time"],
    )
    assert head.block == block
    assert str(head.cid) == row["cid"]


@pytest.mark.parametrize("row", rows("head", valid=False))
def test_what_is_no_map_head_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ProofError):
        MapHead.from_block(bytes.fromhex(row["block"]))


@pytest.mark.parametrize("row", rows("proof"))
def test_a_proof_opens_to_all_keys_of_each_question(row: dict[str, Any]) -> None:
    found = [[key.hex() for key in keys] for keys in opened(row)]
    assert found == row["answers"]
    raw = bytes.fromhex(row["proof"])
    assert bytes(MapProof.from_bytes(raw)) == raw


@pytest.mark.parametrize("row", rows("proof", valid=False))
def test_a_proof_that_does_not_hold_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ProofError) as caught:
        opened(row)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "row", [row for row in rows("proof") if len(row.values[0]["proof"]) < 3000]
)
def test_one_bit_flipped_anywhere_is_refused(row: dict[str, Any]) -> None:
    raw = bytearray.fromhex(row["proof"])
    for at in range(8 * len(raw)):
        raw[at // 8] ^= 1 << at % 8
        with pytest.raises(ProofError):
            opened({**row, "proof": raw.hex()})
        raw[at // 8] ^= 1 << at % 8


# Keys of a small world, so that many share much: topics of two lengths.
_PART = st.integers(0, 3).map(lambda n: bytes((n * 85,)) * 32)
_ANY_PART = st.one_of(_PART, st.binary(min_size=32, max_size=32))
_KEY = st.one_of(
    st.lists(_ANY_PART, min_size=1, max_size=1).map(lambda p: b"\x06" + b"".join(p)),
    st.lists(_ANY_PART, min_size=4, max_size=4).map(lambda p: b"\x01" + b"".join(p)),
)
_KEYS = st.sets(_KEY, max_size=40)


@st.composite
def asked_of_a_map(
    draw: st.DrawFn,
) -> tuple[set[bytes], list[trie.Question], set[bytes]]:
    """A map, questions about it, and what the reader knows of the answers."""
    keys = draw(_KEYS)
    near = sorted(keys) or [b"\x01"]
    prefixes: list[bytes] = []
    for _ in range(draw(st.integers(0, 4))):
        key = bytearray(draw(st.sampled_from(near)))
        size = draw(st.integers(0, len(key)))
        if size and draw(st.booleans()):
            key[draw(st.integers(0, size - 1))] ^= 1 << draw(st.integers(0, 7))
        prefix = bytes(key[:size])
        if not any(p.startswith(prefix) or prefix.startswith(p) for p in prefixes):
            prefixes.append(prefix)
    questions: list[trie.Question] = []
    known: set[bytes] = set()
    for prefix in sorted(prefixes):
        mine = trie.answer(keys, (prefix, None, None))
        first = last = None
        is_page = draw(st.booleans())
        if mine and is_page:
            one, other = draw(st.sampled_from(mine)), draw(st.sampled_from(mine))
            first = min(one, other) if draw(st.booleans()) else None
            last = max(one, other) if draw(st.booleans()) else None
        question = (prefix, first, last)
        questions.append(question)
        answer = trie.answer(keys, question)
        if draw(st.booleans()):
            known.update(answer)
        elif answer:
            known.update(draw(st.sets(st.sampled_from(answer))))
    return keys, questions, known


@given(_KEYS, st.randoms())
def test_a_root_depends_on_the_set_alone(
    keys: set[bytes], shuffle: random.Random
) -> None:
    found = list(keys)
    shuffle.shuffle(found)
    assert root_of(sorted(found)) == trie.root(found)


@given(asked_of_a_map())
def test_random_questions_have_proofs_that_hold(
    asked: tuple[set[bytes], list[trie.Question], set[bytes]],
) -> None:
    keys, questions, known = asked
    proof = MapProof.from_bytes(trie.block(trie.prove(keys, questions, known)))
    found = open_proof(
        proof, trie.root(keys), [Question(*question) for question in questions], known
    )
    assert [list(keys) for keys in found] == [trie.answer(keys, q) for q in questions]


@given(asked_of_a_map(), st.data())
def test_a_changed_proof_is_refused(
    asked: tuple[set[bytes], list[trie.Question], set[bytes]], data: st.DataObject
) -> None:
    """An item changed, doubled, dropped or moved; another key hidden or added."""
    keys, questions, known = asked
    items = trie.prove(keys, questions, known)
    at = data.draw(st.integers(0, len(items)))
    other: Any = data.draw(
        st.one_of(
            st.none(),
            st.integers(0, 1031),
            st.binary(min_size=32, max_size=32),
            _KEY,
            st.sampled_from(items) if items else st.none(),
        )
    )
    drop = data.draw(st.integers(0, 1))
    changed = [*items[:at], other, *items[at + drop :]]
    if changed == items:
        return
    with pytest.raises(ProofError):
        open_proof(
            MapProof(tuple(changed)),
            trie.root(keys),
            [Question(*question) for question in questions],
            known,
        )


@given(asked_of_a_map(), st.data())
def test_a_proof_of_another_map_is_refused(
    asked: tuple[set[bytes], list[trie.Question], set[bytes]], data: st.DataObject
) -> None:
    keys, questions, known = asked
    if not keys:
        return
    hidden = keys - {data.draw(st.sampled_from(sorted(keys)))}
    items = trie.prove(hidden, questions, known)
    if items == trie.prove(keys, questions, known):
        return  # what was left out is known to the reader
    with pytest.raises(ProofError):
        open_proof(
            MapProof(tuple(items)),
            trie.root(keys),
            [Question(*q) for q in questions],
            known,
        )


def test_the_empty_map_answers_every_question_with_nothing() -> None:
    asked = [Question(b"\x01"), Question(b"\x02")]
    assert open_proof(MapProof(()), EMPTY, asked) == ((), ())


def test_a_page_of_the_empty_map_is_refused() -> None:
    key = b"\x06" + bytes(32)
    with pytest.raises(ProofError, match="no answer"):
        open_proof(MapProof(()), EMPTY, [Question(b"\x06", first=key)])


def test_a_reader_knows_so_many_keys() -> None:
    keys = [b"\x06" + n.to_bytes(32, "big") for n in range(KNOWN_MAX + 1)]
    with pytest.raises(ProofError, match=f"{KNOWN_MAX + 1} keys"):
        open_proof(MapProof(()), EMPTY, [Question(b"\x06")], keys)


@pytest.mark.slow
def test_questions_that_lead_everywhere_are_given_up() -> None:
    """Depths past every prefix, so that each node asks all questions of both sides."""
    questions = [Question(n.to_bytes(2, "big")) for n in range(QUESTIONS_MAX)]
    depths = range(16, 16 + 2 * PATH_MAX)
    proof = MapProof((*depths, *(bytes(33) for _ in range(2 * PATH_MAX + 1))))
    before = time.process_time()
    with pytest.raises(ProofError, match="more places than any map"):
        open_proof(proof, bytes(32), questions)
    assert time.process_time() - before < 20
