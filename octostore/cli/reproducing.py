"""`octostore reproduce`: run what others claim, compare, and sign the check."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from invocation_spec import CID, CidError, Outcome
from octostore.claiming import Prepared, links
from octostore.cli.at_hand import (
    Folders,
    Gateways,
    MaxBytes,
    Place,
    known,
    outcome_of,
)
from octostore.cli.claiming import refuse_credentials
from octostore.cli.drawing import Drawn, drawn, run_all
from octostore.cli.harvesting.sources import checked_network
from octostore.cli.inputs import From, ResolutionsFile, Task, one_canonical, outcomes_of
from octostore.cli.policies import PolicyOption, policy_of
from octostore.cli.progress import told
from octostore.cli.publishing import OutFile, Published, deliver
from octostore.cli.reproduced import NotReproduced, Reproduced
from octostore.cli.rerunning import LOCAL, Fetch, Way, check_of, reproduced
from octostore.cli.rim import (
    DONE,
    NO,
    AsJson,
    Server,
    StorePath,
    UsageError,
    exit_code,
    leave,
    print_json,
    say,
)
from octostore.cli.running import Fuel, Memory, Time
from octostore.cli.specs import leave_not_canonical
from octostore.cli.storing import leave_with
from octostore.contents import CONTENTS_BYTES_MAX
from octostore.keyfile import KeyFile
from octostore.records.shape import RecordBase
from octostore.runner import RunLimits
from octostore.runner.report import FUEL, MEMORY_BYTES, TIME_S
from octostore.sampling import SAMPLE_MAX

__all__ = ["reproduce_command"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a command line asks for: a target, or a sample."""

    target: str | None
    sample: int | None
    policy: str | None
    seed: str | None
    reading: tuple[str | None, str | None, int | None]

    def check(self, server: str | None) -> None:
        """Refuse what contradicts itself."""
        if (self.target is None) == (self.sample is None):
            raise UsageError("name an invocation or a spec, or --sample N; one of them")
        if (self.sample is None) != (self.policy is None):
            raise UsageError("--sample and --policy go together: it says who counts")
        if self.seed is not None and self.sample is None:
            raise UsageError("--seed draws an earlier sample again; name its --sample")
        if self.sample is not None and server is not None:
            raise UsageError("a sample is drawn from a store; leave --server out")


def reproduce_command(
    invocation: Annotated[
        str | None,
        typer.Argument(
            metavar="INVOCATION|SPEC",
            help="The CID of an invocation, or a spec; - for stdin.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The key that signs the check; without it none is."
        ),
    ] = None,
    files: Folders = None,
    gateway: Gateways = None,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=SAMPLE_MAX,
            metavar="N",
            help="Draw so many of the store instead, those most worth checking first.",
        ),
    ] = None,
    policy: PolicyOption = None,
    seed: Annotated[
        str | None,
        typer.Option(
            metavar="HEX", help="Draw as an earlier sample did, and run nothing."
        ),
    ] = None,
    output_dir: Annotated[
        list[str] | None,
        typer.Option(
            "--output-dir",
            metavar="PATH",
            help="A guest directory to collect; else those that spec or claims have.",
        ),
    ] = None,
    ran_on: Annotated[
        str,
        typer.Option("--network", metavar="NAME", help="Where the claim says it ran."),
    ] = LOCAL,
    sign_stable: Annotated[
        bool,
        typer.Option(
            "--sign-stable",
            help="Of a nondeterministic program, sign the outputs that did not vary.",
        ),
    ] = False,
    diff: Annotated[
        bool,
        typer.Option("--diff", help="Fetch values that differ, and say how they do."),
    ] = False,
    publish_credentials: Annotated[
        bool, typer.Option(help="Publish environment values that look secret.")
    ] = False,
    fuel: Fuel = FUEL,
    memory: Memory = MEMORY_BYTES,
    time: Time = TIME_S,
    max_bytes: MaxBytes = CONTENTS_BYTES_MAX,
    task: Task = None,
    network: From = None,
    resolutions: ResolutionsFile = None,
    out: OutFile = None,
    store: StorePath = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Run what others claim, compare, and sign the check.

    It runs twice, the second time with another clock and other randomness. Code and
    files are found by CID in the folders given, in the store or on the server, and at
    gateways, in this order; what is sent is hashed.

    Example: octostore reproduce bafyrei.. --gateway https://ipfs.io --key me.key
    """
    asked = _Asked(invocation, sample, policy, seed, (resolutions, network, task))
    asked.check(server)
    key_file = None if key is None else KeyFile.open(key)
    checked_network(ran_on, "--network")
    limits = RunLimits(fuel=fuel, memory_bytes=memory, time_s=time)
    way = Way(limits, tuple(sorted(set(output_dir or ()))), diff)
    fetch = Fetch(files or (), gateway or (), server, max_bytes)
    with known(store, server) as place:
        if asked.sample is not None:
            done = _sampled(place, asked, way, fetch, as_json=as_json)
        else:
            may_publish = publish_credentials or key is None
            done = _one(place, asked, way, fetch, may_publish, as_json=as_json)
    if not as_json:
        done.show()
    checks = done.checks(way, ran_on, sign_stable=sign_stable)
    published = None
    if key_file is not None and checks:
        published = deliver(checks, key_file, out, store, server)
    done.show_signed(published, as_json=as_json)
    for note in place.notes:
        print(f"octostore: {note}", file=sys.stderr)
    receipt = None if published is None else published.receipt
    if receipt is not None and (receipt.pending or not receipt.sound):
        leave_with(receipt)
    leave(done.code)


@dataclass(slots=True)
class _Done:
    """What came of one, or of all of a sample; `unsigned` says what is not signed."""

    items: Sequence[Reproduced | NotReproduced]
    sample: Drawn | None = None
    unsigned: tuple[str, ...] = ()

    @property
    def code(self) -> int:
        """1 if anything does not hold, else the first error's, else 0."""
        if any(isinstance(item, Reproduced) and not item.holds for item in self.items):
            return NO
        errors = [item.error for item in self.items if isinstance(item, NotReproduced)]
        return exit_code(errors[0]) if errors else DONE

    def show(self) -> None:
        """Everything for people."""
        if self.sample is not None:
            for line in self.sample.lines():
                say(line)
        for number, item in enumerate(self.items):
            if number or self.sample is not None:
                say()
            for line in item.lines():
                say(line)

    def checks(
        self, way: Way, network: str, *, sign_stable: bool
    ) -> list[Prepared | RecordBase]:
        """What there is to sign: one claim for each that gave a result."""
        found: dict[CID, Prepared | RecordBase] = {}
        for item in self.items:
            if isinstance(item, NotReproduced):
                continue
            check = check_of(item, way, network, sign_stable=sign_stable)
            if isinstance(check, str):
                self.unsigned = (*self.unsigned, check)
                continue
            found[check.claim.cid] = check
            found.update((link.cid, link) for link in links(item.outcome))
        return list(found.values())

    def show_signed(self, published: Published | None, *, as_json: bool) -> None:
        """What was signed, or why nothing was; as JSON, everything."""
        why = "; ".join(dict.fromkeys(self.unsigned)) or "no --key"
        if not as_json:
            say()
            if published is None or self.unsigned:
                say(f"not signed  {why}")
            for line in () if published is None else published.lines():
                say(line)
            return
        signed: dict[str, object] = {
            "signed": None if published is None else published.to_json()
        }
        if published is None or self.unsigned:
            signed["unsigned"] = why
        if self.sample is None:
            (only,) = self.items
            print_json(only.to_json() | signed)
        else:
            done = [item.to_json() for item in self.items]
            print_json({"sample": self.sample.to_json(), "reproduced": done, **signed})


def _sampled(
    place: Place, asked: _Asked, way: Way, fetch: Fetch, *, as_json: bool
) -> _Done:
    assert asked.sample is not None and asked.policy is not None  # noqa: S101, PT018
    sample = drawn(place, asked.sample, policy_of(asked.policy), asked.seed)
    if asked.seed is not None:
        if as_json:
            print_json({"sample": sample.to_json()})
        else:
            _Done((), sample).show()
        leave(DONE)
    with told("running", as_json=as_json) as tell:
        return _Done(run_all(place, sample, way, fetch, tell), sample)


def _one(
    place: Place,
    asked: _Asked,
    way: Way,
    fetch: Fetch,
    may_publish: bool,
    *,
    as_json: bool,
) -> _Done:
    outcome, keys = _target(place, asked.target or "", asked.reading, as_json=as_json)
    if not any(place.answer(cid) for cid in keys):  # what all withhold, we withhold
        refuse_credentials(outcome, (), allowed=may_publish)
    with told("running it twice", as_json=as_json):
        return _Done([reproduced(place, outcome, keys, way, fetch)])


def _target(
    place: Place,
    name: str,
    reading: tuple[str | None, str | None, int | None],
    *,
    as_json: bool,
) -> tuple[Outcome, Sequence[CID]]:
    """What to run, and the CIDs under which it may be claimed."""
    resolutions, network, task = reading
    try:
        cid = CID.parse(name)
    except CidError as error:
        if name != "-" and not Path(name).exists():
            raise UsageError(
                f"{error.reason}, and no spec of that name is here", at=name
            ) from error
    else:
        return outcome_of(place, cid), [cid]
    outcome = one_canonical(outcomes_of(name, resolutions, network), task)
    if not isinstance(outcome, Outcome):
        leave_not_canonical(outcome, as_json=as_json)
    assert outcome.invocation is not None  # noqa: S101 - it is canonical
    also = [item.invocation for item in outcome.also]
    return outcome, [outcome.invocation.cid, *also]
