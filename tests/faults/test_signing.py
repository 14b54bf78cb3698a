"""A log is killed, and its disk fails, while it signs: never two histories.

Whatever was printed must be known afterwards, and the log must go on.
"""

from __future__ import annotations

import json
import random
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from invocation_spec.errors import OctostoreError
from octostore.log_key import LogKey
from octostore.store import Octostore
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.merkle import consistency_proof, verify_consistency
from tests.faults.conftest import FULL, Faults
from tests.faults.test_system_calls import HOWS, Place, again
from tests.octostore.test_log_rows import grow

REPO = Path(__file__).parents[2]
KILLS = 100 if FULL else 6

#: Signs for ever, and grows the log in between.
SIGNER = """
import itertools, sys
from pathlib import Path
from octostore.log_key import LogKey
from octostore.store import Octostore
from tests.octostore.test_log_rows import grow

store = Octostore.open(Path(sys.argv[1]))
key = LogKey.open(store.path)
print("open", flush=True)
for n in itertools.count(store.checkpoint().size):
    grow(store, n + 1)
    signed = key.checkpoint(store)
    sys.stdout.write(bytes(signed).hex() + "\\n")
    sys.stdout.flush()
"""


#: One call of so many fails when only a sample runs.
STEP = 1 if FULL else 4


@pytest.fixture
def base(tmp_path: Path) -> Place:
    """A store with one entry; how it is kept has no part in signing."""
    root = tmp_path / "base"
    root.mkdir()
    with Octostore.open(root / "store") as store:
        grow(store, store.checkpoint().size + 1)
    return Place(root, [])


def follows(store: Octostore, key: LogKey, seen: list[SignedCheckpoint]) -> bool:
    """Whether all that was ever seen is how the log began, as its key knows it."""
    newest = key.newest().checkpoint
    with store.view() as view:
        for item in seen:
            old = item.checkpoint
            try:
                path = consistency_proof(view.node, old.size, newest.size)
                verify_consistency(old.size, newest.size, path, old.root, newest.root)
            except (OctostoreError, ValueError):
                return False
    return True


def opened(raw: bytes, key: LogKey) -> SignedCheckpoint:
    return SignedCheckpoint.open(raw, key.verifier)


@pytest.mark.parametrize(("how", "errno"), HOWS)
@pytest.mark.parametrize("has_key", [False, True])
def test_a_checkpoint_over_a_failing_disk_is_known_or_was_never_seen(
    base: Place,
    failing: Path,
    tmp_path: Path,
    faults: Faults,
    how: str,
    errno: int,
    *,
    has_key: bool,
) -> None:
    at, calls = 0, 1
    while at <= calls:  # with 0 nothing fails, and calls are counted
        found, seen = again(base, tmp_path), []
        with Octostore.open(found.store) as store:
            if has_key:
                made = LogKey.create(found.store, secrets.token_bytes)
                seen.append(made.checkpoint(store))
            grow(store, store.checkpoint().size + 1)
        done = found.run(failing, at, how, errno, "log", "checkpoint")
        assert done.returncode in ((0,) if at == 0 else (0, 7, -9)), done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        if at == 0:
            calls = found.calls()
            assert calls >= 3
        with Octostore.open(found.store) as store:
            key = LogKey.open_or_create(found.store, secrets.token_bytes)
            if done.returncode == 0:
                seen.append(opened(json.loads(done.stdout)["note"].encode(), key))
                assert seen[-1].checkpoint.size == 2
            seen.append(key.checkpoint(store))
            grow(store, store.checkpoint().size + 1)
            seen.append(key.checkpoint(store))
            assert [item.checkpoint.size for item in seen[-2:]] == [2, 3]
            sound = follows(store, key, seen)
        faults.add(
            "sign: killed at a call" if how == "kill" else f"sign: a call fails, {how}",
            lost=int(not sound),
        )
        assert sound, (at, done.stderr)
        at += 1 if at == 0 else STEP


def test_nothing_seen_contradicts_however_often_a_signer_is_killed(
    tmp_path: Path, faults: Faults
) -> None:
    chance = random.Random(11)  # noqa: S311 - when to kill
    path = tmp_path / "store"
    with Octostore.open(path) as store:
        key = LogKey.open_or_create(store.path, random.Random(5).randbytes)  # noqa: S311
    seen: list[SignedCheckpoint] = []
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", SIGNER, str(path)],
            cwd=REPO,
            stdout=subprocess.PIPE,
            text=True,
        ) as signer:
            assert signer.stdout
            killer = threading.Timer(chance.uniform(0, 0.2), signer.kill)
            assert signer.stdout.readline() == "open\n"
            killer.start()
            for line in signer.stdout:
                if line.endswith("\n"):  # else it was cut off while it was printed
                    seen.append(opened(bytes.fromhex(line), key))
        with Octostore.open(path) as store:
            sound = follows(store, key, seen)
            faults.add("killed at random while signing", lost=int(not sound))
            assert sound
            assert key.checkpoint(store).checkpoint.size == store.checkpoint().size
    assert len(seen) > KILLS
    faults.add("checkpoints seen in the end", signed=len(seen))
