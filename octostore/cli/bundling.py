"""`octostore bundle`: an answer in a file that proves itself."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from octostore.belief.policy import Policy
from octostore.bundle.make import checkpoint_over, make_bundle
from octostore.bundle.verify import VerifiedBundle, verify_bundle
from octostore.cli.asking import questions_of
from octostore.cli.inputs import From, InputOrData, ProgramOrSpec, ResolutionsFile, Task
from octostore.cli.policies import PolicyOption, policy_of
from octostore.cli.rim import (
    AsJson,
    Server,
    StorePath,
    UsageError,
    print_json,
    say,
    server_at,
    store_path,
)
from octostore.cli.signing import key_of
from octostore.cli.writing import write_once
from octostore.counted import counted, entries, first_entries
from octostore.errors import ProofError, StoreLockedError
from octostore.questions.answer import Asked
from octostore.store import Octostore

__all__ = ["bundle_command"]

_Note: TypeAlias = Callable[[str], object]

#: A question, and the policy that is to judge the answer.
_Wanted: TypeAlias = tuple[Asked, Policy | None]


def bundle_command(
    program: ProgramOrSpec,
    given_input: InputOrData = None,
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write it.")
    ],
    network: From = None,
    resolutions: ResolutionsFile = None,
    task: Task = None,
    policy: PolicyOption = None,
    store: StorePath = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Write an answer with all that proves it.

    With a policy, what it makes of the answer goes along. Brings the map up to the
    log and signs a checkpoint, if that is due. The file is verified before it is
    kept; `octostore verify` needs nothing else.

    Example: octostore bundle ./kepler.wasm ./planets.csv -o answer.car
    """
    asked = questions_of(
        program, given_input, network, resolutions, task, as_json=as_json
    )
    if len(asked) > 1:
        raise UsageError("the spec has several invocations; ask for one of them")
    notes: list[str] = []
    believed = None if policy is None else policy_of(policy)
    if server is not None:
        if believed is not None:
            raise UsageError("--policy judges what a store of one's own has")
        with server_at(server) as remote:
            file = remote.bundle(asked[0])
    else:
        file = _of_store(store_path(store), (asked[0], believed), notes.append)
    found = verify_bundle(io.BytesIO(file))
    if found.answer.asked != asked[0]:
        raise ProofError("a bundle that answers another question", at=server)
    write_once(out, file)
    for note in notes:
        print(f"octostore: {note}", file=sys.stderr)
    _show(out, file, found, as_json=as_json)


def _of_store(path: Path, asked: _Wanted, note: _Note) -> bytes:
    with Octostore.open(path, readonly=True):
        pass  # a question makes no store
    try:
        with Octostore.open(path) as store:
            logged = store.update_map(int(time.time()))
            if logged is not None:
                note(
                    f"the map was brought up to {entries(logged.head.size)}, and a"
                    " checkpoint over it signed"
                )
            return _made(store, asked)
    except StoreLockedError:
        with Octostore.open(path, readonly=True) as store:
            note("another process writes here: as of the last map head")
            return _made(store, asked)


def _made(store: Octostore, asked: _Wanted) -> bytes:
    signed = checkpoint_over(store, key_of(store))
    return b"".join(make_bundle(store, asked[0], signed, asked[1]))


def _show(out: Path, file: bytes, found: VerifiedBundle, *, as_json: bool) -> None:
    claims = sum(len(item.claims) for item in found.answer.invocations)
    if as_json:
        said = {
            "bundle": str(out),
            "bytes": len(file),
            "claims": claims,
            "origin": found.signed.log.name,
            "log": str(found.signed.log),
            "answer": found.answer.to_json(),
            "not_proven": list(found.unproven),
        }
        print_json(said)
        return
    say(f"{out}  {len(file)} bytes, {counted(claims, 'claim')}")
    say(f"  as of the {first_entries(found.head.size)} of {found.signed.log.name}")
    for line in found.unproven:
        say(f"  {line}")
    say(f"  verify it with  octostore verify {out} --log {found.signed.log}")
