"""Logs and disks that mean harm: what an audit costs, and what it never believes."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from invocation_spec.cid import CID
from invocation_spec.errors import OctostoreError
from octostore import chain_findings, fraud
from octostore.ahead import WORKER_AFTER_BYTES
from octostore.audit import chains, following
from octostore.audit.folder import FolderSource
from octostore.audit.report import AuditReport
from octostore.audit.run import audit, key_of
from octostore.audit.state import LogState
from octostore.errors import StoreCorruptError, StoreLockedError
from octostore.map.head import MapHead
from octostore.map.trie import EMPTY
from octostore.store import Octostore
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from tests.octostore.lying import Log, put
from tests.octostore.test_audit import bad_signature, true_head
from tests.octostore.test_cli_store import _sign
from tests.octostore.world import R2, Issuer, Ran, result

OCTOSTORE = Path(sys.executable).with_name("octostore")
NOW = 1_700_000_000
NAMES = [f"issuer {n}" for n in range(300)]

Run = Callable[..., AuditReport]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(folder: Path) -> AuditReport:
        source, state = FolderSource(folder), tmp_path / "state"
        return audit(source, state, key_of(source, state, None), clock_s=lambda: NOW)

    return call


@dataclass(frozen=True)
class Cost:
    """What a process of the command took: its exit, CPU, memory, and what it said."""

    code: int
    seconds: float
    bytes: int
    out: str
    err: str


def cost(*words: str | Path, before: Callable[[], None] | None = None) -> Cost:
    """The installed command, in a process of its own."""
    with subprocess.Popen(
        [OCTOSTORE, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = process.stdout.read(), process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime
    return Cost(process.returncode, cpu, used.ru_maxrss << 10, out, err)


def large(number: int) -> tuple[CID, bytes]:
    """A block as large as one may be, and no record of ours."""
    size = (1 << 20) - 5
    head = b"\x5a" + size.to_bytes(4, "big")
    block = head + number.to_bytes(8, "big") + bytes(size - 8)
    return CID.of_block(block), block


@pytest.mark.slow
@pytest.mark.parametrize("beside", [True, False])
def test_a_statement_of_many_large_blocks_takes_no_more_memory(
    tmp_path: Path, beside: bool
) -> None:
    """400 MiB of one statement, beside its bundle, and asked for by name."""
    blocks = [large(n) for n in range(400)]
    statement = Issuer("large").sign([cid for cid, _ in blocks])
    log = Log().claims("a")
    log.add(statement, [(statement.envelope_cid, statement.envelope), *blocks])
    folder = log.claims("b").publish(tmp_path / "log")
    if not beside:
        (folder / "blocks/000.p/3").unlink()
        for cid, block in (item for some in log.blocks for item in some):
            put(folder / f"ipfs/{cid}", block)
    small = Log().claims("a").publish(tmp_path / "small")
    least = cost("audit", small, "--state", tmp_path / "s1")
    took = cost("audit", folder, "--state", tmp_path / "s2")
    assert (least.code, took.code) == (0, 0), took.err
    assert took.bytes < least.bytes + (300 << 20)
    assert took.seconds < 60


@pytest.mark.parametrize("portion", [1, 4096, 1 << 23])
def test_entries_are_taken_as_their_blocks_come(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    monkeypatch.setattr(following, "_PORTION_BYTES", portion)
    log = Log().claims(*NAMES[:20])
    log.head(true_head(log, tmp_path)).claims(*NAMES[20:40])
    folder = log.publish(tmp_path / "log")
    report = run(folder)
    assert (report.holds, report.verified) == (True, 41)
    log.claims(*NAMES[40:]).publish(folder)
    report = run(folder)
    assert (report.holds, report.verified) == (True, 301)
    with Octostore.open(report.state / "store", readonly=True) as store:
        assert store.checkpoint().root == log.root


@pytest.mark.parametrize("portion", [1, 1 << 23])
def test_an_issuer_may_name_any_block_of_the_log_as_a_record(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    """The envelope of a later statement, and a later map head: no record, no fault."""
    monkeypatch.setattr(following, "_PORTION_BYTES", portion)
    later, blocks = Issuer("later").claims(Ran(), result(R2))
    head = MapHead(0, EMPTY, NOW)
    envelope = (later.envelope_cid, later.envelope)
    odd = Issuer("odd").sign([later.envelope_cid, head.cid])
    named = [envelope, (head.cid, head.block)]
    log = Log().add(odd, [(odd.envelope_cid, odd.envelope), *named]).claims("a", "b")
    log.head(head).add(later, blocks).claims("c")
    report = run(log.publish(tmp_path / "log"))
    assert (report.holds, report.verified) == (True, 6), report.faults


def odd_chains() -> Log:
    """Gaps, forks, times that go back, and two, three statements at one place."""
    log = Log().claims("honest")
    issuer = Issuer("odd")
    said = [issuer.claims(Ran(), result()) for _ in range(4)]
    for at in (3, 0):
        log.add(*said[at])
    first, third = said[0][0], said[2][0]
    log.add(*said[1])
    for seq, prev, iat in ((1, third, 1_669_000_001), (3, third, 5), (3, first, 6)):
        bent = _sign(issuer, seq=seq, prev=prev, iat=iat, like=first)
        log.add(bent, [(bent.envelope_cid, bent.envelope), *said[0][1][1:]])
    far = Issuer("far", seq=70_000, prev=first.cid)
    return log.add(*far.claims(Ran(), result())).add(*said[2]).claims("end")


def test_findings_are_those_of_whole_chains(tmp_path: Path, run: Run) -> None:
    """One by one as `log findings` finds them, however the runs were cut."""
    log = odd_chains()
    report = run(log.publish(tmp_path / "log"))
    assert report.holds
    with (
        Octostore.open(report.state / "store", readonly=True) as store,
        store.view() as view,
    ):
        whole = list(chain_findings.findings(view))
        proofs = {item.to_car() for item in chain_findings.equivocations(view)}
    assert {item.kind for item in whole} == {"equivocation", "gap", "fork", "time"}
    assert sorted(report.findings, key=repr) == sorted(whole, key=repr)
    assert {path.read_bytes() for path in report.equivocations} == proofs
    assert run(tmp_path / "log").findings == []


def test_findings_and_proofs_of_one_run_have_a_limit(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains, "FINDINGS_MAX", 3)
    monkeypatch.setattr(chains, "PROOFS_MAX", 1)
    log = Log()
    for place in range(9):
        log.add(*Issuer("many").claims(Ran(), result(name=f"/{place}")))
    report = run(log.publish(tmp_path / "log"))
    assert (len(report.findings), report.more, len(report.equivocations)) == (3, 5, 1)
    assert report.to_json()["more"] == 5
    assert "8 findings" in report.steps[-1].what


def test_a_state_is_read_by_one_audit_at_a_time(tmp_path: Path, run: Run) -> None:
    """Whoever does not have the store does not look, nor change what another saw."""
    report = run(Log().claims("a", "b").publish(tmp_path / "log"))
    state = report.state / "state.json"
    with Octostore.open(report.state / "store"):
        kept = state.read_bytes()
        put(state, b"half-written")
        with pytest.raises(StoreLockedError):
            run(tmp_path / "log")
        put(state, kept)
    assert run(tmp_path / "log").holds


def test_a_checkpoint_of_many_letters_does_not_block_the_next_audit(
    tmp_path: Path, run: Run
) -> None:
    """Lines for others may be long, and in JSON each letter of them is longer."""
    log = Log().claims("a")
    folder = log.publish(tmp_path / "log")
    tree = LogCheckpoint(log.signer.name, 1, log.root, ("é" * 130_000,))
    put(folder / "checkpoint", bytes(SignedCheckpoint.sign(tree, log.signer)))
    assert run(folder).holds
    assert run(folder).holds


@pytest.mark.parametrize("number", [-1, True, 1.0, "1", None, 1 << 48, 10**400])
@pytest.mark.parametrize("field", ["examined", "cosigned"])
def test_a_number_that_no_audit_wrote_is_refused(
    tmp_path: Path, run: Run, field: str, number: object
) -> None:
    report = run(Log().claims("a").publish(tmp_path / "log"))
    state = report.state / "state.json"
    value = json.loads(state.read_text())
    value[field] = {"w": number} if field == "cosigned" else number
    put(state, json.dumps(value).encode())
    with pytest.raises(StoreCorruptError, match="not what an audit wrote"):
        run(tmp_path / "log")


def test_no_bit_of_a_state_can_be_changed_to_hide_what_was_seen(
    tmp_path: Path, run: Run
) -> None:
    """What is signed in it stays signed; else it is refused, or says the same."""
    log = Log().claims("a", "b", "c")
    report = run(log.publish(tmp_path / "log"))
    path = report.state / "state.json"
    whole = path.read_bytes()
    for at in range(len(whole)):
        bent = bytearray(whole)
        bent[at] ^= 1 << at % 8
        path.write_bytes(bytes(bent))
        try:
            state = LogState.open(tmp_path / "state", log.key)
        except StoreCorruptError:
            continue
        assert state.seen is not None
        assert state.seen.checkpoint == log.signed().checkpoint


@pytest.mark.parametrize("kind", ["bad-entry", "withheld", "false-map-head"])
def test_one_bit_flipped_anywhere_in_a_proof_is_refused(
    tmp_path: Path, run: Run, kind: str
) -> None:
    """Every byte, each with one of its bits."""
    log = Log().claims("a", "b")
    if kind == "bad-entry":
        log.add(*Issuer("b").claims(Ran(), result()))
    elif kind == "withheld":
        statement, blocks = Issuer("c").claims(Ran(), result(R2))
        log.add(statement, blocks[:-1])
    else:
        head = true_head(log, tmp_path)
        log.head(MapHead(head.size, bytes(32), head.time_s))
    report = run(log.publish(tmp_path / "log"))
    path = report.faults[0].proof
    assert path is not None
    assert report.faults[0].kind == kind
    whole = path.read_bytes()
    for at in range(len(whole)):
        bent = tmp_path / "bent"
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        bent.write_bytes(flipped)
        with bent.open("rb") as file, pytest.raises(OctostoreError):
            fraud.read_fraud(file)


def test_a_disk_that_is_full_loses_nothing_that_was_verified(tmp_path: Path) -> None:
    """Whatever size a file may have: exit 7, and the next run goes on."""
    folder = Log().claims(*NAMES[:300]).publish(tmp_path / "log")
    words = ("audit", folder, "--state", tmp_path / "state", "--json")
    codes = []
    for limit in (0, 400, 40_000, 300_000):

        def small(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        said = cost(*words, before=small)
        codes.append(said.code)
        assert said.code in (0, 7), said.err
        assert "Traceback" not in said.err
    assert codes[0] == 7
    said = cost(*words)
    assert (said.code, json.loads(said.out)["verified"]) == (0, 300)


def test_a_process_beside_reads_and_judges_the_same(tmp_path: Path, run: Run) -> None:
    """So much stands before that a worker reads the rest: good, bad and withheld."""
    blocks = [large(n) for n in range((WORKER_AFTER_BYTES >> 20) + 4)]
    statement = Issuer("large").sign([cid for cid, _ in blocks])
    log = Log().add(statement, [(statement.envelope_cid, statement.envelope), *blocks])
    log.claims(*NAMES[:260])
    good = log.copy().publish(tmp_path / "log")
    assert run(good).verified == 261
    for spoil, kind in ((bad_signature, "bad-entry"), (withholding, "withheld")):
        spoiled = spoil(log.copy()).claims("later").publish(tmp_path / kind)
        source, state = FolderSource(spoiled), tmp_path / f"state of {kind}"
        key = key_of(source, state, None)
        report = audit(source, state, key, clock_s=lambda: NOW)
        assert [(item.kind, item.index) for item in report.faults] == [(kind, 261)]
        assert report.verified == 261


def withholding(log: Log) -> Log:
    statement, blocks = Issuer("c").claims(Ran(), result(R2))
    return log.add(statement, blocks[:-1])


@pytest.mark.parametrize("size", [1 << 40, 1 << 62])
def test_the_command_refuses_a_declared_size_at_no_cost(
    tmp_path: Path, size: int
) -> None:
    log = Log().claims("a", "b", "c")
    folder = log.publish(tmp_path / "log")
    least = cost("audit", folder, "--state", tmp_path / "s1")
    put(folder / "checkpoint", log.checkpoint(size))
    took = cost("audit", folder, "--state", tmp_path / "s2")
    assert least.code == 0
    assert took.code in (5, 6)
    assert took.bytes < least.bytes + (16 << 20)
    assert took.seconds < least.seconds + 5


def test_audits_at_once_share_one_state(tmp_path: Path) -> None:
    """Whoever comes second says so; what the first one saw stays."""
    folder = Log().claims(*NAMES[:200]).publish(tmp_path / "log")
    words = ("audit", str(folder), "--state", str(tmp_path / "state"))
    quiet = subprocess.DEVNULL
    started = [
        subprocess.Popen([OCTOSTORE, *words], stdout=quiet, stderr=quiet)
        for _ in range(3)
    ]
    codes = [process.wait(120) for process in started]
    assert 0 in codes
    assert set(codes) <= {0, 7}
    said = cost(*words, "--json")
    assert (said.code, json.loads(said.out)["verified"]) == (0, 200)
    assert json.loads(said.out)["steps"][2]["step"] == "consistent"
