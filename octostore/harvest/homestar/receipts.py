"""Homestar's receipts, bound to the tasks of the workflows that they ran in.

    receipt.ran = sha3-256 of {"task": ..}  ->  a task of a workflow  ->  its invocation

A receipt names what ran by a hash alone; only the workflow says what that was. `ran`
is what binds, and never the instruction that a node notes beside: peers tell it that,
and nobody has checked it. A task that awaited others was run with their values, so its
invocation reduces to the one that has them. Two receipts of one task that differ are
both claimed.

A promise is replaced where Homestar replaces it in the way that the specification
says: an argument by itself, `await/ok` or `await/error`, whose task has one result
among the receipts. Below an argument Homestar leaves the key of the promise around the
value, and for `await/*` its argument is the value and not the result.
Source: homestar-invocation/src/task/instruction/input.rs (resolve, resolve_links),
homestar-runtime/src/worker.rs; FORMATS 3, 5, 8; research: ipvm 1 to 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from invocation_spec import Outcome
from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX, Ipld
from invocation_spec.errors import DocumentError, EncodingError
from invocation_spec.model import Await, Input, Invocation
from octostore.claiming import Reported
from octostore.harvest.homestar.database import Place
from octostore.harvest.homestar.receipt import Receipt
from octostore.harvest.homestar.tasks import NETWORK, Tasks, instruction_of
from octostore.harvest.observed import Observed, Seen, Unclaimed
from octostore.records import Link

__all__ = ["receipts_seen"]

_WITHOUT = (
    "a receipt without its workflow: no task that was given is its `ran`; give the"
    " workflow in which it ran, with the same meta"
)

#: Reads all places of receipts from the beginning; called twice.
ReadPlaces = Callable[[], Iterable[Place]]


def receipts_seen(places: ReadPlaces, tasks: Tasks) -> Iterator[Seen]:
    """What all receipts say, each by itself, with the links between them.

    Which claims come out depends on which receipts there are, never on their order.

    Raises:
        FileError, StoreError: a source breaks off.
    """
    values = _values(places, tasks)
    for place in places():
        try:
            receipt = place.read()
        except DocumentError as error:
            yield Unclaimed(item=place.item, at=place.at, reason=str(error))
        else:
            yield _seen(receipt, place.at, tasks, values)


def _bound(receipt: Receipt, tasks: Tasks) -> Outcome | str:
    """The task of a receipt, or why it has none."""
    outcome = tasks.find(receipt.ran)
    if outcome is None:
        return _WITHOUT
    instruction = instruction_of(outcome)
    if receipt.instruction not in (None, CID.parse(instruction)):
        return (
            f"the node notes it under the instruction {receipt.instruction}; its `ran`"
            f" is a run of {instruction}"
        )
    return outcome


def _seen(
    receipt: Receipt, at: str, tasks: Tasks, values: Mapping[CID, _Value]
) -> Seen:
    item, outcome = str(receipt.cid), _bound(receipt, tasks)
    if isinstance(outcome, str):
        return Unclaimed(item=item, at=at, reason=outcome)
    native = {"ran": str(receipt.ran), "instruction": instruction_of(outcome)}
    if receipt.operation is not None:
        native["op"] = receipt.operation
    fits = len(receipt.block) <= BLOCK_BYTES_MAX
    return Observed(
        item=item,
        at=at,
        outcome=outcome,
        reported=Reported(
            network=NETWORK,
            result=receipt.result,
            executor=receipt.issuer,
            job=item,
            # By sha2-256, as stores find blocks; `job` is the same by sha3-256. No CAR
            # carries a larger block.
            evidence={CID.of_block(receipt.block): receipt.block} if fits else {},
            native=native,
        ),
        links=_links(outcome, values),
    )


@dataclass(frozen=True, slots=True)
class _Value:
    """What the receipts of one invocation say; without a place if they differ."""

    branch: str
    output: CID
    place: Place | None


def _values(places: ReadPlaces, tasks: Tasks) -> Mapping[CID, _Value]:
    """What each awaited invocation gave. Values stay where they are until needed."""
    awaited = {item.invocation for outcome in tasks for item in _replaceable(outcome)}
    found: dict[CID, _Value] = {}
    if not awaited:
        return found
    for place in places():
        try:
            receipt = place.read()
        except DocumentError:
            continue
        outcome = _bound(receipt, tasks)
        if isinstance(outcome, str) or outcome.invocation is None:
            continue
        invocation = outcome.invocation.cid
        if invocation not in awaited:
            continue
        branch = "error" if receipt.branch == "error" else "ok"
        new = _Value(branch, receipt.output, place)
        known = found.setdefault(invocation, new)
        if (known.branch, known.output) != (new.branch, new.output):
            found[invocation] = replace(known, place=None)
    return found


def _replaceable(outcome: Outcome) -> tuple[Await, ...]:
    """The awaits of a task, if each is one that Homestar replaces by the value."""
    awaits = () if outcome.input is None else outcome.input.awaits
    plain = all(len(item.at) == 1 and item.when != "any" for item in awaits)
    return awaits if plain and outcome.invocation is not None else ()


def _links(outcome: Outcome, values: Mapping[CID, _Value]) -> tuple[Link, ...]:
    """From an invocation with awaits to the one with values in their places.

    None where a value lacks, is one of several, is of the other branch, or where the
    input would be larger than a block.
    """
    awaits, given, invocation = (
        _replaceable(outcome),
        outcome.input,
        outcome.invocation,
    )
    if not awaits or given is None or invocation is None:
        return ()
    args: list[Ipld] = list(given.args)
    for item in awaits:
        value = values.get(item.invocation)
        if value is None or value.place is None or value.branch != item.when:
            return ()
        position = item.at[0]
        assert isinstance(position, int)  # noqa: S101 - an await checks it
        args[position] = value.place.read().value
    try:
        reduced = _reduced(given, args)
        to = Invocation(invocation.program, reduced.cid)
    except EncodingError:
        return ()
    return (
        Link(
            a=invocation.cid,
            b=to.cid,
            means="reduces-to",
            how="its awaits are replaced by what receipts say",
        ),
    )


def _reduced(given: Input, args: list[Ipld]) -> Input:
    return replace(given, args=tuple(args), awaits=())
