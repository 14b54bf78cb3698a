"""A guest path has one spelling."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec.errors import EncodingError
from invocation_spec.paths import PATH_BYTES_MAX, base_name, clean, is_clean, join

WRITTEN = [
    ("", "/"),
    ("/", "/"),
    ("//", "/"),
    (".", "/"),
    ("a", "/a"),
    ("/a/", "/a"),
    ("a//b/./c/../d", "/a/b/d"),
    ("/a/..", "/"),
    ("/...", "/..."),
    ("/..a", "/..a"),
    ("/ a ", "/ a "),
    ("/A", "/A"),
    ("/é", "/é"),
    ("/e\u0301", "/e\u0301"),
    ("\\a", "/\\a"),
    ("/a\nb", "/a\nb"),
]


@pytest.mark.parametrize(("written", "path"), WRITTEN)
def test_a_path_is_cleaned_from_the_root(written: str, path: str) -> None:
    assert clean(written) == path
    assert is_clean(path)
    assert is_clean(written) is (written == path)


@pytest.mark.parametrize("written", ["..", "/..", "/a/../..", "../a", "./../a"])
def test_climbing_above_the_root_is_refused(written: str) -> None:
    with pytest.raises(EncodingError, match="climbs"):
        clean(written)


def test_nul_and_more_than_path_max_are_refused() -> None:
    assert len(clean("a" * (PATH_BYTES_MAX - 1))) == PATH_BYTES_MAX
    for written in ("a\0", "\ud800", "a" * (PATH_BYTES_MAX + 1), "é" * PATH_BYTES_MAX):
        with pytest.raises(EncodingError):
            clean(written)
        assert not is_clean(written)


def test_what_is_clean_has_no_more_than_path_max_bytes() -> None:
    """A relative path of the longest length gains a slash, and is too long then."""
    written = "a" * PATH_BYTES_MAX
    with pytest.raises(EncodingError):
        clean(written)


@given(st.text("ab./\\ ", max_size=20))
def test_cleaning_is_what_posix_does_and_done_once(written: str) -> None:
    try:
        path = clean(written)
    except EncodingError:
        return
    assert clean(path) == path
    assert path == posixpath.normpath(f"/{written}").replace("//", "/")


@pytest.mark.parametrize(
    ("path", "name"), [("/a/b", "b"), ("b", "b"), ("/a/", ""), ("", ""), ("/", "")]
)
def test_a_base_name_is_what_stands_after_the_last_slash(path: str, name: str) -> None:
    assert base_name(path) == name


def test_joining_cleans() -> None:
    assert join("/in", "a") == "/in/a"
    assert join("/", "a") == "/a"
    assert join("/in/", "./a//b") == "/in/a/b"
