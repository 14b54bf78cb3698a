"""What was asked: Program, Input and Invocation, blocks with a CID.

    {"kind": "wasi", "code": bafkrei..}                          a Program
    {"args": ["/inputs/a.csv"], "files": {"/inputs/a.csv": ..}}  an Input
    {"input": bafyrei.., "program": bafyrei..}                   an Invocation

Each value checks itself when made, so an invalid one cannot be held. A field
that equals its default is not written, so that a field added later changes no
CID; decoders refuse whatever the encoder would not have written.
Source: FORMATS 3; the normative shapes are in schemas/invocation.ipldsch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Final, Literal, Protocol, TypeAlias, TypeVar, cast

from invocation_spec import dagcbor
from invocation_spec.cid import CID, EMPTY_BYTES
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError
from invocation_spec.paths import is_clean

__all__ = [
    "DEFAULT_ENTRY",
    "ITEMS_MAX",
    "NONCE_BYTES_MAX",
    "TEXT_BYTES_MAX",
    "Await",
    "Block",
    "GvmiProgram",
    "Import",
    "Input",
    "Invocation",
    "OciProgram",
    "Program",
    "Put",
    "Run",
    "Step",
    "WasiProgram",
    "WasmFunctionProgram",
    "When",
    "check_fit",
    "program_from_block",
]

#: The function that a WASI command exports and that networks call by default.
DEFAULT_ENTRY: Final = "_start"

#: Entries of any one list or map; a block of 1 MiB holds few more.
ITEMS_MAX: Final = 65_536

#: Longest single string in bytes; shell scripts inside argv can be long.
TEXT_BYTES_MAX: Final = 262_144

#: Longest nonce in bytes; UCAN asks for 12 random ones, a UUID has 16.
NONCE_BYTES_MAX: Final = 256

When: TypeAlias = Literal["ok", "error", "any"]


class Block(Protocol):
    """A value with one encoding."""

    @property
    def block(self) -> bytes:
        """Its DAG-CBOR bytes."""
        ...

    @property
    def cid(self) -> CID:
        """The CID of those bytes."""
        ...


class _Value:
    """What all values here share: a block is `to_ipld` encoded."""

    __slots__ = ()

    def to_ipld(self) -> Ipld:
        """The value as IPLD, defaults left out."""
        raise NotImplementedError

    @property
    def block(self) -> bytes:
        """The one DAG-CBOR encoding of this value."""
        return dagcbor.encode(self.to_ipld(), floats=True)

    @property
    def cid(self) -> CID:
        """CIDv1, dag-cbor, sha2-256, of `block`."""
        return CID.of_block(self.block)


@dataclass(frozen=True, slots=True)
class Import:
    """A module linked into a WASI program; `name` is what the network links by."""

    code: CID
    name: str = ""

    def __post_init__(self) -> None:
        _check_text(self.name, "name of an import")

    def to_ipld(self) -> Ipld:
        """`{code, name?}`."""
        return {"code": self.code} | ({"name": self.name} if self.name else {})


@dataclass(frozen=True, slots=True)
class WasiProgram(_Value):
    """A WASI command module: entry point and imports, in linking order."""

    kind: ClassVar[str] = "wasi"
    code: CID
    entry: str = DEFAULT_ENTRY
    imports: tuple[Import, ...] = ()

    def __post_init__(self) -> None:
        _check_text(self.entry, "entry", empty=False)
        object.__setattr__(self, "imports", tuple(self.imports))
        _check_count(self.imports, "imports")

    def to_ipld(self) -> Ipld:
        """`{kind, code, entry?, imports?}`."""
        value: dict[str, Ipld] = {"kind": self.kind, "code": self.code}
        if self.entry != DEFAULT_ENTRY:
            value["entry"] = self.entry
        if self.imports:
            value["imports"] = [item.to_ipld() for item in self.imports]
        return value


@dataclass(frozen=True, slots=True)
class WasmFunctionProgram(_Value):
    """One exported function, called with typed values (IPVM `wasm/run`)."""

    kind: ClassVar[str] = "wasm-function"
    code: CID
    function: str

    def __post_init__(self) -> None:
        _check_text(self.function, "function", empty=False)

    def to_ipld(self) -> Ipld:
        """`{kind, code, function}`."""
        return {"kind": self.kind, "code": self.code, "function": self.function}


@dataclass(frozen=True, slots=True)
class OciProgram(_Value):
    """A container image by the digest of its manifest (or index)."""

    kind: ClassVar[str] = "oci"
    code: CID

    def to_ipld(self) -> Ipld:
        """`{kind, code}`."""
        return {"kind": self.kind, "code": self.code}


@dataclass(frozen=True, slots=True)
class GvmiProgram(_Value):
    """A Golem VM image that is known by its own hash only."""

    kind: ClassVar[str] = "gvmi"
    code: CID

    def to_ipld(self) -> Ipld:
        """`{kind, code}`."""
        return {"kind": self.kind, "code": self.code}


Program: TypeAlias = WasiProgram | WasmFunctionProgram | OciProgram | GvmiProgram

_PROGRAM_FIELDS = {
    "wasi": {"kind", "code", "entry", "imports"},
    "wasm-function": {"kind", "code", "function"},
    "oci": {"kind", "code"},
    "gvmi": {"kind", "code"},
}


def program_from_block(block: bytes) -> Program:
    """The program whose block this is.

    Raises:
        EncodingError: any other bytes, explicit defaults and unknown fields too.
    """
    value = _mapping(dagcbor.decode(block), "a program")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in _PROGRAM_FIELDS:
        raise EncodingError(
            f"program kind {kind!r}; expected one of {', '.join(_PROGRAM_FIELDS)}"
        )
    _check_fields(value, _PROGRAM_FIELDS[kind], f"a program of kind {kind}")
    program: Program
    if kind == "wasi":
        program = WasiProgram(
            _cid(value, "code"),
            entry=_text(value, "entry", DEFAULT_ENTRY),
            imports=tuple(_import(item) for item in _list(value, "imports")),
        )
    elif kind == "wasm-function":
        program = WasmFunctionProgram(
            _cid(value, "code"), function=_text(value, "function", "")
        )
    else:
        program = (OciProgram if kind == "oci" else GvmiProgram)(_cid(value, "code"))
    return _same(program, block)


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


@dataclass(frozen=True, slots=True)
class Put:
    """Files that appear before the next run."""

    files: Mapping[str, CID]

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", _files(self.files))
        if not self.files:
            raise EncodingError("a put without files; leave it out")

    def to_ipld(self) -> Ipld:
        """`{put: {path: link}}`."""
        return {"put": dict(self.files)}


@dataclass(frozen=True, slots=True)
class Run:
    """One command; for `wasi` the arguments only."""

    argv: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "argv", _texts(self.argv, "run"))

    def to_ipld(self) -> Ipld:
        """`{run: [..]}`."""
        return {"run": list(self.argv)}


Step: TypeAlias = Put | Run


@dataclass(frozen=True, slots=True)
class Input(_Value):
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
        put(self, "argv", _texts(self.argv, "argv"))
        put(self, "args", tuple(self.args))
        put(self, "env", _env(self.env))
        put(self, "files", _files(self.files))
        if self.stdin in EMPTY_BYTES:
            put(self, "stdin", None)
        put(self, "awaits", tuple(sorted(self.awaits, key=lambda item: item.order)))
        put(self, "steps", tuple(self.steps))
        _check_count(self.args, "args")
        _check_count(self.awaits, "awaits")
        _check_count(self.steps, "steps")
        if self.cwd is not None and not is_clean(self.cwd):
            raise EncodingError(f"cwd {self.cwd!r} is not a clean absolute path")
        if len(self.nonce) > NONCE_BYTES_MAX:
            raise EncodingError(f"nonce of more than {NONCE_BYTES_MAX} bytes")
        if self.argv and self.args:
            raise EncodingError("both argv and args; an input has at most one")
        _check_awaits(self.args, self.awaits)
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
        value = _mapping(dagcbor.decode(block, floats=True), "an input")
        _check_fields(value, _INPUT_FIELDS, "an input")
        return _same(
            cls(
                argv=_strings(value, "argv"),
                args=_list(value, "args"),
                env=cast("Mapping[str, str]", _mapping(value.get("env", {}), "env")),
                cwd=_text(value, "cwd", None),
                files=cast(
                    "Mapping[str, CID]", _mapping(value.get("files", {}), "files")
                ),
                stdin=_cid(value, "stdin") if "stdin" in value else None,
                nonce=_bytes(value, "nonce"),
                awaits=tuple(_await(item) for item in _list(value, "awaits")),
                steps=tuple(_step(item) for item in _list(value, "steps")),
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

_FIELDS_BY_KIND = {
    "wasi": {"args", "env", "files", "stdin", "steps", "nonce"},
    "wasm-function": {"args", "awaits", "nonce"},
    "oci": {"argv", "args", "env", "cwd", "files", "stdin", "steps", "nonce"},
    "gvmi": {"argv", "env", "cwd", "files", "stdin", "steps", "nonce"},
}


def check_fit(program: Program, input: Input) -> None:
    """Refuse an input that the program's kind cannot be given.

    Raises:
        EncodingError: a field that the kind does not have, or arguments of the
            wrong type.
    """
    present = set(cast("dict[str, Ipld]", input.to_ipld()))
    foreign = sorted(present - _FIELDS_BY_KIND[program.kind])
    if foreign:
        raise EncodingError(f"kind {program.kind} has no {', '.join(foreign)}")
    if program.kind != "wasm-function":
        if not all(isinstance(item, str) for item in input.args):
            raise EncodingError(f"args of kind {program.kind} are strings")
        _texts(cast("tuple[str, ...]", input.args), "args")
    if program.kind != "wasi" and any(
        isinstance(step, Run) and not step.argv for step in input.steps
    ):
        raise EncodingError("a run needs a command")


@dataclass(frozen=True, slots=True)
class Invocation(_Value):
    """Program and input by CID; its own CID is the key of the database."""

    program: CID
    input: CID

    def to_ipld(self) -> Ipld:
        """`{program, input}`."""
        return {"program": self.program, "input": self.input}

    @classmethod
    def from_block(cls, block: bytes) -> Invocation:
        """The invocation whose block this is.

        Raises:
            EncodingError: any other bytes.
        """
        value = _mapping(dagcbor.decode(block), "an invocation")
        _check_fields(value, {"program", "input"}, "an invocation")
        return cls(program=_cid(value, "program"), input=_cid(value, "input"))


_B = TypeVar("_B", bound=Block)
_T = TypeVar("_T")


def _same(value: _B, block: bytes) -> _B:
    if value.block != block:
        raise EncodingError(
            "not what the encoder writes: an explicit default or another order"
        )
    return value


def _mapping(value: Ipld, what: str) -> Mapping[str, Ipld]:
    if not isinstance(value, Mapping):
        raise EncodingError(f"{what} is a map; found {type(value).__name__}")
    return value


def _check_fields(value: Mapping[str, Ipld], known: set[str], what: str) -> None:
    unknown = sorted(set(value) - known)
    if unknown:
        raise EncodingError(f"{what} has no field {', '.join(unknown)}")


def _cid(value: Mapping[str, Ipld], name: str) -> CID:
    found = value.get(name)
    if not isinstance(found, CID):
        raise EncodingError(f"{name} is a link; found {type(found).__name__}")
    return found


def _text(value: Mapping[str, Ipld], name: str, default: _T) -> str | _T:
    if name not in value:
        return default
    found = value[name]
    if not isinstance(found, str):
        raise EncodingError(f"{name} is a string; found {type(found).__name__}")
    return found


def _bytes(value: Mapping[str, Ipld], name: str) -> bytes:
    found = value.get(name, b"")
    if not isinstance(found, bytes):
        raise EncodingError(f"{name} is bytes; found {type(found).__name__}")
    return found


def _list(value: Mapping[str, Ipld], name: str) -> tuple[Ipld, ...]:
    found = value.get(name, [])
    if not isinstance(found, list):
        raise EncodingError(f"{name} is a list; found {type(found).__name__}")
    return tuple(found)


def _strings(value: Mapping[str, Ipld], name: str) -> tuple[str, ...]:
    return _texts(cast("tuple[str, ...]", _list(value, name)), name)


def _import(value: Ipld) -> Import:
    item = _mapping(value, "an import")
    _check_fields(item, {"code", "name"}, "an import")
    return Import(_cid(item, "code"), name=_text(item, "name", ""))


def _await(value: Ipld) -> Await:
    item = _mapping(value, "an await")
    _check_fields(item, {"at", "when", "invocation"}, "an await")
    at = _list(item, "at")
    if not all(type(part) in (int, str) for part in at):
        raise EncodingError("an await's `at` holds integers and strings")
    return Await(
        at=cast("tuple[int | str, ...]", at),
        when=cast("When", _text(item, "when", "")),
        invocation=_cid(item, "invocation"),
    )


def _step(value: Ipld) -> Step:
    item = _mapping(value, "a step")
    if set(item) == {"put"}:
        return Put(cast("Mapping[str, CID]", _mapping(item["put"], "put")))
    if set(item) == {"run"}:
        return Run(_strings(item, "run"))
    raise EncodingError(f"a step is {{put}} or {{run}}; found {sorted(item)}")


def _check_text(text: str, what: str, *, empty: bool = True) -> None:
    if not isinstance(text, str):  # decoded blocks come here unchecked
        raise EncodingError(f"{what} is a string; found {type(text).__name__}")
    if not text and not empty:
        raise EncodingError(f"{what} is empty")
    if "\0" in text:
        raise EncodingError(f"{what} holds a NUL character")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise EncodingError(f"{what} holds a lone surrogate") from error
    if size > TEXT_BYTES_MAX:
        raise EncodingError(f"{what} of {size} bytes; at most {TEXT_BYTES_MAX}")


def _check_count(items: Sequence[object] | Mapping[str, object], what: str) -> None:
    if len(items) > ITEMS_MAX:
        raise EncodingError(f"{len(items)} {what}; at most {ITEMS_MAX}")


def _texts(items: Iterable[str], what: str) -> tuple[str, ...]:
    texts = tuple(items)
    _check_count(texts, what)
    for text in texts:
        _check_text(text, f"an element of {what}")
    return texts


def _env(env: Mapping[str, str]) -> Mapping[str, str]:
    _check_count(env, "env entries")
    for name, value in env.items():
        _check_text(name, "name in env", empty=False)
        _check_text(value, f"env {name}")
        if "=" in name:
            raise EncodingError(f"name in env {name!r} holds `=`")
    return MappingProxyType(dict(env))


def _files(files: Mapping[str, CID]) -> Mapping[str, CID]:
    _check_count(files, "files")
    for path, cid in files.items():
        if not is_clean(path):
            raise EncodingError(f"file path {path!r} is not clean and absolute")
        if not isinstance(cid, CID):
            raise EncodingError(f"file {path} is a link; found {type(cid).__name__}")
    return MappingProxyType(dict(files))


def _check_awaits(args: tuple[Ipld, ...], awaits: tuple[Await, ...]) -> None:
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
