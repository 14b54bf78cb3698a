"""An answer that came with its proof, computed again from what verifies.

    root    raw JSON: what somebody answers (FORMATS 9)
    then    the statements behind it, each with its closure, in log order

The statements go through the one door into a store of their own, and the question
is asked there. What the other side says must be what comes out: a claim that
nobody signed, a name or a withdrawal that stands nowhere, a value moved or a
conflict hidden is an error. With a proof of the map nothing can be left out either.
What is not proven is said in `notes`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final, TypeAlias

from invocation_spec.cid import CID
from octostore.car import Block, CarReader, Damaged
from octostore.counted import counted, first_entries
from octostore.errors import CarError, ProofError, StatementError
from octostore.log import INDEX_MAX
from octostore.map.head import INTEGER_MAX, MapHead
from octostore.map.heads import LoggedHead
from octostore.questions.answer import Answer, Asked, ClaimAnswer, InvocationAnswer
from octostore.questions.completeness import WholeProof, check_answer, unproven
from octostore.questions.paged import check_page
from octostore.questions.who import who
from octostore.receipt import Receipt
from octostore.store import Octostore
from octostore.temporary import temporary_folder
from octostore.told import checkpoint_of, closed, integer, reading
from octostore.view import View

__all__ = ["ANSWER_BYTES_MAX", "NOTES", "VerifiedAnswer", "verify_answer"]

#: The JSON of one page: 10,000 claims of one invocation take some 5 MB.
ANSWER_BYTES_MAX: Final = 64 << 20

#: What was checked of every answer, and what no check can show without a proof.
NOTES: Final = (
    "verified here: signatures, contents, and what the claims say together",
    "not proven: that nothing was left out, and the places in the log",
)
_PLACES: Final = "not proven: the places in the log"

#: What an answer and an invocation of it may say (`Answer.to_json`).
_ANSWER: Final = frozenset(
    (
        *("after", "asked", "checkpoint", "invocations", "links"),
        *("map", "next", "proof"),
    )
)
_INVOCATION: Final = frozenset(
    (
        *("invocation", "program", "input", "outputs", "conflicts"),
        *("failures", "claims", "nonced"),
    )
)

_Json: TypeAlias = Mapping[str, Any]
_Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class VerifiedAnswer:
    """An answer made of verified claims.

    Only `checkpoint`, cursors and the `index` of claims are as the other side says,
    and `map` without `whole`; `notes` says in words what is proven and what is not.
    """

    answer: Answer
    notes: tuple[str, ...]
    whole: WholeProof | None = None


def verify_answer(stream: BinaryIO, asked: Asked, *, is_page: bool) -> VerifiedAnswer:
    """The answer in a CAR, if it is what its own statements say.

    `is_page` says that the question was for a later page: then statements may
    hold claims that belong to other pages. A page that comes with a proof says
    itself where it begins (`after`); that it was asked for, the caller compares.

    Raises:
        CarError: no CAR, or it breaks off.
        StatementError: a statement in it does not verify.
        ProofError: the answer says what no statement in it says, or hides what
            one says, or answers another question.
        RemoteError: what stands for the answer is none.
    """
    reader = CarReader(stream, block_bytes_max=ANSWER_BYTES_MAX)
    blocks = iter(reader)
    told = _answer_of(reader, next(blocks, None), asked)
    with (
        temporary_folder("answer") as folder,
        Octostore.open(folder / "store") as store,
    ):
        _check(store.ingest(blocks))
        here = _Recomputed(store, asked)
        with reading("the answer"):
            is_part = told.get("after") is not None or told.get("next") is not None
            answer = here.compare(told, whole=not is_page and not is_part)
            if "proof" not in told:
                return VerifiedAnswer(answer, NOTES)
            proof = WholeProof.from_json(told["proof"])
        if answer.map != proof.logged:
            raise ProofError("a proof by another map head than the answer names")
        check = _check_page if is_part else _check_whole
        with store.view() as view:
            return VerifiedAnswer(answer, check(view, answer, proof), proof)


def _check_page(view: View, answer: Answer, proof: WholeProof) -> tuple[str, ...]:
    """The same of a page.

    Raises:
        ProofError: it does not hold, or shows something else.
    """
    check_page(view, answer, proof)
    return (
        NOTES[0],
        "proven: nothing was left out of this page, of the first"
        f" {proof.logged.head.size} entries of the log (map head: entry"
        f" {proof.logged.entry}); pages follow each other in the order of the map",
        *unproven(answer.asked),
        _PLACES,
    )


def _check_whole(view: View, answer: Answer, proof: WholeProof) -> tuple[str, ...]:
    """What the proof shows, in words.

    Raises:
        ProofError: it does not hold, or shows something else.
    """
    size = proof.logged.head.size
    unlisted = check_answer(view, answer, proof)
    late = sum(
        claim.index >= size for item in answer.invocations for claim in item.claims
    )
    notes = [
        NOTES[0],
        f"proven: nothing was left out of the {first_entries(size)} of the log"
        f" (map head: entry {proof.logged.entry})",
        *unproven(answer.asked),
    ]
    if late:
        notes.append(f"not proven: that only {counted(late, 'claim')} came after those")
    if unlisted:
        notes.append(
            f"not proven: that it is the answer for"
            f" {counted(len(unlisted), 'invocation')} of these"
        )
    return (*notes, _PLACES)


class _Recomputed:
    """What verified statements say to a question, to hold an answer against."""

    def __init__(self, store: Octostore, asked: Asked) -> None:
        self._asked = asked
        self._links: dict[str, CID] = {}
        self._found: dict[str, InvocationAnswer] = {}
        self._claims: dict[str, dict[_Key, ClaimAnswer]] = {}
        for page in _pages(store, asked):
            self._links |= {str(link): link for link in page.links}
            for item in page.invocations:
                claims = {(str(c.claim), str(c.statement)): c for c in item.claims}
                self._found.setdefault(str(item.invocation), item)
                self._claims.setdefault(str(item.invocation), {}).update(claims)

    def compare(self, told: _Json, *, whole: bool) -> Answer:
        """The verified answer; `whole` says that nothing else may be known."""
        closed(told, _ANSWER)
        if any(type(told.get(name, "")) is not str for name in ("after", "next")):
            raise ValueError("a cursor is no text")
        _check_once((item["invocation"] for item in told["invocations"]), "invocation")
        _check_once(told["links"], "link")
        map, checkpoint = _head_of(told.get("map")), checkpoint_of(told["checkpoint"])
        _check_places(told["invocations"], checkpoint.size, map)
        invocations = tuple(
            self._invocation(item, whole=whole) for item in told["invocations"]
        )
        hidden = self._found.keys() - {str(item.invocation) for item in invocations}
        if whole and hidden:
            raise ProofError("its own statements claim it too", at=min(hidden))
        for link in told["links"]:
            if link not in self._links:
                raise ProofError("no statement here makes this link", at=str(link))
        return Answer(
            asked=self._asked,
            checkpoint=checkpoint,
            invocations=invocations,
            links=tuple(self._links[link] for link in told["links"]),
            next=told.get("next"),
            map=map,
            after=told.get("after"),
        )

    def _invocation(self, told: _Json, *, whole: bool) -> InvocationAnswer:
        closed(told, _INVOCATION)
        name = told["invocation"]
        if name not in self._found:
            raise ProofError("no statement here claims it", at=str(name))
        here, known = self._found[name], self._claims[name]
        stated = {_key(claim): claim for claim in told["claims"]}
        if len(stated) < len(told["claims"]):
            raise ProofError("the answer has a claim twice", at=str(name))
        claims = tuple(_claim(item, known.get(key)) for key, item in stated.items())
        if stated.keys() == known.keys():
            _check_same(told, here.to_json(), name)
        elif whole:
            hidden = min(known.keys() - stated.keys())
            raise ProofError("a claim that is left out of the answer", at=hidden[0])
        return replace(here, claims=claims)


def _answer_of(reader: CarReader, first: Block | Damaged | None, asked: Asked) -> _Json:
    if not isinstance(first, Block) or reader.roots != (first.cid,):
        raise ProofError("the answer does not stand first, whole, and as the root")
    with reading("the answer"):
        told: _Json = json.loads(first.data)
        if told["asked"] != asked.to_json():
            raise ProofError(f"this answers another question: {told['asked']}")
        return told


def _check(receipt: Receipt) -> None:
    """Only what verifies and is whole may speak."""
    if receipt.malformed is not None:
        raise CarError(receipt.malformed)
    for item in receipt.quarantined:
        raise StatementError(f"does not verify: {item.reason}", at=str(item.cid))
    for cid in receipt.pending:
        raise ProofError("a statement without all its blocks", at=str(cid))


def _pages(store: Octostore, asked: Asked) -> Iterator[Answer]:
    page = who(store, asked)
    yield page
    while page.next is not None:
        page = who(store, asked, after=page.next)
        yield page


def _head_of(value: _Json | None) -> LoggedHead | None:
    """The map head that is named; only a proof shows that the log has it."""
    if value is None:
        return None
    closed(value, {"root", "size", "time", "entry"})
    root = base64.b64decode(value["root"], validate=True)
    size, time_s = (integer(value[name], INTEGER_MAX) for name in ("size", "time"))
    return LoggedHead(integer(value["entry"], INDEX_MAX), MapHead(size, root, time_s))


def _check_once(values: Iterable[str], what: str) -> None:
    """Refuse a list that counts something twice."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ProofError(f"the answer has this {what} twice", at=str(value))
        seen.add(value)


def _check_places(
    invocations: Sequence[_Json], size: int, map: LoggedHead | None
) -> None:
    """Each statement at one place within the log, and each place with one statement.

    A claim is `unproven` if it stands where the map does not reach.
    """
    places: dict[str, int] = {}
    for claim in (claim for item in invocations for claim in item["claims"]):
        index, statement = claim["index"], claim["statement"]
        if type(index) is not int or not 0 <= index < size:
            raise ProofError(
                f"index {index!r} in a log of {size} entries", at=str(claim["claim"])
            )
        if places.setdefault(statement, index) != index:
            raise ProofError("one statement at two places", at=str(statement))
        is_late = map is not None and index >= map.head.size
        if claim.get("unproven", False) is not is_late:
            raise ProofError(
                f"index {index}, and unproven is {claim.get('unproven')!r}; the map"
                " says otherwise",
                at=str(claim["claim"]),
            )
    if len(set(places.values())) < len(places):
        raise ProofError("two statements at one place in the log")


def _key(claim: _Json) -> _Key:
    return (claim["claim"], claim["statement"])


def _claim(told: _Json, here: ClaimAnswer | None) -> ClaimAnswer:
    """The verified claim, at the place in the log that the other side names."""
    if here is None:
        raise ProofError("no statement here makes this claim", at=str(told["claim"]))
    verified = here.to_json()
    # Where it stands in the other side's log cannot be seen from here.
    for name in sorted((told.keys() | verified.keys()) - {"index", "unproven"}):
        said, true = told.get(name), verified.get(name)
        # In Python 0 is 0.0 and False.
        if said != true or type(said) is not type(true) or name not in verified:
            raise ProofError(
                f"{name} is said to be {told.get(name)!r}; the statement says"
                f" {verified.get(name)!r}",
                at=str(here.claim),
            )
    return replace(here, index=told["index"])


def _check_same(told: _Json, here: _Json, at: str) -> None:
    """What the claims say together; the order of lists has no meaning."""
    if told["outputs"].keys() != here["outputs"].keys():
        raise ProofError("other outputs than the results have", at=at)
    for name, values in here["outputs"].items():
        said = told["outputs"][name]
        if len(said) != len(values) or _values(said) != _values(values):
            raise ProofError(f"output {name!r} is not what the results say", at=at)
    for name in ("program", "input", "nonced"):
        if told.get(name) != here.get(name):
            raise ProofError(f"another {name} than the invocation has", at=at)
    for name in ("conflicts", "failures"):
        if sorted(told[name]) != sorted(here[name]):
            raise ProofError(f"other {name} than the claims have", at=at)


def _values(values: Sequence[_Json]) -> dict[str, tuple[list[str], list[str]]]:
    for item in values:
        closed(item, {"value", "claims", "groups"})
    return {
        item["value"]: (sorted(item["claims"]), sorted(item["groups"]))
        for item in values
    }
