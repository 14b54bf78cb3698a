"""The own form: reading it is the identity, and each invocation has one CAR."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import DocumentError, EncodingError, Resolutions, canonicalize
from invocation_spec.adapters.own import to_car, to_dag_json
from invocation_spec.cid import CID
from invocation_spec.model import Input, WasiProgram, WasmFunctionProgram

_VECTORS = Path(__file__).parents[1] / "vectors" / "invocation"
_CASES: list[dict[str, Any]] = [
    case
    for path in sorted(_VECTORS.glob("*.json"))
    for case in json.loads(path.read_text())
    if case["outcome"] == "canonical"
]
_CODE = CID.of_bytes(b"\0asm")
_CAR = to_car(WasiProgram(_CODE), Input(args=("-v",), nonce=b"\x00"))


def _document(case: dict[str, Any]) -> bytes:
    if "document_hex" in case:
        return bytes.fromhex(case["document_hex"])
    return str(case["document"]).encode()


def test_what_any_network_gives_survives_the_own_form() -> None:
    said = 0
    for case in _CASES:
        resolutions = Resolutions.of(case.get("resolutions", {}))
        for outcome in canonicalize(
            _document(case), resolutions, network=case.get("network")
        ):
            assert outcome.program is not None
            assert outcome.input is not None
            forms = [to_car(outcome.program, outcome.input)]
            try:
                forms.append(to_dag_json(outcome.program, outcome.input).encode())
                said += 1
            except EncodingError:
                assert b"a/" in forms[0]  # a key `/`: text of one byte
            for form in forms:
                (again,) = canonicalize(form)
                assert again.invocation == outcome.invocation
                assert (again.program, again.input) == (outcome.program, outcome.input)
    assert said > 100


_KEYS = st.text(max_size=4).filter(lambda key: key != "/")
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(
        lambda number: str(number) != "-0.0"
    )
    | st.text(max_size=8)
    | st.binary(max_size=8)
    | st.binary(max_size=4).map(CID.of_bytes),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(args=st.lists(_VALUES, max_size=4), nonce=st.binary(max_size=16))
def test_any_typed_arguments_survive_both_forms(args: list[Any], nonce: bytes) -> None:
    program = WasmFunctionProgram(_CODE, function="f")
    wanted = Input(args=tuple(args), nonce=nonce)
    for form in (to_dag_json(program, wanted).encode(), to_car(program, wanted)):
        (outcome,) = canonicalize(form)
        assert outcome.input is not None
        assert outcome.input.cid == wanted.cid


def test_a_car_with_one_bit_flipped_is_refused() -> None:
    for at in range(8 * len(_CAR)):
        data = bytearray(_CAR)
        data[at // 8] ^= 1 << at % 8
        with pytest.raises(DocumentError):
            canonicalize(bytes(data))


def test_a_car_that_breaks_off_is_refused() -> None:
    for size in range(len(_CAR)):
        with pytest.raises(DocumentError):
            canonicalize(_CAR[:size])


@given(st.binary(max_size=40))
def test_whatever_follows_the_header_of_a_car_is_read_or_refused(data: bytes) -> None:
    with pytest.raises(DocumentError):
        canonicalize(_CAR[: _CAR[0] + 1] + data)


def test_no_resolution_changes_the_own_form() -> None:
    document = to_dag_json(WasiProgram(_CODE), Input()).encode()
    resolutions = Resolutions.of({f"ipfs:{_CODE}": str(CID.of_bytes(b"other"))})
    (outcome,) = canonicalize(document, resolutions)
    (plain,) = canonicalize(document)
    assert outcome.invocation == plain.invocation
    assert outcome.also == ()
    assert [warned.kind for warned in outcome.warnings] == ["unused-resolution"]
