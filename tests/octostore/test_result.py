"""A result says something, says it in one way, and compares name by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec.cid import CID
from invocation_spec.errors import OctostoreError
from octostore.errors import ResultError
from octostore.result import OUTPUTS_MAX, Agreement, Result, compare, compare_outputs

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "results.json").read_text()
)
R1, R2 = CID.of_bytes(b"R1"), CID.of_bytes(b"R2")

BLOCKS = [pytest.param(row, id=row["name"]) for row in VECTORS if "block" in row]
PAIRS = [pytest.param(row, id=row["name"]) for row in VECTORS if "agreement" in row]


@pytest.mark.parametrize("row", BLOCKS)
def test_result_vectors(row: dict[str, Any]) -> None:
    block = bytes.fromhex(row["block"])
    if row["valid"]:
        result = Result.from_block(block)
        assert result.block == block
        assert str(result.cid) == row["cid"]
        assert Result(result.outputs, result.exit) == result
        assert hash(Result(dict(result.outputs), result.exit)) == hash(result)
    else:
        with pytest.raises(OctostoreError) as caught:
            Result.from_block(block)
        assert caught.value.code == row["error"]


@pytest.mark.parametrize("row", PAIRS)
def test_only_flat_codecs_of_one_hash_function_prove_a_conflict(
    row: dict[str, Any],
) -> None:
    a, b = CID.parse(row["a"]), CID.parse(row["b"])
    assert compare_outputs(a, b) == compare_outputs(b, a) == row["agreement"]


def test_names_that_only_one_side_has_say_nothing() -> None:
    ours = Result({"/a": R1, "/b": R1, "/only-ours": R1}, exit=0)
    theirs = Result({"/a": R1, "/b": R2, "/only-theirs": R1})
    assert compare(ours, theirs) == {
        "/a": Agreement.AGREE,
        "/b": Agreement.CONFLICT,
    }


def test_exit_is_compared_where_both_report_it() -> None:
    good, bad, unknown = Result({}, exit=0), Result({}, exit=1), Result({"/a": R1})
    assert compare(good, good) == {"exit": Agreement.AGREE}
    assert compare(good, bad) == {"exit": Agreement.CONFLICT}
    assert compare(good, unknown) == {}


def test_a_tree_nobody_opened_compares_only_with_its_like() -> None:
    unopened, opened = Result({"": R1}), Result({"/a": R1})
    assert compare(unopened, opened) == {}
    assert compare(unopened, unopened) == {"": Agreement.AGREE}


def test_a_result_has_at_most_so_many_outputs() -> None:
    fitting = {f"/{i}": R1 for i in range(OUTPUTS_MAX)}
    assert Result.from_block(Result(fitting).block).outputs == fitting
    with pytest.raises(ResultError, match="at most"):
        Result({**fitting, "/more": R1})


def test_a_result_cannot_be_changed() -> None:
    outputs = {"/a": R1}
    result = Result(outputs)
    outputs["/b"] = R2
    assert dict(result.outputs) == {"/a": R1}
    with pytest.raises(TypeError):
        result.outputs["/b"] = R2  # type: ignore[index] # that is the point


segments = st.text("ab./", min_size=1, max_size=6).map(lambda text: f"/{text}")


@given(st.dictionaries(segments, st.sampled_from([R1, R2]), min_size=1, max_size=4))
def test_no_output_lies_below_another(outputs: dict[str, CID]) -> None:
    try:
        result = Result(outputs)
    except ResultError:
        return
    assert Result.from_block(result.block) == result
    names = list(result.outputs)
    assert not any(a != b and b.startswith(f"{a}/") for a in names for b in names)
