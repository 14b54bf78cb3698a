"""How values differ: of any size, in bounded time and memory, and safe to print."""

from __future__ import annotations

import time
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import CID
from octostore.cli.differing import compared_lines
from octostore.contents import Contents
from octostore.differences import (
    DIFF_LINES_MAX,
    LINE_CHARACTERS_MAX,
    NUMBERS_BYTES_MAX,
    VALUES_MAX,
    WINDOW_BYTES_MAX,
    Compared,
    Difference,
    difference,
    differences,
)
from octostore.runner import run_wasi
from tests.octostore.gateways import gateway, honest
from tests.octostore.said import Command
from tests.octostore.test_reproduce import INVOCATION, KEPLER, claimed, kepler

__all__ = ["claimed"]


def lines(found: Difference) -> str:
    return "\n".join(compared_lines("R1 to R2", Compared(CID.of_bytes(b""), found)))


class TestBytes:
    @given(st.binary(max_size=300), st.binary(max_size=300))
    def test_the_first_byte_that_differs_is_the_first(self, a: bytes, b: bytes) -> None:
        found = difference(a, b)
        assert found.sizes == (len(a), len(b))
        if found.first is None:
            assert a == b
        else:
            assert a[: found.first] == b[: found.first]
            assert a[found.first : found.first + 1] != b[found.first : found.first + 1]

    @pytest.mark.parametrize("at", [0, 1, (1 << 18) - 1, 1 << 18, (1 << 19) + 5])
    def test_a_byte_is_found_across_pieces(self, at: int) -> None:
        a = bytearray(b"\0" * ((1 << 19) + 10))
        b = bytearray(a)
        b[at] = 1
        found = difference(bytes(a), bytes(b))
        assert (found.first, found.text, found.lines) == (at, False, ())

    def test_one_that_goes_on_differs_where_the_other_ends(self) -> None:
        assert difference(b"ab", b"abc").first == 2
        assert difference(b"", b"x").first == 0

    def test_binary_files_are_told_by_sizes_and_place(self) -> None:
        said = lines(difference(b"\x89PNG\0\x01", b"\x89PNG\0\x02!"))
        assert said == "R1 to R2: 6 and 7 bytes, binary, from byte 5 on"

    def test_a_file_and_bytes_are_alike(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"one\n")
        assert difference(tmp_path / "a", b"one\n").first is None
        assert difference(tmp_path / "a", b"two\n") == difference(b"one\n", b"two\n")


class TestText:
    def test_lines_are_shown_with_their_numbers_in_the_whole_file(self) -> None:
        a = "".join(f"line of many {n}\n" for n in range(5000)).encode()
        b = a.replace(b"many 4321\n", b"few 4321\n")
        found = difference(a, b)
        assert found.lines[0] == "@@ -4320,5 +4320,5 @@"
        assert "-line of many 4321" in found.lines
        assert "+line of few 4321" in found.lines

    def test_a_missing_end_of_line_is_shown(self) -> None:
        found = difference(b"a\n", b"a")
        assert "+\\ no newline at the end" in found.lines

    def test_nothing_in_a_line_is_obeyed_by_a_terminal(self) -> None:
        hostile = "\x1b[2J\x1b]0;title\x07\u202e\r"
        found = difference(b"x\n", hostile.encode() + b"\n")
        shown = "".join(found.lines)
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "\r" not in shown
        assert "\\x1b[2J" in shown

    def test_a_line_is_shown_up_to_a_length(self) -> None:
        for more in (0, 1):
            line = "y" * (LINE_CHARACTERS_MAX - 1 + more)
            found = difference(b"x\n", line.encode() + b"\n")
            assert max(map(len, found.lines)) == LINE_CHARACTERS_MAX + 2 * more

    def test_so_many_lines_are_shown(self) -> None:
        def text(word: str, count: int) -> bytes:
            return "".join(
                f"{word} {chr(97 + n % 26)}\n" for n in range(count)
            ).encode()

        half = (DIFF_LINES_MAX - 1) // 2
        assert len(difference(text("a", half), text("b", half)).lines) == 2 * half + 1
        more = difference(text("a", DIFF_LINES_MAX), text("b", DIFF_LINES_MAX))
        assert (len(more.lines), more.more) == (DIFF_LINES_MAX, True)

    def test_lines_are_compared_in_a_window(self) -> None:
        a = b"a\n" + b"same\n" * (WINDOW_BYTES_MAX // 5 * 3) + b"a\n"
        b = b"b\n" + b"same\n" * (WINDOW_BYTES_MAX // 5 * 3) + b"b\n"
        found = difference(a, b)
        assert found.lines[1:3] == ("-a", "+b")
        assert found.more
        assert "there is more" in lines(found)

    def test_text_may_be_cut_within_a_letter(self) -> None:
        a = "ä".encode() * WINDOW_BYTES_MAX
        assert difference(a + b"1", a + b"2").text
        assert difference(b"x" + a + b"1", b"x" + a + b"2").text

    def test_what_is_not_utf8_is_no_text(self) -> None:
        assert not difference(b"caf\xe9\n1", b"caf\xe9\n2").text


class TestNumbers:
    def test_the_greatest_gaps_are_named_with_their_place(self) -> None:
        a = b"name,x,y\nEarth,1.0,1000\nMars,2,5e-3\n"
        b = b"name,x,y\nEarth,1.5,1001\nMars,2,1e-3\n"
        found = difference(a, b).numbers
        assert found is not None
        assert (found.compared, found.differing, found.other_lines) == (4, 3, 0)
        assert found.absolute is not None
        assert found.relative is not None
        assert (found.absolute.line, found.absolute.gap) == (2, Decimal(1))
        assert (found.absolute.a, found.absolute.b) == ("1000", "1001")
        assert (found.relative.line, found.relative.gap) == (3, Decimal("0.8"))
        assert "3 of 4 numbers differ" in lines(difference(a, b))

    def test_digits_of_words_and_hashes_are_no_numbers(self) -> None:
        found = difference(b"v1.2.3 abc123 x\n", b"v1.2.4 abc124 x\n")
        assert found.numbers is None

    def test_a_line_of_other_words_is_counted(self) -> None:
        found = difference(b"a 1\nb 2\n", b"a 3\nc 2\n").numbers
        assert found is not None
        assert (found.differing, found.other_lines) == (1, 1)

    def test_numbers_that_are_written_otherwise_have_no_gap(self) -> None:
        found = difference(b"1.0\n", b"1.00\n").numbers
        assert found is not None
        assert found.absolute is not None
        assert found.absolute.gap == 0
        zeros = difference(b"0\n", b"-0\n").numbers
        assert zeros is not None
        assert zeros.relative is not None
        assert zeros.relative.gap == 0

    @pytest.mark.parametrize(
        ("a", "b"),
        [
            (b"1e9999 x\n", b"-1e9999 x\n"),
            (b"1e-9999\n", b"2e-9999\n"),
            (b"9" * 64 + b"\n", b"8" * 64 + b"\n"),
            (b"1" * 100_000 + b"\n", b"2" * 100_000 + b"\n"),
        ],
    )
    def test_absurd_numbers_cost_nothing(self, a: bytes, b: bytes) -> None:
        start = time.monotonic()
        assert lines(difference(a, b))
        assert time.monotonic() - start < 2

    def test_numbers_are_compared_so_far(self) -> None:
        row = b"1234567 " + b"." * 119 + b"\n"
        a = row * (NUMBERS_BYTES_MAX // len(row))
        b = b"7" + a[1:]
        whole = difference(a, b).numbers
        assert whole is not None
        assert not whole.partial
        cut = difference(a + row, b + row).numbers
        assert cut is not None
        assert cut.partial
        assert cut.compared == whole.compared


def test_large_files_take_little_memory_and_time(tmp_path: Path) -> None:
    for name, last in (("a", b"1"), ("b", b"2")):
        with (tmp_path / name).open("wb") as stream:
            for _ in range(12):
                stream.write((b"a line of text " * 16 + b"\n") * (1 << 12))
            stream.write(last)
    tracemalloc.start()
    start = time.monotonic()
    found = difference(tmp_path / "a", tmp_path / "b")
    assert time.monotonic() - start < 60
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()
    assert found.first == 12 * 241 * (1 << 12)
    assert found.lines[-1] == "+2" or "no newline" in found.lines[-1]


class TestValues:
    def test_each_is_laid_beside_the_first_that_can_be_had(
        self, tmp_path: Path
    ) -> None:
        for name in ("b", "c"):
            (tmp_path / name).write_text(name)
        a, b, c, d = (CID.of_bytes(name.encode()) for name in "abcd")
        found = differences([a, b, c, d, b], Contents([tmp_path]))
        assert found.first == b
        assert [item.value for item in found.others] == [a, c, d]
        assert [item.missing is None for item in found.others] == [False, True, False]
        assert found.others[1].difference is not None
        assert found.others[1].difference.first == 0
        assert found.left_out == 0
        assert "neither in" in "".join(compared_lines("x", found.others[0]))

    def test_where_none_can_be_had_all_are_named(self, tmp_path: Path) -> None:
        a, b = (CID.of_bytes(name) for name in (b"a", b"b"))
        found = differences([a, b], Contents([tmp_path]))
        assert found.first == a
        assert found.missing is not None
        assert [item.value for item in found.others] == [b]
        assert found.to_json()["missing"] == found.missing

    def test_so_many_values_are_compared(self, tmp_path: Path) -> None:
        values = []
        for number in range(VALUES_MAX + 1):
            (tmp_path / f"{number}").write_text(f"{number}")
            values.append(CID.of_bytes(f"{number}".encode()))
        found = differences(values[:-1], Contents([tmp_path]))
        assert (len(found.others), found.left_out) == (VALUES_MAX - 1, 0)
        found = differences(values, Contents([tmp_path]))
        assert (len(found.others), found.left_out) == (VALUES_MAX - 1, 1)


def test_reproduce_says_how_a_value_differs(octostore: Command, claimed: Path) -> None:
    kepler(octostore, "faulty", "bacalhau", "bad")
    words = ("reproduce", INVOCATION, "--files", KEPLER, "--diff")
    without = octostore(*words)
    assert without.code == 1
    assert "R1 to R2: its bytes are neither in" in without.out
    said = octostore(*words, "--files", "bad")
    assert "26 of 39 numbers differ" in said.out
    assert "(line 2: 0.000154056, 0.000147526) at most" in said.out
    found = octostore(*words, "--files", "bad", "--json").json["outputs"]["stdout"]
    gap = found["theirs"][1]["difference"]
    assert gap["numbers"]["differing"] == 4
    assert gap["numbers"]["absolute"]["a"] == "365.23537826272"


def test_disagreements_say_how_values_differ(octostore: Command, claimed: Path) -> None:
    kepler(octostore, "faulty", "bacalhau", "bad")
    assert "R1 to R2" not in octostore("disagreements").out
    missing = octostore("disagreements", "--diff")
    assert missing.code == 0
    assert "R1: its bytes are neither in" in missing.out
    words = ("disagreements", "--diff", "--files", "good", "--files", "bad")
    assert "26 of 39 numbers differ" in octostore(*words).out
    (item,) = octostore(*words, "--json").json["disagreements"]
    for name, values in item["outputs"].items():
        found = item["differences"][name]
        assert found["first"] == values[0]["value"]
        assert found["others"][0]["value"] == values[1]["value"]
        assert found["others"][0]["difference"]["text"] is True
    assert octostore("disagreements", "--files", "good").code == 2


def test_disagreements_fetch_from_gateways(octostore: Command, claimed: Path) -> None:
    kepler(octostore, "faulty", "bacalhau", "bad")
    blocks = {
        CID.of_bytes(path.read_bytes()): path.read_bytes()
        for name in ("good", "bad")
        for path in (claimed / name).rglob("*")
        if path.is_file()
    }
    with gateway(honest(blocks)) as (url, _):
        said = octostore("disagreements", "--diff", "--gateway", url)
    assert "26 of 39 numbers differ" in said.out


def test_the_example_differs_in_digits_only() -> None:
    good, faulty = (
        run_wasi(
            (KEPLER / name).read_bytes(),
            args=["/in", "/out/r"],
            files={"/in": KEPLER / "planets.csv"},
            output_dirs=["/out"],
        ).outputs["/out/r"]
        for name in ("kepler.wasm", "kepler-faulty.wasm")
    )
    found = difference(good, faulty)
    assert found.numbers is not None
    assert found.numbers.other_lines == 0
    assert found.numbers.relative is not None
    assert found.numbers.relative.gap < Decimal("0.05")
