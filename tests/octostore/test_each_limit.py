"""Each limit of validity: what is at it is taken, what is one past it is refused.

docs/limits.md lists them; test_limits.py compares that list with the code and with
the cases here.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from invocation_spec import dagcbor, paths, references
from invocation_spec import resolutions as given
from invocation_spec.adapters import bacalhau_job, golem_terms, pipeline
from invocation_spec.canonicalization import canonicalize
from invocation_spec.cid import CID, CID_TEXT_MAX, RAW
from invocation_spec.document import DOCUMENT_BYTES_MAX, read_document
from invocation_spec.errors import (
    CidError,
    DocumentError,
    EncodingError,
    OctostoreError,
)
from invocation_spec.findings import FINDINGS_MAX, TOLD_CHARACTERS_MAX, Findings
from invocation_spec.model import ITEMS_MAX, NONCE_BYTES_MAX, TEXT_BYTES_MAX, Input
from invocation_spec.node import Node
from octostore import car
from octostore.errors import (
    CarError,
    ProofError,
    RecordError,
    ResultError,
    StatementError,
)
from octostore.keys import Did
from octostore.map import head, proof, trie
from octostore.map.questions import Question
from octostore.map.trie import EMPTY
from octostore.records import Claim, Profile, Revocation, issuers, shape
from octostore.records import claim as claims
from octostore.records import resolutions as meanings
from octostore.result import EXIT_MAX, OUTPUTS_MAX, Result
from octostore.statement import INTEGER_MAX, RECORDS_MAX, SignedPart
from tests.octostore.world import Issuer, Ran, data, result

DID: Did = Issuer("any").key.public.did


@dataclass(frozen=True)
class Limit:
    """A limit by the name of its constant; `use(n)` holds something of size n.

    `counted` is False where reading stops at the limit: then what is past it has a
    size that nobody knows, and the message names the limit alone. `words` is how the
    message says the limit, if not in digits.
    """

    name: str
    most: int
    use: Callable[[int], object]
    error: type[OctostoreError]
    counted: bool = True
    words: str = ""


def names(count: int) -> tuple[str, ...]:
    return tuple(f"/{n:05}" for n in range(count))


def links(count: int) -> tuple[CID, ...]:
    return tuple(sorted(CID.of_block(b"%d" % n) for n in range(count)))


def claim(**fields: Any) -> Claim:
    ran = Ran()
    whole: dict[str, Any] = {"network": "ipvm", "result": result().cid}
    return Claim(invocation=ran.cid, **(whole | fields))


def part(**fields: Any) -> SignedPart:
    whole: dict[str, Any] = {
        "iss": DID,
        "chain": bytes(16),
        "seq": 0,
        "prev": None,
        "iat": 1,
        "records": links(1),
    }
    return SignedPart(**(whole | fields))


def nested(depth: int) -> dagcbor.Ipld:
    value: dagcbor.Ipld = 0
    for _ in range(depth):
        value = [value]
    return value


def a_cid(characters: int) -> CID:
    """A CID that holds its bytes itself, as long in text as is asked."""
    digest = (characters - 1) * 5 // 8 - 5
    head = bytes((1, RAW, 0, digest & 0x7F | 0x80, digest >> 7))
    text = "b" + base64.b32encode(head + bytes(digest)).decode().rstrip("=").lower()
    assert len(text) == characters
    return CID.parse(text)


def a_car(header_bytes: int) -> car.CarReader:
    """A CAR whose header has exactly this size: roots of two lengths."""
    short, long = data("a"), CID.from_bytes(bytes((1, RAW, 0x13, 64)) + bytes(64))

    def header(shorts: int, longs: int) -> bytes:
        roots: list[dagcbor.Ipld] = [*[long] * longs, *[short] * shorts]
        value: dagcbor.Ipld = {"roots": roots, "version": 1}
        return dagcbor.encode(value, bytes_max=2 * header_bytes)

    size = header_bytes - (len(header(3000, 0)) - 3000 * 41)  # of the roots alone
    longs = next(n for n in range(41) if (size - 73 * n) % 41 == 0)
    head = header((size - 73 * longs) // 41, longs)
    assert len(head) == header_bytes
    length = bytes((len(head) & 0x7F | 0x80, len(head) >> 7 & 0x7F | 0x80, 64))
    return car.CarReader(io.BytesIO(length + head))


def a_job(count: int) -> object:
    job = {
        "Name": "j",
        "Type": "batch",
        "Count": count,
        "Tasks": [
            {
                "Name": "t",
                "Engine": {
                    "Type": "docker",
                    "Params": {"Image": "a@sha256:" + "0" * 64},
                },
            }
        ],
    }
    return canonicalize(json.dumps(job).encode())


def tasks(count: int) -> object:
    task = {"with": f"ipfs://{data('w')}", "do": "wasm32-wasi/run", "inputs": {}}
    return canonicalize(json.dumps([task] * count).encode())


def findings(count: int) -> None:
    found = Findings()
    for _ in range(count):
        found.warn("/a", "dropped", "b")


def meant(count: int) -> object:
    every = {f"https://h/{n}": str(data("a")) for n in range(count)}
    return given.Resolutions.parse(json.dumps(every).encode())


MODEL = "invocation_spec.model"
RECORDS = "octostore.records"


def asked(count: int) -> object:
    """So many questions of the empty map."""
    questions = [Question(n.to_bytes(4, "big")) for n in range(count)]
    return proof.open_proof(proof.MapProof(()), EMPTY, questions)


LIMITS = [
    Limit(
        "octostore.map.head.INTEGER_MAX",
        head.INTEGER_MAX,
        lambda n: head.MapHead(n, EMPTY, n),
        ProofError,
    ),
    Limit(
        "octostore.map.trie.KEY_BYTES_MAX",
        trie.KEY_BYTES_MAX,
        lambda n: proof.MapProof((bytes(n),)),
        ProofError,
        words="no hash and no key",
    ),
    Limit(
        "octostore.map.proof.ITEMS_MAX",
        proof.ITEMS_MAX,
        lambda n: proof.MapProof((0,) * n),
        ProofError,
    ),
    Limit(
        "octostore.map.proof.QUESTIONS_MAX",
        proof.QUESTIONS_MAX,
        asked,
        ProofError,
    ),
    Limit(
        "invocation_spec.dagcbor.BLOCK_BYTES_MAX",
        dagcbor.BLOCK_BYTES_MAX,
        lambda n: dagcbor.encode(bytes(n - 5)),
        EncodingError,
    ),
    Limit(
        "invocation_spec.dagcbor.DEPTH_MAX",
        dagcbor.DEPTH_MAX,
        lambda n: dagcbor.encode(nested(n)),
        EncodingError,
        counted=False,
    ),
    Limit(
        "invocation_spec.dagcbor.INT_MAX",
        dagcbor.INT_MAX,
        dagcbor.encode,
        EncodingError,
        words="2^64-1",
    ),
    Limit("invocation_spec.cid.CID_TEXT_MAX", CID_TEXT_MAX, a_cid, CidError),
    Limit(
        f"{MODEL}.values.ITEMS_MAX",
        ITEMS_MAX,
        lambda n: Input(argv=("a",) * n),
        EncodingError,
    ),
    Limit(
        f"{MODEL}.values.TEXT_BYTES_MAX",
        TEXT_BYTES_MAX,
        lambda n: Input(argv=("a" * n,)),
        EncodingError,
    ),
    Limit(
        f"{MODEL}.input.NONCE_BYTES_MAX",
        NONCE_BYTES_MAX,
        lambda n: Input(nonce=b"a" * n),
        EncodingError,
        counted=False,
    ),
    Limit(
        "invocation_spec.paths.PATH_BYTES_MAX",
        paths.PATH_BYTES_MAX,
        lambda n: paths.clean("a" * (n - 1)),
        EncodingError,
    ),
    Limit(
        "invocation_spec.document.DOCUMENT_BYTES_MAX",
        DOCUMENT_BYTES_MAX,
        lambda n: read_document(b"{}".ljust(n)),
        DocumentError,
    ),
    Limit(
        "invocation_spec.references.REFERENCE_BYTES_MAX",
        references.REFERENCE_BYTES_MAX,
        lambda n: references.parse_url("https://h/" + "a" * (n - 10)),
        EncodingError,
    ),
    Limit(
        "invocation_spec.resolutions.RESOLUTIONS_MAX",
        given.RESOLUTIONS_MAX,
        meant,
        DocumentError,
        counted=False,
    ),
    Limit(
        "invocation_spec.findings.FINDINGS_MAX",
        FINDINGS_MAX,
        findings,
        DocumentError,
        counted=False,
    ),
    Limit(
        "invocation_spec.findings.TOLD_CHARACTERS_MAX",
        TOLD_CHARACTERS_MAX,
        lambda n: Findings().warn("a" * n, "dropped", "b"),
        DocumentError,
        counted=False,
    ),
    Limit(
        "invocation_spec.adapters.golem_terms.PROPERTY_NAME_MAX",
        golem_terms.PROPERTY_NAME_MAX,
        lambda n: golem_terms._flatten(Node({"a" * n: "b"})),
        DocumentError,
    ),
    Limit(
        "invocation_spec.adapters.pipeline.TASKS_MAX",
        pipeline.TASKS_MAX,
        tasks,
        DocumentError,
        counted=False,
    ),
    Limit(
        "invocation_spec.adapters.bacalhau_job.COUNT_MAX",
        bacalhau_job.COUNT_MAX,
        a_job,
        DocumentError,
    ),
    Limit(
        "octostore.result.OUTPUTS_MAX",
        OUTPUTS_MAX,
        lambda n: Result(dict.fromkeys(names(n), data("R"))),
        ResultError,
    ),
    Limit(
        "octostore.result.EXIT_MAX",
        EXIT_MAX,
        lambda n: Result({"/a": data("R")}, n),
        ResultError,
    ),
    Limit(
        f"{RECORDS}.shape.INTEGER_MAX",
        shape.INTEGER_MAX,
        lambda n: claim(started=n),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.shape.LABEL_BYTES_MAX",
        shape.LABEL_BYTES_MAX,
        lambda n: claim(executor="x" * n),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.shape.TEXT_BYTES_MAX",
        shape.TEXT_BYTES_MAX,
        lambda n: claim(native={"a": "x" * n}),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.shape.URL_BYTES_MAX",
        shape.URL_BYTES_MAX,
        lambda n: claim(at=("https://h/" + "x" * (n - 10),)),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.shape.NETWORK_BYTES_MAX",
        shape.NETWORK_BYTES_MAX,
        lambda n: claim(network="golem:" + "x" * (n - 6)),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.claim.DIRS_MAX",
        claims.DIRS_MAX,
        lambda n: claim(dirs=names(n)),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.claim.EVIDENCE_MAX",
        claims.EVIDENCE_MAX,
        lambda n: claim(evidence=links(n)),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.claim.URLS_MAX",
        claims.URLS_MAX,
        lambda n: claim(at=tuple(f"https://h{name}" for name in names(n))),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.claim.NATIVE_MAX",
        claims.NATIVE_MAX,
        lambda n: claim(native=dict.fromkeys(names(n), "x")),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.resolutions.RESOLUTIONS_MAX",
        meanings.RESOLUTIONS_MAX,
        lambda n: claim(resolutions=dict.fromkeys(names(n), "x")),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.resolutions.PARTS_MAX",
        meanings.PARTS_MAX,
        lambda n: claim(resolutions={"a": {"cmd": names(n)}}),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.issuers.NETWORKS_MAX",
        issuers.NETWORKS_MAX,
        lambda n: Profile(name="a", executors={f"n{i}": ("b",) for i in range(n)}),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.issuers.EXECUTORS_MAX",
        issuers.EXECUTORS_MAX,
        lambda n: Profile(name="a", executors={"b": names(n)}),
        RecordError,
    ),
    Limit(
        f"{RECORDS}.issuers.KEEP_MAX",
        issuers.KEEP_MAX,
        lambda n: Revocation(key=DID, keep=links(n)),
        RecordError,
    ),
    Limit(
        "octostore.statement.RECORDS_MAX",
        RECORDS_MAX,
        lambda n: part(records=links(n)),
        StatementError,
    ),
    Limit(
        "octostore.statement.INTEGER_MAX",
        INTEGER_MAX,
        lambda n: part(iat=n),
        StatementError,
    ),
    Limit(
        "octostore.car.HEADER_BYTES_MAX",
        car.HEADER_BYTES_MAX,
        a_car,
        CarError,
    ),
]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_what_is_at_a_limit_is_taken_and_one_more_is_refused(limit: Limit) -> None:
    limit.use(limit.most)
    with pytest.raises(OctostoreError) as refused:
        limit.use(limit.most + 1)
    assert type(refused.value) is limit.error
    said = refused.value.reason.replace(",", "")
    assert (limit.words or str(limit.most)) in said
    assert not limit.counted or str(limit.most + 1) in said
