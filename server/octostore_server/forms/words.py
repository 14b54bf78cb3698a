"""The words that schemas of forms are made of.

    struct("Network", {"Type": word("none", "full")})
    ->  {"type": "object", "properties": {"Type": ..}, "patternProperties": ..}

Networks written in Go match keys without regard to case and take absent,
null, "", [] and {} for one: `Folded` writes both out, so that its schemas need no
reading before them. A schema never refuses what `canonicalize` accepts; what JSON
Schema cannot say stands in `$comment`. Source: docs/spec/forms; JSON Schema 2020-12.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

__all__ = [
    "ANYTHING",
    "BYTES",
    "EMPTY",
    "IMAGE",
    "IPLD",
    "LINK",
    "NOT_EMPTY",
    "NUL_FREE",
    "TEXT",
    "Folded",
    "Schema",
    "any_case",
    "any_key",
    "closed",
    "either",
    "listed",
    "mapped",
    "ref",
    "says",
    "schema",
    "word",
]

#: A JSON Schema.
Schema: TypeAlias = dict[str, Any]

#: Admits everything.
ANYTHING: Final[Schema] = {}
TEXT: Final[Schema] = {"type": "string"}

#: Text that reaches a block, where U+0000 has no place.
NUL_FREE: Final[Schema] = {"type": "string", "pattern": "^[^\\u0000]*$"}

_HOST: Final = r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?"
_PART: Final = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"

#: The name of an image, as invocation.md has it under Images.
IMAGE: Final[Schema] = {
    "type": "string",
    "pattern": f"^(docker://)?({_HOST}/)?{_PART}(/{_PART})*"
    "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$",
}

#: What a Go struct takes for nothing said.
EMPTY: Final[Schema] = {"enum": [None, "", [], {}]}
NOT_EMPTY: Final[Schema] = {"not": EMPTY}

_BASE64: Final = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2,3})?$"


def ref(name: str) -> Schema:
    """The definition of that name."""
    return {"$ref": f"#/$defs/{name}"}


def either(*schemas: Schema) -> Schema:
    """One of them, or several."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def listed(item: Schema, **limits: int) -> Schema:
    """A list of such items."""
    return {"type": "array", "items": item, **limits}


def mapped(value: Schema, **more: Any) -> Schema:
    """A map of any keys to such values."""
    return {"type": "object", "additionalProperties": value, **more}


def closed(
    fields: Mapping[str, Schema], required: Iterable[str] = (), **more: Any
) -> Schema:
    """A map of these fields, spelled so, and of no other."""
    return {
        "type": "object",
        "properties": dict(fields),
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def any_case(text: str) -> str:
    """A pattern that matches a text in either case of its ASCII letters."""
    return "".join(
        f"[{letter.upper()}{letter.lower()}]"
        if letter.isascii() and letter.isalpha()
        else letter
        for letter in text
    )


def any_key(name: str) -> str:
    """A pattern that matches a key as Go does: in any case, U+017F an s, U+212A a k."""
    cased = any_case(name)
    return cased.replace("[Ss]", "[Ss\u017f]").replace("[Kk]", "[Kk\u212a]")


def word(*words: str) -> Schema:
    """One of these words, trimmed of ASCII space, in any case."""
    space = "[\\t-\\r ]*"
    names = "|".join(map(any_case, words))
    return {"type": "string", "pattern": f"^{space}({names}){space}$"}


LINK: Final[Schema] = closed({"/": {"type": "string", "minLength": 1}}, ["/"])
BYTES: Final[Schema] = closed(
    {"/": closed({"bytes": {"type": "string", "pattern": _BASE64}}, ["bytes"])}, ["/"]
)
#: Any value, as DAG-JSON writes it; its definition is to be called `ipld`.
IPLD: Final[Schema] = either(
    {"type": ["null", "boolean", "number", "string"]},
    listed(ref("ipld")),
    ref("link"),
    ref("bytes"),
    mapped(ref("ipld"), propertyNames={"not": {"const": "/"}}),
)


@dataclass(slots=True)
class Folded:
    """Definitions of maps whose keys match without regard to case, as Go's do."""

    definitions: dict[str, Schema] = field(default_factory=dict)

    def struct(
        self,
        name: str,
        fields: Mapping[str, Schema],
        required: Mapping[str, Schema] | None = None,
        *,
        empty: Iterable[str] = (),
    ) -> Schema:
        """Define such a map and give the reference to it.

        Args:
            name: of the definition.
            fields: each of its schema, or empty.
            required: fields that are there and not empty.
            empty: fields that the form knows and that say nothing here.
        """
        needed = dict(required or {})
        properties = {key: _or_empty(value) for key, value in fields.items()}
        properties |= {
            key: {"allOf": [value, ref("not-empty")]} for key, value in needed.items()
        }
        properties |= dict.fromkeys(empty, ref("empty"))
        self.definitions.setdefault("empty", EMPTY)
        self.definitions.setdefault("not-empty", NOT_EMPTY)
        made: dict[str, Any] = {
            "type": "object",
            "properties": properties,
            "patternProperties": {
                f"^{any_key(key)}$": ref(f"{name}/properties/{key}")
                for key in properties
            },
        }
        if needed:
            made["allOf"] = [_has(key) for key in needed]
        self.definitions[name] = made
        return ref(name)


def _or_empty(value: Schema) -> Schema:
    return value if value == ANYTHING else {"anyOf": [ref("empty"), value]}


def _has(key: str) -> Schema:
    """Some key is this one, in whichever case."""
    return {"not": {"propertyNames": {"not": {"pattern": f"^{any_key(key)}$"}}}}


def says(*names: str) -> Schema:
    """One of these fields, in any case, is there and says more than nothing or 0."""
    unsaid = {"enum": [*EMPTY["enum"], 0]}
    return either(
        *(
            {"patternProperties": {f"^{any_key(name)}$": {"not": unsaid}}} | _has(name)
            for name in names
        )
    )


def schema(
    title: str,
    page: str,
    root: Schema,
    definitions: Mapping[str, Schema],
    comment: Iterable[str] = (),
) -> dict[str, Any]:
    """The whole schema of a form, which its page describes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": f"Rules octostore-invocation/1; see docs/spec/forms/{page}",
        "$comment": " ".join((_GENERAL, *comment)),
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


_GENERAL: Final = (
    "Admits every document that is canonical, unresolved or impure. Not said here:"
    " keys twice, limits of size, which numbers are integers (1.0 is none), what a"
    " text of a reference means, rules between fields."
)
