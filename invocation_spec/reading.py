"""One task while it is read: what is complete, what is missing, what was said.

Adapters fill a `Reading`; values that break a rule of the model are refused at
the place in the document where they stand.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from invocation_spec.archive import Archives
from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError, EncodingError
from invocation_spec.findings import Findings
from invocation_spec.model import Input, Program, check_fit
from invocation_spec.model.values import check_text
from invocation_spec.node import Node
from invocation_spec.paths import clean
from invocation_spec.resolutions import Resolutions
from invocation_spec.resolver import Resolver

__all__ = ["Files", "Reading", "clean_at", "made"]

_P = ParamSpec("_P")
_V = TypeVar("_V")


def made(at: str, make: Callable[_P, _V], *args: _P.args, **fields: _P.kwargs) -> _V:
    """A value of the model, its refusal told with the place in the document."""
    try:
        return make(*args, **fields)
    except EncodingError as error:
        raise DocumentError(error.reason, at=at or None) from error


def clean_at(path: str, at: str) -> str:
    """A clean guest path, its refusal told with the place in the document."""
    return made(at, clean, path)


@dataclass(slots=True)
class Reading:
    """What is known of one task: values when complete, findings when not.

    With `has_template_field` neither part is complete, whatever was read of it.
    """

    form: str
    resolver: Resolver
    program: Program | None = None
    input: Input | None = None
    aliases: dict[str, str] = field(default_factory=dict)
    dirs: tuple[str, ...] = ()
    result_names: dict[str, str] = field(default_factory=dict)
    has_template_field: bool = False
    archives: Archives = field(default_factory=Archives)

    @classmethod
    def start(cls, form: str, resolutions: Resolutions) -> Reading:
        """A reading of which nothing is known yet."""
        return cls(form, Resolver(resolutions))

    @property
    def findings(self) -> Findings:
        """The lists that this task fills."""
        return self.resolver.findings

    def literal(self, node: Node) -> str | None:
        """The string here; None and impure if it is an unrendered template."""
        text = node.text()
        if "\0" in text:
            raise DocumentError(
                "holds a NUL character, which no argument, path or variable can;"
                " remove it",
                at=node.at,
            )
        if "{{" not in text:
            return text
        self.findings.call_impure(
            node.at, "template", "holds `{{`: render the template, then hash it"
        )
        return None

    def block_text(self, node: Node) -> str | None:
        """As `literal`, of a string that stands in a block as it is.

        What no block can hold is refused here: whether something else is resolved
        must not decide whether a document is one.
        """
        text = self.literal(node)
        if text is not None:
            made(node.at, check_text, text, "text")
        return text

    def check_known(self, at: str, **known: Any) -> None:
        """Refuse a part of an input that no whole one could have."""
        made(at, lambda: Input(**known).block)

    def literals(self, node: Node) -> list[str] | None:
        """The strings of the list here; None if any is a template."""
        found = [self.block_text(item) for item in node.elements()]
        return _whole(found)

    def ignore(self, nodes: Iterable[Node], *, templates: bool = True) -> None:
        """Warn of fields that the network does not know and passes over.

        With `templates`, a field whose name is an unrendered template makes the task
        impure instead: once rendered it may be any field.
        """
        for node in nodes:
            if templates and "{{" in str(node.path[-1]):
                self.findings.call_impure(
                    node.at,
                    "template",
                    "a field whose name holds `{{`: render the template, then hash it",
                )
                self.has_template_field = True
                continue
            self.findings.warn(
                node.at, "ignored-field", "the network ignores this field, and so do we"
            )

    def finish(self, at: str = "") -> None:
        """Refuse an input that does not fit its program's kind, or no block."""
        for value in (self.program, self.input):
            if value is not None:
                made(at, lambda part: part.block, value)
        if self.program is not None and self.input is not None:
            made(at, check_fit, self.program, self.input)


def _whole(found: list[str | None]) -> list[str] | None:
    whole = [item for item in found if item is not None]
    return whole if len(whole) == len(found) else None


class Files:
    """The input files of one task by path; a path twice is refused."""

    __slots__ = ("_at", "_cids", "_modules", "_sorted", "somewhere")

    def __init__(self) -> None:
        self._sorted: list[str] = []
        self._cids: dict[str, CID] = {}
        self._at: dict[str, str] = {}
        self._modules: dict[str, list[str]] = {}
        #: Whether something lands where nobody knows yet.
        self.somewhere = False

    def put(self, path: str | None, cid: CID | None, at: str) -> None:
        """Note a file; None stands for what is not known yet.

        Raises:
            DocumentError: something stands at the path already, or it is no path.
        """
        if path is None:
            self.somewhere = True
            return
        path = clean_at(path, at)
        if path in self._at:
            raise DocumentError(
                f"a second file at {path}; the first is {self._at[path]}", at=at
            )
        self._at[path] = at
        if cid is not None:
            self._cids[path] = cid

    def refuse_root(self) -> None:
        """Refuse a file at `/`, whether or not its content is known."""
        if "/" in self._at:
            raise DocumentError(
                "a file at /, which is a directory to every guest", at=self._at["/"]
            )

    def find(self, path: str) -> CID | None:
        """The file at a clean path, if it is there and known."""
        return self._cids.get(path)

    def is_directory(self, path: str) -> bool:
        """Whether a file lies inside the directory at a clean path."""
        self._index()
        inside = f"{path.rstrip('/')}/"
        at = bisect_left(self._sorted, inside)
        return any(name.startswith(inside) for name in self._sorted[at : at + 1])

    def modules_in(self, path: str) -> list[str]:
        """The files directly in a directory whose names end in `.wasm`."""
        self._index()
        return self._modules.get(path.rstrip("/"), [])

    def _index(self) -> None:
        if len(self._sorted) == len(self._at):
            return
        self._sorted = sorted(self._at)
        self._modules = {}
        for name in self._sorted:
            if name.endswith(".wasm") and not self.is_directory(name):
                folder = name.rpartition("/")[0]
                self._modules.setdefault(folder, []).append(name)

    def drop(self, path: str) -> None:
        """Take a file out: a module, which is no input."""
        self._at.pop(path, None)
        self._sorted = []
        self._cids.pop(path, None)

    def holds(self, path: str) -> bool:
        """Whether something stands at a clean path."""
        return path in self._at

    @property
    def complete(self) -> bool:
        """Whether each file has its path and its content."""
        return len(self._cids) == len(self._at) and not self.somewhere

    @property
    def by_path(self) -> Mapping[str, CID]:
        """All files whose content is known."""
        return self._cids
