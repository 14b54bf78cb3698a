"""`octostore who`: who got which result for this program on this input."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from invocation_spec import CID, CidError
from octostore import car
from octostore.belief.policy import Policy
from octostore.cli.answers import answer_lines
from octostore.cli.as_of import AsOf, AsOfText, read_as_of
from octostore.cli.believing import Beliefs, beliefs_of
from octostore.cli.inputs import (
    From,
    InputOrData,
    ProgramOrSpec,
    ResolutionsFile,
    Task,
    cid_or_path,
    one_canonical,
    outcomes_of,
)
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
from octostore.cli.specs import leave_not_canonical
from octostore.cli.writing import write_once
from octostore.errors import KeyFileError, NotFoundError, ProofError
from octostore.log_key import LogKey
from octostore.questions import evidence
from octostore.questions.answer import Answer, Asked
from octostore.questions.completeness import WholeProof, unproven
from octostore.questions.who import CLAIMS_MAX, who
from octostore.store import Octostore
from octostore.tlog.note import VerifierKey

__all__ = ["own_key", "questions_of", "who_command"]


def who_command(
    program: ProgramOrSpec,
    given_input: InputOrData = None,
    network: From = None,
    resolutions: ResolutionsFile = None,
    task: Task = None,
    limit: Annotated[
        int, typer.Option(min=1, max=CLAIMS_MAX, help="Claims on one page.")
    ] = CLAIMS_MAX,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on after `next`.")
    ] = None,
    as_of: AsOfText = None,
    prove: Annotated[
        bool,
        typer.Option("--prove", help="Prove that nothing is left out, or fail."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write the proven answer as a CAR."
        ),
    ] = None,
    policy: PolicyOption = None,
    store: StorePath = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Say who got which result, and where results conflict.

    With a policy, which of them to believe: confidence needs somebody whose it is.

    Example: octostore who ./kepler.wasm ./planets.csv
    """
    questions = questions_of(
        program, given_input, network, resolutions, task, as_json=as_json
    )
    if after is not None and len(questions) > 1:
        keys = ", ".join(str(question.invocation) for question in questions)
        raise UsageError(f"the spec has several addresses; go on by one: {keys}")
    page = _Page(limit, after, read_as_of(as_of), prove or out is not None)
    believed = None if policy is None else policy_of(policy)
    if server is None:
        with Octostore.open(store_path(store), readonly=True) as opened:
            asked = [page.ask(opened, question) for question in questions]
            if out is not None:
                _write(out, opened, asked)
            beliefs = _beliefs(opened, believed, asked)
    else:
        _check_alone(out, believed)
        asked, beliefs = _ask_server(server, questions, page), None
    answer = _joined([item.answer for item in asked])
    if as_json:
        value = _shown(asked)
        if beliefs is not None:
            beliefs.add_to(value, [answer])
        print_json(value)
    else:
        for line in answer_lines(answer, beliefs):
            say(line)
    notes = [*_notes(asked), *(() if beliefs is None else beliefs.notes)]
    for note in dict.fromkeys(notes):
        print(f"octostore: {note}", file=sys.stderr)


def _check_alone(out: Path | None, believed: Policy | None) -> None:
    """Refuse what needs a store of one's own."""
    if out is not None:
        raise UsageError("--out proves what a store of one's own says", at=str(out))
    if believed is not None:
        raise UsageError(
            "--policy judges what a store of one's own has, as rates of error rest on"
            " more than an answer; ask without it, or `octostore bundle --server`"
        )


def _beliefs(
    store: Octostore, believed: Policy | None, asked: list[_Asked]
) -> Beliefs | None:
    if believed is None:
        return None
    return beliefs_of(store, believed, [item.answer for item in asked])


def _notes(asked: list[_Asked]) -> list[str]:
    notes = [note for item in asked for note in item.notes]
    if len(asked) > 1:
        notes += [
            f"there is more by one address; ask for {item.answer.asked.invocation}"
            for item in asked
            if item.answer.next is not None
        ]
    return notes


class _Asked(NamedTuple):
    """An answer, its proof if there is one, and what was found out of both."""

    answer: Answer
    proof: WholeProof | None
    notes: tuple[str, ...] = ()


class _Page(NamedTuple):
    """Which part of an answer, as of when, and whether it is to be proved."""

    limit: int
    after: str | None
    as_of: AsOf | None
    prove: bool

    @property
    def size(self) -> int | None:
        return None if self.as_of is None else self.as_of.size

    def ask(self, store: Octostore, question: Asked) -> _Asked:
        if self.prove:
            answer, proof = evidence.ask(
                store,
                question,
                limit=self.limit,
                after=self.after,
                as_of=self.size,
                may_derive=True,
            )
        else:
            proof = None
            answer = who(
                store, question, limit=self.limit, after=self.after, as_of=self.size
            )
        notes = () if proof is None else unproven(question)
        own = None if self.as_of is None else own_key(store)
        return self.checked(_Asked(answer, proof, notes), own)

    def checked(self, asked: _Asked, own: VerifierKey | None = None) -> _Asked:
        """The same, if it is as of the checkpoint that was asked for."""
        if self.as_of is not None:
            if asked.answer.checkpoint.size != self.as_of.size:
                raise ProofError("an answer as of another size than was asked for")
            self.as_of.check(asked.answer.checkpoint)
            notes = (*asked.notes, *self.as_of.unverified(own))
            asked = asked._replace(notes=notes)
        return asked


def _shown(asked: list[_Asked]) -> dict[str, object]:
    """The answer as JSON, with its proof.

    Of several addresses each has a proof and a `next` of its own, under `addresses`.
    """
    value = _joined([item.answer for item in asked]).to_json()
    each = [
        {
            name: item.answer.to_json()[name]
            for name in ("asked", "checkpoint", "map", "next")
            if name in item.answer.to_json()
        }
        | ({} if item.proof is None else {"proof": item.proof.to_json()})
        for item in asked
    ]
    if len(asked) > 1:
        return value | {"addresses": each}
    return value | ({"proof": each[0]["proof"]} if "proof" in each[0] else {})


def own_key(store: Octostore) -> VerifierKey | None:
    """The key of the store's log, if it has one."""
    try:
        return LogKey.open(store.path).verifier
    except (NotFoundError, KeyFileError):
        return None


def _write(out: Path, store: Octostore, asked: list[_Asked]) -> None:
    """Write the one answer with its proof and all that verifies it."""
    if len(asked) > 1:
        raise UsageError(
            "the spec has several invocations; ask for one of them", at=str(out)
        )
    root, blocks = evidence.packed(store, asked[0].answer, asked[0].proof)
    write_once(out, car.to_bytes([root], blocks))


def questions_of(
    program: str,
    given_input: str | None,
    network: str | None,
    resolutions: str | None,
    task: int | None,
    *,
    as_json: bool,
) -> list[Asked]:
    """What two arguments ask, or one: an invocation, by several CIDs if it has them.

    Raises:
        UsageError: they are no CIDs, and no files.
    """
    if given_input is not None:
        return [Asked(program=cid_or_path(program), input=cid_or_path(given_input))]
    return _of_spec(program, network, resolutions, task, as_json=as_json)


def _of_spec(
    name: str,
    network: str | None,
    resolutions: str | None,
    task: int | None,
    *,
    as_json: bool,
) -> list[Asked]:
    """What one argument asks: an invocation by CID, or by a document."""
    try:
        return [Asked(invocation=CID.parse(name))]
    except CidError as error:
        if name != "-" and not Path(name).exists():
            raise UsageError(
                f"{error.reason}, and no spec of that name is here", at=name
            ) from error
    outcome = one_canonical(outcomes_of(name, resolutions, network), task)
    if isinstance(outcome, tuple):
        leave_not_canonical(outcome, as_json=as_json)
    keys = [outcome.invocation.cid] if outcome.invocation is not None else []
    keys += [also.invocation for also in outcome.also]
    return [Asked(invocation=key) for key in keys]


def _ask_server(url: str, questions: list[Asked], page: _Page) -> list[_Asked]:
    with server_at(url) as remote:
        found = [
            remote.who(
                question,
                limit=page.limit,
                after=page.after,
                as_of=page.size,
                must_prove=page.prove,
            )
            for question in questions
        ]
    return [page.checked(_Asked(item.answer, item.whole, item.notes)) for item in found]


def _joined(answers: list[Answer]) -> Answer:
    """One answer for one spec that has several addresses; the first was asked."""
    first = answers[0]
    invocations = {
        item.invocation: item for answer in answers for item in answer.invocations
    }
    links = dict.fromkeys(link for answer in answers for link in answer.links)
    return replace(
        first,
        invocations=tuple(invocations.values()),
        links=tuple(links),
        next=first.next if len(answers) == 1 else None,
    )
