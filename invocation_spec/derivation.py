r"""Nix's derivations: one build, as the text that Nix keeps and hashes.

    Derive([("out","","r:sha256","")],[],["/nix/store/..-dash"],"x86_64-linux",
    "/nix/store/..-dash",["-c","echo hi > $out"],[("name","hi"),("out","/1rz4g4..")])

Outputs by name, each with path, algorithm and hash; input derivations, each with the
outputs that are used; other inputs; system, builder, arguments, environment. Names
and paths ascend, in strings `\ " LF CR TAB` are escaped, and nothing else may vary,
so that a derivation has one text. Source: nix src/libstore/derivation/aterm.cc.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, TypeVar

from invocation_spec import nixstore
from invocation_spec.errors import EncodingError

__all__ = ["ATERM", "Derivation", "FindDrv", "Output", "output_path", "recipe_hash"]

#: What the text of a derivation begins with.
ATERM: Final = "Derive("

_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_PLAIN: Final = {"n": "\n", "r": "\r", "t": "\t"}
_STRING: Final = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE: Final = re.compile(r'[\\"\n\r\t]')

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Output:
    """One output, in the words of the text; what is not known yet is empty.

    path                   input-addressed: named by the recipe
    path, algorithm, hash  fixed: its content is known beforehand
    algorithm              floating: named by its content once that is there
    algorithm, "impure"    never the same
    nothing                deferred: its path depends on inputs that are not built
    """

    path: str = ""
    algorithm: str = ""
    hash: str = ""


Drvs: TypeAlias = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Derivation:
    """A derivation, whatever it was read from. All paths are store paths."""

    outputs: Mapping[str, Output]
    drvs: Drvs
    srcs: tuple[str, ...]
    system: str
    builder: str
    args: tuple[str, ...]
    env: Mapping[str, str]

    @classmethod
    def from_text(cls, text: str) -> Derivation:
        """Read the text of a derivation.

        Raises:
            EncodingError: it is none, or not spelled as Nix spells it.
        """
        reader = _Reader(text)
        found = reader.derivation()
        if found.text != text:
            raise EncodingError(
                "not as Nix writes it: names and paths ascend, each once, and nothing"
                " but backslash, quote, LF, CR and TAB is escaped"
            )
        return found

    @property
    def text(self) -> str:
        """The one text of this derivation."""
        return self.text_of_inputs(self.drvs)

    def text_of_inputs(self, drvs: Drvs) -> str:
        """The text with other words for the input derivations."""
        outputs = (
            _tuple(map(_quoted, (name, item.path, item.algorithm, item.hash)))
            for name, item in _sorted(self.outputs)
        )
        inputs = (
            _tuple((_quoted(path), _list(map(_quoted, sorted(set(names))))))
            for path, names in _sorted(drvs)
        )
        env = (_tuple(map(_quoted, pair)) for pair in _sorted(self.env))
        parts = (
            _list(outputs),
            _list(inputs),
            _list(map(_quoted, sorted(set(self.srcs)))),
            _quoted(self.system),
            _quoted(self.builder),
            _list(map(_quoted, self.args)),
            _list(env),
        )
        return f"{ATERM}{','.join(parts)})"

    def path(self, name: str) -> str:
        """Where the text lies in a store, as a derivation of this name."""
        data = self.text.encode()
        return nixstore.text_path(f"{name}.drv", data, (*self.srcs, *self.drvs))

    def resolved(self, made: Mapping[tuple[str, str], str]) -> Derivation:
        """The same with outputs of input derivations as other inputs.

        `made` has the path of each (derivation, output); what stood for it in
        builder, arguments and environment is replaced. Source: nix
        src/libstore/derivation/resolution.cc.

        Raises:
            EncodingError: two names in the environment become one.
        """
        paths = {
            (drv, output): made[drv, output]
            for drv, outputs in self.drvs.items()
            for output in outputs
        }
        rewrites = {nixstore.placeholder(*key): path for key, path in paths.items()}
        if not rewrites:
            return self
        pattern = re.compile("|".join(sorted(rewrites)))

        def rewrite(text: str) -> str:
            return pattern.sub(lambda found: rewrites[found[0]], text)

        env = {rewrite(key): rewrite(value) for key, value in self.env.items()}
        if len(env) != len(self.env):
            raise EncodingError(
                "two names in the environment become one when outputs stand for their"
                " placeholders; rename one"
            )
        return replace(
            self,
            drvs={},
            srcs=tuple(sorted({*self.srcs, *paths.values()})),
            builder=rewrite(self.builder),
            args=tuple(map(rewrite, self.args)),
            env=env,
        )

    @property
    def has_outputs_by_word(self) -> bool:
        """Whether outputs are not made of the inputs alone: fixed, or impure."""
        return any(item.hash for item in self.outputs.values())

    @property
    def is_fixed(self) -> bool:
        """Whether the content of an output is known beforehand."""
        return any(item.hash not in ("", "impure") for item in self.outputs.values())


#: The derivation at a path.
FindDrv: TypeAlias = Callable[[str], Derivation]


def output_path(digest: bytes, name: str, output: str) -> str:
    """Where an output named by its recipe lies, whose `recipe_hash` is this."""
    return nixstore.store_path(
        f"output:{output}", digest, nixstore.output_name(name, output)
    )


def recipe_hash(
    derivation: Derivation, of_drv: FindDrv, known: dict[str, str] | None = None
) -> bytes:
    """The hash of a derivation without the paths of its own outputs.

    Input derivations stand in it by what they hash to, those of fixed content by
    that. Older realisations are named by it. `of_drv` gives the derivation at a
    path, and raises what it likes if it cannot; `known` keeps hashes of inputs from
    one call to the next. Source: nix
    src/libstore/derivation/modulo.cc; hashDerivationModulo of Nix up to 2.32.
    """
    blank = replace(
        derivation,
        outputs={
            name: Output("", item.algorithm, item.hash)
            for name, item in derivation.outputs.items()
        },
        env={
            key: "" if key in derivation.outputs else value
            for key, value in derivation.env.items()
        },
    )
    known = {} if known is None else known
    text = blank.text_of_inputs(_hashed_inputs(derivation, of_drv, known))
    return hashlib.sha256(text.encode()).digest()


def _hashed_inputs(
    derivation: Derivation, of_drv: FindDrv, known: dict[str, str]
) -> dict[str, tuple[str, ...]]:
    """The inputs by hash, the whole graph below once each, without recursion."""
    stack = list(derivation.drvs)
    while stack:
        path = stack[-1]
        if path in known:
            stack.pop()
            continue
        found = of_drv(path)
        below = [] if found.is_fixed else [d for d in found.drvs if d not in known]
        if below:
            stack += below
        else:
            stack.pop()
            known[path] = _hash(found, known)
    return _by_hash(derivation.drvs, known)


def _hash(found: Derivation, known: Mapping[str, str]) -> str:
    if found.is_fixed:
        (output,) = found.outputs.values()
        text = f"fixed:out:{output.algorithm}:{output.hash}:{output.path}"
    else:
        text = found.text_of_inputs(_by_hash(found.drvs, known))
    return hashlib.sha256(text.encode()).hexdigest()


def _by_hash(drvs: Drvs, known: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for path, outputs in drvs.items():
        key = known[path]
        found[key] = (*found.get(key, ()), *outputs)
    return found


def _sorted(items: Mapping[str, _T]) -> list[tuple[str, _T]]:
    return sorted(items.items(), key=lambda item: item[0])


def _quoted(text: str) -> str:
    return '"' + _TO_ESCAPE.sub(lambda found: _ESCAPES[found[0]], text) + '"'


def _list(items: Iterable[str]) -> str:
    return f"[{','.join(items)}]"


def _tuple(items: Iterable[str]) -> str:
    return f"({','.join(items)})"


class _Reader:
    """A place in the text; each method reads one thing, or says what was due."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def derivation(self) -> Derivation:
        """The whole text."""
        self._take(ATERM)
        outputs = self._list(self._output)
        self._take(",")
        drvs = self._list(self._drv)
        self._take(",")
        srcs = self._list(self._path)
        self._take(",")
        system = self._string()
        self._take(",")
        builder = self._string()
        self._take(",")
        args = self._list(self._string)
        self._take(",")
        env = self._list(self._pair)
        self._take(")")
        return Derivation(
            dict(outputs),
            dict(drvs),
            tuple(srcs),
            system,
            builder,
            tuple(args),
            dict(env),
        )

    def _take(self, word: str) -> None:
        if not self._text.startswith(word, self._at):
            raise EncodingError(f"no derivation: {word!r} is due at {self._at}")
        self._at += len(word)

    def _list(self, item: Callable[[], _T]) -> list[_T]:
        self._take("[")
        found: list[_T] = []
        while not self._text.startswith("]", self._at):
            if found:
                self._take(",")
            found.append(item())
        self._take("]")
        return found

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise EncodingError(f"no derivation: a string is due at {self._at}")
        self._at = found.end()
        return _ESCAPED.sub(lambda item: _PLAIN.get(item[1], item[1]), found[1])

    def _path(self) -> str:
        return nixstore.path_from_text(self._string())

    def _pair(self) -> tuple[str, str]:
        self._take("(")
        key = self._string()
        self._take(",")
        value = self._string()
        self._take(")")
        return key, value

    def _drv(self) -> tuple[str, tuple[str, ...]]:
        self._take("(")
        path = self._path()
        self._take(",")
        names = self._list(self._string)
        self._take(")")
        return path, tuple(names)

    def _output(self) -> tuple[str, Output]:
        self._take("(")
        words = [self._string()]
        for _ in range(3):
            self._take(",")
            words.append(self._string())
        self._take(")")
        name, path, algorithm, digest = words
        if path:
            path = nixstore.path_from_text(path)
        return name, Output(path, algorithm, digest)
