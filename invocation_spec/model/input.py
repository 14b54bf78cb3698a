"""The input: everything a program is given.

{"args": ["/inputs/a.csv"], "files": {"/inputs/a.csv": bafkrei..}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, cast

from invocation_spec import dagcbor
from invocation_spec.cid import CID, EMPTY_BYTES
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError
from invocation_spec.model.awaits import Await, await_from_ipld, check_awaits
from invocation_spec.model.steps import (
    Put,
    Run,
    Step,
    checked_files,
    step_from_ipld,
)
from invocation_spec.model.values import (
    Value,
    bytes_of,
    check_count,
    check_fields,
    check_text,
    items,
    link,
    mapping,
    same_block,
    strings,
    text,
    texts,
)
from invocation_spec.paths import is_clean

__all__ = ["NONCE_BYTES_MAX", "Input"]

#: Longest nonce in bytes; UCAN asks for 12 random ones, a UUID has 16.
NONCE_BYTES_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Input(Value):
    """Everything a program is given; which fields a kind has is `check_fit`'s."""

    argv: tuple[str, ...] = ()
    args: tuple[Ipld, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    files: Mapping[str, CID] = field(default_factory=dict)
    stdin: CID | None = None
    nonce: bytes = b""
    awaits: tuple[Await, ...] = ()
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "argv", texts(self.argv, "argv"))
        put(self, "args", tuple(self.args))
        put(self, "env", _env(self.env))
        put(self, "files", checked_files(self.files))
        if self.stdin in EMPTY_BYTES:
            put(self, "stdin", None)
        put(self, "awaits", tuple(sorted(self.awaits, key=lambda item: item.order)))
        put(self, "steps", tuple(self.steps))
        check_count(self.args, "args")
        check_count(self.awaits, "awaits")
        check_count(self.steps, "steps")
        if self.cwd is not None and not is_clean(self.cwd):
            raise EncodingError(f"cwd {self.cwd!r} is not a clean absolute path")
        if len(self.nonce) > NONCE_BYTES_MAX:
            raise EncodingError(f"nonce of more than {NONCE_BYTES_MAX} bytes")
        if self.argv and self.args:
            raise EncodingError("both argv and args; an input has at most one")
        check_awaits(self.args, self.awaits)
        if self.steps:
            _check_steps(self)

    def to_ipld(self) -> Ipld:
        """All fields that are not empty."""
        value: dict[str, Ipld] = {}
        if self.argv:
            value["argv"] = list(self.argv)
        if self.args:
            value["args"] = list(self.args)
        if self.env:
            value["env"] = dict(self.env)
        if self.cwd is not None:
            value["cwd"] = self.cwd
        if self.files:
            value["files"] = dict(self.files)
        if self.stdin is not None:
            value["stdin"] = self.stdin
        if self.nonce:
            value["nonce"] = self.nonce
        if self.awaits:
            value["awaits"] = [item.to_ipld() for item in self.awaits]
        if self.steps:
            value["steps"] = [step.to_ipld() for step in self.steps]
        return value

    @classmethod
    def from_block(cls, block: bytes) -> Input:
        """The input whose block this is.

        Raises:
            EncodingError: any other bytes, explicit defaults and unknown fields too.
        """
        value = mapping(dagcbor.decode(block, floats=True), "an input")
        check_fields(value, _INPUT_FIELDS, "an input")
        return same_block(
            cls(
                argv=strings(value, "argv"),
                args=items(value, "args"),
                env=cast("Mapping[str, str]", mapping(value.get("env", {}), "env")),
                cwd=text(value, "cwd", None),
                files=cast(
                    "Mapping[str, CID]", mapping(value.get("files", {}), "files")
                ),
                stdin=link(value, "stdin") if "stdin" in value else None,
                nonce=bytes_of(value, "nonce"),
                awaits=tuple(await_from_ipld(item) for item in items(value, "awaits")),
                steps=tuple(step_from_ipld(item) for item in items(value, "steps")),
            ),
            block,
        )

    @property
    def data(self) -> tuple[CID, ...]:
        """All data CIDs: files, stdin, puts and links inside args, each once."""
        found = dict.fromkeys(self.files.values())
        if self.stdin is not None:
            found[self.stdin] = None
        for step in self.steps:
            if isinstance(step, Put):
                found.update(dict.fromkeys(step.files.values()))
        found.update(dict.fromkeys(_links(self.args)))
        return tuple(found)


_INPUT_FIELDS = {
    *("argv", "args", "env", "cwd", "files", "stdin", "nonce", "awaits", "steps")
}


def _env(env: Mapping[str, str]) -> Mapping[str, str]:
    check_count(env, "env entries")
    for name, value in env.items():
        check_text(name, "name in env", empty=False)
        check_text(value, f"env {name}")
        if "=" in name:
            raise EncodingError(f"name in env {name!r} holds `=`")
    return MappingProxyType(dict(env))


def _check_steps(input: Input) -> None:
    if input.argv or input.args or input.files:
        raise EncodingError("steps exclude argv, args and files")
    runs = [at for at, step in enumerate(input.steps) if isinstance(step, Run)]
    if not runs:
        raise EncodingError("steps without a run")
    if len(runs) == 1 and runs[0] == len(input.steps) - 1:
        raise EncodingError("one run after its puts is written as the plain form")
    for before, after in zip(input.steps, input.steps[1:], strict=False):
        if isinstance(before, Put) and isinstance(after, Put):
            raise EncodingError("two puts without a run between; merge them")


def _links(values: Iterable[Ipld]) -> Iterable[CID]:
    stack = list(values)[::-1]
    while stack:
        item = stack.pop()
        if isinstance(item, CID):
            yield item
        elif isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item[::-1])
