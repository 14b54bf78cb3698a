"""Keep of what fuzzing grew what reaches a place that no vector reaches.

    python -m tests.fuzz.distil [--work .fuzz]

Writes tests/fuzz/corpus/TARGET/MODULE.FUNCTION-HASH: an input, made as small as it
goes, and where it leads. What is there and still leads somewhere new stays. An input
that broke something, named `bug-..` by hand, always stays.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeAlias

from tests.fuzz.__main__ import WORK
from tests.fuzz.seeds import CORPUS
from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.trees import Pairs, Tree, read, write

__all__ = ["FILES_MAX", "FILE_BYTES_MAX"]

#: Of one target; so many can still be looked at by a person.
FILES_MAX = 60

FILE_BYTES_MAX = 2048

#: Attempts to make one input smaller.
_CUTS_MAX = 200

_ROOT = Path(__file__).parents[2]
_OURS = tuple(f"{_ROOT / name}/" for name in ("invocation_spec", "octostore"))

#: A step from one line of a function to another.
_Step: TypeAlias = tuple[CodeType, int, int]


class _Tracer:
    """The steps that a call takes in our code."""

    def __init__(self) -> None:
        self.steps: set[_Step] = set()
        self._lines: dict[FrameType, int] = {}

    def run(self, target: Target, data: bytes) -> set[_Step]:
        self.steps, self._lines = set(), {}
        sys.settrace(self._enter)
        try:
            target.check(data)
        finally:
            sys.settrace(None)
        return self.steps

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_OURS):
            return None
        self._lines[frame] = 0
        return self._step

    def _step(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            before = self._lines.get(frame, 0)
            self.steps.add((frame.f_code, before, frame.f_lineno))
            self._lines[frame] = frame.f_lineno
        elif event == "return":
            self._lines.pop(frame, None)
        return self._step


def main() -> None:
    """Distil all targets, one after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    work = parser.parse_args().work
    tracer = _Tracer()
    reached: set[_Step] = set()
    for target in TARGETS.values():
        for data in target.seeds():
            reached |= tracer.run(target, data)
    for target in TARGETS.values():
        _distil(target, work / target.name, tracer, reached)


def _distil(target: Target, work: Path, tracer: _Tracer, reached: set[_Step]) -> None:
    place = CORPUS / target.name
    kept = [path for path in sorted(place.glob("*")) if path.name[:4] != "bug-"]
    inputs = {path.read_bytes() for path in (*kept, *(work / "corpus").glob("*"))}
    for path in kept:
        path.unlink()
    count = 0
    for data in sorted(inputs, key=lambda item: (len(item), item)):
        try:
            new = tracer.run(target, data) - reached
        except Exception as error:  # noqa: BLE001 - said, and for people to look at
            print(f"{target.name}: {hashlib.sha256(data).hexdigest()[:8]}: {error!r}")
            continue
        if not new:
            continue
        small = _smaller(data, lambda cut, new=new: new <= tracer.run(target, cut))  # type: ignore[misc] # a default binds it
        if len(small) > FILE_BYTES_MAX or count == FILES_MAX:
            continue
        reached |= tracer.run(target, small)
        count += 1
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{_name(new)}-{hashlib.sha256(small).hexdigest()[:8]}").write_bytes(
            small
        )
    print(f"{target.name}: {len(inputs)} inputs, {count} kept")


def _name(steps: set[_Step]) -> str:
    """Where the first of the steps lies: what the input is there for."""
    code, _, _ = min(steps, key=lambda step: (step[0].co_filename, *step[1:]))
    function = code.co_qualname.replace("<", "").replace(">", "").split(".locals")[0]
    return f"{Path(code.co_filename).stem}.{function}"


def _smaller(data: bytes, reaches: Callable[[bytes], bool]) -> bytes:
    """A smaller input of which the same holds: branches cut, then bytes."""
    tries = 0
    found = True
    while found and tries < _CUTS_MAX:
        found = False
        for cut in _cuts(data):
            tries += 1
            if tries > _CUTS_MAX:
                break
            try:
                found = len(cut) < len(data) and reaches(cut)
            except Exception:  # noqa: BLE001,S112 - another bug, not this input
                continue
            if found:
                data = cut
                break
    return data


def _cuts(data: bytes) -> Iterator[bytes]:
    parsed = read(data)
    if parsed is not None:
        syntax, tree = parsed
        for cut in _tree_cuts(tree):
            for sound in (True, False):
                yield write(syntax, cut, sound=sound)
        return
    size = len(data) // 2
    while size:
        for at in range(0, len(data), size):
            yield data[:at] + data[at + size :]
        size //= 2


def _tree_cuts(tree: Tree) -> Iterator[Tree]:
    """The tree without one of its branches, the large ones first."""
    if isinstance(tree, list):
        kind = type(tree)
        for at in range(len(tree)):
            yield kind(tree[:at] + tree[at + 1 :])
        for at, entry in enumerate(tree):
            inner = entry[1] if isinstance(tree, Pairs) else entry
            for cut in _tree_cuts(inner):
                new = (entry[0], cut) if isinstance(tree, Pairs) else cut
                yield kind([*tree[:at], new, *tree[at + 1 :]])
    elif isinstance(tree, str | bytes) and len(tree) > 8:
        yield tree[: len(tree) // 2]
        yield tree[len(tree) // 2 :]


if __name__ == "__main__":
    main()
