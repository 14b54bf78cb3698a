"""UCAN invocations of version 1.0: invocation/ucan-invocation.json.

None is impure: a function of typed values has no place for a host, a network or
a template. Signatures are made by hand, in affine arithmetic.

python -m tests.vectors.make.ucan_invocation
"""

from __future__ import annotations

import base64
from typing import Any

import dag_cbor

from tests.vectors.make import curve
from tests.vectors.make.cases import (
    CODE,
    DATA,
    IPNS,
    MODULE,
    RSC,
    V0,
    Case,
    block_cid,
    canonical,
    case,
    raw,
    refused,
    text,
    unresolved,
    write,
)
from tests.vectors.make.rows import ME, OTHER, OTHER_SEED, SEED

ADD_ONE = {"kind": "wasm-function", "code": CODE, "function": "add_one"}
ONE: dict[str, Any] = {"args": [1]}
HEADER = bytes.fromhex("3401ed01ed011371")
TAG = "ucan/inv@1.0.0"
AT = "/1/ucan~1inv@1.0.0"


def call(*params: Any, **fields: Any) -> dict[str, Any]:
    """The arguments of `/wasm/run`: add_one of 1 unless said otherwise."""
    return {"mod": RSC, "fun": "add_one", "params": list(params) or [1]} | fields


def payload(args: Any = None, **fields: Any) -> dict[str, Any]:
    """An invocation's payload, every required field present."""
    whole: dict[str, Any] = {
        "iss": ME,
        "sub": ME,
        "cmd": "/wasm/run",
        "args": call() if args is None else args,
        "nonce": b"",
        "prf": [],
        "exp": None,
    }
    return {k: v for k, v in (whole | fields).items() if v is not ...}


def token(
    content: Any, *, tag: str = TAG, header: bytes = HEADER, seed: bytes = SEED
) -> list[Any]:
    """The envelope, signed."""
    part = {"h": header, tag: content}
    return [curve.signature(seed, dag_cbor.encode(part)), part]


def names(envelope: list[Any]) -> dict[str, str]:
    """UCAN's own identifiers of a token and of its task."""
    (content,) = [item for key, item in envelope[1].items() if key != "h"]
    task = {name: content[name] for name in ("sub", "cmd", "args", "nonce")}
    return {
        "ucan-invocation": str(block_cid(envelope)),
        "ucan-task": str(block_cid(task)),
    }


def both(name: str, why: str, content: Any, expected: Case, **more: Any) -> None:
    """A case in DAG-CBOR, and the same values in DAG-JSON."""
    envelope = token(content)
    if expected["outcome"] != "refused":
        expected = expected | {"aliases": names(envelope)}
    case(name, why, dag_cbor.encode(envelope), expected, **more)
    case(f"{name}-in-json", f"{why}; in DAG-JSON", envelope, expected, **more)


def forms() -> None:
    """What is identity, and what is not."""
    both("smallest", "add_one(1)", payload(), canonical(ADD_ONE, ONE))
    for name, why, content in (
        ("of-another-subject", "who is asked is no identity", payload(sub=OTHER)),
        (
            "with-everything-else",
            "proofs, times, audience, metadata and cause are no identity",
            payload(
                aud=OTHER,
                prf=[DATA],
                meta={"fuel": 999999},
                exp=1767225600,
                iat=1767225500,
                cause=DATA,
            ),
        ),
        (
            "names-of-earlier-versions",
            "`func` and `args`, as in every version before",
            payload({"mod": RSC, "func": "add_one", "args": [1]}),
        ),
        ("code-by-link", "a link is the content", payload(call(mod=CODE))),
        (
            "code-by-gateway",
            "a gateway's URL is the content",
            payload(call(mod=f"https://ipfs.io/ipfs/{CODE}")),
        ),
    ):
        envelope = token(content)
        case(
            name,
            why,
            dag_cbor.encode(envelope),
            canonical(ADD_ONE, ONE, aliases=names(envelope), warnings=[]),
        )
    candidate = token(payload(), tag="ucan/inv@1.0.0-rc.1")
    case(
        "release-candidate",
        "the version of the tag is not judged",
        dag_cbor.encode(candidate),
        canonical(ADD_ONE, ONE, aliases=names(candidate)),
    )
    other = token(payload(iss=OTHER), seed=OTHER_SEED)
    case(
        "of-another-issuer",
        "who signs is no identity; the task's own name is the same too",
        dag_cbor.encode(other),
        canonical(ADD_ONE, ONE, aliases=names(other)),
    )
    both(
        "nonce",
        "a nonce makes a run its own",
        payload(nonce=bytes(range(12))),
        canonical(ADD_ONE, {"args": [1], "nonce": bytes(range(12))}),
    )
    both(
        "no-parameters",
        "an empty list",
        payload({"mod": RSC, "fun": "now", "params": []}),
        canonical(ADD_ONE | {"function": "now"}, {}),
    )
    values: list[Any] = [
        1,
        1.5,
        "{{x}}",
        DATA,
        b"\0\1",
        None,
        True,
        {"b": [2], "a": {}},
    ]
    both(
        "typed-values",
        "arguments as they are; braces are text",
        payload(call(*values)),
        canonical(ADD_ONE, {"args": values}),
    )
    data = "data:application/wasm;base64," + base64.b64encode(MODULE).decode()
    both(
        "code-inline",
        "the specification's own example has the module inline",
        payload(call(mod=data)),
        canonical(ADD_ONE | {"code": raw(MODULE)}, ONE),
    )
    envelope = token(payload())
    backwards = [envelope[0], dict(reversed(envelope[1].items()))]
    case(
        "json-in-another-order",
        "the order of keys in JSON is nobody's",
        backwards,
        canonical(ADD_ONE, ONE, aliases=names(envelope)),
    )
    case(
        "map-of-one-link",
        "data to us, a promise to Homestar",
        dag_cbor.encode(token(payload(call({"x": DATA})))),
        canonical(
            ADD_ONE, {"args": [{"x": DATA}]}, warnings=["may-be-read-as-promise"]
        ),
    )
    case(
        "label-of-an-earlier-version",
        "labels are no promises here: one document, one task",
        dag_cbor.encode(token(payload(call({"ucan/promise": ["/", "a"]})))),
        canonical(ADD_ONE, {"args": [{"ucan/promise": ["/", "a"]}]}),
    )


def findings() -> None:
    """Unresolved: promises, of which the document has no task, and references."""
    url, at = "https://example.org/m.wasm", f"{AT}/args"
    both(
        "code-by-url",
        "a URL fixes nothing",
        payload(call(mod=url)),
        unresolved(None, ONE, (f"{at}/mod", url, "url")),
    )
    case(
        "code-by-url-resolved",
        "a resolution says what it gave; the signed bytes stay as they are",
        dag_cbor.encode(token(payload(call(mod=url)))),
        canonical(ADD_ONE, ONE, aliases=names(token(payload(call(mod=url))))),
        resolutions={url: str(CODE)},
    )
    for key in ("await/ok", "ucan/await/ok", "ucan/await/err", "ucan/await/*"):
        case(
            f"promise-{key.replace('/', '-')}",
            "an envelope holds one task, so what it awaits is never in it",
            dag_cbor.encode(token(payload(call(7, {key: DATA})))),
            unresolved(ADD_ONE, None, (f"{at}/params/1", str(DATA), "await")),
        )
    for field, program, given in (
        ("mod", None, ONE),
        ("fun", None, ONE),
        ("params", ADD_ONE, None),
    ):
        case(
            f"promise-for-{field}",
            "a promise outside the arguments cannot be kept",
            dag_cbor.encode(token(payload(call(**{field: {"await/ok": DATA}})))),
            unresolved(program, given, (f"{at}/{field}", str(DATA), "await")),
        )
    case(
        "code-below-a-directory",
        "a path names what only the directory's blocks can say",
        dag_cbor.encode(token(payload(call(mod=f"{RSC}/main.wasm")))),
        unresolved(None, ONE, (f"{at}/mod", f"ipfs:{CODE}/main.wasm", "ipfs-path")),
    )


def bent(block: bytes, at: int, bit: int = 0) -> bytes:
    """Bytes with one bit flipped."""
    found = bytearray(block)
    found[at] ^= 1 << bit
    return bytes(found)


def refused_tokens() -> None:
    """Signatures, headers, issuers and shapes."""
    good = token(payload())
    block = dag_cbor.encode(good)
    one = block.index(b"fparams\x81\x01") + 8
    for name, why, document, where in (
        ("bit-of-the-signature", "one bit of R", bent(block, 3), "/0"),
        ("bit-of-s", "one bit of S", bent(block, 66), "/0"),
        ("bit-of-the-payload", "add_one(0)", bent(block, one), "/0"),
        (
            "json-that-says-another-thing",
            "one value changed after signing",
            text(good).replace('"params": [1]', '"params": [2]'),
            "/0",
        ),
        (
            "json-float-for-an-integer",
            "1.0 is another value, and other bytes",
            text(good).replace('"params": [1]', '"params": [1.0]'),
            "/0",
        ),
        (
            "issuer-who-did-not-sign",
            "the signature is another key's",
            dag_cbor.encode(token(payload(iss=OTHER))),
            "/0",
        ),
        ("signature-of-63-bytes", "cut", [good[0][:63], good[1]], "/0"),
        ("signature-of-65-bytes", "more", [good[0] + b"\0", good[1]], "/0"),
        ("signature-text", "bytes are due", ["x", good[1]], "/0"),
        ("three-elements", "a pair", [*good, 1], None),
        ("two-payloads", "one", [good[0], good[1] | {"ucan/x": {}}], "/1"),
        ("no-header", "of which algorithm", [good[0], {TAG: good[1][TAG]}], "/1"),
        (
            "header-text",
            "bytes are due",
            [good[0], {"h": "x", TAG: good[1][TAG]}],
            "/1/h",
        ),
        ("payload-list", "a map", [good[0], {"h": HEADER, TAG: []}], AT),
        ("trailing-byte", "one value", block + b"\0", None),
        ("cut", "a byte less", block[:-1], None),
    ):
        case(f"refused-{name}", why, document, refused(where))
    for name, header in (
        ("p-256", "3401ec0180241271"),
        ("secp256k1", "3401ec01e7011271"),
        ("rsa", "34018524128002"),
        ("ed25519-over-dag-json", "3401ed01ed0113a902"),
        ("version-2", "3402ed01ed011371"),
        ("none", ""),
    ):
        case(
            f"refused-varsig-{name}",
            "only Ed25519 over DAG-CBOR is verified",
            dag_cbor.encode(token(payload(), header=bytes.fromhex(header))),
            refused("/1/h"),
        )


def refused_payloads() -> None:
    """Well-signed tokens that are no call of a function."""
    for name, why, tag in (
        ("delegation", "it grants, and asks for nothing to run", "ucan/dlg@1.0.0"),
        ("tag-of-a-draft", "only in drafts of the text", "ucan/i/1.0.0-rc.1"),
        ("receipt", "it answers", "ucan/o/1.0.0-rc.1"),
    ):
        case(
            f"refused-{name}",
            why,
            dag_cbor.encode(token(payload(), tag=tag)),
            refused("/1/" + tag.replace("/", "~1")),
        )
    p256 = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"
    double = call() | {"func": "add_one"}
    for name, why, content, where in (
        ("command", "another", payload(cmd="/crud/create"), "/cmd"),
        ("command-of-0.2", "without its slash", payload(cmd="wasm/run"), "/cmd"),
        ("command-cased", "lower case", payload(cmd="/Wasm/run"), "/cmd"),
        ("issuer-missing", "who signed", payload(iss=...), "/iss"),
        ("issuer-p-256", "not Ed25519", payload(iss=p256), "/iss"),
        ("issuer-web", "needs a network", payload(iss="did:web:x.org"), "/iss"),
        ("subject-missing", "of whom", payload(sub=...), "/sub"),
        ("subject-null", "of whom", payload(sub=None), "/sub"),
        ("args-list", "a map", payload([1]), "/args"),
        ("nonce-missing", "required", payload(nonce=...), "/nonce"),
        ("nonce-text", "bytes", payload(nonce="x"), "/nonce"),
        ("unknown-field", "no field", payload(nbf=1), "/nbf"),
        ("mod-missing", "of what", payload({"fun": "f", "params": []}), "/args/mod"),
        (
            "code-as-rsc",
            "Homestar's name stood never inside args",
            payload({"rsc": RSC, "fun": "f", "params": []}),
            "/args/mod",
        ),
        (
            "params-as-input",
            "one example of 0.2 has it, against its own text",
            payload({"mod": RSC, "fun": "f", "input": [1]}),
            "/args/params",
        ),
        ("function-twice", "one thing", payload(double), "/args"),
        ("function-empty", "a name", payload(call(fun="")), "/args/fun"),
        ("params-map", "positional", payload(call(params={})), "/args/params"),
        ("args-unknown", "no field", payload(call(fuel=1)), "/args/fuel"),
        ("module-bare-cid", "text", payload(call(mod=str(CODE))), "/args/mod"),
        ("nonce-long", "at most 256", payload(nonce=bytes(257)), ""),
    ):
        case(
            f"refused-{name}",
            why,
            dag_cbor.encode(token(content)),
            refused(AT + where),
        )
    link = text(token(payload(call("HERE")))).replace('"HERE"', '{"/": "%s"}')
    for name, spelling in (
        ("cidv0", V0),
        ("ipns", IPNS),
        ("identity", "bafkqabiaaebagba"),
    ):
        case(
            f"refused-json-link-{name}",
            "the bytes that were signed are not those of any link here",
            link % spelling,
            refused(),
        )


def ucan_invocation() -> None:
    """All of them."""
    forms()
    findings()
    refused_tokens()
    refused_payloads()
    write("ucan-invocation.json")


if __name__ == "__main__":
    ucan_invocation()
