"""Bytes to a tree: nothing guessed, nothing lost, and an end to everything."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import yamltext
from invocation_spec.cid import CID
from invocation_spec.dagcbor import DEPTH_MAX, encode
from invocation_spec.document import DOCUMENT_BYTES_MAX, Tree, read_document
from invocation_spec.errors import DocumentError
from invocation_spec.node import Node
from invocation_spec.yamltext import Ambiguous, AmbiguousKey


def tree_of(text: str | bytes) -> Tree:
    return read_document(text if isinstance(text, bytes) else text.encode()).tree


def scalar(text: str) -> Any:
    tree = tree_of(f"a: {text}\n")
    assert isinstance(tree, dict)
    return tree["a"]


@pytest.mark.parametrize(
    ("data", "syntax"),
    [
        (b"{}", "json"),
        (b" \t\r\n[1]", "json"),
        (b"a: 1", "yaml"),
        (b"--- {}", "yaml"),
        (b"\xa0", "dag-cbor"),
        (encode({"a": CID.of_bytes(b"")}), "dag-cbor"),
        (encode([1]), "dag-cbor"),
        (bytes.fromhex("11a265726f6f7473806776657273696f6e01"), "car"),
        (bytes.fromhex("b802a265726f6f74738100"), "car"),
    ],
)
def test_the_first_bytes_say_the_syntax(data: bytes, syntax: str) -> None:
    assert read_document(data).syntax == syntax


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"\xff\xfe{\0}\0", "byte order mark"),
        (b"\x80\x80", "DAG-CBOR"),
        (b"a: \xff", "not UTF-8 at byte 3"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b"\xa1\x61a", "DAG-CBOR"),
        (b"\xbf\xff", "DAG-CBOR"),
    ],
)
def test_bytes_that_are_no_document_are_refused(data: bytes, said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        read_document(data)


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[1,]", "{'a': 1}", '{"a": 01}', '{"a": +1}', '{"a": .5}', "{} x"),
        *('{"a": 1.}', '{"a": Infinity}', '{"a": -Infinity}', '{"a": NaN}', "[1] //"),
        *('{"a": "\t"}', '{"a": "\\x41"}', '{"a": "\\ud800"}', '{"\\udc00": 1}'),
        *('{"a": -0}', '{"a": -0.0}', '{"a": -0e5}', '{"a": 1e400}', "{a: 1}"),
        *('{"a": 1, "a": 1}', '{"a": {"b": 1, "\\u0062": 2}}', "[nan]", "{}\0"),
    ],
)
def test_json_is_rfc_8259_with_neither_duplicates_nor_minus_zero(text: str) -> None:
    with pytest.raises(DocumentError):
        tree_of(text)


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("0", 0),
        ("-1", -1),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("18446744073709551616", 2.0**64),
        ("-9223372036854775809", -(2.0**63)),
        ("1.0", 1.0),
        ("1e2", 100.0),
        ("1E-400", 0.0),
        ("0.1", 0.1),
        ("9007199254740993.0", 9007199254740992.0),
    ],
)
def test_a_literal_with_a_point_or_exponent_is_a_float(
    literal: str, value: Any
) -> None:
    found = tree_of(f"[{literal}]")
    assert isinstance(found, list)
    assert found[0] == value
    assert type(found[0]) is type(value)


def test_a_pair_of_surrogate_escapes_is_one_character() -> None:
    assert tree_of('["\\ud83d\\ude00"]') == ["\U0001f600"]


PLAIN = [
    *("text", "2001-12-14", "12e", "1.2.3", "08:61", "+", ".", "..", "=", "e5"),
    *("0b", "0o8", "0xg", "nO", "yEs", "Nul", "truE", "1,2", "_1", "x_1"),
]


@pytest.mark.parametrize("word", PLAIN)
def test_words_that_are_text_to_both_versions_are_text(word: str) -> None:
    assert scalar(word) == word


AMBIGUOUS = [
    *("yes", "No", "ON", "off", "y", "N", "010", "0b11", "1_000", "0o10", "08", "1e3"),
    *("190:20:30", "190:20:30.15", "1.5e3", "._5", "0x_1", "1_.5", "1e999", "-1E+999"),
    *("0_", "9" * 401, "0x" + "f" * 300, "1" + ":1" * 500),
]


@pytest.mark.parametrize("word", AMBIGUOUS)
def test_words_that_the_versions_read_differently_are_kept_apart(word: str) -> None:
    assert scalar(word) == Ambiguous(word)
    with pytest.raises(DocumentError, match="differently; expected a string; quote it"):
        Node(scalar(word)).text()
    assert scalar(f"'{word}'") == scalar(f'"{word}"') == word


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("", None),
        ("~", None),
        ("NULL", None),
        ("true", True),
        ("FALSE", False),
        ("12", 12),
        ("+12", 12),
        ("00", 0),
        ("0x1f", 31),
        ("1.5", 1.5),
        ("1.5e+3", 1500.0),
        (".5", 0.5),
        ("18446744073709551616", 2.0**64),
    ],
)
def test_words_that_both_versions_read_alike_are_values(word: str, value: Any) -> None:
    assert scalar(word) == value
    assert type(scalar(word)) is type(value)


@pytest.mark.parametrize("word", [".inf", "-.INF", ".nan"])
def test_numbers_that_no_job_can_hold_are_refused(word: str) -> None:
    with pytest.raises(DocumentError, match="quote it"):
        scalar(word)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: !!str b", "tag"),
        ("a: ! b", "tag"),
        ("!x a: b", "tag"),
        ("a: 1\n---\nb: 1", "more than one"),
        ("a: 1\na: 2", "line 2 stands twice"),
        ("- {a: 1}: b", "collection, at line 1"),
        ("? [a]\n: b", "collection"),
        ("<<: {a: 1}", "merge key"),
        ("a: *b", "before or inside"),
        ("a: &b [*b]", "before or inside"),
        ("a: [", "line 2"),
        ("a: 'b", "line 1"),
        ("a:\tb: c\n  - d", "not YAML"),
        ("a: \x01", "not YAML"),
        ("a: b\u0085c", r"U\+0085 at line 1"),
        ("a:\n - b\u2028c", r"U\+2028 at line 2"),
        ("a: \ufeffb", r"U\+FEFF"),
    ],
)
def test_yaml_that_is_refused_says_where(text: str, said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        tree_of(text)


def test_quoted_merge_and_value_words_are_text() -> None:
    assert tree_of("{a: 1}\n".replace("{", " \n- {").strip()) == [{"a": 1}]
    assert tree_of("'<<': 1\n'=': 2") == {"<<": 1, "=": 2}
    assert scalar("<<") == "<<"


def test_keys_that_are_no_string_to_every_reader_are_marked() -> None:
    tree = tree_of("no: 1\n1: 2\n~: 3\n'no2': 4\n")
    assert isinstance(tree, dict)
    assert [type(key) for key in tree] == [AmbiguousKey] * 3 + [str]
    with pytest.raises(DocumentError, match="quote it"):
        list(Node(tree).entries())


def test_anchors_are_values() -> None:
    assert tree_of("a: &x [1, &y b]\nc: *x\nd: *y") == {
        "a": [1, "b"],
        "c": [1, "b"],
        "d": "b",
    }


def test_anchors_may_be_named_again() -> None:
    assert tree_of("[&x 1, *x, &x 2, *x]".replace("[", "- [", 1)) == [[1, 1, 2, 2]]


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        names = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{names}]")
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        bomb(9),
        "[" * 100_000,
        '{"a":' * 100_000,
        "a: " + "[" * 100_000,
        "- " * 100_000,
        "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1),
        "a: &a " + "[" * 100 + "]" * 100 + "\nb: " + "[" * 50 + "*a" + "]" * 50,
        "{" + ",".join(f'"k{at}":0' for at in range(50_000)) + ',"k49999":0}',
        "[" + "1" * 1_000_000 + "]",
        "[-" + "1" * 1_000_000 + "]",
    ],
)
def test_bombs_are_refused_soon(text: str) -> None:
    start = time.process_time()
    with pytest.raises(DocumentError) as caught:
        tree_of(text)
    assert time.process_time() - start < 3
    assert len(str(caught.value)) < 300


@pytest.mark.slow
def test_long_numerals_are_read_soon() -> None:
    start = time.process_time()
    for text in ("1" * 1_000_000, "0x" + "f" * 1_000_000, "1" + ":1" * 500_000):
        assert scalar(text) == Ambiguous(text)
    assert time.process_time() - start < 3


@pytest.mark.slow
def test_a_document_has_a_largest_size() -> None:
    start = time.process_time()
    with pytest.raises(DocumentError, match="at most"):
        read_document(b"{" + b" " * (100 << 20))
    assert time.process_time() - start < 1
    assert read_document(b"{}" + b" " * (DOCUMENT_BYTES_MAX - 2)).tree == {}


def test_depth_up_to_the_limit_is_read_in_every_syntax() -> None:
    levels = "[" * DEPTH_MAX + "]" * DEPTH_MAX
    tree = json.loads(levels)
    assert tree_of(levels) == tree == tree_of(f"--- {levels}")
    whole = encode({"a": json.loads(levels[1:-1])})
    assert tree_of(whole) == {"a": tree[0]}


def test_values_and_characters_of_yaml_are_counted_where_aliases_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(yamltext, "YAML_NODES_MAX", 20)
    assert tree_of("a: &a [b, c, d]\nb: [*a, *a, *a]\n")  # 3 keys and 17 values
    with pytest.raises(DocumentError, match="more than 20 values"):
        tree_of("a: &a [b, c, d]\nb: [*a, *a, *a, *a]\n")
    monkeypatch.setattr(yamltext, "YAML_CHARACTERS_MAX", 100)
    assert tree_of(f"a: &a {'x' * 30}\nb: [*a, *a]\n")
    with pytest.raises(DocumentError, match="100 characters"):
        tree_of(f"a: &a {'x' * 30}\nb: [*a, *a, *a]\n")
    with pytest.raises(DocumentError, match="100 characters"):
        tree_of(f"a: &a [{'x' * 30}]\nb: [*a, *a, *a]\n")


def check_line(error: DocumentError) -> None:
    assert error.reason
    assert "\n" not in error.reason


@given(st.binary(max_size=80))
def test_any_bytes_are_a_tree_or_refused(data: bytes) -> None:
    try:
        read_document(data)
    except DocumentError as error:
        check_line(error)


@given(st.text("ab:-[]{},&*!|>'\"%@`#?~ \n\t01.e_xo<=", max_size=60))
def test_any_yaml_is_a_tree_or_refused(text: str) -> None:
    try:
        read_document(text.encode())
    except DocumentError as error:
        check_line(error)


@given(st.text(max_size=12))
def test_a_plain_scalar_is_never_another_string(text: str) -> None:
    """What both readers agree on is what PyYAML, a reader of 1.1, says too."""
    try:
        found = scalar(text)
        theirs = yaml.safe_load(f"a: {text}\n")["a"]
    except (DocumentError, yaml.YAMLError, ValueError, TypeError, KeyError):
        return
    if isinstance(found, str) and isinstance(theirs, str):
        assert found == theirs


def check_breaks(error: DocumentError) -> None:
    assert re.search(r"U\+(0085|2028|2029|FEFF)|control characters", error.reason)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(st.characters(codec="utf-8"), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=6), inner)
    ),
    max_leaves=15,
)


@given(JSON)
def test_a_tree_is_the_same_in_json_and_yaml_and_dag_cbor(value: Any) -> None:
    whole = {"a": value}
    assert tree_of(json.dumps(whole)) == whole
    assert tree_of(json.dumps(whole, ensure_ascii=False)) == whole
    assert tree_of(encode(whole)) == whole
    # JSON is YAML but for its escapes of surrogates and what breaks lines.
    try:
        assert tree_of("--- " + json.dumps(whole, ensure_ascii=False)) == whole
    except DocumentError as error:
        check_breaks(error)


@pytest.mark.parametrize("text", ["-0", "-0.0", "-.0"])
def test_minus_zero_is_refused_in_yaml_as_in_json(text: str) -> None:
    with pytest.raises(DocumentError, match="write 0"):
        read_document(f"a: {text}".encode())


@pytest.mark.parametrize("text", ["-0x0", "-0_0", "-0e0"])
def test_minus_zero_to_one_yaml_only_is_ambiguous(text: str) -> None:
    assert read_document(f"a: {text}".encode()).tree == {"a": Ambiguous(text)}
