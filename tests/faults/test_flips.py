"""One byte of a data file changes: a check says so, or nothing has changed.

Each look is made in a child process, because a damaged file could end it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from octostore.check import check_folder
from octostore.engine.choice import ENGINES
from octostore.errors import StoreError
from octostore.store import Octostore
from tests.faults.conftest import FULL, Faults
from tests.octostore.test_ingest import dump
from tests.octostore.test_store import fill
from tests.octostore.world import Issuer, Ran, data, result

RANDOM = 10_000 if FULL else 150
PAGE = 4096

FOUND, REFUSED, SAME, ANOTHER, DIED = range(5)
WORDS = ("found", "refused", "unchanged", "missed", "died")

Rows = dict[str, list[tuple[bytes, bytes]]]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A store with every table filled, and with free pages."""
    with Octostore.open(tmp_path / "store") as store:
        fill(store)
        bristol = Issuer("many")
        for n in range(30):
            got = result(data(f"R{n}"))
            assert store.ingest(bristol.claims(Ran(), got)[1]).accepted
        store.rebuild()
    return tmp_path / "store"


def positions(size: int) -> Iterator[int]:
    chance = random.Random(3)  # noqa: S311 - the same each time
    pages = range(0, size, PAGE)
    yield from (page + chance.randrange(PAGE) for page in pages)
    yield from (page + at for page in pages for at in (0, 10, 12, 14, 16))
    yield from range(0, 2 * PAGE, 1 if FULL else 97)
    yield from (chance.randrange(size) for _ in range(RANDOM))


def look(path: Path, before: Rows) -> int:
    """What a child that checks the store finds."""
    child = os.fork()
    if child == 0:
        os._exit(_look(path, before))
    _, status = os.waitpid(child, 0)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else DIED


def _look(path: Path, before: Rows) -> int:
    try:
        if not check_folder(path).holds:
            return FOUND
        with Octostore.open(path, readonly=True) as store:
            return SAME if dump(store) == before else ANOTHER
    except StoreError:
        return REFUSED
    except BaseException:  # noqa: BLE001 - a child must not go on as a test
        return DIED


@pytest.mark.slow
def test_a_flipped_byte_is_found_or_changes_nothing(
    small: Path, faults: Faults
) -> None:
    with Octostore.open(small, readonly=True) as store:
        before = dump(store)
    file = small / ENGINES["lmdb"].data
    chance = random.Random(4)  # noqa: S311 - the same each time
    missed = []
    with file.open("r+b", buffering=0) as stream:
        descriptor = stream.fileno()
        for at in positions(file.stat().st_size):
            (byte,) = os.pread(descriptor, 1, at)
            changed = byte ^ chance.randrange(1, 256)
            os.pwrite(descriptor, bytes([changed]), at)
            outcome = look(small, before)
            os.pwrite(descriptor, bytes([byte]), at)
            faults.add(
                "a byte of data.mdb flips",
                corrupt=int(outcome in (ANOTHER, DIED)),
                **{WORDS[outcome]: 1},
            )
            if outcome in (ANOTHER, DIED):
                missed.append((at // PAGE, at % PAGE, byte, changed, WORDS[outcome]))
    assert check_folder(small).holds
    assert not missed
