"""Lilypad's templates, as far as they only fill in what a job offer says.

    "EnvironmentVariables": [
      {{ if .Seed }}"{{ subst "SEED=%s" .Seed }}"{{else}}"SEED=42"{{ end }}
    ]

Lilypad renders a module's file with Go's text/template. Its data are the inputs
of the job offer, each encoded as JSON, quotes and all, so that `{{.Seed}}` is a
whole JSON string; `subst` decodes them again and fills them into a format, with
nothing escaped. An input is present if the offer names it, an empty one too.

    {{ .Name }}                          the input, a JSON string
    {{ subst "A=%s,B=%s" .Name .Other }} the inputs as they are, for each %s one
    {{ if .Name }} .. {{ else }} .. {{ end }}   nested too, `else` optional

These are rendered here; every other action is named and left, for rendering it
takes Go. Source: lilypad pkg/module/utils.go (subst, LoadModule); Go text/template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from invocation_spec.document import DOCUMENT_BYTES_MAX
from invocation_spec.errors import DocumentError

__all__ = ["Rendered", "render"]

#: Actions of one template; a file that people write has some dozen.
_ACTIONS_MAX: Final = 10_000

_SPACE = r"[ \t\r\n]"
_FIELD = r"\.([A-Za-z_][A-Za-z0-9_]*)"
_PRINT = re.compile(rf"{_SPACE}*{_FIELD}{_SPACE}*")
_IF = re.compile(rf"{_SPACE}*if{_SPACE}+{_FIELD}{_SPACE}*")
_ELSE = re.compile(rf"{_SPACE}*else{_SPACE}*")
_END = re.compile(rf"{_SPACE}*end{_SPACE}*")
_SUBST = re.compile(
    rf'{_SPACE}*subst{_SPACE}+"(?P<format>[^"\\\r\n]*)"'
    rf"(?P<names>(?:{_SPACE}+\.[A-Za-z_][A-Za-z0-9_]*)*){_SPACE}*"
)
_VERB = re.compile(r"%(.?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a template gives: its text, or what keeps it from being rendered.

    `left` says what each action that was not rendered is; `absent` are the inputs
    that an `if` asked for and the offer does not name; `asked` all inputs that
    stand in the template.
    """

    text: str | None
    left: tuple[str, ...]
    absent: tuple[str, ...]
    asked: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Part:
    """Text, or the action between `{{` and `}}`; `line` is where it begins."""

    text: str
    line: int
    action: bool


def render(template: str, inputs: Mapping[str, str]) -> Rendered:
    """The template with the inputs filled in.

    Raises:
        DocumentError: no template that Go would read, or one that grows too large.
    """
    parts = list(_parts(template))
    asked = frozenset(name for part in parts for name in _names(part))
    strange = [part for part in parts if part.action and not _is_plain(part)]
    if strange:
        # What an `end` closes is not known any more, so nothing is rendered.
        left = tuple(_told(part) for part in strange)
        return Rendered(None, left, (), asked)
    state = _State(inputs)
    for part in parts:
        state.take(part)
    if state.open:
        raise DocumentError(
            f"`{{{{if}}}}` on line {state.open[-1].line} has no `{{{{end}}}}`"
        )
    absent = tuple(dict.fromkeys(state.absent))
    if state.left:
        return Rendered(None, tuple(state.left), absent, asked)
    return Rendered("".join(state.pieces), (), absent, asked)


def _parts(template: str) -> Iterator[_Part]:
    line, at, actions = 1, 0, 0
    while (begin := template.find("{{", at)) >= 0:
        actions += 1
        if actions > _ACTIONS_MAX:
            raise DocumentError(f"more than {_ACTIONS_MAX} actions in a template")
        text = template[at:begin]
        yield _Part(text, line, action=False)
        line += text.count("\n")
        end = template.find("}}", begin + 2)
        if end < 0:
            raise DocumentError(f"`{{{{` on line {line} is not closed by `}}}}`")
        action = template[begin + 2 : end]
        yield _Part(action, line, action=True)
        line += action.count("\n")
        at = end + 2
    yield _Part(template[at:], line, action=False)


def _is_plain(part: _Part) -> bool:
    if any(form.fullmatch(part.text) for form in (_PRINT, _IF, _ELSE, _END)):
        return True
    found = _SUBST.fullmatch(part.text)
    if found is None:
        return False
    verbs = _VERB.findall(found["format"])
    return all(verb in ("s", "%") for verb in verbs) and (
        verbs.count("s") == len(found["names"].split())
    )


def _names(part: _Part) -> list[str]:
    """The inputs that an action names."""
    if not part.action:
        return []
    for form in (_PRINT, _IF):
        if found := form.fullmatch(part.text):
            return [found[1]]
    found = _SUBST.fullmatch(part.text)
    return [] if found is None else _fields(found)


def _fields(found: re.Match[str]) -> list[str]:
    return [name.removeprefix(".") for name in found["names"].split()]


def _told(part: _Part) -> str:
    text = part.text if len(part.text) <= 60 else part.text[:57] + "..."
    return f"`{{{{{text}}}}}` on line {part.line}"


@dataclass(slots=True)
class _Open:
    """An `if` that is not closed: whether its text, or its `else`'s, is taken."""

    line: int
    outer: bool
    holds: bool
    in_else: bool = False

    @property
    def taken(self) -> bool:
        return self.outer and self.holds != self.in_else


@dataclass(slots=True)
class _State:
    """How far a template is rendered."""

    inputs: Mapping[str, str]
    open: list[_Open] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    size_bytes: int = 0

    @property
    def taken(self) -> bool:
        return not self.open or self.open[-1].taken

    def take(self, part: _Part) -> None:
        """Render the next part."""
        if not part.action:
            self._write(part.text)
        elif found := _IF.fullmatch(part.text):
            self._begin(found[1], part.line)
        elif _ELSE.fullmatch(part.text) or _END.fullmatch(part.text):
            self._turn(part)
        elif found := _PRINT.fullmatch(part.text):
            self._print(part, [found[1]], None)
        elif found := _SUBST.fullmatch(part.text):
            self._print(part, _fields(found), found["format"])

    def _begin(self, name: str, line: int) -> None:
        if self.taken and name not in self.inputs:
            self.absent.append(name)
        self.open.append(_Open(line, self.taken, name in self.inputs))

    def _turn(self, part: _Part) -> None:
        is_end = _END.fullmatch(part.text) is not None
        if not self.open or (self.open[-1].in_else and not is_end):
            raise DocumentError(f"{_told(part)} belongs to no `{{{{if}}}}`")
        if is_end:
            self.open.pop()
        else:
            self.open[-1].in_else = True

    def _print(self, part: _Part, names: list[str], form: str | None) -> None:
        if not self.taken:
            return
        missing = [name for name in names if name not in self.inputs]
        if missing:
            self.left.append(f"{_told(part)}, which has no default")
            return
        if form is None:
            self._write(json.dumps(self.inputs[names[0]], ensure_ascii=False))
            return
        at = 0  # each piece is measured before it is kept: values may be long and many
        values = iter(names)
        for verb in _VERB.finditer(form):
            self._write(form[at : verb.start()])
            self._write("%" if verb[1] == "%" else self.inputs[next(values)])
            at = verb.end()
        self._write(form[at:])

    def _write(self, text: str) -> None:
        if not self.taken:
            return
        self.size_bytes += len(text.encode())
        if self.size_bytes > DOCUMENT_BYTES_MAX:
            raise DocumentError(
                f"the rendered template has more than {DOCUMENT_BYTES_MAX} bytes"
            )
        self.pieces.append(text)
