"""`octostore audit`: verify somebody else's log, from outside, again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from octostore.audit.folder import FolderSource
from octostore.audit.report import AuditReport
from octostore.audit.run import audit, key_of
from octostore.audit.source import Source
from octostore.cli.progress import told
from octostore.cli.rim import (
    DONE,
    NOT_THERE,
    UNSOUND,
    AsJson,
    UsageError,
    leave,
    print_json,
    say,
    store_path,
)
from octostore.cli.writing import write_over
from octostore.counted import entries
from octostore.tlog.note import KeyType, VerifierKey
from octostore.witness import Witness

__all__ = ["audit_command"]


def audit_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="URL|DIR", help="A server, or a folder that `log export` wrote."
        ),
    ],
    log: Annotated[
        str | None,
        typer.Option(
            metavar="VKEY",
            help="The key of the log; by default the one seen there first.",
        ),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(metavar="VKEY", help="A witness that must have signed."),
    ] = None,
    cosign: Annotated[
        Path | None,
        typer.Option(
            metavar="KEY", help="Sign the checkpoint as the witness with this key file."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write the checkpoint there, cosigned."
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="What is kept from run to run; by default in the user's data"
            " directory.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify somebody else's log from outside.

    Goes on from where the last audit of it ended.

    Signature, consistency, tiles, every statement with all its blocks, every map.
    Proofs of what does not hold are kept; `octostore verify` checks them alone.
    With --cosign a witness signs what holds, and never two trees that contradict each
    other. Exit 0 if all holds, 5 if not, 6 if something is only not there.

    Example: octostore audit https://octostore.example.org
    """
    pinned = None if log is None else VerifierKey.parse(log)
    witnesses = tuple(VerifierKey.parse(text) for text in witness or ())
    if any(key.type != KeyType.COSIGNATURE for key in witnesses):
        raise UsageError("--witness: not the key of a witness (type 04)")
    folder = store_path(None).with_name("octostore-audits") if state is None else state
    with _source(source) as opened, told("auditing", as_json=as_json) as progress:
        key = key_of(opened, folder, pinned)
        report = audit(
            opened,
            folder,
            key,
            clock_s=lambda: int(time.time()),
            witnesses=witnesses,
            witness=None if cosign is None else Witness.open(cosign),
            progress=progress,
        )
    if out is not None and report.holds and report.signed is not None:
        write_over(out, bytes(report.signed), 0o644)
    if as_json:
        print_json(report.to_json())
    else:
        _say(report)
    leave(_code(report))


@contextmanager
def _source(name: str) -> Iterator[Source]:
    if "://" not in name:
        yield FolderSource(Path(name))
        return
    from octostore.audit.remote import RemoteSource  # and httpx with it

    with RemoteSource(name) as remote:
        yield remote


def _code(report: AuditReport) -> int:
    if report.holds:
        return DONE
    return NOT_THERE if all(one.is_absent for one in report.faults) else UNSOUND


def _say(report: AuditReport) -> None:
    for step in report.steps:
        mark = "" if step.holds else "DOES NOT HOLD: "
        say(f"{step.name:<12}{mark}{step.what}")
    for finding in report.findings:
        say(f"  {finding.kind:<13}{finding.statement}  {finding.what}")
    for path in report.equivocations:
        say(f"  proof       {path}")
    for fault in report.faults:
        if fault.proof is not None:
            say(f"proof       {fault.proof}  (octostore verify checks it alone)")
    if report.cosignature is not None:
        say(report.cosignature)
    if report.holds:
        say(f"all holds: {entries(report.verified)} verified, from the first on")
    else:
        say(
            f"does not hold: {report.faults[0].kind}; verified:"
            f" {entries(report.verified)}"
        )
