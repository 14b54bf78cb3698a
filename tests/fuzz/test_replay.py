"""What fuzzing found once is tried for ever, and what mutates does mutate."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.distil import FILE_BYTES_MAX, FILES_MAX
from tests.fuzz.mutator import Mutator
from tests.fuzz.seeds import CORPUS
from tests.fuzz.targets import SECONDS_MAX, TARGETS, seconds
from tests.fuzz.trees import read, write

FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())


def test_there_is_something_to_replay_and_every_folder_is_a_target() -> None:
    assert len(FILES) > 50
    assert {path.parent.name for path in FILES} <= set(TARGETS)


@pytest.mark.parametrize(
    "path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_what_was_found_holds(path: Path) -> None:
    assert seconds(TARGETS[path.parent.name], path.read_bytes()) < SECONDS_MAX


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_stays_small_enough_to_look_at(name: str) -> None:
    files = [path for path in FILES if path.parent.name == name]
    assert len(files) <= FILES_MAX
    assert all(path.stat().st_size <= FILE_BYTES_MAX for path in files)


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_of_seeds_hold(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds()
    assert seeds
    mutator = Mutator(seeds, lambda data, size: data[::-1][:size])
    found = {mutator(seed, 4096, number) for number, seed in enumerate(seeds[:30] * 2)}
    assert found - set(seeds)
    for data in found:
        assert len(data) <= 4096
        target.check(data)


@pytest.mark.parametrize("name", ["own-car", "ucan-invocation", "statement", "record"])
def test_sound_trees_are_written_as_they_were_read(name: str) -> None:
    """Sorted, hashed and signed anew, so that mutations get past those checks."""
    target = TARGETS[name]
    for seed in target.seeds()[:10]:
        found = read(seed)
        if found is not None:
            target.check(write(*found, sound=True))
