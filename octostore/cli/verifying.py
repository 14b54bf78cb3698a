"""`octostore verify`: check a proof in a file, without a store or a server."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from invocation_spec.errors import DocumentError
from octostore import fraud
from octostore.bundle.format import BUNDLE_TAGS
from octostore.cli.answered import HEAD_BYTES, is_answer, verify_answer_file
from octostore.cli.inputs import opened
from octostore.cli.rim import (
    AsJson,
    StorePath,
    UsageError,
    print_json,
    say,
    store_path,
)
from octostore.cli.signed import verify_signed_text
from octostore.cli.unbundling import verify_bundle_file
from octostore.equivocation import Equivocation
from octostore.errors import KeyFileError, NoteError, NotFoundError
from octostore.harvest.nix.signature import SIGNED_TEXT_HEAD
from octostore.log_key import LogKey
from octostore.log_proof import ProvenEntry, verify_proof
from octostore.tlog.checkpoint import LogCheckpoint
from octostore.tlog.note import KeyType, Note, VerifierKey, to_base64
from octostore.tlog.proof import PROOF_BYTES_MAX, PROOF_HEAD, TlogProof
from octostore.tlog.witness import Quorum

__all__ = ["verify_command", "witness_key"]

#: Enough to tell what a file is: a CAR of one root says so in its first block.
_HEAD_BYTES: Final = 256

#: How the root of a bundle begins: a map of one, whose name has 18 bytes.
_BUNDLES: Final = tuple(b"\xa1\x72" + tag.encode() for tag in BUNDLE_TAGS)

#: What the header of a CAR has; one of the two, if a bit of the other is flipped.
_CAR: Final = (b"roots", b"version")
_ONE_ROOT: Final = b"\x65roots\x81"


def verify_command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A proof; - for stdin.")],
    log: Annotated[
        str | None,
        typer.Option(
            metavar="VKEY",
            help="The key of the log that the proof is about. By default, of a bundle"
            " the one it names itself, of a tlog-proof that of the store's own log.",
        ),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(metavar="VKEY", help="A witness that must have signed too."),
    ] = None,
    quorum: Annotated[
        int | None,
        typer.Option(
            metavar="K", min=1, help="K of the witnesses are enough; default all."
        ),
    ] = None,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Verify a proof in a file, without store or server.

    Of equivocation; that a statement is in a log; that a log is not what it says; or
    a bundle, a whole answer; or what `who --out` wrote, which no log signed; or a
    signed text that was kept as evidence. Says which key it trusted. Exit 0 if it
    holds, 5 if not, 2 if it is no proof.

    Example: octostore verify answer.car
    """
    asked = _asked(witness or [], quorum)
    with opened(file) as stream:
        begin = stream.read(HEAD_BYTES)
        head = begin[:_HEAD_BYTES]
        whole = io.BufferedReader(_Rest(begin, stream))
        if head.startswith(PROOF_HEAD.encode()):
            raw = whole.read(PROOF_BYTES_MAX + 1)
            _verify_logged(raw, log, asked, store, as_json=as_json)
        elif any(begins in head for begins in _BUNDLES):
            key = None if log is None else _log_key(log)
            verify_bundle_file(whole, key, asked, as_json=as_json)
        elif is_answer(head):
            if log is not None or asked.witnesses:
                raise UsageError(
                    "no log signed this answer; `octostore bundle` writes one that a"
                    " log signed"
                )
            verify_answer_file(whole, begin, as_json=as_json)
        elif any(word in head for word in _CAR) and _ONE_ROOT not in head:
            _verify_equivocation(whole, as_json=as_json)
        elif head.startswith(SIGNED_TEXT_HEAD):
            verify_signed_text(whole, as_json=as_json)
        elif any(tag.encode() in head for tag in fraud.TAGS):
            _verify_fraud(whole, log, as_json=as_json)
        else:
            raise DocumentError(
                "no proof; expected a bundle, an answer, a tlog-proof, or a proof of"
                " equivocation or against a log"
            )


def _verify_fraud(stream: BinaryIO, log: str | None, *, as_json: bool) -> None:
    proof = fraud.read_fraud(stream)
    how = "as the proof names it: compare it with what you know of this log"
    if log is not None:
        if VerifierKey.parse(log) != proof.log:
            raise NoteError(f"about another log: {proof.log}")
        how = "as --log names it"
    if as_json:
        trusted = {"log": str(proof.log), "because": how}
        what = {"holds": True, "proof": proof.kind, **proof.to_json()}
        print_json({**what, "trusted": trusted})
        return
    for line in proof.words():
        say(line)
    say(f"  trusted     {proof.log}")
    say(f"              {how}")


class _Rest(io.RawIOBase):
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = io.BytesIO(head)
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # bytes
        found = self._head.read(len(buffer))
        found += self._stream.read(len(buffer) - len(found))
        buffer[: len(found)] = found
        return len(found)


def _verify_equivocation(stream: BinaryIO, *, as_json: bool) -> None:
    proof = Equivocation.from_car(stream)
    if as_json:
        print_json({"holds": True, "proof": "equivocation", **proof.to_json()})
        return
    part = proof.first.part
    say("equivocation: one key signed two statements for one place of its chain")
    say(f"  signed by  {part.iss}")
    say(f"  place      chain {part.chain.hex()}  seq {part.seq}")
    say(f"  statement  {proof.first.cid}  its signature holds")
    say(f"  statement  {proof.second.cid}  its signature holds")


def _verify_logged(
    raw: bytes,
    log: str | None,
    quorum: Quorum,
    store: Path | None,
    *,
    as_json: bool,
) -> None:
    proof = TlogProof.from_bytes(raw)
    key, how = _key(proof, log, store)
    proven = verify_proof(proof, key, quorum.witnesses)
    quorum.check(proven.signed)
    if as_json:
        print_json(_json(proven, how))
        return
    tree = proven.signed.checkpoint
    say("logged: an entry is in a log")
    if proven.statement is not None:
        say(f"  statement   {proven.statement.cid}  its signature holds")
        say(f"  signed by   {proven.statement.part.iss}")
    else:
        say(f"  map head    {proven.entry.block}")
    say(f"  log         {tree.origin}  its signature holds")
    say(f"  entry       {proven.index} of {tree.size}, root {to_base64(tree.root)}")
    for item in proven.signed.cosigned:
        say(f"  witness     {item.by.name}  at {item.time_s}  its signature holds")
    say(f"  trusted     {key}")
    say(f"              {how}")


def _key(
    proof: TlogProof, log: str | None, store: Path | None
) -> tuple[VerifierKey, str]:
    """The key of the log to trust, and why that one."""
    if log is not None:
        return _log_key(log), "as --log names it"
    origin = LogCheckpoint.parse(Note.from_bytes(proof.checkpoint).text).origin
    path = store_path(store)
    try:
        own = LogKey.open(path).verifier
    except (NotFoundError, KeyFileError):
        own = None
    if own is None or own.name != origin:
        raise UsageError(
            f"name the key of the log {origin[:80]!r}: --log VKEY (its operator prints"
            " it with `octostore log key`)"
        )
    return own, f"the key of the log in {path}"


def _asked(witnesses: list[str], least: int | None) -> Quorum:
    keys = tuple(dict.fromkeys(witness_key(text) for text in witnesses))
    if least is not None and least > len(keys):
        raise UsageError(f"--quorum {least} of {len(keys)}; name each with --witness")
    return Quorum(keys, len(keys) if least is None else least)


def _log_key(text: str) -> VerifierKey:
    key = VerifierKey.parse(text)
    if key.type != KeyType.ED25519:
        raise UsageError("--log: the key of a witness; name that of the log")
    return key


def witness_key(text: str) -> VerifierKey:
    """The key of a witness that a vkey spells.

    Raises:
        NoteError: it spells none.
        UsageError: it is that of a log.
    """
    key = VerifierKey.parse(text)
    if key.type != KeyType.COSIGNATURE:
        raise UsageError("--witness: not the key of a witness (type 04)")
    return key


def _json(proven: ProvenEntry, how: str) -> dict[str, object]:
    tree = proven.signed.checkpoint
    statement = proven.statement
    what: dict[str, object] = {"map_head": str(proven.entry.block)}
    if statement is not None:
        what = {"statement": str(statement.cid), "issuer": str(statement.part.iss)}
    return {
        "holds": True,
        "proof": "logged",
        **what,
        "index": proven.index,
        "origin": tree.origin,
        "checkpoint": {"size": tree.size, "root": to_base64(tree.root)},
        "witnesses": [
            {"name": item.by.name, "time_s": item.time_s}
            for item in proven.signed.cosigned
        ],
        "trusted": {"log": str(proven.signed.log), "because": how},
    }
