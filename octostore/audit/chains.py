"""What new statements show of their issuers: findings, and proofs of equivocation.

Each is looked at alone, in log order, so work and memory go with what is new, however
long the chains are. None of it is a fault of the log.
"""

from __future__ import annotations

from typing import Final

from octostore import tables
from octostore.audit.report import AuditReport, Progress
from octostore.audit.state import LogState
from octostore.chain_findings import EQUIVOCATION, equivocation_at, findings_at
from octostore.counted import counted
from octostore.view import View

__all__ = ["FINDINGS_MAX", "PROOFS_MAX", "examine"]

#: Findings of one run that are named; the others are counted. A key costs nothing, and
#: each of its statements can be odd.
FINDINGS_MAX: Final = 1000

#: Proofs of equivocation that one run saves, a file each.
PROOFS_MAX: Final = 100

#: Statements between two words about how far it is.
_STEP: Final = 1000


def examine(
    view: View, state: LogState, report: AuditReport, progress: Progress
) -> None:
    """Look at all statements that no earlier run has examined.

    Raises:
        StoreError: a proof cannot be saved.
    """
    start, done, named = state.examined, 0, len(report.findings)
    after = tables.STATEMENTS.key.encode(start - 1) if start else b""
    for key, _ in view.rows.scan(tables.STATEMENTS.name, after=after):
        (index,) = tables.STATEMENTS.key.decode(key)
        if done % _STEP == 0:
            progress("chains", index, report.verified)
        done += 1
        for finding in findings_at(view, index):
            if len(report.findings) >= FINDINGS_MAX:
                report.more += 1
                continue
            report.findings.append(finding)
            is_proof = finding.kind == EQUIVOCATION
            if is_proof and len(report.equivocations) < PROOFS_MAX:
                proof = equivocation_at(view, index)
                name = f"{proof.first.cid}-{str(proof.second.cid)[-16:]}.car"
                saved = state.save_proof(
                    f"equivocation-{name}", iter((proof.to_car(),))
                )
                report.equivocations.append(saved)
    count = len(report.findings) - named + report.more
    what = f"{counted(done, 'new statement')}, {counted(count, 'finding')}"
    report.step("chains", what, statements=done, findings=count)
