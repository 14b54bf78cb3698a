"""A bundle from a store: the answer as of the last map head under a checkpoint.

    file = make_bundle(store, Asked(program=C1, input=D1), log_key.checkpoint(store))

What was logged after that head is not in it. Source: docs/spec/bundle.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from invocation_spec.cid import CID
from octostore import car
from octostore.belief.policy import Policy
from octostore.belief.reader import believing
from octostore.bundle.answering import whole_answer
from octostore.bundle.believed import believed_of
from octostore.bundle.format import Bundle
from octostore.errors import StoreCorruptError
from octostore.log_key import LogKey
from octostore.map.heads import last_head
from octostore.questions.answer import Asked
from octostore.questions.completeness import prove
from octostore.questions.evidence import behind, blocks_of
from octostore.store import Octostore
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.multiproof import multiproof
from octostore.view import View

__all__ = ["checkpoint_over", "make_bundle"]


def checkpoint_over(store: Octostore, key: LogKey) -> SignedCheckpoint:
    """The newest checkpoint, with who cosigned it, if it covers the last map head.

    Otherwise one of the log as it is now, which nobody has cosigned yet.

    Raises:
        LogStateError: the log may not sign.
        StoreError: the disk; nothing was signed.
    """
    with store.view() as view:
        logged = last_head(view.rows)
    signed = key.newest()
    if logged is not None and logged.entry < signed.checkpoint.size:
        return signed
    return key.checkpoint(store)


def make_bundle(
    store: Octostore,
    asked: Asked,
    signed: SignedCheckpoint,
    policy: Policy | None = None,
) -> Iterator[bytes]:
    """The file piece by piece; its proofs are made before the first.

    With a policy, what it makes of the answer as of the checkpoint goes along.

    `signed` is a checkpoint of this store's own log. Whoever keeps the file
    verifies it first: nothing here is checked twice.

    Raises:
        NotFoundError: the log has no map head, or the checkpoint does not cover the
            last one.
        ProofError: the answer is too large for one bundle, or a verdict rests on what
            is not in it.
    """
    with store.view(signed.checkpoint.size) as view:
        whole = prove(view, asked)
    logged = whole.logged
    answer = whole_answer(store, asked, logged.head.size)
    parts = behind(store, answer)
    with store.view() as view:
        entries = tuple(_entry(view, part) for part in parts)
        places = sorted([logged.entry, *(index for index, _ in entries)])
        path = multiproof(view.node, places, signed.checkpoint.size)
    proof = bytes(whole.proof)
    belief, beside = None, list[bytes]()
    if policy is not None:
        with believing(store, policy, signed.checkpoint.size) as reader:
            told, beside = believed_of(reader, answer.invocations)
        belief = CID.of_block(told.block)
        beside = [told.block, *dict.fromkeys(beside)]
    root = Bundle(
        asked=asked,
        log=signed.log,
        checkpoint=bytes(signed).decode(),
        head=(logged.entry, logged.head.cid),
        map=CID.of_block(proof),
        statements=entries,
        proof=path,
        belief=belief,
    ).block
    first = [
        (CID.of_block(block), block)
        for block in (root, logged.head.block, proof, *beside)
    ]
    return car.chunks([first[0][0]], chain(first, blocks_of(store, parts)))


def _entry(view: View, part: CID) -> tuple[int, CID]:
    index = view.index(part)
    if index is None:
        raise StoreCorruptError("a statement without a place", at=str(part))
    return index, view.entry(index).block
