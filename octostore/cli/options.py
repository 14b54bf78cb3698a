"""Options that several commands share, declared once: a dataclass in their place.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Publication:
        out: OutFile = None
        as_json: AsJson = False

    @expanded
    def join_command(of: DidArgument, key: KeyOption, *, where: Publication) -> None: ..

The command line of `join` has --out and --json in the place of `where`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, Final, get_type_hints

__all__ = ["expanded"]

_KEYWORD: Final = Parameter.KEYWORD_ONLY


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for every field of the dataclasses it asks for.

    A field is declared as a parameter is: its type says the option, its default is
    that of the option.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {
        name: kind for name, kind in hints.items() if is_dataclass(kind)
    }

    @wraps(command)
    def called(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(
                **{each.name: given.pop(each.name) for each in fields(kind)}
            )
        command(**given)

    parameters = [
        option
        for name, own in signature(command).parameters.items()
        for option in (
            _options(groups[name])
            if name in groups
            else (own.replace(annotation=hints[name], kind=_KEYWORD),)
        )
    ]
    called.__signature__ = Signature(parameters)  # type: ignore[attr-defined] # PEP 362
    called.__annotations__ = {item.name: item.annotation for item in parameters}
    return called


def _options(kind: Any) -> Iterator[Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    for each in fields(kind):
        yield Parameter(
            each.name, _KEYWORD, default=_default(each), annotation=hints[each.name]
        )


def _default(field: Field[Any]) -> Any:
    return Parameter.empty if field.default is MISSING else field.default
