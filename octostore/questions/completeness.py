"""Whether an answer is whole: what it asks of the map, and the proof of that.

    prove(view, asked), prove_answer(view, answer)          by who has the map
    check_whole(proof, asked, found, ..)   by who has the claims, from bytes alone

The proof says: the first `size` entries of the log hold these claims on what was
asked, and no other. It leads from the claims to the root of a map head, and from
its entry to the root of a checkpoint. Source: docs/spec/map.md, Questions.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from invocation_spec.model import Invocation
from octostore import tables
from octostore.errors import NotFoundError, ProofError
from octostore.log import KIND_MAP_HEAD, Checkpoint, Entry, leaf_hash
from octostore.map.head import MapHead
from octostore.map.heads import LoggedHead, covered, head_at, last_head
from octostore.map.keys import PAIRS_MAX, Topic
from octostore.map.pages import prove as prove_keys
from octostore.map.proof import QUESTIONS_MAX, MapProof, open_proof
from octostore.questions.answer import Answer, Asked
from octostore.questions.found import Found, found_of, is_asked, questions, read_found
from octostore.questions.search import search
from octostore.tables import Known
from octostore.tlog.merkle import inclusion_proof, verify_inclusion
from octostore.view import View

__all__ = [
    "HeadProof",
    "WholeProof",
    "check_answer",
    "check_head",
    "check_listed",
    "check_whole",
    "head_proof",
    "prove",
    "prove_answer",
    "unproven",
]


@dataclass(frozen=True, slots=True)
class WholeProof:
    """A map head with its place in the log, and the opened map below it.

    `path` is the inclusion proof of the head's entry in the log of a checkpoint.
    """

    logged: LoggedHead
    proof: MapProof
    path: tuple[bytes, ...]

    def to_json(self) -> dict[str, object]:
        """`{head, entry, path, map}`, bytes in base64."""
        return {
            "head": _text(self.logged.head.block),
            "entry": self.logged.entry,
            "path": [_text(item) for item in self.path],
            "map": _text(bytes(self.proof)),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ProofError: it is of another shape, or what it holds is none.
        """
        try:
            entry, path = value["entry"], value["path"]
            if (
                value.keys() != {"head", "entry", "path", "map"}
                or type(entry) is not int
            ):
                raise ProofError(
                    "no proof of an answer; expected head, entry, path, map"
                )
            return cls(
                LoggedHead(entry, MapHead.from_block(_bytes(value["head"]))),
                MapProof.from_bytes(_bytes(value["map"])),
                tuple(_bytes(item) for item in path),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ProofError("no proof of an answer: it is of another shape") from error


class HeadProof(NamedTuple):
    """A map head with its place in the log, and the inclusion proof of its entry."""

    logged: LoggedHead
    path: tuple[bytes, ...]


def prove(view: View, asked: Asked) -> WholeProof:
    """The proof of the whole answer, as of the view and by its latest map head.

    Raises:
        NotFoundError: there is no head yet, or a later one has taken its place:
            the map is kept as of the last head only.
        ProofError: more invocations than one proof is for.
    """
    head = head_proof(view)
    asks = questions(asked, _mapped(view, asked))
    proof = prove_keys(view.rows, asks, range(len(asks)))
    return WholeProof(head.logged, proof, head.path)


def prove_answer(view: View, answer: Answer) -> WholeProof:
    """The same of an answer that this view gave whole, checked as a reader does it.

    Raises:
        NotFoundError: there is no head, or not the last, as above.
        ProofError: the map has something else than the answer.
    """
    head, asked = head_proof(view), answer.asked
    found = _covered(view, answer, head.logged.head.size)
    asks = questions(asked, [item for item in found if is_asked(asked, item)])
    proof = prove_keys(view.rows, asks, range(len(asks)))
    whole = WholeProof(head.logged, proof, head.path)
    check_whole(whole, asked, found, answer.checkpoint)
    return whole


def head_proof(view: View) -> HeadProof:
    """The latest map head as of the view, and that it is in the log.

    Raises:
        NotFoundError: there is none yet, or a later one has taken its place: the map
            is kept as of the last head only.
    """
    checkpoint = view.checkpoint()
    logged = head_at(view.rows, checkpoint.size)
    if logged is None:
        raise NotFoundError(
            "no map head in the log as of this size; `octostore map update` adds one",
            at=f"size {checkpoint.size}",
        )
    if covered(view.rows) != (logged.head.size, logged.head.root):
        last = last_head(view.rows)
        assert last is not None  # noqa: S101 - there is one before it
        raise NotFoundError(
            f"the map is kept as of its last head (entry {last.entry}) only, which"
            f" answers as of size {last.entry + 1} and later; who has the log derives"
            " an earlier one with `octostore who --as-of SIZE --prove`",
            at=f"map head of entry {logged.entry}",
        )
    path = inclusion_proof(view.node, logged.entry, checkpoint.size)
    return HeadProof(logged, path)


def check_whole(
    proof: WholeProof, asked: Asked, found: Sequence[Found], checkpoint: Checkpoint
) -> tuple[Invocation, ...]:
    """Check that these are all claims on what was asked among `head.size` entries.

    `found` are the claims at places before that size, and only those. Returns the
    invocations among them that the map does not list for such a question (an import
    and data of very many, docs/spec/map.md): nothing is proved of those.

    Raises:
        ProofError: a claim is not in the map, one that is in it is left out, or the
            head is not in the log of this checkpoint.
    """
    check_head(proof, checkpoint)
    return check_listed(proof.proof, proof.logged.head.root, asked, found)


def check_head(proof: WholeProof, checkpoint: Checkpoint) -> None:
    """Check that the head is in the log of this checkpoint, at a place where it may be.

    Raises:
        ProofError: it is not.
    """
    head = proof.logged.head
    if not head.size <= proof.logged.entry < checkpoint.size:
        raise ProofError(
            f"a map of {head.size} entries at entry {proof.logged.entry} of a log of"
            f" {checkpoint.size}"
        )
    leaf = leaf_hash(bytes(Entry(KIND_MAP_HEAD, head.cid)))
    verify_inclusion(
        leaf, proof.logged.entry, checkpoint.size, proof.path, checkpoint.root
    )


def unproven(asked: Asked) -> tuple[str, ...]:
    """What no proof can show to this question, in words.

    The map has an import and data as a pair only up to `PAIRS_MAX` pairs of an
    invocation. Source: docs/spec/map.md, Keys.
    """
    if asked.program is None or asked.input is None:
        return ()
    return (
        f"not proven: that no run with more than {PAIRS_MAX} pairs of code and data"
        " imports this code",
    )


def check_answer(
    view: View, answer: Answer, proof: WholeProof
) -> tuple[Invocation, ...]:
    """The same of an answer, by a view of a store with the statements behind it.

    Raises:
        ProofError: as above.
    """
    found = _covered(view, answer, proof.logged.head.size)
    return check_whole(proof, answer.asked, found, answer.checkpoint)


def check_listed(
    proof: MapProof, root: bytes, asked: Asked, found: Sequence[Found]
) -> tuple[Invocation, ...]:
    """Check that the map with this root has these claims on what was asked, no other.

    Returns the invocations that it does not list for such a question, as above.

    Raises:
        ProofError: a claim is not in the map, or one that is in it is left out.
    """
    listed = [item for item in found if is_asked(asked, item)]
    asks = questions(asked, listed)
    prefixes = tuple(question.prefix for question in asks)
    known = {
        item for one in listed for item in one.mapped() if item.startswith(prefixes)
    }
    try:
        answers = open_proof(proof, root, asks, known)
    except ProofError as error:
        raise ProofError(f"the map does not show these claims: {error}") from error
    for keys in answers:
        _check_none_hidden(keys, known)
    return tuple(item.invocation for item in found if item not in listed)


def _covered(view: View, answer: Answer, size: int) -> list[Found]:
    """What an answer has that a map of this size covers."""
    found = [found_of(view, item, size) for item in answer.invocations]
    return [item for item in found if item.claims]


def _check_none_hidden(keys: Iterable[bytes], known: Collection[bytes]) -> None:
    for item in keys:
        if item not in known:
            what = "claim" if item[0] == Topic.CLAIMS else "invocation"
            raise ProofError(f"the map has a {what} that is left out", at=item.hex())


def _mapped(view: View, asked: Asked) -> list[Found]:
    """The invocations that are asked for and in the map, without their claims."""
    found: dict[int, Found] = {}
    for _, number in search(view, asked):
        if number is None or number in found:
            continue
        row = view.rows.get(tables.MAP_RAN.name, tables.MAP_RAN.key.encode(number))
        if row is None:
            continue
        invocation = Invocation.from_block(view.block(number))
        item = read_found(view, invocation, Known(row[0]))
        if is_asked(asked, item):
            found[number] = item
        if len(found) > QUESTIONS_MAX - 4:
            raise ProofError(
                f"more than {QUESTIONS_MAX - 4} invocations; ask for less at once"
            )
    return list(found.values())


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ProofError(f"no base64: {text[:80]!r}") from error
