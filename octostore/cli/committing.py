"""`octostore commit`: promise a result before others show theirs."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from invocation_spec import CID, Outcome
from octostore.cli.claiming import (
    ExitStatus,
    Outputs,
    ResultFolder,
    result_of,
)
from octostore.cli.inputs import From, ResolutionsFile, Task, one_canonical, outcomes_of
from octostore.cli.keys import KeyOption
from octostore.cli.options import expanded
from octostore.cli.publishing import Publication
from octostore.cli.rim import UsageError, say
from octostore.cli.specs import leave_not_canonical
from octostore.committing import Secret, read_secret, write_secret
from octostore.keyfile import KeyFile
from octostore.keys import Did
from octostore.records import Commitment
from octostore.records.commitment import SALT_BYTES

__all__ = ["commit_command"]


@expanded
def commit_command(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A spec; - for stdin.")],
    key: KeyOption,
    secret: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Where to keep what opens it; a new file, for you."
        ),
    ],
    output: Outputs = None,
    results: ResultFolder = None,
    exit_status: ExitStatus = None,
    task: Task = None,
    network: From = None,
    resolutions: ResolutionsFile = None,
    *,
    where: Publication,
) -> None:
    """Sign that you have a result, and show nothing of it yet.

    `octostore claim` with the same result and --reveals FILE opens it: who committed
    before others claimed has not copied them.

    Example: octostore commit job.yaml --results out --secret my.secret --key me.key
    """
    outcome = one_canonical(outcomes_of(spec, resolutions, network), task)
    if not isinstance(outcome, Outcome):
        leave_not_canonical(outcome, as_json=where.as_json)
    result = result_of(outcome, output or [], results, exit_status)
    key_file = KeyFile.open(key)
    assert outcome.invocation is not None  # noqa: S101 - it is canonical
    commitment = _kept(
        secret, key_file.key.public.did, outcome.invocation.cid, result.cid
    )
    if not where.as_json:
        say(f"invocation  {outcome.invocation.cid}")
        say(f"result      {result.cid}, not shown to anybody yet")
        say(f"secret      {secret}, to be claimed with --reveals {secret}")
    where.publish([commitment], key_file)


def _kept(path: Path, issuer: Did, invocation: CID, result: CID) -> Commitment:
    """The commitment whose secret is in the file, which is made if it is not there.

    One that is there is of an earlier try, and the same commitment is made again.
    """
    if not path.exists():
        salt = secrets.token_bytes(SALT_BYTES)
        commitment = Commitment.to(issuer, invocation, result, salt)
        write_secret(path, Secret.of(commitment, salt))
        return commitment
    kept = read_secret(path)
    if not kept.opens(issuer, invocation, result):
        raise UsageError(
            "exists, and opens another commitment; name a new file", at=str(path)
        )
    return Commitment.to(issuer, invocation, result, kept.reveal.salt)
