"""The fuzzing itself, in a process of its own: a crash of C code ends this one.

    python -m tests.fuzz.loop TARGET FOLDER [options of libFuzzer]

Reads FOLDER/seeds, grows FOLDER/corpus, and writes to FOLDER/found each input that
broke something, one for each place that raised.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["invocation_spec", "octostore"]):
    from tests.fuzz.targets import INPUT_BYTES_MAX, SECONDS_MAX, TARGETS, seconds

from tests.fuzz.mutator import Mutator

__all__: list[str] = []


class _Loop:
    """One target, and the places that have raised so far."""

    def __init__(self, name: str, folder: Path) -> None:
        self._target = TARGETS[name]
        self._found = folder / "found"
        self._seen: set[str] = set()

    def __call__(self, data: bytes) -> None:
        try:
            took = seconds(self._target, data)
        except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} {Path(last.filename).name}:{last.lineno}"
            self._keep(data, place, traceback.format_exc())
            return
        # What is slow once may have waited for the garbage collector.
        if took > SECONDS_MAX and (took := seconds(self._target, data)) > SECONDS_MAX:
            self._keep(data, f"slow {len(data).bit_length()}", f"{took:.1f} s\n")

    def _keep(self, data: bytes, place: str, said: str) -> None:
        if place in self._seen:
            return
        self._seen.add(place)
        name = hashlib.sha256(data).hexdigest()[:8]
        (self._found / name).write_bytes(data)
        (self._found / f"{name}.txt").write_text(f"{place}\n\n{said}")


def _mutate(data: bytes, size_max: int) -> bytes:
    # By its name: atheris puts the working one there only when it starts.
    mutated: bytes = atheris.Mutate(data, size_max)
    return mutated


def main() -> None:
    """Fuzz until libFuzzer's options say that it is enough."""
    name, place, *options = sys.argv[1:]
    folder = Path(place)
    mutator = Mutator(TARGETS[name].seeds(), _mutate)
    atheris.Setup(
        [
            sys.argv[0],
            str(folder / "corpus"),
            str(folder / "seeds"),
            f"-max_len={INPUT_BYTES_MAX}",
            f"-artifact_prefix={folder / 'found'}/",
            *("-len_control=0", "-rss_limit_mb=2048", "-timeout=30", *options),
        ],
        _Loop(name, folder),
        custom_mutator=mutator,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
