"""Awaits: places in `args` that another invocation fills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError
from invocation_spec.model.values import (
    check_block_link,
    check_fields,
    items,
    link,
    mapping,
    text,
)

__all__ = ["Await", "When", "await_from_ipld", "check_awaits"]

When: TypeAlias = Literal["ok", "error", "any"]


@dataclass(frozen=True, slots=True)
class Await:
    """The place `at` inside `args` holds what another invocation gives."""

    at: tuple[int | str, ...]
    when: When
    invocation: CID

    def __post_init__(self) -> None:
        if not self.at or not isinstance(self.at[0], int):
            raise EncodingError("an await's `at` begins with a position in args")
        if any(isinstance(step, int) and step < 0 for step in self.at):
            raise EncodingError("an await's `at` counts from the front: 0, 1, 2")
        if self.when not in ("ok", "error", "any"):
            raise EncodingError(f"when {self.when!r}; expected ok, error or any")
        check_block_link(self.invocation, "an awaited invocation")

    def to_ipld(self) -> Ipld:
        """`{at, when, invocation}`."""
        return {
            "at": list(self.at),
            "when": self.when,
            "invocation": self.invocation,
        }

    @property
    def order(self) -> bytes:
        """What awaits are sorted by: the DAG-CBOR of `at`, bytewise."""
        return dagcbor.encode(list(self.at))


def await_from_ipld(value: Ipld) -> Await:
    """The await that this value says; EncodingError for any other."""
    item = mapping(value, "an await")
    check_fields(item, {"at", "when", "invocation"}, "an await")
    at = items(item, "at")
    if not all(type(part) in (int, str) for part in at):
        raise EncodingError("an await's `at` holds integers and strings")
    return Await(
        at=cast("tuple[int | str, ...]", at),
        when=cast("When", text(item, "when", "")),
        invocation=link(item, "invocation"),
    )


def check_awaits(args: tuple[Ipld, ...], awaits: tuple[Await, ...]) -> None:
    """Each await has a place of its own in `args`, which holds null there."""
    seen = {item.order for item in awaits}
    if len(seen) != len(awaits):
        raise EncodingError("two awaits for one place in args")
    for item in awaits:
        place: Ipld = list(args)
        for step in item.at:
            try:
                place = place[step]  # type: ignore[index]
            except (IndexError, KeyError, TypeError) as error:
                raise EncodingError(f"await at {list(item.at)}: no such place") from (
                    error
                )
        if place is not None:
            raise EncodingError(f"await at {list(item.at)}: that place is not null")
