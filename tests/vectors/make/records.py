"""All record types, each with its nearest invalid neighbours."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import dag_cbor

from tests.vectors.make.curve import IDENTITY, packed
from tests.vectors.make.rows import (
    FILE,
    FILE_2,
    FILE_SHA3,
    HIGH,
    INVOCATION,
    LOW,
    ME,
    OTHER,
    RESULT,
    A,
    B,
    Row,
    changed,
    did,
    invalid,
    valid,
)

CLAIM: Row = {
    "type": "claim",
    "invocation": INVOCATION,
    "network": "bacalhau",
    "result": RESULT,
}
FULL_CLAIM = {
    **CLAIM,
    "network": "golem:polygon",
    "executor": "0x5dB8f1a8f3Cf1Bd5F0D9C4a1E0bE6C9d0E1f2A3b",
    "job": "e1d2c3",
    "platform": "linux/arm64/v8",
    "dirs": ["/golem/output", "/golem/work"],
    "started": 1669000000,
    "finished": 1669000060,
    "limits": {
        "network": "none",
        "memory_bytes": 1 << 30,
        "time_s": 1800,
        "fuel": 2**53 - 1,
    },
    "resolutions": {
        "oci:docker.io/library/python:3.11": {
            "digest": "sha256:" + "00" * 32,
            "entrypoint": [],
            "cmd": ["python3"],
        },
        "https://example.org/a.csv": str(FILE),
        "golem:sha3-224:" + "00" * 28: {"kind": "wasi", "entries": {"main": str(FILE)}},
    },
    "evidence": [LOW, HIGH],
    "at": ["ipfs://" + str(FILE), "https://example.org/out?x=1#y"],
    "reveals": {"commitment": A, "salt": bytes(32)},
    "withheld": ["input", "program"],
    "native": {"State": "Completed", "Error": ""},
}
FAILED = {key: value for key, value in CLAIM.items() if key != "result"}


def records() -> Iterable[Row]:
    """All record types, each with its nearest invalid neighbours."""
    yield from _claims()
    yield from _claim_parts()
    yield from _links()
    yield from _issuer_records()
    yield from _small_records()
    yield from _commitments()


def _neighbours(
    name: str, base: Row, rows: Iterable[tuple[str, str, dict[str, Any]]]
) -> Iterable[Row]:
    for what, why, fields in rows:
        yield invalid(f"{name}: {what}", why, changed(base, **fields), "record")


def _claims() -> Iterable[Row]:
    yield valid("claim", "the least it can say", CLAIM)
    yield valid("claim: every field", "all fields but failure", FULL_CLAIM)
    for kind in ("limit", "not-started", "other", "time-out", "trap"):
        failed = {**FAILED, "failure": {"kind": kind}}
        yield valid(f"claim: failure {kind}", "closed list of kinds", failed)
    said = {**FAILED, "failure": {"kind": "trap", "message": "unreachable\n\tat f"}}
    yield valid("claim: failure with a message", "lines and tabs are text", said)
    odd: Row = {**CLAIM, "started": 9, "finished": 8}
    yield valid("claim: finished before it started", "a finding, no reason", odd)
    block = dag_cbor.encode(CLAIM)
    yield invalid("claim: trailing byte", "one block", block + b"\0", "encoding")
    yield invalid("claim: cut", "breaks off", block[:-1], "encoding")
    wide = block.replace(b"\x65claim", b"\x78\x05claim")
    yield invalid("claim: length not minimal", "one encoding", wide, "encoding")
    yield invalid("not a map", "a record is a map", [CLAIM], "record")
    yield from _neighbours(
        "claim",
        CLAIM,
        (
            ("no type", "type is what it is", {"type": ...}),
            ("unknown type", "closed", {"type": "verdict"}),
            ("type in upper case", "one spelling", {"type": "Claim"}),
            ("type 0", "text", {"type": 0}),
            ("unknown field", "closed", {"confidence": 1}),
            ("issuer", "the statement says who signs", {"issuer": ME}),
            ("no invocation", "about what?", {"invocation": ...}),
            ("invocation as text", "a link", {"invocation": str(INVOCATION)}),
            ("raw invocation", "our blocks are dag-cbor", {"invocation": FILE}),
            ("no network", "where?", {"network": ...}),
            ("no outcome", "either", {"result": ...}),
            ("both outcomes", "not both", {"failure": {"kind": "trap"}}),
            ("raw result", "our blocks are dag-cbor", {"result": FILE}),
            ("null result", "left out", {"result": None}),
            ("result inline", "a link", {"result": {"outputs": {"/a": FILE}}}),
        ),
    )
    for network in (
        *("", "Bacalhau", "golem:", ":polygon", "golem:a:b", "-a", "a-", "a--b"),
        *("a b", "9p", "golem:Polygon", "gol\u00e9m", "golem\n", "a" * 65),
    ):
        yield invalid(
            f"claim: network {network[:12]!r}",
            "a lower-case name and perhaps an instance",
            changed(CLAIM, network=network),
            "record",
        )
    for network in ("a", "ga4gh-tes", "golem:polygon", "golem:v1.2", "x:9", "a" * 64):
        row = valid(
            f"claim: network {network[:12]}", "allowed", {**CLAIM, "network": network}
        )
        yield row


def _claim_parts() -> Iterable[Row]:
    salt = bytes(32)
    yield from _neighbours(
        "claim",
        CLAIM,
        (
            ("empty executor", "left out", {"executor": ""}),
            ("executor with a line break", "one line", {"executor": "a\nb"}),
            ("executor with C1 control", "U+0085", {"executor": "a\u0085"}),
            ("executor of 513 bytes", "too long", {"executor": "x" * 513}),
            ("job as integer", "text", {"job": 7}),
            ("platform without machine", "os/machine", {"platform": "linux"}),
            ("platform in upper case", "as OCI", {"platform": "Linux/amd64"}),
            ("empty dirs", "left out", {"dirs": []}),
            ("dirs out of order", "a set has an order", {"dirs": ["/b", "/a"]}),
            ("a dir twice", "a set", {"dirs": ["/a", "/a"]}),
            ("relative dir", "absolute", {"dirs": ["a"]}),
            ("dir with a slash at the end", "clean", {"dirs": ["/a/"]}),
            ("dirs as text", "a list", {"dirs": "/a"}),
            ("started before 1970", "not negative", {"started": -1}),
            ("started beyond 2^53", "JSON keeps less", {"started": 2**53}),
            ("finished true", "a boolean is no time", {"finished": True}),
            ("empty limits", "left out", {"limits": {}}),
            ("limits with unknown field", "closed", {"limits": {"cpu": 1}}),
            (
                "limits network full",
                "none or available",
                {"limits": {"network": "full"}},
            ),
            ("zero fuel", "lets nothing run", {"limits": {"fuel": 0}}),
            ("memory as text", "an integer", {"limits": {"memory_bytes": "1Gb"}}),
            ("empty resolutions", "left out", {"resolutions": {}}),
            ("resolution as link", "written as text", {"resolutions": {"a": FILE}}),
            ("empty resolution", "says nothing", {"resolutions": {"a": {}}}),
            ("resolution null", "says nothing", {"resolutions": {"a": None}}),
            ("resolution with integer", "text", {"resolutions": {"a": {"b": 1}}}),
            (
                "resolution three deep",
                "two levels",
                {"resolutions": {"a": {"b": {"c": {"d": "e"}}}}},
            ),
            ("empty evidence", "left out", {"evidence": []}),
            ("evidence out of order", "a set", {"evidence": [HIGH, LOW]}),
            ("evidence twice", "a set", {"evidence": [LOW, LOW]}),
            ("evidence as text", "links", {"evidence": [str(LOW)]}),
            ("empty at", "left out", {"at": []}),
            ("at twice", "once each", {"at": ["https://a", "https://a"]}),
            ("at javascript", "closed schemes", {"at": ["javascript://a/%0aalert(1)"]}),
            ("at file", "closed schemes", {"at": ["file:///etc/passwd"]}),
            ("at with password", "no user information", {"at": ["https://u:p@a/"]}),
            ("at with a space", "percent-encoded", {"at": ["https://a/b c"]}),
            ("at without host", "absolute", {"at": ["https:///a"]}),
            ("at in upper case", "lower-case scheme", {"at": ["HTTPS://a/"]}),
            ("17 at", "a hint", {"at": [f"https://a/{i}" for i in range(17)]}),
            (
                "salt of 31 bytes",
                "32",
                {"reveals": {"commitment": A, "salt": salt[1:]}},
            ),
            ("reveal without salt", "both", {"reveals": {"commitment": A}}),
            (
                "reveal of a raw CID",
                "commitments are ours",
                {"reveals": {"commitment": FILE, "salt": salt}},
            ),
            ("empty withheld", "left out", {"withheld": []}),
            ("withheld out of order", "a set", {"withheld": ["program", "input"]}),
            ("withheld result", "input or program", {"withheld": ["result"]}),
            ("empty native", "left out", {"native": {}}),
            ("native integer", "text", {"native": {"a": 1}}),
            ("native with empty key", "a name", {"native": {"": "a"}}),
            ("native with NUL", "no NUL", {"native": {"a": "\0"}}),
            ("native of 4097 bytes", "too long", {"native": {"a": "x" * 4097}}),
            ("65 native", "too many", {"native": {str(i): "" for i in range(65)}}),
        ),
    )
    yield from _neighbours(
        "failure",
        {**FAILED, "failure": {"kind": "trap"}},
        (
            ("without kind", "which?", {"failure": {}}),
            ("unknown kind", "closed", {"failure": {"kind": "cancelled"}}),
            ("unknown field", "closed", {"failure": {"kind": "trap", "exit": 1}}),
            ("empty message", "left out", {"failure": {"kind": "trap", "message": ""}}),
            ("as text", "a map", {"failure": "trap"}),
            ("that reveals", "no result", {"reveals": {"commitment": A, "salt": salt}}),
        ),
    )


def _links() -> Iterable[Row]:
    same = {"type": "link", "means": "same-bytes", "a": LOW, "b": HIGH}
    yield valid("link: same-bytes", "raw and UnixFS", {**same, "how": "re-hashed"})
    hashes = sorted((FILE, FILE_SHA3), key=bytes)
    two = {**same, "a": hashes[0], "b": hashes[1]}
    yield valid("link: same-bytes, two hash functions", "cannot be seen wrong", two)
    yield valid("link: same-program", "symmetric", {**same, "means": "same-program"})
    arrow = {**same, "means": "built-from", "a": HIGH, "b": LOW}
    yield valid("link: built-from", "directed, any order", arrow)
    reduces = {"type": "link", "means": "reduces-to", "a": B, "b": A}
    yield valid("link: reduces-to", "two invocations", reduces)
    selects = {
        **same,
        "means": "selects",
        "a": HIGH,
        "b": LOW,
        "platform": "linux/amd64",
    }
    yield valid("link: selects", "an index, for a platform", selects)
    files = sorted((FILE, FILE_2), key=bytes)
    yield from _neighbours(
        "link",
        same,
        (
            ("unknown meaning", "closed", {"means": "similar"}),
            ("no meaning", "how?", {"means": ...}),
            ("to itself", "says nothing", {"b": LOW}),
            ("same-bytes, greater first", "one spelling", {"a": HIGH, "b": LOW}),
            ("same-bytes of raw CIDs", "they differ", {"a": files[0], "b": files[1]}),
            ("same-bytes with platform", "selects only", {"platform": "linux/amd64"}),
            ("selects without platform", "for which?", {"means": "selects"}),
            ("reduces-to of raw", "invocations are ours", {"means": "reduces-to"}),
            ("empty how", "left out", {"how": ""}),
            ("b as text", "a link", {"b": str(HIGH)}),
            ("unknown field", "closed", {"since": 1}),
        ),
    )


def _issuer_records() -> Iterable[Row]:
    profile = {"type": "profile", "name": "University of Bristol"}
    yield valid("profile", "a name", profile)
    whole = {
        **profile,
        "url": "https://bristol.ac.uk",
        "executors": {"bacalhau": ["QmA", "QmB"], "golem:polygon": ["0x00"]},
    }
    yield valid("profile: every field", "all fields", whole)
    yield from _neighbours(
        "profile",
        whole,
        (
            ("no name", "who?", {"name": ...}),
            ("empty name", "who?", {"name": ""}),
            ("name with escape", "no control characters", {"name": "a\x1b[31m"}),
            ("url mailto", "closed schemes", {"url": "mailto:a@b.org"}),
            ("empty executors", "left out", {"executors": {}}),
            ("executors of nothing", "left out", {"executors": {"bacalhau": []}}),
            ("executors out of order", "a set", {"executors": {"a": ["b", "a"]}}),
            ("executor twice", "a set", {"executors": {"a": ["b", "b"]}}),
            ("executors as text", "a list", {"executors": {"a": "b"}}),
            ("executor as integer", "text", {"executors": {"a": [1]}}),
            ("executors of no network", "a network", {"executors": {"A": ["b"]}}),
        ),
    )
    delegation = {"type": "delegation", "to": OTHER}
    yield valid("delegation", "for everything, for ever", delegation)
    limited = {**delegation, "scope": "bacalhau", "until": 1700000000}
    yield valid("delegation: every field", "all fields", limited)
    small = did(packed(IDENTITY))
    yield from _neighbours(
        "delegation",
        limited,
        (
            ("no key", "to whom?", {"to": ...}),
            ("to a web DID", "did:key only", {"to": "did:web:x.org"}),
            ("to a key of small order", "no key", {"to": small}),
            ("scope is no network", "a network", {"scope": "All networks"}),
            ("until as text", "Unix seconds", {"until": "2023-01-01"}),
            ("until -1", "Unix seconds", {"until": -1}),
        ),
    )


def _small_records() -> Iterable[Row]:
    membership = {"type": "membership", "of": OTHER}
    yield valid("membership", "the whole of it", membership)
    yield from _neighbours(
        "membership",
        membership,
        (
            ("no organisation", "of what?", {"of": ...}),
            ("of a name", "a DID", {"of": "Caltech"}),
            ("until", "closed", {"until": 1}),
        ),
    )
    revocation = {"type": "revocation", "key": OTHER, "keep": [A, B]}
    yield valid("revocation", "two chains stay", revocation)
    none = {**revocation, "keep": []}
    yield valid("revocation: nothing stays", "keep is always written", none)
    yield from _neighbours(
        "revocation",
        revocation,
        (
            ("no keep", "nothing must be meant", {"keep": ...}),
            ("keep out of order", "a set", {"keep": [B, A]}),
            ("keep twice", "a set", {"keep": [A, A]}),
            ("keep raw", "statements are ours", {"keep": [FILE]}),
            ("no key", "whose?", {"key": ...}),
        ),
    )
    withdrawal = {"type": "withdrawal", "claim": A, "why": "wrong image"}
    yield valid("withdrawal", "the whole of it", withdrawal)
    yield from _neighbours(
        "withdrawal",
        withdrawal,
        (
            ("no reason", "why?", {"why": ...}),
            ("empty reason", "why?", {"why": ""}),
            ("of a raw CID", "claims are ours", {"claim": FILE}),
        ),
    )


def _commitments() -> Iterable[Row]:
    salt = bytes(range(32))
    opened: Any = ["octostore/commit@1", ME, INVOCATION, RESULT, salt]
    digest = hashlib.sha256(dag_cbor.encode(opened)).digest()
    commitment = {"type": "commitment", "hash": digest}
    row = valid("commitment", "opens with the values below", commitment)
    yield row | {
        "opens_with": {
            "iss": ME,
            "invocation": str(INVOCATION),
            "result": str(RESULT),
            "salt": salt.hex(),
        }
    }
    yield from _neighbours(
        "commitment",
        commitment,
        (
            ("31 bytes", "sha2-256", {"hash": digest[:31]}),
            ("33 bytes", "sha2-256", {"hash": digest + b"\0"}),
            ("as text", "bytes", {"hash": digest.hex()}),
            ("with salt", "that is the reveal", {"salt": salt}),
        ),
    )
