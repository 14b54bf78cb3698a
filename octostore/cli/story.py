"""The story that the demo tells; nothing in it is pretended.

The program of examples/kepler is canonicalised from three documents, run, and
claimed by three keys made for the occasion; the third claims what a faulty build
of the same program gave. Keys are new in each run; the CIDs shown are not.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from invocation_spec import CID, Outcome, Resolutions, canonicalize
from invocation_spec.model import Input, WasiProgram
from octostore.claiming import Prepared, Reported, closure, prepare
from octostore.cli.answers import answer_lines
from octostore.cli.rim import UsageError
from octostore.cli.words import mend
from octostore.contents import Contents
from octostore.execution import execute
from octostore.keyfile import KeyFile
from octostore.keys import SecretKey
from octostore.questions.answer import Asked
from octostore.questions.who import who
from octostore.records import Profile
from octostore.result import Result
from octostore.store import Octostore

__all__ = ["examples_folder", "tell"]

Say: TypeAlias = Callable[[str], object]

#: When the demo's statements say they were issued: 21 Nov 2022, the day of the
#: report that has the idea. A clock would make each run another story.
_ISSUED_AT_S = 1_669_032_000

_DOCUMENTS = (
    ("Bacalhau", "bacalhau-job.yaml", None),
    ("IPVM/UCAN", "ucan-task.json", None),
    ("Golem", "golem-bundle.json", "resolutions.json"),
)


@dataclass(frozen=True, slots=True)
class _Claimant:
    name: str
    network: str
    node: str
    module: str


_CLAIMANTS = (
    _Claimant("University of Bristol", "golem", "demo-node-1", "kepler.wasm"),
    _Claimant("Caltech", "bacalhau", "demo-node-2", "kepler.wasm"),
    _Claimant("Faulty Build Ltd", "bacalhau", "demo-node-3", "kepler-faulty.wasm"),
)


def examples_folder() -> Path:
    """Where the examples are: in the checkout, or in the installed package.

    Raises:
        UsageError: neither has them.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package.parent / "examples", package / "examples"):
        if (folder / "kepler" / "kepler.wasm").is_file():
            return folder
    raise UsageError("the example files are not installed; use a checkout")


def tell(say: Say) -> None:
    """Tell the story on a temporary store, which is gone afterwards."""
    folder = examples_folder() / "kepler"
    outcome = _same_invocation(folder, say)
    results = {name: _result(folder, name, outcome) for name in _modules()}
    say("")
    say("2. The program is run here, and so is a faulty build of it (-DREAL=float).")
    for name, result in results.items():
        say(f"   {name:<20}result {result.cid}  exit {result.exit}")
    with tempfile.TemporaryDirectory(prefix="octostore-demo-") as place:
        _claims(Path(place), outcome, results, say)
    _refused(folder.parent, say)


def _modules() -> tuple[str, ...]:
    return tuple(dict.fromkeys(claimant.module for claimant in _CLAIMANTS))


def _same_invocation(folder: Path, say: Say) -> Outcome:
    say("1. One computation, written for three networks: Kepler's third law, fitted")
    say("   by kepler.wasm to planets.csv. What is the invocation of each document?")
    outcomes = []
    for network, name, resolutions in _DOCUMENTS:
        given = None
        if resolutions is not None:
            given = Resolutions.parse((folder / resolutions).read_bytes())
        (outcome,) = canonicalize((folder / name).read_bytes(), given)
        outcomes.append(outcome)
        found = outcome.invocation
        say(f"   {network:<10}{name:<20}{found.cid if found else outcome.name}")
    keys = {item.invocation.cid for item in outcomes if item.invocation is not None}
    if len(keys) != 1 or len(outcomes) != len(_DOCUMENTS):
        raise AssertionError("the three documents are one invocation, or all is wrong")
    say("   The same, whoever asks. That CID is the key of the database.")
    return outcomes[0]


def _result(folder: Path, module: str, outcome: Outcome) -> Result:
    program, input = _wasi(outcome)
    code = CID.of_bytes((folder / module).read_bytes())
    executed = execute(
        WasiProgram(code), input, Contents([folder]), output_dirs=outcome.dirs
    )
    if executed.result is None:
        raise AssertionError(f"{module} did not run: {executed.report.failure}")
    if module == "kepler.wasm" and program.code != code:
        raise AssertionError("the documents name another module than the folder has")
    return executed.result


def _wasi(outcome: Outcome) -> tuple[WasiProgram, Input]:
    if not isinstance(outcome.program, WasiProgram) or outcome.input is None:
        raise AssertionError("the example is a WASI program with an input")
    return outcome.program, outcome.input


def _claims(
    place: Path, outcome: Outcome, results: dict[str, Result], say: Say
) -> None:
    say("")
    say("3. Three keys, made just now, claim results, as nodes of Golem and Bacalhau")
    say("   would sign them. All ran here: the demo plays every part. The third signs")
    say("   in good faith what the faulty build gave it.")
    program, input = _wasi(outcome)
    (code, data) = program.code, next(iter(input.files.values()))
    with Octostore.open(place / "store") as store:
        for number, claimant in enumerate(_CLAIMANTS):
            reported = Reported(
                claimant.network, results[claimant.module], executor=claimant.node
            )
            prepared = prepare(outcome, reported)
            _sign(store, place / f"{number}.key", claimant, prepared)
            say(f"   {claimant.name:<24}ran on {claimant.network}")
        say("")
        say("4. Who got which result for C1 on D1?")
        say(f"   $ octostore who {code} {data}")
        say("")
        for line in answer_lines(who(store, Asked(program=code, input=data))):
            say(f"   {line}".rstrip())


def _sign(
    store: Octostore, path: Path, claimant: _Claimant, prepared: Prepared
) -> None:
    key = KeyFile.create(path, SecretKey.generate(secrets.token_bytes))
    nodes = {claimant.network: (claimant.node,)}
    profile = Profile(name=claimant.name, executors=nodes)
    with key.signing() as chain:
        statement = chain.sign([profile.cid, prepared.claim.cid], _ISSUED_AT_S)
    blocks = closure(statement, [profile, prepared])
    receipt = store.ingest(blocks.items(), [statement.envelope_cid])
    if receipt.accepted != (statement.cid,):
        raise AssertionError(f"the store did not accept: {receipt}")


def _refused(examples: Path, say: Say) -> None:
    say("")
    say("5. A spec that is not pinned has no invocation, and no claim:")
    say("   $ octostore canonicalize examples/unpinned.yaml")
    (outcome,) = canonicalize((examples / "unpinned.yaml").read_bytes())
    for finding in outcome.unresolved:
        say(f"   {outcome.name}: {mend(finding)}")
