"""What is fuzzed, and what holds of whatever comes out.

A target takes bytes and returns None, whether they are accepted or refused as they
should be; anything else it raises is a bug. `make fuzz` gives it bytes for hours,
`make test` those of the corpus.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import cast

import pytest

from invocation_spec import (
    CID,
    CidError,
    DocumentError,
    EncodingError,
    Input,
    Invocation,
    OctostoreError,
    Outcome,
    Resolutions,
    canonicalize,
    dagcbor,
)
from invocation_spec.adapters.own import to_car, to_dag_json
from invocation_spec.dagcbor import Ipld
from invocation_spec.document import Tree, read_document
from invocation_spec.errors import DidError
from invocation_spec.model import check_fit, program_from_block
from invocation_spec.nixstore import is_store_path
from invocation_spec.second_opinion import disagreement
from octostore.bundle.verify import Reading, Step
from octostore.car import Block, CarReader, chunks
from octostore.errors import (
    CarError,
    NoteError,
    ProofError,
    RecordError,
    SignatureError,
    StatementError,
)
from octostore.fraud import FalseMapHead, read_fraud
from octostore.harvest.nix.records import SIGNATURES_MAX
from octostore.harvest.nix.signature import SignedText
from octostore.harvest.nix.source import record_of
from octostore.keys import SecretKey
from octostore.log_proof import verify_proof
from octostore.records import parse_record
from octostore.statement import ReceivedStatement
from octostore.tlog.checkpoint import LogCheckpoint
from octostore.tlog.note import KeyType, Note, VerifierKey, verify_note
from octostore.tlog.proof import TlogProof
from octostore.tlog.tiles import Tile
from octostore.tlog.witness import AddCheckpoint
from tests.fuzz.harvests import answers, read_answer, read_receipt_bytes, receipts
from tests.fuzz.policies import policies, read_policy_bytes
from tests.fuzz.results import (
    bacalhau_answers,
    cars,
    read_bacalhau_answer,
    read_car_of_results,
    read_tar_of_results,
    tars,
)
from tests.fuzz.seeds import (
    ADAPTERS,
    Seeds,
    blocks,
    bundles,
    cids,
    documents,
    frauds,
    given_resolutions,
    nix_records,
    resolutions,
    texts,
    whole_documents,
)

__all__ = ["INPUT_BYTES_MAX", "SECONDS_MAX", "TARGETS", "Target", "seconds"]

#: The longest vectors fit; longer inputs say nothing new and take their time.
INPUT_BYTES_MAX = 1 << 14

#: CPU seconds that an input of `INPUT_BYTES_MAX` may take; a usual one takes 1 ms.
SECONDS_MAX = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """`check` returns if all holds; `seeds` is where mutation begins."""

    name: str
    check: Callable[[bytes], None]
    seeds: Callable[[], Seeds]


def seconds(target: Target, data: bytes) -> float:
    """CPU seconds that the target takes for these bytes."""
    start = time.process_time()
    target.check(data)
    return time.process_time() - start


def _canonicalize(meanings: Resolutions, data: bytes) -> None:
    """Outcomes or a refusal, the same twice, and blocks that are what they say."""
    for given in (None, meanings):
        try:
            outcomes = canonicalize(data, given)
        except DocumentError as error:
            _check_refusal(error)
            _check_same_refusal(data, given, str(error))
            continue
        assert outcomes, "no outcome"
        said = [outcome.to_json() for outcome in outcomes]
        network = outcomes[0].network
        again = canonicalize(data, given, network=network)
        assert said == [outcome.to_json() for outcome in again], "another answer"
        json.dumps(said, ensure_ascii=False).encode()
        for outcome in outcomes:
            _check_outcome(outcome)
        if data[:1] in (b"{", b"["):
            _check_other_syntax(data, given, outcomes)


def _check_other_syntax(
    data: bytes, given: Resolutions | None, outcomes: Sequence[Outcome]
) -> None:
    """What is JSON is, as YAML and as DAG-CBOR, the same or refused."""
    others = [b"--- " + data]
    tree = read_document(data, templates=True).tree
    if isinstance(tree, Mapping | list) and b'"/"' not in data:  # a link in DAG-JSON
        with suppress(EncodingError):
            others.append(dagcbor.encode(cast("Ipld", tree), floats=True))
    for other in others:
        try:
            found = canonicalize(other, given)
        except DocumentError:
            continue
        assert len(found) == len(outcomes), "another number of tasks"
        ours, theirs = _invocations(outcomes), _invocations(found)
        if None not in ours and None not in theirs:  # DAG-CBOR sorts tasks by name
            assert set(ours) == set(theirs), "other invocations by its syntax"


def _invocations(outcomes: Sequence[Outcome]) -> list[Invocation | None]:
    return [outcome.invocation for outcome in outcomes]


def _check_refusal(error: DocumentError) -> None:
    _check_reason(error)
    assert error.at is None or error.at.startswith("/"), f"at {error.at!r}"


def _check_same_refusal(data: bytes, given: Resolutions | None, said: str) -> None:
    with pytest.raises(DocumentError) as refused:
        canonicalize(data, given)
    assert str(refused.value) == said, "another refusal"


def _check_reason(error: OctostoreError) -> None:
    assert 0 < len(error.reason) < 1000, f"a reason of {len(error.reason)} characters"
    assert "\n" not in error.reason, "a reason of two lines"


def _check_outcome(found: Outcome) -> None:
    places = [row.at for row in found.unresolved]
    places += [row.at for row in found.impure] + [row.at for row in found.warnings]
    assert all(at == "" or at.startswith("/") for at in places), places
    for row in found.unresolved:
        if row.settle:  # what the finding tells people to write can be written
            Resolutions.of(cast("Tree", _filled(row.settle)))
    for value in found.blocks:
        assert CID.of_block(value.block) == value.cid
    if found.program is not None:
        assert program_from_block(found.program.block) == found.program
    if found.input is not None:
        assert Input.from_block(found.input.block) == found.input
    if found.name == "canonical":
        _check_canonical(found)
    else:
        assert found.unresolved or found.impure
        assert found.invocation is None
        assert not found.also


_DIGEST = "ab" * 32
_FILLED: Mapping[str, object] = {
    "<CID>": str(CID.of_bytes(b"")),
    "<file name>": "name",
    "<store path>": f"/nix/store/{'0' * 32}-name",
    "<store paths>": [],
    "sha256:<64 hex digits>": f"sha256:{_DIGEST}",
}


def _filled(value: object) -> object:
    """What `settle` asks for, filled in."""
    if isinstance(value, Mapping):
        return {key: _filled(item) for key, item in value.items()}
    return _FILLED.get(value, value) if isinstance(value, str) else value


def _check_canonical(found: Outcome) -> None:
    assert not found.unresolved
    assert not found.impure
    assert found.program is not None
    assert found.input is not None
    invocation = Invocation(found.program.cid, found.input.cid)
    assert found.invocation == invocation
    if found.without_nonce is not None:
        assert found.without_nonce != invocation
        assert found.without_nonce.program == invocation.program
    _check_blocks(found.program.block, found.input.block)


@lru_cache(4096)  # most mutations change nothing that is identity
def _check_blocks(program_block: bytes, input_block: bytes) -> None:
    """The blocks of an invocation fit, and are what others read in them."""
    program, given = program_from_block(program_block), Input.from_block(input_block)
    check_fit(program, given)
    invocation = Invocation(program.cid, given.cid)
    assert Invocation.from_block(invocation.block) == invocation
    _check_second_opinion(input_block)
    (own,) = canonicalize(to_car(program, given))
    assert own.invocation == invocation, "another invocation by its own CAR"
    try:
        text = to_dag_json(program, given)
    except EncodingError:
        return  # the key "/" in args: only a CAR can hold it
    (own,) = canonicalize(text.encode())
    assert own.invocation == invocation, "another invocation by its own DAG-JSON"


def _check_second_opinion(block: bytes) -> None:
    """The reference codec reads the same, if its table knows the codecs of the CIDs."""
    found = disagreement(block) or ""
    assert not found or "No multicodec is known" in found, found


def _parse_resolutions(data: bytes) -> None:
    try:
        found = Resolutions.parse(data)
    except DocumentError as error:
        _check_refusal(error)
        return
    again = Resolutions.parse(found.to_json().encode())
    assert again == found, "normalised twice is not normalised once"


def _parse_cid(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        found = CID.parse(text)
    except CidError as error:
        _check_reason(error)
        return
    assert CID.parse(str(found)) == found
    assert CID.from_bytes(found.raw) == found
    assert str(found) == str(found).lower()


def _decode(data: bytes) -> None:
    try:
        value = dagcbor.decode(data, floats=True)
    except EncodingError as error:
        _check_reason(error)
        return
    assert dagcbor.encode(value, floats=True) == data, "two encodings of one value"
    _check_second_opinion(data)


def _read_document(data: bytes) -> None:
    for templates in (False, True):
        try:
            found = read_document(data, templates=templates)
        except DocumentError as error:
            _check_refusal(error)
            continue
        again = read_document(data, templates=templates)
        assert (again.tree, again.syntax) == (found.tree, found.syntax)
        assert templates or found.syntax != "template"


def _receive(data: bytes) -> None:
    try:
        found = ReceivedStatement.from_block(data)
    except (EncodingError, StatementError) as error:
        _check_reason(error)
        return
    assert found.signed == data[-len(found.signed) :] == found.part.block
    assert found.cid == CID.of_block(found.signed)
    _check_second_opinion(data)
    try:
        assert found.verify().envelope == data
    except SignatureError:
        return


def _parse_record(data: bytes) -> None:
    try:
        found = parse_record(data)
    except (EncodingError, RecordError) as error:
        _check_reason(error)
        return
    assert found.block == data
    assert parse_record(found.block) == found
    assert all(isinstance(link, CID) for link in found.links())


def _read_nix_record(data: bytes) -> None:
    """What a cache says is read and can be said again, or is refused."""
    for name in ("a.narinfo", "a.doi", "a.json", "build-trace-v2/a.drv/out.doi"):
        with suppress(EncodingError):
            for found in record_of(name, data):
                assert is_store_path(found.path)
                assert len(found.signatures) <= SIGNATURES_MAX
                assert b"\n" not in found.signed
                assert found.path[11:].encode() in found.signed
    with suppress(EncodingError, DidError, SignatureError):
        assert SignedText.from_block(data).block == data


def _read_car(data: bytes) -> None:
    try:
        reader = CarReader(io.BytesIO(data), block_bytes_max=4096)
        for item in reader:
            if not isinstance(item, Block):
                assert item.text
                continue
            assert len(item.data) <= 4096
            if item.cid.hash_code == 0x12:
                assert item.cid.raw.endswith(hashlib.sha256(item.data).digest())
    except CarError as error:
        _check_reason(error)
        return
    assert reader.offset == len(data)


def _verify_bundle(data: bytes) -> None:
    """It holds, and then it is the one file of its answer; or one step does not."""
    reading = Reading(io.BytesIO(data))
    steps: list[Step] = []
    try:
        steps += reading.steps()
    except _UNSOUND as error:
        _check_reason(error)
        assert reading.step in (*_STEPS, "map"), reading.step
        return
    assert [step.name for step in steps] == list(_STEPS)
    found = reading.result
    bundle, answer = found.bundle, found.answer
    assert answer.asked == bundle.asked
    places = {index for index, _ in bundle.statements}
    claims = [claim for item in answer.invocations for claim in item.claims]
    assert {claim.index for claim in claims} <= places
    assert all(claim.index < found.head.size for claim in claims)
    car = CarReader(io.BytesIO(data))
    sections = [(one.cid, one.data) for one in car if isinstance(one, Block)]
    assert b"".join(chunks(car.roots, sections)) == data, "two files of one answer"


def _read_fraud(data: bytes) -> None:
    """It shows something, and is written as it was read; or it shows nothing."""
    try:
        found = read_fraud(io.BytesIO(data))
    except (CarError, EncodingError, NoteError, ProofError) as error:
        _check_reason(error)
        return
    json.dumps([found.to_json(), found.words()]).encode()
    assert not any("\n" in line for line in found.words())
    if not isinstance(found, FalseMapHead):  # its statements are read and not kept
        again = read_fraud(io.BytesIO(b"".join(found.car())))
        assert again == found, "another proof when it is written again"


def _read_note(data: bytes) -> None:
    """A note is written as it was read, and so is a checkpoint in it."""
    try:
        found = Note.from_bytes(data)
        assert bytes(found) == data, "two spellings of one note"
        verify_note(found, _KEYS)
        tree = LogCheckpoint.parse(found.text)
    except NoteError as error:
        _check_reason(error)
        return
    assert str(tree) == found.text, "two spellings of one checkpoint"


def _read_vkey(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        found = VerifierKey.parse(text)
    except NoteError as error:
        _check_reason(error)
        return
    assert str(found) == text, "two spellings of one key"


def _read_tlog_text(data: bytes) -> None:
    """Proofs and requests to witnesses: written as they were read."""
    for kind in (TlogProof, AddCheckpoint):
        try:
            found = kind.from_bytes(data)
        except NoteError as error:
            _check_reason(error)
            continue
        assert bytes(found) == data, "two spellings of one text"
        if isinstance(found, TlogProof):
            with suppress(OctostoreError):
                verify_proof(found, _KEYS[0], _KEYS)
                raise AssertionError("nobody signed this")


def _read_tile(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        found = Tile.parse(text)
    except ProofError as error:
        _check_reason(error)
        return
    assert found.path == text, "two paths of one tile"


#: Whose fault it can be that a proof does not hold: that of its bytes.
_UNSOUND = (CarError, EncodingError, NoteError, ProofError, StatementError)

#: What is verified of a bundle, in this order.
_STEPS = (
    *("file", "checkpoint", "entries", "map head"),
    *("statements", "answer", "complete"),
)

#: Keys that nobody has.
_KEYS = (
    VerifierKey("octostore.example/log", SecretKey.from_seed(b"7" * 32).public),
    VerifierKey("w", SecretKey.from_seed(b"8" * 32).public, KeyType.COSIGNATURE),
)


TARGETS = {
    target.name: target
    for target in (
        *(
            Target(
                name,
                partial(_canonicalize, given_resolutions(name)),
                partial(documents, name),
            )
            for name in ADAPTERS
        ),
        Target(
            "own-car",
            partial(_canonicalize, Resolutions.none()),
            partial(documents, "own", car=True),
        ),
        Target("resolutions", _parse_resolutions, resolutions),
        Target("cid", _parse_cid, cids),
        Target("dagcbor", _decode, partial(blocks, "records.json")),
        Target("document", _read_document, whole_documents),
        Target("statement", _receive, partial(blocks, "statements.json")),
        Target("record", _parse_record, partial(blocks, "records.json")),
        Target("policy", read_policy_bytes, policies),
        Target("nix-record", _read_nix_record, nix_records),
        Target("car", _read_car, partial(blocks, "car.json")),
        Target("bundle", _verify_bundle, bundles),
        Target("fraud", _read_fraud, frauds),
        Target("note", _read_note, partial(texts, "note.json", "note")),
        Target("vkey", _read_vkey, partial(texts, "note.json", "vkey")),
        Target("tlog-proof", _read_tlog_text, partial(texts, "tlog.json", "text")),
        Target("tlog-request", _read_tlog_text, partial(texts, "tlog.json", "body")),
        Target("tile", _read_tile, partial(texts, "tlog.json", "path")),
        Target("homestar-receipt", read_receipt_bytes, receipts),
        Target("golem-answer", read_answer, answers),
        Target("bacalhau-answer", read_bacalhau_answer, bacalhau_answers),
        Target("results-tar", read_tar_of_results, tars),
        Target("results-car", read_car_of_results, cars),
    )
}
