"""Auditing a log that is honest, and logs that are sabotaged in many ways."""

from __future__ import annotations

import io
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from invocation_spec.cid import CID
from invocation_spec.errors import OctostoreError
from invocation_spec.model import Input, WasiProgram
from octostore import fraud
from octostore.audit.folder import FolderSource
from octostore.audit.report import AuditReport
from octostore.audit.run import audit, key_of
from octostore.audit.source import TILE_BYTES_MAX, VKEY_BYTES_MAX
from octostore.check import check_folder
from octostore.errors import (
    FileError,
    LogStateError,
    NoteError,
    NotFoundError,
    ProofError,
    StoreCorruptError,
    StoreLockedError,
)
from octostore.fraud import withheld
from octostore.fraud.head import ENTRIES_MAX
from octostore.fraud.parts import car_of
from octostore.fraud.withheld import CLOSURE_BLOCKS_MAX, MISSING_MAX
from octostore.keys import SecretKey
from octostore.log import KIND_MAP_HEAD, KIND_STATEMENT, Entry
from octostore.map.head import MapHead
from octostore.store import Octostore
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.merkle import consistency_proof, inclusion_proof
from octostore.tlog.note import Signer
from octostore.tlog.tiles import Tile
from octostore.witness import Witness
from tests.octostore.lying import Log, put, signer
from tests.octostore.said import Command
from tests.octostore.world import R2, Issuer, Ran, block_of, data, result

NOW = 1_700_000_000
NAMES = [f"issuer {n}" for n in range(600)]


class Counting(FolderSource):
    """A folder, and what was read of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.read: Counter[str] = Counter()

    def tile(self, tile: Tile) -> bytes:
        self.read[tile.path] += 1
        return super().tile(tile)

    def car(self, bundle: Tile) -> AbstractContextManager[BinaryIO]:
        self.read[f"blocks {bundle.path}"] += 1
        return super().car(bundle)

    def find(self, cids: Sequence[CID]) -> dict[CID, bytes]:
        self.read["by name"] += len(cids)
        return super().find(cids)


Run = Callable[..., AuditReport]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Audit a folder, with one state for all runs of a test."""

    def call(
        source: Path | FolderSource,
        log: Log | None = None,
        witness: Witness | None = None,
        state: str = "state",
    ) -> AuditReport:
        opened = FolderSource(source) if isinstance(source, Path) else source
        folder = tmp_path / state
        key = key_of(opened, folder, None if log is None else log.key)
        return audit(opened, folder, key, clock_s=lambda: NOW, witness=witness)

    return call


def fault_of(report: AuditReport) -> str:
    assert not report.holds
    return report.faults[0].kind


def proof_of(report: AuditReport) -> fraud.Proof:
    """The proof that was saved, read again from its file."""
    path = report.faults[0].proof
    assert path is not None
    with path.open("rb") as file:
        return fraud.read_fraud(file)


def true_head(log: Log, tmp_path: Path) -> MapHead:
    """What an honest log of these statements would say."""
    with Octostore.open(tmp_path / "honest") as store:
        store.ingest([block for blocks in log.blocks for block in blocks])
        logged = store.update_map(NOW)
    assert logged is not None
    return logged.head


def test_an_honest_log_holds_and_is_rebuilt(tmp_path: Path, run: Run) -> None:
    log = Log().claims(*NAMES[:300])
    log.head(true_head(log, tmp_path)).claims(*NAMES[300:310])
    report = run(log.publish(tmp_path / "log"))
    assert report.holds
    assert report.verified == 311
    assert [step.name for step in report.steps] == [
        *("key", "checkpoint", "tiles", "entries", "chains")
    ]
    assert report.steps[3].counts["heads"] == 1
    with Octostore.open(report.state / "store", readonly=True) as store:
        assert store.checkpoint().root == log.root
    assert check_folder(report.state / "store").holds


def test_the_next_audit_reads_only_what_is_new(tmp_path: Path, run: Run) -> None:
    log = Log().claims(*NAMES[:520])
    assert run(log.publish(tmp_path / "log")).holds
    log.claims(*NAMES[520:530]).publish(tmp_path / "log")
    source = Counting(tmp_path / "log")
    report = run(source)
    assert report.holds
    assert report.steps[-2].counts["statements"] == 10
    assert source.read == Counter(
        {
            "tile/0/002.p/18": 1,
            "tile/1/000.p/2": 1,
            "tile/entries/002.p/18": 1,
            "blocks tile/entries/002.p/18": 1,
        }
    )
    assert run(Counting(tmp_path / "log")).holds


def test_a_log_without_cars_is_read_block_by_block(tmp_path: Path, run: Run) -> None:
    log = Log().claims(*NAMES[:7])
    folder = log.publish(tmp_path / "log")
    (folder / "blocks/000.p/7").unlink()
    for blocks in log.blocks:
        for cid, block in blocks:
            put(folder / f"ipfs/{cid}", block)
    assert run(folder).verified == 7


@pytest.mark.parametrize(
    "path", ["tile/0/000", "tile/0/001.p/44", "tile/entries/000", "tile/1/000.p/1"]
)
def test_a_flipped_bit_in_a_tile(tmp_path: Path, run: Run, path: str) -> None:
    folder = Log().claims(*NAMES[:300]).publish(tmp_path / "log")
    data = bytearray((folder / path).read_bytes())
    data[-1] ^= 1
    put(folder / path, bytes(data))
    report = run(folder)
    assert fault_of(report) == "bad-tile"
    assert report.verified == 0
    put(folder / path, bytes(data[:-1]))
    assert fault_of(run(folder)) == "bad-tile"
    (folder / path).unlink()
    report = run(folder)
    assert fault_of(report) == "missing-tile"
    assert report.faults[0].is_absent


@pytest.mark.parametrize(("old", "new"), [(5, 5), (4, 7), (3, 300), (256, 300)])
def test_two_histories_are_proven(tmp_path: Path, run: Run, old: int, new: int) -> None:
    first = Log().claims(*NAMES[: old - 1], "here")
    assert run(first.publish(tmp_path / "log")).holds
    second = Log().claims(*NAMES[: old - 1], "there", *NAMES[old:new])
    report = run(second.publish(tmp_path / "log"))
    assert fault_of(report) == "two-histories"
    proof = proof_of(report)
    assert isinstance(proof, fraud.TwoHistories)
    assert proof.old.checkpoint.root == first.root
    assert proof.new.checkpoint.root == second.root
    # What was seen stays: the next run finds the same.
    assert fault_of(run(tmp_path / "log")) == "two-histories"
    assert run(first.publish(tmp_path / "other")).holds


def test_another_history_that_is_smaller_is_proven(tmp_path: Path, run: Run) -> None:
    assert run(Log().claims(*NAMES[:9]).publish(tmp_path / "log")).holds
    report = run(Log().claims("other", *NAMES[:4]).publish(tmp_path / "mirror"))
    assert fault_of(report) == "two-histories"
    proof = proof_of(report)
    assert isinstance(proof, fraud.TwoHistories)
    assert proof.old.checkpoint.size == 5


def test_a_smaller_tree_is_refused(tmp_path: Path, run: Run) -> None:
    assert run(Log().claims(*NAMES[:9]).publish(tmp_path / "log")).holds
    report = run(Log().claims(*NAMES[:5]).publish(tmp_path / "restored"))
    assert fault_of(report) == "smaller-tree"
    assert report.faults[0].proof is None
    assert "5 entries; seen before: 9" in report.faults[0].what


def test_a_false_map_head_is_proven(tmp_path: Path, run: Run) -> None:
    log = Log().claims(*NAMES[:3])
    head = replace(true_head(log, tmp_path), root=bytes(32))
    report = run(log.head(head).claims("later").publish(tmp_path / "log"))
    assert fault_of(report) == "false-map-head"
    assert (report.verified, report.faults[0].index) == (3, 3)
    proof = proof_of(report)
    assert isinstance(proof, fraud.FalseMapHead)
    assert proof.root == true_head(Log().claims(*NAMES[:3]), tmp_path / "x").root


def test_nobody_can_make_such_a_proof_of_a_true_head(tmp_path: Path) -> None:
    log = Log().claims(*NAMES[:3])
    head = true_head(log, tmp_path)
    log.head(head).claims("later")
    signed = SignedCheckpoint.open(log.checkpoint(), log.key)
    path = inclusion_proof(log.node, 3, 5)
    forged = fraud.FalseMapHead(
        entry=fraud.LoggedEntry(signed, 3, log.entries[3], path),
        head=head,
        root=bytes(32),
        prefix=consistency_proof(log.node, 3, 5),
        entries=tuple(log.entries[:3]),
        blocks=[block for item in log.blocks[:3] for block in item],
    )
    with pytest.raises(ProofError, match="the head is true"):
        fraud.read_fraud(io.BytesIO(b"".join(forged.car())))
    short = replace(
        forged, blocks=[one for one in forged.blocks if one[0] != result().cid]
    )
    with pytest.raises(ProofError, match="lacks a block"):
        fraud.read_fraud(io.BytesIO(b"".join(short.car())))
    other = replace(forged, entries=(*forged.entries[:2], log.entries[4]))
    with pytest.raises(ProofError, match="another old root"):
        fraud.read_fraud(io.BytesIO(b"".join(other.car())))


def bad_signature(log: Log) -> Log:
    statement, blocks = Issuer("mallory").claims(Ran(), result(R2))
    envelope = bytearray(statement.envelope)
    envelope[20] ^= 1
    cid = CID.of_block(bytes(envelope))
    entry = bytes(Entry(KIND_STATEMENT, cid))
    return log.add_raw(entry, [(cid, bytes(envelope)), *blocks[1:]])


def no_statement(log: Log) -> Log:
    block = block_of(result())
    return log.add_raw(bytes(Entry(KIND_STATEMENT, block[0])), [block])


def logged_twice(log: Log) -> Log:
    return log.add(*Issuer(NAMES[1]).claims(Ran(), result()))


def unknown_kind(log: Log) -> Log:
    return log.add_raw(b"\x07" + log.entries[0][1:], log.blocks[0])


def no_entry(log: Log) -> Log:
    return log.add_raw(b"hello", log.blocks[0])


def no_head(log: Log) -> Log:
    block = block_of(result())
    return log.add_raw(bytes(Entry(KIND_MAP_HEAD, block[0])), [block])


def head_of_what_comes_after(log: Log) -> Log:
    return log.head(MapHead(99, bytes(32), NOW))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (bad_signature, "signature"),
        (no_statement, "an envelope begins with"),
        (logged_twice, "is entry 1 already"),
        (unknown_kind, "kind 7"),
        (no_entry, "5 bytes"),
        (no_head, "no map head"),
        (head_of_what_comes_after, "over 99 entries stands at 3"),
    ],
)
def test_a_bad_entry_is_proven(
    tmp_path: Path, run: Run, spoil: Callable[[Log], Log], why: str
) -> None:
    log = spoil(Log().claims(*NAMES[:3])).claims("later")
    report = run(log.publish(tmp_path / "log"))
    assert fault_of(report) == "bad-entry"
    assert (report.verified, report.faults[0].index) == (3, 3)
    assert why in report.faults[0].what
    proof = proof_of(report)
    assert isinstance(proof, fraud.BadEntry)
    assert why in str(proof.what)
    # Good entries prove nothing, whatever stands beside them.
    signed = proof.entry.signed
    for index in (0, 1, 2):
        path = inclusion_proof(log.node, index, 5)
        entry = fraud.LoggedEntry(signed, index, log.entries[index], path)
        with pytest.raises(ProofError, match="nothing is wrong"):
            fraud.BadEntry(entry, None, dict(log.blocks[index]))
        with pytest.raises(ProofError, match="not in the proof"):
            fraud.BadEntry(entry, None, {})


def test_heads_that_go_back_are_proven(tmp_path: Path, run: Run) -> None:
    log = Log().claims(*NAMES[:3])
    head = true_head(log, tmp_path)
    log.head(head).head(replace(head, time_s=NOW - 1))
    report = run(log.publish(tmp_path / "log"))
    assert fault_of(report) == "bad-entry"
    proof = proof_of(report)
    assert isinstance(proof, fraud.BadEntry)
    assert proof.earlier is not None
    assert proof.earlier.index == 3
    with pytest.raises(ProofError, match="not earlier"):
        fraud.BadEntry(proof.earlier, proof.entry, proof.blocks)


@pytest.mark.parametrize("lost", range(6))
def test_a_withheld_block_is_named(tmp_path: Path, run: Run, lost: int) -> None:
    """The envelope, the record, and each block that it leads to."""
    log = Log().claims(*NAMES[:2])
    ran = Ran(WasiProgram(data("C9")), Input(files={"/d": data("D9")}))
    statement, blocks = Issuer("c").claims(ran, result(R2))
    whole = log.copy().add(statement, blocks).claims("later")
    cid, _ = blocks[lost]
    log.add(statement, [item for item in blocks if item[0] != cid]).claims("later")
    report = run(log.publish(tmp_path / "log"))
    assert fault_of(report) == "withheld"
    assert report.faults[0].is_absent
    assert report.verified == 2
    proof = proof_of(report)
    assert isinstance(proof, fraud.Withheld)
    assert proof.missing == (cid,)
    assert (proof.asked, proof.at_s) == (str(tmp_path / "log"), NOW)
    with pytest.raises(ProofError, match="does not need it"):
        replace(proof, missing=(R2,))
    with pytest.raises(ProofError, match="or it is here"):
        replace(proof, blocks=dict(blocks))
    # It is served after all: then the audit goes on.
    report = run(whole.publish(tmp_path / "log"))
    assert (report.holds, report.verified) == (True, 4)


def test_a_block_with_other_bytes_is_withheld(tmp_path: Path, run: Run) -> None:
    log = Log().claims(*NAMES[:2])
    folder = log.publish(tmp_path / "log")
    beside = folder / "blocks/000.p/2"
    envelope = log.blocks[1][0][1]
    spoiled = bytearray(envelope)
    spoiled[-1] ^= 1
    put(beside, beside.read_bytes().replace(envelope, bytes(spoiled)))
    assert fault_of(run(folder)) == "withheld"
    put(folder / f"ipfs/{log.blocks[1][0][0]}", envelope)
    assert run(folder).verified == 2


def test_a_checkpoint_of_another_key_is_refused(tmp_path: Path, run: Run) -> None:
    log = Log().claims(*NAMES[:3])
    folder = log.publish(tmp_path / "log")
    forged = Log(Signer("log.example", SecretKey.from_seed(bytes(32))), log.entries)
    put(folder / "checkpoint", forged.checkpoint())
    report = run(folder)
    assert fault_of(report) == "forged-checkpoint"
    assert "not signed by log.example with key" in report.faults[0].what
    assert (report.verified, report.signed) == (0, None)
    own = bytearray(log.checkpoint())
    own[-10] ^= 1
    put(folder / "checkpoint", bytes(own))
    assert "no base64" in (what := run(folder).faults[0].what) or "hold" in what
    put(folder / "checkpoint", b"")
    assert fault_of(run(folder)) == "forged-checkpoint"
    put(folder / "checkpoint", b"x" * (1 << 19))
    with pytest.raises(FileError, match="more than"):
        run(folder)


def test_the_key_is_kept_from_the_first_audit_on(tmp_path: Path, run: Run) -> None:
    folder = Log().claims("a").publish(tmp_path / "log")
    assert "first use: taken on trust" in run(folder).steps[0].what
    assert "as seen there before" in run(folder).steps[0].what
    other = Log(signer("other.example")).claims("a")
    report = run(other.publish(folder))
    assert fault_of(report) == "forged-checkpoint"
    assert "'other.example'; the key is that of log.example" in report.faults[0].what
    assert "as --log names it" in run(folder, other).steps[0].what
    (folder / "vkey").unlink()
    assert run(folder).holds  # pinned once, it is the one seen there
    wrong = Log(signer("typo.example"))
    assert fault_of(run(folder, wrong)) == "forged-checkpoint"
    assert run(folder).holds  # what signed nothing there is not remembered
    with pytest.raises(NoteError, match="names no key of its log"):
        run(Log().publish(tmp_path / "x") / "tile")


@pytest.mark.parametrize("size", [1 << 20, 1 << 40, (1 << 48) - 1, 1 << 48, 1 << 62])
def test_a_size_that_is_only_declared_is_refused_at_once(
    tmp_path: Path, run: Run, size: int
) -> None:
    log = Log().claims(*NAMES[:3])
    folder = log.publish(tmp_path / "log")
    put(folder / "checkpoint", log.checkpoint(size))
    source = Counting(folder)
    report = run(source)
    assert fault_of(report) in ("missing-tile", "impossible-size")
    assert source.read.total() <= 1
    # One who makes up the tiles, too, ends at the first that has to hash.
    source = Inventing(folder)
    report = run(source)
    assert fault_of(report) in ("bad-tile", "impossible-size")
    assert source.read.total() <= 16
    assert report.verified == 0


class Inventing(Counting):
    """Serves a tile of zeros for any that is asked for."""

    def tile(self, tile: Tile) -> bytes:
        self.read[tile.path] += 1
        return bytes(32 * tile.width)


def test_a_tree_of_invented_tiles_ends_at_the_first_that_must_hash(
    tmp_path: Path, run: Run
) -> None:
    """The checkpoint is signed over just the edge that is served."""
    log = Log().claims(*NAMES[:3])
    folder = log.publish(tmp_path / "log")
    size = 1 << 40
    edge = bytes(32)
    tree = LogCheckpoint(log.signer.name, size, edge)
    put(folder / "checkpoint", bytes(SignedCheckpoint.sign(tree, log.signer)))
    source = Inventing(folder)
    report = run(source)
    assert fault_of(report) == "bad-tile"
    assert "does not hash to its place" in report.faults[0].what
    assert source.read.total() == 2


def test_what_an_issuer_does_is_a_finding_and_no_fault(
    tmp_path: Path, run: Run, octostore: Command
) -> None:
    log = Log().claims("honest", "twice")
    log.add(*Issuer("twice").claims(Ran(), result(R2)))
    report = run(log.publish(tmp_path / "log"))
    assert report.holds
    assert [found.kind for found in report.findings] == ["equivocation"]
    (path,) = report.equivocations
    said = octostore("verify", path)
    assert said.code == 0
    assert said.out.startswith("equivocation: one key signed two statements")
    assert run(tmp_path / "log").findings == []


def test_a_state_that_is_damaged_is_our_disk(tmp_path: Path, run: Run) -> None:
    folder = Log().claims("a").publish(tmp_path / "log")
    state = run(folder).state / "state.json"
    for text in (b"", b"{}", b'{"checkpoint": 1, "examined": 0}', b"[]", b"[" * 9999):
        put(state, text)
        with pytest.raises(StoreCorruptError, match="not what an audit wrote"):
            run(folder)
    # Without it, what was verified is still held against the log.
    state.unlink()
    assert run(folder).holds
    state.unlink()
    other = Log().claims("b", "c").publish(tmp_path / "other")
    assert fault_of(run(other)) == "two-histories"


def test_there_is_no_log_where_there_is_no_checkpoint(tmp_path: Path, run: Run) -> None:
    with pytest.raises(NotFoundError):
        run(tmp_path / "nothing", Log())


def test_no_bit_of_a_proof_can_be_changed(tmp_path: Path, run: Run) -> None:
    first = Log().claims("a", "b", "c")
    assert run(first.publish(tmp_path / "log")).holds
    report = run(Log().claims("a", "x", "c", "d").publish(tmp_path / "log"))
    path = report.faults[0].proof
    assert path is not None
    whole = path.read_bytes()
    for at in range(len(whole)):
        for bit in (1, 0x80):
            bent = bytearray(whole)
            bent[at] ^= bit
            with pytest.raises(OctostoreError):
                fraud.read_fraud(io.BytesIO(bytes(bent)))
    with pytest.raises(OctostoreError):
        fraud.read_fraud(io.BytesIO(whole + b"\x00"))


def test_a_file_of_a_log_has_a_limit(tmp_path: Path, run: Run) -> None:
    log = Log().claims("a")
    folder = log.publish(tmp_path / "log")
    put(folder / "vkey", b"x" * (VKEY_BYTES_MAX + 1))
    with pytest.raises(FileError, match=f"more than {VKEY_BYTES_MAX} bytes"):
        run(folder)
    put(folder / "tile/entries/000.p/1", bytes(TILE_BYTES_MAX + 1))
    with pytest.raises(FileError, match=f"more than {TILE_BYTES_MAX} bytes"):
        run(folder, log)


def test_an_audit_that_is_cut_off_is_gone_on_with(tmp_path: Path, run: Run) -> None:
    log = Log().claims(*NAMES[:600])
    folder = log.publish(tmp_path / "log")
    kills = 0
    while True:
        try:
            report = run(Breaking(folder, kills))
        except Killed:
            kills += 1
        else:
            break
    assert kills >= 5
    assert report.holds
    assert report.verified == 600
    assert report.steps[-2].counts["new"] < 600


class Killed(BaseException):
    """As if the process ended here."""


class Breaking(Counting):
    """Ends after so many reads."""

    def __init__(self, folder: Path, reads: int) -> None:
        super().__init__(folder)
        self.left = reads

    def tile(self, tile: Tile) -> bytes:
        self._count()
        return super().tile(tile)

    def car(self, bundle: Tile) -> AbstractContextManager[BinaryIO]:
        self._count()
        return super().car(bundle)

    def _count(self) -> None:
        if not self.left:
            raise Killed
        self.left -= 1


def test_the_command_says_each_step_and_where_the_proof_is(
    tmp_path: Path, octostore: Command
) -> None:
    state = ("--state", tmp_path / "state")
    folder = Log().claims("a", "b", "c").publish(tmp_path / "log")
    said = octostore("audit", folder, *state)
    assert said.code == 0
    assert (
        said.out.splitlines()[-1] == "all holds: 3 entries verified, from the first on"
    )
    Log().claims("a", "x").publish(folder)
    said = octostore("audit", folder, *state, "--json")
    assert said.code == 5
    assert said.json["faults"][0]["fault"] == "two-histories"
    proof = said.json["faults"][0]["proof"]
    said = octostore("audit", folder, *state)
    assert f"proof       {proof}  (octostore verify checks it alone)" in said.out
    shown = octostore("verify", proof)
    assert shown.code == 0
    assert shown.out.startswith("two histories: one log signed two trees")
    assert octostore("verify", proof, "--log", str(Log().key)).code == 0
    other = octostore("verify", proof, "--log", str(signer("x").verifier), "--json")
    assert (other.code, other.json["error"]) == (5, "note")
    said = octostore("audit", tmp_path / "nowhere", *state, "--log", str(Log().key))
    assert said.code == 6
    said = octostore("audit", folder, *state, "--log", "x")
    assert said.code == 5


def test_a_withheld_block_has_an_exit_code_of_its_own(
    tmp_path: Path, octostore: Command
) -> None:
    log = Log().claims("a")
    log.blocks[0] = log.blocks[0][:1]
    folder = log.publish(tmp_path / "log")
    said = octostore("audit", folder, "--state", tmp_path / "state", "--json")
    assert said.code == 6
    shown = octostore("verify", said.json["faults"][0]["proof"])
    assert shown.code == 0
    assert "not proven, but the word of whoever made this" in shown.out


def test_a_proof_replays_only_so_many_entries() -> None:
    log = Log().claims("a").head(MapHead(ENTRIES_MAX + 1, bytes(32), NOW))
    signed = SignedCheckpoint.open(log.checkpoint(), log.key)
    entry = fraud.LoggedEntry(
        signed, 1, log.entries[1], inclusion_proof(log.node, 1, 2)
    )
    head = MapHead.from_block(log.blocks[1][0][1])
    proof = fraud.FalseMapHead(entry, head, bytes(32), (), ())
    with pytest.raises(ProofError, match=f"a proof has {ENTRIES_MAX}"):
        fraud.read_fraud(io.BytesIO(b"".join(proof.car())))


def test_a_proof_of_what_is_withheld_has_limits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log().claims("a")
    signed = SignedCheckpoint.open(log.checkpoint(), log.key)
    entry = fraud.LoggedEntry(signed, 0, log.entries[0], ())
    name, envelope = log.blocks[0][0]
    cids = tuple(data(f"lost {n}") for n in range(MISSING_MAX + 1))
    with pytest.raises(ProofError, match=f"257 missing blocks, of 1 to {MISSING_MAX}"):
        fraud.Withheld(entry, cids, "", NOW, {})
    proof = fraud.Withheld(entry, (name,), "", NOW, {})
    many = [f"{n}".encode() for n in range(CLOSURE_BLOCKS_MAX + 1)]
    file = car_of(
        withheld.TAG,
        {
            "log": str(log.key),
            "checkpoint": bytes(signed),
            "entry": entry.to_ipld(),
            "missing": [name],
            "asked": "",
            "at": NOW,
        },
        [(CID.of_bytes(item), item) for item in many],
    )
    with pytest.raises(ProofError, match=f"more than {CLOSURE_BLOCKS_MAX} blocks"):
        fraud.read_fraud(io.BytesIO(b"".join(file)))
    spare = {CID.of_bytes(b"x"): b"x"}
    with pytest.raises(ProofError, match="does not need"):
        replace(proof, blocks=spare)
    monkeypatch.setattr(withheld, "CLOSURE_BYTES_MAX", len(envelope))
    proof = replace(proof, missing=(log.blocks[0][1][0],), blocks={name: envelope})
    fraud.read_fraud(io.BytesIO(b"".join(proof.car())))
    monkeypatch.setattr(withheld, "CLOSURE_BYTES_MAX", len(envelope) - 1)
    with pytest.raises(ProofError, match=f"or {len(envelope) - 1} bytes"):
        fraud.read_fraud(io.BytesIO(b"".join(proof.car())))


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness.create(tmp_path / "w.key", "w.example/1", secrets.token_bytes)


def test_a_witness_signs_what_holds(tmp_path: Path, run: Run, witness: Witness) -> None:
    log = Log().claims("a", "b")
    report = run(log.publish(tmp_path / "log"), witness=witness)
    vkey = witness.signer.verifier
    assert report.signed is not None
    raw = bytes(report.signed)
    opened = SignedCheckpoint.open(raw, log.key, [vkey])
    assert [(item.by, item.time_s) for item in opened.cosigned] == [(vkey, NOW)]
    assert str(report.cosignature) in raw.decode()
    log.claims("c", "d", "e").publish(tmp_path / "log")
    report = run(tmp_path / "log", witness=witness)
    assert report.cosignature is not None
    newest = witness.newest(log.key)
    assert newest is not None
    assert newest.checkpoint.size == 5


def test_a_witness_signs_nothing_that_does_not_hold(
    tmp_path: Path, run: Run, witness: Witness
) -> None:
    log = bad_signature(Log().claims("a", "b"))
    report = run(log.publish(tmp_path / "log"), witness=witness)
    assert fault_of(report) == "bad-entry"
    assert report.cosignature is None
    assert witness.newest(log.key) is None


def test_a_witness_never_signs_two_histories(
    tmp_path: Path, run: Run, witness: Witness
) -> None:
    """Two auditors with one key, of which each sees another tree."""
    one, two = Log().claims("a", "b"), Log().claims("a", "c", "d")
    assert run(one.publish(tmp_path / "one"), witness=witness, state="s1").holds
    report = run(two.publish(tmp_path / "two"), witness=witness, state="s2")
    assert fault_of(report) == "two-histories"
    assert report.cosignature is None
    assert isinstance(proof_of(report), fraud.TwoHistories)
    old = Log().claims("a").publish(tmp_path / "old")
    report = run(old, witness=witness, state="s3")
    assert fault_of(report) == "smaller-tree"
    newest = witness.newest(one.key)
    assert newest is not None
    assert newest.checkpoint.root == one.root


def test_a_witness_that_was_restored_is_refused(
    tmp_path: Path, run: Run, witness: Witness
) -> None:
    log = Log().claims("a", "b")
    run(log.publish(tmp_path / "log"), witness=witness)
    older = tmp_path / "older"
    shutil.copytree(witness.folder, older)
    log.claims("c").publish(tmp_path / "log")
    run(tmp_path / "log", witness=witness)
    for restored in (older, None):
        shutil.rmtree(witness.folder)
        if restored is not None:
            shutil.copytree(restored, witness.folder)
        with pytest.raises(LogStateError, match="restored from an older copy"):
            run(tmp_path / "log", witness=witness)


def test_two_audits_at_once_are_one_after_the_other(
    tmp_path: Path, run: Run, witness: Witness
) -> None:
    folder = Log().claims("a").publish(tmp_path / "log")
    state = run(folder).state
    with (
        Octostore.open(state / "store"),
        pytest.raises(StoreLockedError, match="has it open for writing"),
    ):
        run(folder, witness=witness)
    assert run(folder, witness=witness).cosignature is not None


def test_the_command_cosigns(tmp_path: Path, octostore: Command) -> None:
    folder = Log().claims("a").publish(tmp_path / "log")
    made = octostore("key", "new", "w.key", "--witness", "w.example/1", "--json")
    assert made.code == 0
    cosign = ("--state", "state", "--cosign", "w.key", "--out", "checkpoint")
    said = octostore("audit", folder, *cosign)
    assert said.code == 0
    line = Path("checkpoint").read_text().splitlines()[-1]
    assert line.startswith("\u2014 w.example/1 ")
    assert line in said.out
    again = octostore("audit", folder, *cosign, "--json").json["cosignature"]
    assert again.startswith("\u2014 w.example/1 ")  # signed anew, by the clock
    octostore("key", "new", "issuer.key")
    said = octostore("audit", folder, "--state", "state", "--cosign", "issuer.key")
    assert said.code == 2


def test_a_witness_that_is_named_must_have_signed(
    tmp_path: Path, octostore: Command
) -> None:
    folder = Log().claims("a").publish(tmp_path / "log")
    key = Witness.create(tmp_path / "w.key", "w.example/1", secrets.token_bytes)
    vkey = str(key.signer.verifier)
    asked = ("audit", folder, "--state", "state", "--witness", vkey)
    said = octostore(*asked)
    assert said.code == 5
    assert "w.example/1 has not signed it" in said.out
    assert "verified: 1 entry" in said.out  # what was to be seen was seen
    octostore("audit", folder, "--state", "s2", "--cosign", "w.key", "-o", "cosigned")
    put(folder / "checkpoint", Path("cosigned").read_bytes())
    said = octostore(*asked)
    assert said.code == 0
    assert "w.example/1 signed it at " in said.out
    assert octostore("audit", folder, "--witness", str(Log().key)).code == 2


def test_what_is_no_entry_makes_no_other_proof_than_that_of_a_bad_one() -> None:
    """Bytes that are no entry, where a proof needs to know what they name."""
    log = Log().claims("a").add_raw(b"\x01\x01\x71\x12\x8d" + bytes(32), [])
    odd = log.logged(1)
    assert fraud.BadEntry(odd, None, {}).what
    with pytest.raises(ProofError, match="entry 1 is none"):
        fraud.Withheld(odd, (R2,), "", NOW, {})
    head = MapHead(1, bytes(32), NOW)
    with pytest.raises(ProofError, match="entry 1 is none"):
        fraud.read_fraud(
            io.BytesIO(b"".join(fraud.FalseMapHead(odd, head, b"", (), ()).car()))
        )
