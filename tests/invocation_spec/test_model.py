"""Program, Input and Invocation: one value, one block, and no default spelled out."""

from __future__ import annotations

from typing import Any

import dag_cbor
import multiformats as reference
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import Input, Invocation
from invocation_spec.cid import CID, EMPTY_BYTES
from invocation_spec.dagcbor import encode
from invocation_spec.errors import EncodingError
from invocation_spec.model import (
    ITEMS_MAX,
    NONCE_BYTES_MAX,
    TEXT_BYTES_MAX,
    Await,
    GvmiProgram,
    Import,
    OciProgram,
    Put,
    Run,
    WasiProgram,
    WasmFunctionProgram,
    check_fit,
    program_from_block,
)

CODE = CID.of_bytes(b"code")
FILE = CID.of_bytes(b"file")
OTHER = CID.of_block(b"\xa0")
BLOCK = CID.of_block(b"\x80")


def block_of(**fields: Any) -> bytes:
    return encode(fields, floats=True)


def test_programs_read_back() -> None:
    for program in (
        WasiProgram(CODE),
        WasiProgram(CODE, entry="main", imports=(Import(FILE), Import(CODE, "lib"))),
        WasmFunctionProgram(CODE, function="add"),
        OciProgram(CODE),
        GvmiProgram(CODE),
    ):
        assert program_from_block(program.block) == program
        assert program.cid == CID.of_block(program.block)


def test_kinds_with_one_code_are_different_programs() -> None:
    kinds = {
        WasiProgram(CODE).cid,
        WasmFunctionProgram(CODE, function="_start").cid,
        OciProgram(CODE).cid,
        GvmiProgram(CODE).cid,
    }
    assert len(kinds) == 4


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": "wasi"},
        {"code": CODE},
        {"kind": "elf", "code": CODE},
        {"kind": 1, "code": CODE},
        {"kind": "wasi", "code": str(CODE)},
        {"kind": "wasi", "code": CODE, "entry": "_start"},
        {"kind": "wasi", "code": CODE, "entry": ""},
        {"kind": "wasi", "code": CODE, "entry": None},
        {"kind": "wasi", "code": CODE, "entry": "a\0"},
        {"kind": "wasi", "code": CODE, "imports": []},
        {"kind": "wasi", "code": CODE, "imports": [CODE]},
        {"kind": "wasi", "code": CODE, "imports": [{"code": CODE, "name": ""}]},
        {"kind": "wasi", "code": CODE, "imports": [{"code": CODE, "as": "a"}]},
        {"kind": "wasi", "code": CODE, "function": "f"},
        {"kind": "wasm-function", "code": CODE},
        {"kind": "wasm-function", "code": CODE, "function": ""},
        {"kind": "wasm-function", "code": CODE, "function": "f", "entry": "e"},
        {"kind": "oci", "code": CODE, "platform": "linux/amd64"},
        {"kind": "oci", "code": CODE, "entry": "e"},
        {"kind": "gvmi", "code": CODE, "imports": []},
    ],
)
def test_what_the_encoder_of_programs_would_not_write_is_refused(
    fields: dict[str, Any],
) -> None:
    with pytest.raises(EncodingError):
        program_from_block(block_of(**fields))


def test_an_empty_input_is_an_empty_map() -> None:
    assert Input().block == b"\xa0"
    assert Input(argv=(), args=(), env={}, files={}, nonce=b"").block == b"\xa0"


@pytest.mark.parametrize("empty", sorted(EMPTY_BYTES))
def test_stdin_of_zero_bytes_is_no_stdin(empty: CID) -> None:
    assert Input(stdin=empty) == Input()
    with pytest.raises(EncodingError):
        Input.from_block(block_of(stdin=empty))


WHOLE = Input(
    argv=("a", ""),
    env={"B": "", "A": "x=y"},
    cwd="/",
    files={"/b": FILE, "/a": OTHER},
    stdin=FILE,
    nonce=b"\0",
)


def test_inputs_read_back() -> None:
    for value in (
        WHOLE,
        Input(args=(1, 1.0, None, {"a": [FILE]}, b"")),
        Input(
            args=(None, {"x": None}),
            awaits=(Await((1, "x"), "error", OTHER), Await((0,), "any", OTHER)),
        ),
        Input(steps=(Put({"/a": FILE}), Run(("a",)), Put({"/a": CODE}), Run(()))),
        Input(steps=(Run(("a",)), Put({"/a": CODE}))),
    ):
        assert Input.from_block(value.block) == value


def test_the_reference_codec_reads_what_an_input_says() -> None:
    found = dag_cbor.decode(WHOLE.block)
    assert found == {
        "argv": ["a", ""],
        "env": {"A": "x=y", "B": ""},
        "cwd": "/",
        "files": {
            "/a": reference.CID.decode(OTHER.raw),
            "/b": reference.CID.decode(FILE.raw),
        },
        "stdin": reference.CID.decode(FILE.raw),
        "nonce": b"\0",
    }


def test_one_and_one_point_zero_are_different_arguments() -> None:
    assert Input(args=(1,)).cid != Input(args=(1.0,)).cid


@pytest.mark.parametrize(
    "fields",
    [
        {"argv": []},
        {"args": []},
        {"env": {}},
        {"files": {}},
        {"nonce": b""},
        {"awaits": []},
        {"steps": []},
        {"cwd": ""},
        {"cwd": "a"},
        {"cwd": "/a/"},
        {"cwd": "/a/../b"},
        {"cwd": None},
        {"argv": ["a"], "args": ["b"]},
        {"argv": [1]},
        {"argv": ["a\0"]},
        {"argv": "a"},
        {"argv": {"0": "a"}},
        {"env": {"": "a"}},
        {"env": {"A=": "a"}},
        {"env": {"A": 1}},
        {"env": {"A": "\0"}},
        {"env": {"A\0": ""}},
        {"env": [["A", "a"]]},
        {"files": {"a": FILE}},
        {"files": {"/a/": FILE}},
        {"files": {"//a": FILE}},
        {"files": {"/a": str(FILE)}},
        {"files": {"/a": {"/": str(FILE)}}},
        {"files": [FILE]},
        {"stdin": b""},
        {"stdin": str(FILE)},
        {"nonce": "a"},
        {"nonce": b"a" * (NONCE_BYTES_MAX + 1)},
        {"program": CODE},
        {"outputs": ["/a"]},
        {"steps": [{"run": ["a"]}]},
        {"steps": [{"put": {"/a": FILE}}]},
        {"steps": [{"put": {"/a": FILE}}, {"run": ["a"]}]},
        {"steps": [{"run": ["a"]}, {"put": {}}]},
        {"steps": [{"run": ["a"]}, {"put": {"/a": FILE}}, {"put": {"/b": FILE}}]},
        {"steps": [{"run": ["a"], "put": {"/a": FILE}}, {"run": ["a"]}]},
        {"steps": [{"do": ["a"]}, {"run": ["a"]}]},
        {"steps": ["a", "b"]},
        {"steps": [{"run": ["a"]}, {"run": ["b"]}], "argv": ["a"]},
        {"steps": [{"run": ["a"]}, {"run": ["b"]}], "args": ["a"]},
        {"steps": [{"run": ["a"]}, {"run": ["b"]}], "files": {"/a": FILE}},
    ],
)
def test_what_the_encoder_of_inputs_would_not_write_is_refused(
    fields: dict[str, Any],
) -> None:
    with pytest.raises(EncodingError):
        Input.from_block(block_of(**fields))


@pytest.mark.parametrize(
    "awaited",
    [
        {"at": [0], "when": "ok"},
        {"at": [], "when": "ok", "invocation": OTHER},
        {"at": ["x"], "when": "ok", "invocation": OTHER},
        {"at": [2], "when": "ok", "invocation": OTHER},
        {"at": [-1], "when": "ok", "invocation": OTHER},
        {"at": [True], "when": "ok", "invocation": OTHER},
        {"at": [1, "y"], "when": "ok", "invocation": OTHER},
        {"at": [0, 0], "when": "ok", "invocation": OTHER},
        {"at": [1], "when": "ok", "invocation": OTHER},
        {"at": [0], "when": "*", "invocation": OTHER},
        {"at": [0], "when": "ok", "invocation": str(CODE)},
        {"at": [0], "when": "ok", "invocation": CODE, "else": 1},
        {"at": 0, "when": "ok", "invocation": OTHER},
    ],
)
def test_an_await_names_a_null_inside_args(awaited: dict[str, Any]) -> None:
    good = {"at": [0], "when": "ok", "invocation": OTHER}
    args = [None, {"x": 1}]
    assert Input.from_block(block_of(args=args, awaits=[good])).awaits
    with pytest.raises(EncodingError):
        Input.from_block(block_of(args=args, awaits=[awaited]))


def test_two_awaits_of_one_place_are_refused() -> None:
    pair = (Await((0,), "ok", OTHER), Await((0,), "any", OTHER))
    with pytest.raises(EncodingError, match="one place"):
        Input(args=(None,), awaits=pair)


def test_awaits_are_sorted_by_their_place() -> None:
    pair = (Await((1,), "ok", OTHER), Await((0,), "ok", OTHER))
    found = Input(args=(None, None), awaits=pair)
    assert found == Input(args=(None, None), awaits=pair[::-1])
    backwards = [item.to_ipld() for item in found.awaits[::-1]]
    with pytest.raises(EncodingError):
        Input.from_block(block_of(args=[None, None], awaits=backwards))


FIELDS: dict[str, Input] = {
    "argv": Input(argv=("a",)),
    "args": Input(args=("a",)),
    "env": Input(env={"A": "1"}),
    "cwd": Input(cwd="/a"),
    "files": Input(files={"/a": FILE}),
    "stdin": Input(stdin=FILE),
    "nonce": Input(nonce=b"a"),
    "awaits": Input(args=(None,), awaits=(Await((0,), "ok", OTHER),)),
    "steps": Input(steps=(Run(("a",)), Run(("b",)))),
}

KINDS: list[tuple[Any, set[str]]] = [
    (WasiProgram(CODE), {"args", "env", "files", "stdin", "steps", "nonce"}),
    (WasmFunctionProgram(CODE, function="f"), {"args", "awaits", "nonce"}),
    (OciProgram(CODE), set(FIELDS) - {"awaits"}),
    (GvmiProgram(CODE), set(FIELDS) - {"awaits", "args"}),
]


@pytest.mark.parametrize(("program", "allowed"), KINDS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_kind_has_its_own_fields(program: Any, allowed: set[str], field: str) -> None:
    if field in allowed:
        check_fit(program, FIELDS[field])
    else:
        with pytest.raises(EncodingError, match=field):
            check_fit(program, FIELDS[field])


@pytest.mark.parametrize("program", [WasiProgram(CODE), OciProgram(CODE)])
@pytest.mark.parametrize("value", [1, 1.0, None, FILE, b"a", ["a"], "a\0"])
def test_arguments_of_commands_are_strings(program: Any, value: Any) -> None:
    check_fit(WasmFunctionProgram(CODE, function="f"), Input(args=("a",)))
    with pytest.raises(EncodingError):
        check_fit(program, Input(args=(value,)))


def test_only_a_module_can_be_run_without_words() -> None:
    steps = (Run(()), Run(()))
    check_fit(WasiProgram(CODE), Input(steps=steps))
    with pytest.raises(EncodingError, match="command"):
        check_fit(OciProgram(CODE), Input(steps=steps))


def test_a_file_cannot_stand_at_the_root() -> None:
    with pytest.raises(EncodingError, match="directory"):
        Input(files={"/": FILE})


def test_an_await_names_an_invocation_block() -> None:
    with pytest.raises(EncodingError, match="dag-cbor"):
        Await((0,), "ok", CODE)


def test_invocations_read_back_and_have_two_links() -> None:
    invocation = Invocation(OTHER, BLOCK)
    assert Invocation.from_block(invocation.block) == invocation
    for fields in (
        {"program": OTHER},
        {"program": OTHER, "input": BLOCK, "nonce": b"a"},
        {"program": OTHER, "input": str(BLOCK)},
        {"program": OTHER, "input": None},
        {"program": CODE, "input": BLOCK},
        {"program": OTHER, "input": FILE},
    ):
        with pytest.raises(EncodingError):
            Invocation.from_block(block_of(**fields))
    for block in (b"\x80", b"\x01", b"\xf6", b""):
        for read in (Invocation.from_block, Input.from_block, program_from_block):
            with pytest.raises(EncodingError):
                read(block)


def test_values_have_limits() -> None:
    assert Input(argv=("a" * TEXT_BYTES_MAX,)).block
    for make in (
        lambda: Input(argv=("é" * (TEXT_BYTES_MAX // 2) + "a",)),
        lambda: Input(argv=("a",) * (ITEMS_MAX + 1)),
        lambda: Input(env={f"A{at}": "" for at in range(ITEMS_MAX + 1)}),
        lambda: WasiProgram(CODE, imports=(Import(CODE),) * (ITEMS_MAX + 1)),
    ):
        with pytest.raises(EncodingError, match="at most"):
            make()


def test_values_cannot_be_changed() -> None:
    value = Input(env={"A": "1"}, files={"/a": FILE})
    for change in (value.env, value.files):
        with pytest.raises(TypeError):
            change["x"] = "y"  # type: ignore[index]
    own = {"A": "1"}
    copy = Input(env=own)
    own["A"] = "2"
    assert copy.env == {"A": "1"}


def test_data_are_all_links_of_an_input_once() -> None:
    third = CID.of_bytes(b"third")
    assert WHOLE.data == (FILE, OTHER)
    assert Input(args=([FILE], {"a": third}, FILE)).data == (FILE, third)
    assert Input(steps=(Put({"/a": FILE}), Run(("a",)), Run(("b",)))).data == (FILE,)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
names = texts.filter(lambda name: bool(name) and "=" not in name)
links = st.binary(max_size=3).map(CID.of_bytes)


@given(
    st.lists(texts, max_size=4),
    st.dictionaries(names, texts, max_size=3),
    st.dictionaries(st.sampled_from(["/a", "/a/b", "/é", "/z"]), links, max_size=3),
    st.binary(max_size=4),
)
def test_any_input_reads_back(
    argv: list[str], env: dict[str, str], files: dict[str, CID], nonce: bytes
) -> None:
    value = Input(argv=tuple(argv), env=env, files=files, nonce=nonce)
    assert Input.from_block(value.block) == value
    assert value == Input(
        argv=tuple(argv), env=dict(reversed(env.items())), files=files, nonce=nonce
    )
