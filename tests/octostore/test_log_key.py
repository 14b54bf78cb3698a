"""What a log signs, and when it refuses: nothing that contradicts what it signed."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from octostore.errors import (
    KeyFileError,
    LogStateError,
    NoteError,
    NotFoundError,
    StoreError,
)
from octostore.keyfile import KeyFile
from octostore.keys import SecretKey
from octostore.log_key import LogKey, default_origin
from octostore.original import RESTORED_AFTER_S
from octostore.store import Octostore
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.merkle import consistency_proof, verify_consistency
from octostore.tlog.note import KeyType, Signer
from tests.octostore.test_log_rows import grow
from tests.octostore.world import Issuer, Ran, result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(path: Path) -> Iterator[Octostore]:
    with Octostore.open(path) as store:
        yield store


def make(path: Path, origin: str | None = "log.example") -> LogKey:
    return LogKey.create(path, secrets.token_bytes, origin)


def ingest_another(store: Octostore, name: str) -> None:
    _, blocks = Issuer(name).claims(Ran(), result())
    assert store.ingest(blocks).accepted


def test_the_key_of_a_log_is_a_file_of_its_own(store: Octostore, path: Path) -> None:
    key = make(path)
    for name in ("log.key", "log.key.state"):
        assert stat.S_IMODE((path / name).stat().st_mode) == 0o600
    assert LogKey.open(path) == key
    assert json.loads((path / "log.key").read_text())["log"] == "log.example"
    with pytest.raises(KeyFileError, match="exists"):
        make(path, "another.example")
    assert LogKey.open(path).signer.name == "log.example"


def test_nobody_issues_with_the_key_of_a_log_nor_the_reverse(
    store: Octostore, path: Path
) -> None:
    make(path)
    with pytest.raises(KeyFileError, match="the key of a log"):
        KeyFile.open(path / "log.key")
    (path / "log.key").unlink()
    KeyFile.create(path / "log.key", SecretKey.generate(secrets.token_bytes))
    with pytest.raises(KeyFileError, match="not the key of a log"):
        LogKey.open(path)


def test_a_log_is_named_after_its_key_unless_told(store: Octostore, path: Path) -> None:
    with pytest.raises(NotFoundError, match="log init"):
        LogKey.open(path)
    key = LogKey.open_or_create(path, secrets.token_bytes)
    assert key.signer.name == default_origin(key.signer.key)
    assert LogKey.open_or_create(path, secrets.token_bytes) == key


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb", "x" * 256])
def test_an_origin_that_is_no_name_is_refused(
    store: Octostore, path: Path, origin: str
) -> None:
    with pytest.raises(NoteError):
        make(path, origin)
    assert not (path / "log.key").exists()


def test_each_size_is_signed_once_and_follows_what_was_signed(
    store: Octostore, path: Path
) -> None:
    key = make(path)
    before = key.checkpoint(store)
    assert before.checkpoint.size == 0
    for size in (1, 2, 5, 8):
        grow(store, size)
        signed = key.checkpoint(store)
        assert SignedCheckpoint.open(bytes(signed), key.verifier) == signed
        assert signed.checkpoint == LogCheckpoint(
            "log.example", size, store.checkpoint().root
        )
        assert bytes(key.checkpoint(store)) == bytes(signed) == bytes(key.newest())
        with store.view() as view:
            proof = consistency_proof(view.node, before.checkpoint.size, size)
        old, new = before.checkpoint, signed.checkpoint
        verify_consistency(old.size, new.size, proof, old.root, new.root)
        before = signed


def test_what_is_signed_is_on_the_disk_first(
    store: Octostore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make(path)
    grow(store, 1)
    (path / "log.key.state.new").mkdir()  # where the state would be written
    with pytest.raises(StoreError, match="nothing was signed"):
        key.checkpoint(store)
    (path / "log.key.state.new").rmdir()
    assert key.newest().checkpoint.size == 0
    assert key.checkpoint(store).checkpoint.size == 1


@pytest.fixture
def restored(store: Octostore, path: Path, tmp_path: Path) -> LogKey:
    """A log of three entries, signed; its store then restored to the first two."""
    key = make(path)
    grow(store, 2)
    key.checkpoint(store)
    store.copy_to(tmp_path / "backup")
    ingest_another(store, "the third")
    key.checkpoint(store)
    store.close()
    (path / "data.mdb").unlink()
    shutil.copy(tmp_path / "backup" / "data.mdb", path / "data.mdb")
    return key


def test_a_restored_store_signs_nothing_smaller(restored: LogKey, path: Path) -> None:
    with (
        Octostore.open(path) as store,
        pytest.raises(LogStateError, match="signed 3 entries, and the store has 2"),
    ):
        restored.checkpoint(store)
    assert restored.newest().checkpoint.size == 3


def test_a_restored_store_signs_again_when_it_is_what_it_was(
    restored: LogKey, path: Path
) -> None:
    with Octostore.open(path) as store:
        ingest_another(store, "the third")
        before = restored.newest()
        assert restored.checkpoint(store) == before
        ingest_another(store, "the fourth")
        assert restored.checkpoint(store).checkpoint.size == 4


def test_a_restored_store_that_grew_differently_never_signs_again(
    restored: LogKey, path: Path
) -> None:
    with Octostore.open(path) as store:
        for name in ("another third", "the third", "more", "and more"):
            ingest_another(store, name)
            with pytest.raises(LogStateError, match=r"another tree of 3.*log init"):
                restored.checkpoint(store)


def test_a_backup_has_no_key_of_the_log(
    store: Octostore, path: Path, tmp_path: Path
) -> None:
    make(path)
    store.copy_to(tmp_path / "backup")
    assert not list((tmp_path / "backup").glob("log.key*"))


@pytest.mark.parametrize(
    "damage",
    [
        *("gone", "empty", "of another", "copied", "long", "linked", "two names"),
        *("touched late", "a pipe"),
    ],
)
def test_a_state_that_says_nothing_signs_nothing_until_it_is_resumed(
    store: Octostore, path: Path, tmp_path: Path, damage: str
) -> None:
    key = make(path)
    grow(store, 3)
    signed = key.checkpoint(store)
    state = path / "log.key.state"
    if damage == "gone":
        state.unlink()
    elif damage == "empty":
        state.write_bytes(b"")
    elif damage == "of another":
        (tmp_path / "other").mkdir()
        make(tmp_path / "other", "log.example")
        shutil.copy(tmp_path / "other" / "log.key.state", state)
    elif damage == "copied":
        shutil.copy(state, tmp_path / "copy")
        state.unlink()
        (tmp_path / "blocker").write_bytes(b"")  # so that another inode is taken
        shutil.copy(tmp_path / "copy", state)
    elif damage == "linked":
        state.rename(tmp_path / "elsewhere")
        state.symlink_to(tmp_path / "elsewhere")
    elif damage == "two names":
        (tmp_path / "second").hardlink_to(state)
    elif damage == "touched late":
        content = json.loads(state.read_text())
        content["written_ns"] -= (RESTORED_AFTER_S + 1) * 10**9
        state.write_text(json.dumps(content))
    elif damage == "a pipe":
        state.unlink()
        os.mkfifo(state)
    else:
        state.write_bytes(b" " * (2 << 20))
    for _ in range(2):
        with pytest.raises(LogStateError, match="log resume"):
            key.checkpoint(store)
    assert key.resume(bytes(signed)).checkpoint.size == 3
    grow(store, 4)
    assert key.checkpoint(store).checkpoint.size == 4


def test_a_log_resumes_only_what_it_signed_itself(store: Octostore, path: Path) -> None:
    key = make(path)
    grow(store, 2)
    other = Signer("log.example", SecretKey.generate(secrets.token_bytes))
    forged = LogCheckpoint("log.example", 9, bytes(32))
    with pytest.raises(NoteError):
        key.resume(bytes(SignedCheckpoint.sign(forged, other)))
    assert key.checkpoint(store).checkpoint.size == 2


def test_an_older_checkpoint_does_not_set_a_log_back(
    store: Octostore, path: Path
) -> None:
    key = make(path)
    grow(store, 1)
    older = key.checkpoint(store)
    grow(store, 2)
    newest = key.checkpoint(store)
    assert key.resume(bytes(older)) == newest
    assert key.newest() == newest


def test_a_checkpoint_that_contradicts_the_known_one_is_not_taken(
    store: Octostore, path: Path
) -> None:
    """It would be signed by this key too: the copy of a store that went its own way."""
    key = make(path)
    grow(store, 2)
    known = key.checkpoint(store)
    other = LogCheckpoint("log.example", 2, bytes(32))
    forked = bytes(SignedCheckpoint.sign(other, key.signer))
    with pytest.raises(LogStateError, match="another tree of 2 entries"):
        key.resume(forked)
    assert key.newest() == known
    state = path / "log.key.state"
    shutil.copy(state, path / "copy")
    state.unlink()
    (path / "copy").rename(state)  # a restored state is known all the same
    with pytest.raises(LogStateError, match="another tree of 2 entries"):
        key.resume(forked)
    assert key.resume(bytes(known)) == known


def test_threads_and_a_growing_log_get_one_history(
    store: Octostore, path: Path
) -> None:
    key = make(path)

    def ask(_: int) -> SignedCheckpoint:
        return LogKey.open(path).checkpoint(store)

    with ThreadPoolExecutor(4) as threads:
        asked = threads.map(ask, range(40))
        for n in range(20):
            grow(store, n + 1)
        signed = [*asked, key.checkpoint(store)]
    by_size = {item.checkpoint.size: item.checkpoint.root for item in signed}
    assert {bytes(item) for item in signed} == {
        bytes(item) for item in {i.checkpoint.size: i for i in signed}.values()
    }
    assert max(by_size) == 20
    with store.view() as view:
        for size, root in by_size.items():
            proof = consistency_proof(view.node, size, 20)
            verify_consistency(size, 20, proof, root, by_size[20])


def test_cosignatures_are_kept_for_the_size_they_are_of(
    store: Octostore, path: Path
) -> None:
    key = make(path)
    grow(store, 2)
    text = str(key.checkpoint(store).checkpoint)
    witness = Signer("w.example", SecretKey.from_seed(bytes(32)), KeyType.COSIGNATURE)
    line = witness.sign(text, time_s=1_669_075_200)
    asked = [witness.verifier]
    assert not key.add_cosignatures(1, [line], asked).cosigned
    signed = key.add_cosignatures(2, [line, line], asked)
    assert [(item.by, item.time_s) for item in signed.cosigned] == [
        (witness.verifier, 1_669_075_200)
    ]
    kept = SignedCheckpoint.open(bytes(key.checkpoint(store)), key.verifier, asked)
    assert kept.cosigned == signed.cosigned
    assert len(kept.note.signatures) == 2
    bent = witness.sign(text + "x\n", time_s=1)
    with pytest.raises(NoteError, match="does not hold"):
        kept.with_signatures([bent], asked)
    newer = kept.with_signatures([witness.sign(text, time_s=1_669_075_300)], asked)
    assert [item.time_s for item in newer.cosigned] == [1_669_075_300]
