"""An invocation with each content in it named one way: equal if they are the same.

    places(program)    code, imports[].code           all that a link can speak of;
    places(input)      files, stdin, steps[].put      never what is inside args
    normal(program, least)     the block with each of them replaced

Source: FORMATS 8; docs/spec/links.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias, cast

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.model import Input, Program

__all__ = ["Least", "Place", "normal", "places"]


class Place(NamedTuple):
    """A CID in an invocation; `is_code` where it is what runs."""

    cid: CID
    is_code: bool = False


#: The least member of the class of what stands in a place.
Least: TypeAlias = Callable[[Place], CID]


def places(value: Program | Input) -> tuple[Place, ...]:
    """What stands in a program or an input, in one order for all of one shape."""
    return tuple(_walk(value))


def normal(value: Program | Input, least: Least) -> CID:
    """The CID of the block in which each place holds the least of its class."""
    found = cast("dict[str, Ipld]", value.to_ipld())
    if isinstance(value, Input):
        found |= _given(found, least)
    else:
        found["code"] = least(Place(value.code, is_code=True))
        if "imports" in found:
            imports = cast("list[dict[str, Ipld]]", found["imports"])
            found["imports"] = [
                {**item, "code": least(Place(cast("CID", item["code"])))}
                for item in imports
            ]
    return CID.of_block(dagcbor.encode(found, floats=True))


def _walk(value: Program | Input) -> Iterator[Place]:
    found = cast("dict[str, Ipld]", value.to_ipld())
    if isinstance(value, Input):
        yield from _files(found.get("files"))
        if value.stdin is not None:
            yield Place(value.stdin)
        for step in cast("list[dict[str, Ipld]]", found.get("steps", [])):
            yield from _files(step.get("put"))
        return
    yield Place(value.code, is_code=True)
    for item in cast("list[dict[str, CID]]", found.get("imports", [])):
        yield Place(item["code"])


def _files(value: Ipld) -> Iterator[Place]:
    files = cast("Mapping[str, CID]", value or {})
    for path in sorted(files):
        yield Place(files[path])


def _given(found: Mapping[str, Ipld], least: Least) -> dict[str, Ipld]:
    """The fields of an input that links speak of, replaced."""

    def replaced(value: Ipld) -> dict[str, Ipld]:
        files = cast("Mapping[str, CID]", value)
        return {path: least(Place(cid)) for path, cid in files.items()}

    given: dict[str, Ipld] = {}
    if "files" in found:
        given["files"] = replaced(found["files"])
    if "stdin" in found:
        given["stdin"] = least(Place(cast("CID", found["stdin"])))
    if "steps" in found:
        steps = cast("list[dict[str, Ipld]]", found["steps"])
        given["steps"] = [
            {"put": replaced(step["put"])} if "put" in step else step for step in steps
        ]
    return given
