"""Two implementations of one text, asked the same of documents that nobody wrote.

    python -m tests.interop.differential --cases 20000 --seed 1
    python -m tests.interop.differential --form golem --cases 2000

Changes the documents and the resolutions of the vectors, and compares what Python
and JavaScript make of them: outcomes, CIDs, findings, aliases, `also`. Where they
differ, the text, or one of the two, is wrong. Exit 1 if they do.

Needs Node; `npm install` in `tests/interop/js` brings what it needs, once.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invocation_spec import DocumentError, Outcome, Resolutions, canonicalize
from tests.fuzz.mutator import Mutator

__all__ = ["JAVASCRIPT", "Case", "Difference", "cases", "differences", "main"]

JAVASCRIPT = Path(__file__).parent / "js"
_VECTORS = Path(__file__).parents[1] / "vectors" / "invocation"

#: Of a changed document, in bytes; the vectors that are larger are about limits.
_DOCUMENT_BYTES_MAX = 20_000

#: Cases that one process of JavaScript answers.
_BATCH = 2000
_BATCH_S = 600

#: What differs between two refusals of one kind.
_WORDS = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")


@dataclass(frozen=True, slots=True)
class Case:
    """A document in bytes, resolutions in JSON, perhaps a network's name."""

    form: str
    document: bytes
    resolutions: str | None = None
    network: str | None = None

    def line(self) -> str:
        """As `outcomes.js` reads it."""
        given: dict[str, str] = {
            "document": base64.b64encode(self.document).decode("ascii")
        }
        if self.resolutions is not None:
            given["resolutions"] = self.resolutions
        if self.network is not None:
            given["network"] = self.network
        return json.dumps(given) + "\n"


@dataclass(frozen=True, slots=True)
class Difference:
    """What the two say of a case; `kind` is for counting."""

    case: Case
    kind: str
    python: Any
    javascript: Any


def _vectors() -> list[Case]:
    found = []
    for path in sorted(_VECTORS.glob("*.json")):
        for case in json.loads(path.read_text()):
            written = case.get("resolutions")
            data = (
                bytes.fromhex(case["document_hex"])
                if "document_hex" in case
                else case["document"].encode()
            )
            found.append(
                Case(
                    path.stem,
                    data,
                    None if written is None else json.dumps(written),
                    case.get("network"),
                )
            )
    return [case for case in found if len(case.document) <= _DOCUMENT_BYTES_MAX]


def cases(count: int, seed: int, form: str | None = None) -> Iterator[Case]:
    """Changed vectors, the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    known = [case for case in _vectors() if form in (None, case.form)]
    changed = Mutator([case.document for case in known], _Bytes(chance))
    resolved = [case.resolutions for case in known if case.resolutions]
    bent = Mutator([text.encode() for text in resolved], _Bytes(chance))
    for _ in range(count):
        case = chance.choice(known)
        data = case.document
        if chance.random() < 0.93:
            data = changed(data, _DOCUMENT_BYTES_MAX, chance.getrandbits(64))
        text = _resolutions(case.resolutions, resolved, bent, chance)
        yield Case(case.form, data, text, case.network)


def _resolutions(
    own: str | None, all_: list[str], bent: Mutator, chance: random.Random
) -> str | None:
    """Those of the case, those of others too, none, or something like them."""
    act = chance.random()
    if act < 0.6:
        return own
    if act < 0.7 or not all_:
        return None
    given = json.loads(own) if own else {}
    others = json.loads(chance.choice(all_))
    if isinstance(given, dict) and isinstance(others, dict):
        given |= others
    text = json.dumps(given)
    if act < 0.85:
        return text
    data = bent(text.encode(), _DOCUMENT_BYTES_MAX, chance.getrandbits(64))
    return data.decode("utf-8", "replace")


class _Bytes:
    """Bytes with some of them changed, gone, doubled, or put in."""

    _PUT = (
        *("\0", "\n", "\t", "\r", " ", "\x0b", "\x1c", "\x85", "\xa0", "\u2028"),
        *("\ufeff", "\u017f", "\u212a", "é", "\U0001f600", "\x7f", "\\", '"', "'"),
        *("%", "%2F", "%ff", "%zz", "+", "?", "#", "@", ":", "/", "//", ".", ".."),
        *("-", "_", "=", "==", "{{", "}}", "${", "[", "]", "{", "}", ",", "&", "*"),
        *("0", "1", "9", "e5", ".0", "0x", "sha256:", "A", "a", "\\u0000", "\\ud800"),
    )

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def __call__(self, data: bytes, size_max: int) -> bytes:
        chance, out = self._chance, bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 4))):
            at = chance.randint(0, len(out))
            act = chance.random()
            if act < 0.5 or not out:
                out[at:at] = chance.choice(self._PUT).encode()
            elif act < 0.7:
                del out[at : at + chance.choice((1, 1, 2, 8))]
            elif act < 0.85:
                out[at:at] = out[at : at + chance.randint(1, 16)]
            else:
                out[at : at + 1] = bytes((chance.getrandbits(8),))
        return bytes(out[:size_max])


def differences(
    given: Iterable[Case], folder: Path = JAVASCRIPT
) -> Iterator[Difference]:
    """Where the two differ, as they are found."""
    batch: list[Case] = []
    for case in given:
        batch.append(case)
        if len(batch) == _BATCH:
            yield from _of_batch(batch, folder)
            batch = []
    yield from _of_batch(batch, folder)


def _of_batch(batch: list[Case], folder: Path) -> Iterator[Difference]:
    done = subprocess.run(
        ["node", "outcomes.js"],
        cwd=folder,
        input="".join(case.line() for case in batch),
        timeout=_BATCH_S,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    lines = done.stdout.split("\n")[:-1]
    if len(lines) != len(batch):
        raise ValueError(f"{len(lines)} answers to {len(batch)} cases")
    for case, line in zip(batch, lines, strict=True):
        ours, theirs = _answer(case), json.loads(line)
        found = _kind(ours, theirs)
        if found is not None:
            yield Difference(case, f"{case.form}: {found}", ours, theirs)


def _answer(case: Case) -> dict[str, Any]:
    try:
        resolutions = (
            None
            if case.resolutions is None
            else Resolutions.parse(case.resolutions.encode("utf-8", "surrogatepass"))
        )
        found = canonicalize(case.document, resolutions, network=case.network)
    except DocumentError as error:
        return {"refused": str(error)}
    return {"outcomes": [_told(outcome) for outcome in found]}


def _told(outcome: Outcome) -> dict[str, Any]:
    found = outcome.to_json()
    return {
        "outcome": outcome.name,
        "program": found["program"],
        "input": found["input"],
        "invocation": found["invocation"],
        "without_nonce": found.get("without_nonce"),
        "unresolved": [
            [item.at, item.kind, item.reference] for item in outcome.unresolved
        ],
        "impure": [[item.at, item.kind] for item in outcome.impure],
        "warnings": [[item.at, item.kind] for item in outcome.warnings],
        "dirs": list(outcome.dirs),
        "aliases": dict(outcome.aliases),
        "also": found["also"],
    }


def _kind(ours: dict[str, Any], theirs: dict[str, Any]) -> str | None:
    """In what the two differ; None if in nothing."""
    if "broke" in theirs:
        return f"JavaScript broke: {theirs['broke'].splitlines()[0]}"
    if "refused" in ours and "refused" in theirs:
        return None
    if "refused" in ours:
        return f"refused here: {_WORDS.sub('_', ours['refused'])[-90:]}"
    if "refused" in theirs:
        return f"refused there: {theirs['refused'].rpartition(': ')[2]}"
    if len(ours["outcomes"]) != len(theirs["outcomes"]):
        return "number of outcomes"
    for one, other in zip(ours["outcomes"], theirs["outcomes"], strict=True):
        for field, value in one.items():
            if _set(value) != _set(other[field]):
                return str(field)
    return None


def _set(value: Any) -> Any:
    """Findings are sets: their order carries no meaning."""
    return sorted(value, key=repr) if isinstance(value, list) else value


def main() -> int:
    """Compare, and say an example of each kind of difference."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.interop.differential", description=__doc__
    )
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--form", help="a file of vectors, without .json")
    asked = parser.parse_args()
    found: dict[str, list[Difference]] = {}
    for one in differences(cases(asked.cases, asked.seed, asked.form)):
        found.setdefault(one.kind, []).append(one)
    for kind, examples in sorted(found.items(), key=lambda item: -len(item[1])):
        least = min(examples, key=lambda one: len(one.case.document))
        print(f"\n{len(examples)} x {kind}")
        print(f"  document    {least.case.document!r}")
        if least.case.resolutions is not None:
            print(f"  resolutions {least.case.resolutions}")
        print(f"  Python      {json.dumps(least.python)}")
        print(f"  JavaScript  {json.dumps(least.javascript)}")
    count = sum(map(len, found.values()))
    print(f"\n{asked.cases} cases, seed {asked.seed}: {count} differ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
