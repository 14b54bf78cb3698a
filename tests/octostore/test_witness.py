"""Witnesses: what one signs, what it remembers, and a log that asks for it."""

from __future__ import annotations

import hashlib
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
    ProofError,
    StoreError,
    WitnessConflictError,
)
from octostore.keyfile import KeyFile
from octostore.keys import SecretKey
from octostore.log_key import LogKey
from octostore.log_witness import ASKED_MAX, witnessed
from octostore.original import RESTORED_AFTER_S
from octostore.store import Octostore
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    leaf_hash,
    node_hash,
    range_root,
)
from octostore.tlog.note import KeyType, NoteSignature, Signer, VerifierKey
from octostore.tlog.witness import (
    REQUEST_BYTES_MAX,
    AddCheckpoint,
    Quorum,
    parse_cosignatures,
    parse_known_size,
)
from octostore.witness import LOGS_MAX, Witness, signer_of
from tests.octostore.test_log_rows import grow

NOW = 1_669_075_200
LOG = Signer("log.example", SecretKey.from_seed(bytes(32)))
LEAVES = [leaf_hash(bytes([n])) for n in range(20)]
OTHERS = [leaf_hash(bytes([n, n])) for n in range(20)]


def tree_of(leaves: list[bytes]) -> SignedCheckpoint:
    root = range_root(node_of(leaves), 0, len(leaves))
    return SignedCheckpoint.sign(LogCheckpoint(LOG.name, len(leaves), root), LOG)


class node_of:  # noqa: N801 - a function with its leaves
    def __init__(self, leaves: list[bytes]) -> None:
        self.levels = [leaves]

    def __call__(self, level: int, index: int) -> bytes:
        if level == 0:
            return self.levels[0][index]
        return node_hash(self(level - 1, 2 * index), self(level - 1, 2 * index + 1))


def asked(old: int, size: int, leaves: list[bytes] = LEAVES) -> AddCheckpoint:
    path = consistency_proof(node_of(leaves), old, size)
    return AddCheckpoint(old, path, bytes(tree_of(leaves[:size])))


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness.create(tmp_path / "w.key", "w.example", secrets.token_bytes)


def kept_of(witness: Witness, log: VerifierKey = LOG.verifier) -> Path:
    """Where a witness keeps what it signed last of a log."""
    return witness.folder / hashlib.sha256(log.name.encode()).hexdigest()


def test_a_witness_signs_what_follows_and_remembers_it(witness: Witness) -> None:
    sizes = [0, 1, 1, 5, 8, 20, 20]
    for n, size in enumerate(sizes):
        old = sizes[n - 1] if n else 0
        line = witness.cosign(LOG.verifier, asked(old, size), NOW + n)
        signed = tree_of(LEAVES[:size]).with_signatures(
            [line], [witness.signer.verifier]
        )
        assert [item.time_s for item in signed.cosigned] == [NOW + n]
        newest = witness.newest(LOG.verifier)
        assert newest is not None
        assert bytes(newest) == bytes(signed)
    again = Witness.open(witness.folder.with_name("w.key"))
    assert again == witness
    assert stat.S_IMODE(witness.folder.stat().st_mode) == 0o700


def test_a_witness_goes_on_only_from_what_it_signed_last(witness: Witness) -> None:
    witness.cosign(LOG.verifier, asked(0, 8), NOW)
    for old in (0, 5, 7):
        with pytest.raises(WitnessConflictError) as caught:
            witness.cosign(LOG.verifier, asked(old, 12), NOW)
        assert caught.value.size == 8
    with pytest.raises(NoteError, match="old size 9"):
        witness.cosign(
            LOG.verifier, AddCheckpoint(9, (), bytes(tree_of(LEAVES[:8]))), NOW
        )


def test_a_witness_never_signs_another_history(witness: Witness) -> None:
    witness.cosign(LOG.verifier, asked(0, 8), NOW)
    before = witness.newest(LOG.verifier)
    good = asked(8, 12)
    bent = [bytes([good.path[0][0] ^ 1]) + good.path[0][1:], *good.path[1:]]
    for request in (
        asked(8, 12, OTHERS),
        asked(8, 8, OTHERS),
        AddCheckpoint(8, (), good.checkpoint),
        AddCheckpoint(8, tuple(bent), good.checkpoint),
        AddCheckpoint(8, (*good.path, EMPTY_ROOT), good.checkpoint),
        AddCheckpoint(8, (EMPTY_ROOT,), bytes(tree_of(LEAVES[:8]))),
    ):
        with pytest.raises(ProofError):
            witness.cosign(LOG.verifier, request, NOW)
    assert witness.newest(LOG.verifier) == before


def test_an_empty_tree_has_one_root(witness: Witness) -> None:
    forged = SignedCheckpoint.sign(LogCheckpoint(LOG.name, 0, bytes(32)), LOG)
    with pytest.raises(ProofError):
        witness.cosign(LOG.verifier, AddCheckpoint(0, (), bytes(forged)), NOW)
    first = AddCheckpoint(0, (EMPTY_ROOT,), bytes(tree_of(LEAVES[:3])))
    with pytest.raises(ProofError):
        witness.cosign(LOG.verifier, first, NOW)


def test_a_witness_signs_only_what_the_log_signed(witness: Witness) -> None:
    other = Signer(LOG.name, SecretKey.from_seed(b"\x01" * 32))
    tree = tree_of(LEAVES[:3]).checkpoint
    forged = bytes(SignedCheckpoint.sign(tree, other))
    with pytest.raises(NoteError, match="not signed by"):
        witness.cosign(LOG.verifier, AddCheckpoint(0, (), forged), NOW)
    assert witness.newest(LOG.verifier) is None


def test_what_a_witness_signs_is_on_the_disk_first(witness: Witness) -> None:
    witness.cosign(LOG.verifier, asked(0, 3), NOW)
    kept = kept_of(witness)
    blocked = kept.with_name(kept.name + ".new")
    blocked.mkdir()
    with pytest.raises(StoreError, match="nothing was signed"):
        witness.cosign(LOG.verifier, asked(3, 5), NOW)
    blocked.rmdir()
    newest = witness.newest(LOG.verifier)
    assert newest is not None
    assert newest.checkpoint.size == 3


@pytest.mark.parametrize("damage", [b"", b"nothing", b"x" * (1 << 19)])
def test_a_witness_that_forgot_signs_nothing(witness: Witness, damage: bytes) -> None:
    witness.cosign(LOG.verifier, asked(0, 3), NOW)
    kept = kept_of(witness)
    raw = kept.read_bytes()
    kept.write_bytes(damage)
    with pytest.raises(LogStateError):
        witness.cosign(LOG.verifier, asked(0, 3), NOW)
    unsigned = bytes(tree_of(LEAVES[:3])).decode()  # the log's, never signed here
    kept.write_text(json.dumps({**json.loads(raw), "checkpoint": unsigned}))
    with pytest.raises(LogStateError, match="not signed by this witness"):
        witness.cosign(LOG.verifier, asked(0, 3), NOW)
    kept.write_bytes(raw)
    witness.cosign(LOG.verifier, asked(3, 5), NOW)


def refused(path: Path, old: int, leaves: list[bytes]) -> str:
    """Why the witness with this key file signs no other tree of eight entries."""
    with pytest.raises((LogStateError, KeyFileError)) as caught:
        Witness.open(path).cosign(LOG.verifier, asked(old, 8, leaves), NOW)
    return str(caught.value)


def test_a_witness_whose_notes_are_gone_or_not_its_own_signs_nothing(
    witness: Witness, tmp_path: Path
) -> None:
    """What it signed is found by the name of the key file, and by nothing else."""
    key, moved = tmp_path / "w.key", tmp_path / "moved.key"
    witness.cosign(LOG.verifier, asked(0, 2), NOW)
    older = shutil.copytree(witness.folder, tmp_path / "older")
    witness.cosign(LOG.verifier, asked(2, 8), NOW)
    away = witness.folder.rename(tmp_path / "away")
    twin = LEAVES[:2] + OTHERS[2:]
    shutil.copytree(older, witness.folder)
    assert "restored from an older copy" in refused(key, 2, twin)
    shutil.rmtree(witness.folder)
    assert "is not there" in refused(key, 0, OTHERS)
    assert not witness.folder.exists()
    with pytest.raises(LogStateError):
        witness.cosign(LOG.verifier, asked(0, 8, OTHERS), NOW)
    with pytest.raises(LogStateError):
        witness.newest(LOG.verifier)
    witness.folder.symlink_to(older)
    assert "a link" in refused(key, 2, twin)
    witness.folder.unlink()
    away.rename(witness.folder)  # the very one
    key.rename(moved)
    assert "is not there" in refused(moved, 0, OTHERS)
    os.link(moved, tmp_path / "linked.key")
    assert "is not there" in refused(tmp_path / "linked.key", 0, OTHERS)
    key.symlink_to(moved)
    assert "name the key file itself" in refused(key, 0, OTHERS)
    key.unlink()
    moved.rename(key)
    assert Witness.open(key) == witness
    witness.cosign(LOG.verifier, asked(8, 12), NOW)


def test_a_witness_misses_what_it_signed_of_one_log(witness: Witness) -> None:
    path = witness.folder.with_name("w.key")
    witness.cosign(LOG.verifier, asked(0, 2), NOW)
    kept = kept_of(witness)
    raw = kept.read_bytes()
    kept.unlink()
    assert "is not there" in refused(path, 0, OTHERS)
    kept.write_bytes(raw)  # in another place on the disk, or at another time
    state = json.loads(raw)
    here = kept.stat()
    for change in (
        {"inode": here.st_ino + 1, "written_ns": here.st_ctime_ns},
        {
            "inode": here.st_ino,
            "written_ns": here.st_ctime_ns - (RESTORED_AFTER_S + 1) * 10**9,
        },
    ):
        kept.write_text(json.dumps({**state, **change}))
        assert "restored from an older copy" in refused(path, 2, LEAVES)


@pytest.mark.parametrize(
    "change", [{"vkey": "w.example+00000000+AA=="}, {"logs": None}, {"logs": [1]}]
)
def test_a_folder_of_another_witness_is_refused(
    witness: Witness, change: dict[str, object]
) -> None:
    marker = witness.folder / "witness"
    marker.write_text(json.dumps({**json.loads(marker.read_bytes()), **change}))
    with pytest.raises(LogStateError, match="make a new key"):
        Witness.open(witness.folder.with_name("w.key"))


def test_a_new_key_takes_over_no_notes_and_leaves_none(
    witness: Witness, tmp_path: Path
) -> None:
    with pytest.raises(KeyFileError, match="never overwritten"):
        Witness.create(tmp_path / "w.key", "w.example", secrets.token_bytes)
    (tmp_path / "w.key").unlink()
    with pytest.raises(KeyFileError, match="from another witness"):
        Witness.create(tmp_path / "w.key", "w.example", secrets.token_bytes)
    assert not (tmp_path / "w.key").exists()
    made = Witness.create(tmp_path / "x.key", "x.example", secrets.token_bytes)
    assert signer_of(tmp_path / "x.key") == made.signer
    assert made.signer != witness.signer


def test_a_witness_signs_for_so_many_logs(witness: Witness) -> None:
    marker = witness.folder / "witness"
    many = [f"{n:064x}" for n in range(LOGS_MAX)]
    marker.write_text(
        json.dumps({**json.loads(marker.read_bytes()), "logs": many}, indent=2)
    )
    with pytest.raises(StoreError, match=f"{LOGS_MAX} logs"):
        witness.cosign(LOG.verifier, asked(0, 2), NOW)
    assert not kept_of(witness).exists()


def test_requests_at_once_never_set_a_log_back(witness: Witness) -> None:
    def ask(size: int) -> int:
        known = 0
        for _ in range(100):
            try:
                witness.cosign(LOG.verifier, asked(known, size), NOW)
            except WitnessConflictError as error:
                known = error.size
            else:
                return size
            if known > size:
                return 0
        raise AssertionError("never its turn")

    with ThreadPoolExecutor(6) as threads:
        signed = list(threads.map(ask, [20, 3, 9, 14, 20, 7, 1, 18]))
    assert 20 in signed
    newest = witness.newest(LOG.verifier)
    assert newest is not None
    assert newest.checkpoint.size == 20


def test_the_key_of_a_witness_is_no_issuers_and_no_logs(
    witness: Witness, tmp_path: Path
) -> None:
    with pytest.raises(KeyFileError, match="the key of a witness"):
        KeyFile.open(tmp_path / "w.key")
    KeyFile.create(tmp_path / "me.key", SecretKey.from_seed(bytes(32)))
    with pytest.raises(KeyFileError, match="key new FILE --witness"):
        Witness.open(tmp_path / "me.key")
    with pytest.raises(NoteError):
        Witness.create(tmp_path / "x.key", "a b", secrets.token_bytes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


def test_a_log_asks_until_the_witness_knows_where_to_go_on(
    store: Octostore, witness: Witness
) -> None:
    key = LogKey.create(store.path, secrets.token_bytes, "log.example")
    times = 0

    def ask(request: AddCheckpoint) -> tuple[NoteSignature, ...]:
        nonlocal times
        times += 1
        request = AddCheckpoint.from_bytes(bytes(request))
        line = witness.cosign(key.verifier, request, NOW + times)
        return parse_cosignatures(f"{line}\n".encode())

    for size, expected in ((3, 1), (3, 2), (9, 2)):
        grow(store, size)
        times = 0
        signed = witnessed(store, key, witness.signer.verifier, ask)
        assert (signed.checkpoint.size, times) == (size, expected)
        assert [item.by for item in signed.cosigned] == [witness.signer.verifier]
        kept = SignedCheckpoint.open(
            bytes(key.checkpoint(store)), key.verifier, [witness.signer.verifier]
        )
        assert kept.cosigned == signed.cosigned


def test_a_log_does_not_ask_for_ever_nor_believe_what_is_no_signature(
    store: Octostore, witness: Witness
) -> None:
    key = LogKey.create(store.path, secrets.token_bytes, "log.example")
    grow(store, 3)
    verifier, asked_for = witness.signer.verifier, []

    def busy(request: AddCheckpoint) -> tuple[NoteSignature, ...]:
        asked_for.append(request.old)
        raise WitnessConflictError(len(asked_for) % 3)

    with pytest.raises(WitnessConflictError):
        witnessed(store, key, verifier, busy)
    assert len(asked_for) == ASKED_MAX

    def ahead(_: AddCheckpoint) -> tuple[NoteSignature, ...]:
        raise WitnessConflictError(4)

    with pytest.raises(ProofError, match="signed 4 entries of this log, which has 3"):
        witnessed(store, key, verifier, ahead)
    text = str(key.newest().checkpoint)
    stranger = Signer("x", SecretKey.from_seed(bytes(32))).sign(text)
    another = witness.signer.sign(text + "more\n", time_s=NOW)
    answers: list[tuple[tuple[NoteSignature, ...], str]] = [
        ((), "no signature"),
        ((stranger,), "no signature"),
        ((another,), "does not hold"),
    ]
    for lines, error in answers:

        def answer(
            _: AddCheckpoint, lines: tuple[NoteSignature, ...] = lines
        ) -> tuple[NoteSignature, ...]:
            return lines

        with pytest.raises(NoteError, match=error):
            witnessed(store, key, verifier, answer)
    assert len(key.newest().note.signatures) == 1


def test_a_signature_of_a_size_that_is_gone_is_not_kept(
    store: Octostore, witness: Witness
) -> None:
    key = LogKey.create(store.path, secrets.token_bytes, "log.example")
    grow(store, 1)

    def slow(request: AddCheckpoint) -> tuple[NoteSignature, ...]:
        line = witness.cosign(key.verifier, request, NOW)
        grow(store, 2)
        key.checkpoint(store)  # somebody asked meanwhile
        return (line,)

    signed = witnessed(store, key, witness.signer.verifier, slow)
    assert signed.checkpoint.size == 1
    assert len(key.newest().note.signatures) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 1\n",
        b"old 01\n\nx",
        b"new 1\n\nx",
        b"old 1\nAAAA\n\nx",
        b"old 1\n" + b"A" * 43 + b"\n\nx",
        b"old 1\n" + (b"A" * 43 + b"=\n") * 64 + b"\nx",
        b"\xff\n\nx",
        b"old 1\n\n" + b"x" * REQUEST_BYTES_MAX,
    ],
)
def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(NoteError):
        AddCheckpoint.from_bytes(body)


@pytest.mark.parametrize(
    "body",
    [b"", b"\n", b"x\n", b"\xff\n", b"\xe2\x80\x94 a AAAAAAA=", b"x" * (1 << 19)],
)
def test_an_answer_that_is_no_signatures_is_refused(body: bytes) -> None:
    with pytest.raises(NoteError):
        parse_cosignatures(body)


@pytest.mark.parametrize("body", [b"", b"-1\n", b"1\n2\n", b"\xff", b"9" * 40])
def test_an_answer_that_is_no_size_is_refused(body: bytes) -> None:
    with pytest.raises(NoteError):
        parse_known_size(body)


def test_a_quorum_counts_each_witness_once() -> None:
    signers = [
        Signer(
            f"w{n}.example", SecretKey.from_seed(bytes([n]) * 32), KeyType.COSIGNATURE
        )
        for n in range(3)
    ]
    keys = tuple(signer.verifier for signer in signers)
    tree = tree_of(LEAVES[:3])
    text = str(tree.checkpoint)
    for count in range(4):
        lines = [signer.sign(text, time_s=NOW) for signer in signers[:count]]
        signed = tree.with_signatures([*lines, *lines], keys)
        for least in range(4):
            quorum = Quorum(keys, least)
            if count >= least:
                quorum.check(signed)
            else:
                with pytest.raises(NoteError, match=f"signed by {count} of {least}"):
                    quorum.check(signed)
    twin = VerifierKey("another.example", keys[0].key, KeyType.COSIGNATURE)
    for bad, least in (((keys[0], twin), 1), (keys, 4), ((LOG.verifier,), 1)):
        with pytest.raises(NoteError):
            Quorum(bad, least)
