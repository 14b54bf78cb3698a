"""Homestar documents: invocation/homestar.json.

python -m tests.vectors.make.homestar
"""

from __future__ import annotations

import base64
import json
from typing import Any

import dag_cbor
from multiformats import CID, multibase

from tests.vectors.make.cases import (
    CODE,
    DATA,
    IPNS,
    MODULE,
    RSC,
    V0,
    V0_AS_V1,
    canonical,
    case,
    impure,
    invocation,
    native,
    raw,
    refused,
    several,
    text,
    unresolved,
    write,
)

RESOURCES = {"fuel": 18446744073709552000.0, "memory": 4294967296, "time": 100000}
ADD_ONE = {"kind": "wasm-function", "code": CODE, "function": "add_one"}


def run(args: Any = None, **fields: Any) -> dict[str, Any]:
    """An instruction, `add_one(1)` unless said otherwise."""
    given = {"func": "add_one", "args": [1] if args is None else args}
    return {"rsc": RSC, "op": "wasm/run", "input": given, "nnc": ""} | fields


def task(instruction: Any, **fields: Any) -> dict[str, Any]:
    """A task as Homestar's own tools write it."""
    whole = {"run": instruction, "cause": None, "meta": RESOURCES, "prf": []}
    return whole | fields


def workflow(*tasks: Any) -> dict[str, Any]:
    """A workflow of tasks."""
    return {"tasks": list(tasks)}


def aliases(instruction: Any, whole: Any = None, flow: Any = None) -> dict[str, str]:
    """Homestar's own names, from the values that it hashes."""
    found = {"homestar-instruction": str(native(instruction))}
    if whole is not None:
        found["homestar-ran"] = str(native({"task": whole}))
    if flow is not None:
        found["homestar-workflow"] = str(native(flow))
    return found


def homestar_forms() -> None:
    """Instruction, task, workflow and the RPC's wrapper, in both codecs."""
    one = {"args": [1]}
    flow = workflow(task(run()))
    case(
        "instruction",
        "the smallest form: add_one(1) of Homestar's example_test.wasm",
        run(),
        canonical(ADD_ONE, one, aliases=aliases(run())),
    )
    case(
        "task",
        "a task around it changes the names Homestar has for it, not ours",
        task(run()),
        canonical(ADD_ONE, one, aliases=aliases(run(), task(run()))),
    )
    case(
        "workflow",
        "so does a workflow",
        flow,
        canonical(ADD_ONE, one, aliases=aliases(run(), task(run()), flow)),
    )
    case(
        "name-and-workflow",
        "the RPC wraps a workflow with a name, which is not part of its CID",
        {"name": "test", "workflow": flow},
        canonical(ADD_ONE, one, aliases=aliases(run(), task(run()), flow)),
    )
    case(
        "network-stated",
        "naming the network changes nothing",
        run(),
        canonical(ADD_ONE, one, aliases=aliases(run())),
        network="ipvm",
    )
    case(
        "network-of-another",
        "naming another refuses",
        run(),
        refused(),
        network="golem",
    )
    case(
        "dag-cbor-workflow",
        "the same values in DAG-CBOR are the same document",
        dag_cbor.encode(flow),
        canonical(ADD_ONE, one, aliases=aliases(run(), task(run()), flow)),
    )
    case(
        "dag-cbor-instruction-with-links-and-bytes",
        "links and bytes are types there, and a map with the key / is data",
        dag_cbor.encode(run([DATA, b"\0\1", {"/": "x"}], rsc=CODE)),
        canonical(
            ADD_ONE,
            {"args": [DATA, b"\0\1", {"/": "x"}]},
            aliases=aliases(run([DATA, b"\0\1", {"/": "x"}])),
        ),
    )
    case(
        "dag-cbor-float-of-16-bits",
        "a float has one encoding, 64 bits",
        dag_cbor.encode(run(["HERE"])).replace(b"dHERE", b"\xf9\x3c\x00"),
        refused(),
    )
    case(
        "dag-cbor-negative-zero",
        "-0.0 equals 0.0 and is written otherwise",
        dag_cbor.encode(run(["HERE"])).replace(b"dHERE", b"\xfb\x80" + bytes(7)),
        refused(),
    )
    case(
        "dag-cbor-integer-below-the-range",
        "-2^63 - 1 has a CBOR encoding and no place in IPLD",
        dag_cbor.encode(run(["HERE"])).replace(b"dHERE", b"\x3b\x80\0\0\0\0\0\0\0"),
        refused(),
    )
    case(
        "yaml",
        "the same values in YAML",
        f"rsc: {RSC}\nop: wasm/run\nnnc: ''\ninput: {{func: add_one, args: [1]}}\n",
        canonical(ADD_ONE, one, aliases=aliases(run())),
    )
    case(
        "yaml-that-readers-disagree-on",
        "`no` is false in YAML 1.1 and text in 1.2",
        f"rsc: {RSC}\nop: wasm/run\nnnc: ''\ninput: {{func: add_one, args: [no]}}\n",
        refused("/input/args/0"),
    )
    case(
        "limits-proofs-and-cause",
        "meta, prf and cause change Homestar's `ran`, not the invocation",
        task(run(), meta={"fuel": 5}, prf=[DATA], cause=native({"x": 1})),
        canonical(
            ADD_ONE,
            one,
            aliases=aliases(
                run(),
                task(run(), meta={"fuel": 5}, prf=[DATA], cause=native({"x": 1})),
            ),
        ),
    )
    case(
        "fuel-of-u64-max",
        "2^64 - 1 is an integer, 18446744073709552000 a float64: two `ran`",
        task(run(), meta={"fuel": 2**64 - 1}),
        canonical(
            ADD_ONE, one, aliases=aliases(run(), task(run(), meta={"fuel": 2**64 - 1}))
        ),
    )
    case(
        "fuel-as-javascript-writes-it",
        "u64::MAX after JavaScript: more than 64 bits, so a float64 in DAG-CBOR",
        text(task(run())).replace("1.8446744073709552e+19", "18446744073709552000"),
        canonical(ADD_ONE, one, aliases=aliases(run(), task(run()))),
    )
    case(
        "task-without-meta",
        "Homestar refuses the task, so it has no `ran`; what is asked is clear",
        {"run": run(), "prf": []},
        canonical(ADD_ONE, one, aliases=aliases(run())),
    )
    case("no-tasks", "nothing is asked", {"tasks": []}, refused())
    case(
        "run-is-a-link",
        "Homestar wants instructions inlined; so do we",
        workflow(task(native(run()))),
        refused("/tasks/0/run"),
    )
    case(
        "same-instruction-twice",
        "Homestar refuses the workflow (DuplicateTask)",
        workflow(task(run()), task(run(), meta={})),
        refused("/tasks/1/run"),
    )
    for name, document, at in (
        ("instruction", run(fuel=1), "/fuel"),
        ("input", run(input={"func": "f", "args": [], "more": 1}), "/input/more"),
        ("task", task(run(), note=""), "/note"),
        ("workflow", workflow(task(run())) | {"v": 1}, "/v"),
        ("wrapper", {"name": "x", "workflow": workflow(task(run())), "v": 1}, "/v"),
    ):
        case(
            f"unknown-field-of-{name}",
            "Homestar drops it; we refuse what we do not understand",
            document,
            refused(at),
        )


def homestar_resources() -> None:
    """`rsc` and `op` in all their spellings."""
    one = {"args": [1]}
    base58 = multibase.encode(bytes(CODE), "base58btc")
    for name, why, rsc, hashed in (
        ("link", "a link is rewritten to ipfs:// before it is hashed", CODE, RSC),
        ("upper-case", "another multibase", f"ipfs://{str(CODE).upper()}", ...),
        ("base58", "another multibase", f"ipfs://{base58}", ...),
        ("gateway", "a gateway on the list", f"https://ipfs.io/ipfs/{CODE}", ...),
        (
            "gateway-as-whatwg-writes-it",
            "a URL is hashed as the URL standard writes it",
            f"HTTPS://IPFS.IO:443/ipfs/{CODE}",
            f"https://ipfs.io/ipfs/{CODE}",
        ),
        (
            "gateway-subdomain",
            "a gateway on the list, by subdomain",
            f"https://{CODE}.ipfs.dweb.link/",
            ...,
        ),
    ):
        case(
            f"rsc-{name}",
            f"{why}; the program is the same, Homestar's CID is not always",
            run(rsc=rsc),
            canonical(
                ADD_ONE,
                one,
                aliases=aliases(run(rsc=rsc if hashed is ... else hashed)),
            ),
        )
    v0 = ADD_ONE | {"code": V0_AS_V1}
    case(
        "rsc-cidv0",
        "CIDv0 is CIDv1 dag-pb of the same digest",
        run(rsc=f"ipfs://{V0}"),
        canonical(v0, one, aliases=aliases(run(rsc=f"ipfs://{V0}"))),
    )
    case(
        "rsc-raw-cid-of-a-file",
        "the flat hash and the UnixFS CID of one file are two programs until a"
        " resolution or a link says otherwise",
        run(rsc=f"ipfs://{raw(MODULE)}"),
        canonical(
            ADD_ONE | {"code": raw(MODULE)},
            one,
            aliases=aliases(run(rsc=f"ipfs://{raw(MODULE)}")),
        ),
    )
    case(
        "rsc-re-keyed",
        "a resolution re-keys a UnixFS CID to the flat hash of the same bytes",
        run(),
        canonical(ADD_ONE | {"code": raw(MODULE)}, one, aliases=aliases(run())),
        resolutions={f"ipfs:{CODE}": str(raw(MODULE))},
    )
    inline = "data:application/wasm;base64," + base64.b64encode(MODULE).decode()
    case(
        "rsc-data-url",
        "inline bytes are raw + sha2-256 of themselves",
        run(rsc=inline),
        canonical(
            ADD_ONE | {"code": raw(MODULE)}, one, aliases=aliases(run(rsc=inline))
        ),
    )
    case(
        "rsc-data-url-of-another-type",
        "what else the bytes may be packed in is anybody's guess",
        run(rsc=inline.replace("wasm", "gzip")),
        refused("/rsc"),
    )
    url = "https://example.org/f.wasm"
    case(
        "rsc-url",
        "a URL fixes nothing",
        run(rsc=url),
        unresolved(None, one, ("/rsc", url, "url"))
        | {"aliases": aliases(run(rsc=url))},
    )
    case(
        "rsc-url-resolved",
        "until a resolution says what it gave",
        run(rsc=url),
        canonical(ADD_ONE | {"code": raw(MODULE)}, one, aliases=aliases(run(rsc=url))),
        resolutions={url: str(raw(MODULE))},
    )
    gateway = f"https://gateway.example.org/ipfs/{CODE}"
    case(
        "rsc-gateway-of-another-host",
        "any other host may answer as it likes; a hint is given",
        run(rsc=gateway),
        unresolved(None, one, ("/rsc", gateway, "url"))
        | {"warnings": ["gateway-of-unknown-host"]},
    )
    case(
        "rsc-path-below-a-cid",
        "a path is resolved by the one who has the directory",
        run(rsc=f"{RSC}/f.wasm"),
        unresolved(None, one, ("/rsc", f"ipfs:{CODE}/f.wasm", "ipfs-path")),
    )
    case(
        "rsc-ipns",
        "a name means what its holder says",
        run(rsc=f"ipns://{IPNS}"),
        unresolved(None, one, ("/rsc", f"ipns:{IPNS}", "ipns")),
    )
    wrong: tuple[tuple[str, str, Any], ...] = (
        (
            "empty-cid",
            "a real fixture has it, from before the CID was known",
            "ipfs://",
        ),
        ("bare-cid", "not a URL", str(CODE)),
        ("empty", "nothing to run", ""),
        ("number", "of another type", 5),
        (
            "sha1",
            "not collision resistant",
            "ipfs://baf4bcfgio3hovkftaer3yx6jsnm6navhg4yimwi",
        ),
    )
    for name, why, bad in wrong:
        case(f"rsc-{name}", why, run(rsc=bad), refused("/rsc"))
    bare = run()
    del bare["rsc"]
    case("rsc-missing", "nothing to run", task(bare), refused("/run/rsc"))
    case(
        "op-in-any-case",
        "abilities are trimmed and lower-cased, also for Homestar's CID",
        run(op=" WASM/Run\n"),
        canonical(ADD_ONE, one, aliases=aliases(run())),
    )
    for name, op in (
        ("of-ucan-1", "/wasm/run"),
        ("of-wasi", "wasm32-wasi/run"),
        ("docker", "docker/run"),
        ("empty", ""),
    ):
        case(
            f"op-{name}",
            "another calling convention, or none: Homestar has wasm/run only",
            run(op=op),
            refused("/op"),
        )
    case(
        "func-in-kebab-case",
        "Homestar finds one export under both names; we take the name verbatim",
        run(input={"func": "add-one", "args": [1]}),
        canonical(
            ADD_ONE | {"function": "add-one"},
            one,
            aliases=aliases(run(input={"func": "add-one", "args": [1]})),
        ),
    )
    for name, given, at in (
        ("func-empty", {"func": "", "args": []}, "/input/func"),
        ("func-missing", {"args": []}, "/input/func"),
        ("args-missing", {"func": "f"}, "/input/args"),
        ("args-null", {"func": "f", "args": None}, "/input/args"),
        ("args-a-map", {"func": "f", "args": {}}, "/input/args"),
        ("input-a-list", [1], "/input"),
        ("params-of-ucan-1", {"func": "f", "params": [1]}, "/input/args"),
    ):
        case(f"input-{name}", "both fields are required", run(input=given), refused(at))


def with_args(name: str, why: str, args: list[Any], **more: Any) -> None:
    """A case whose arguments come through as they are."""
    expected = canonical(ADD_ONE, {"args": args}, aliases=aliases(run(args)), **more)
    case(name, why, run(args), expected)


def literal(args: str) -> str:
    """An instruction with arguments as a text."""
    return text(run(["HERE"])).replace('"HERE"', args)


def homestar_schemes() -> None:
    """URLs that begin like keys of resolutions."""
    one = {"args": [1]}
    for scheme, url, settled in (
        ("oci", "oci://h/x", refused()),
        ("golem", "golem://q", refused()),
        ("s3", "s3://b/k", canonical(ADD_ONE, one)),
        (
            "s3-in-another-spelling",
            "s3://b/a+b",
            {
                **unresolved(None, one, ("/rsc", "s3://b/a+b", "url")),
                "warnings": ["unused-resolution"],
            },
        ),
        ("gftp", "gftp://h/x", canonical(ADD_ONE, one)),
    ):
        case(
            f"url-{scheme}",
            "a URL; what begins like another kind of key is settled only as one",
            run(rsc=url),
            unresolved(None, one, ("/rsc", url, "url")),
        )
        case(
            f"url-{scheme}-resolved",
            "by a key that is of its kind and normal, else not at all",
            run(rsc=url),
            settled,
            resolutions={url: str(CODE)},
        )
    nul = {"func": "a\0", "args": []}
    for name, fields, at in (
        ("function-with-nul", {"input": nul}, "/input/func"),
        ("nonce-too-long", {"nnc": "n" * 257}, None),
    ):
        case(
            f"unresolved-with-{name}",
            "what breaks a rule is refused, whatever is not known yet",
            run(rsc="https://example.org/f.wasm", **fields),
            refused(at),
        )
    promised = {"await/ok": {"/": str(native({"no": "task"}))}}
    case(
        "unresolved-await-with-nonce-too-long",
        "at most 256 bytes, whatever the promise gives",
        run([promised], nnc="n" * 257),
        refused(),
    )
    case(
        "rsc-without-a-cid",
        "ipfs:// names no content; Homestar hashes it, and there is nothing to run",
        run(rsc="ipfs://"),
        refused("/rsc"),
    )


def homestar_arguments() -> None:
    """Values: what is kept apart, what is read alike, what is refused."""
    case(
        "args-none",
        "an empty list is left out of the block",
        run([]),
        canonical(ADD_ONE, {}, aliases=aliases(run([]))),
    )
    with_args("args-float", "1.0 is not 1, whatever the guest casts it to", [1.0])
    with_args("args-order", "arguments are positional", [2, 1])
    with_args("args-null", "null is a value", [None, False, True])
    with_args("args-range", "the ends of the integers", [-(2**63), 2**64 - 1])
    case(
        "args-integer-beyond-64-bits",
        "2^64 and -2^63 - 1 are float64 to Homestar's tools",
        literal("18446744073709551616, -9223372036854775809"),
        canonical(
            ADD_ONE,
            {"args": [18446744073709551616.0, -9223372036854775808.0]},
            aliases=aliases(run([18446744073709551616.0, -9223372036854775808.0])),
        ),
    )
    case(
        "args-exponent",
        "a literal with e is a float, also when it has no fraction",
        literal("1e2, 1E+2, 0.1, 5e-324"),
        canonical(
            ADD_ONE,
            {"args": [100.0, 100.0, 0.1, 5e-324]},
            aliases=aliases(run([100.0, 100.0, 0.1, 5e-324])),
        ),
    )
    for name, value in (("-0", "-0"), ("-0.0", "-0.0"), ("1e400", "1e400")):
        case(f"args-{name}", "no number with one encoding", literal(value), refused())
    with_args(
        "args-text-kept",
        "CR LF, é in two forms and braces are text; nothing is normalised",
        ["a\r\nb", "é", "e\u0301", "{{x}}", "${y}", ""],
    )
    with_args(
        "args-text-like-a-cid",
        "a string is a string, a link is the bytes behind it",
        [str(DATA), f"ipfs://{DATA}", DATA],
    )
    case(
        "args-link-cidv0",
        "a link is normalised in form; Homestar hashes the CIDv0, which we do not"
        " keep, so no name of its is stated",
        literal(f'{{"/": "{V0}"}}'),
        canonical(ADD_ONE, {"args": [V0_AS_V1]}, aliases={}),
    )
    case(
        "args-link-identity",
        "an identity CID of raw bytes is these bytes: raw + sha2-256",
        literal('{"/": "bafkqabiaaebagba"}'),
        canonical(ADD_ONE, {"args": [raw(bytes(range(5)))]}, aliases={}),
    )
    case(
        "args-link-base58",
        "the same binary CID, so also the same for Homestar",
        literal(json.dumps({"/": multibase.encode(bytes(DATA), "base58btc")})),
        canonical(ADD_ONE, {"args": [DATA]}, aliases=aliases(run([DATA]))),
    )
    case(
        "args-link-sha1",
        "not collision resistant",
        literal('{"/": "baf4bcfgio3hovkftaer3yx6jsnm6navhg4yimwi"}'),
        refused("/input/args/0"),
    )
    case(
        "args-link-ipns",
        "a libp2p key is a name, wherever it stands",
        literal(f'[{{"/": "{IPNS}"}}]'),
        unresolved(ADD_ONE, None, ("/input/args/0/0", f"ipns:{IPNS}", "ipns"))
        | {"aliases": {}},
    )
    case(
        "args-link-ipns-resolved",
        "until a resolution says what it named",
        literal(f'[{{"/": "{IPNS}"}}]'),
        canonical(ADD_ONE, {"args": [[DATA]]}, aliases={}),
        resolutions={f"ipns:{IPNS}": str(DATA)},
    )
    case(
        "args-link-re-keyed",
        "links in arguments follow the resolutions as all content does",
        run([{"a": [CODE]}]),
        canonical(
            ADD_ONE | {"code": raw(MODULE)},
            {"args": [{"a": [raw(MODULE)]}]},
            aliases=aliases(run([{"a": [CODE]}])),
        ),
        resolutions={f"ipfs:{CODE}": str(raw(MODULE))},
    )
    with_args("args-bytes", "base64 without padding", [b"", b"\xa1R<^"])
    with_args(
        "args-map",
        "keys of maps are sorted by DAG-CBOR; lists are not",
        [{"bb": 1, "a": {"c": [3, 1, 2], "": 0}, "ab": None}],
    )
    case(
        "args-map-in-another-order",
        "the order of keys in the text is no identity",
        literal('{"ab": null, "a": {"": 0, "c": [3, 1, 2]}, "bb": 1}'),
        canonical(
            ADD_ONE,
            {"args": [{"bb": 1, "a": {"c": [3, 1, 2], "": 0}, "ab": None}]},
            aliases=aliases(run([{"bb": 1, "a": {"c": [3, 1, 2], "": 0}, "ab": None}])),
        ),
    )
    for name, value, at in (
        ("key-twice", '{"a": 1, "a": 1}', None),
        ("reserved-key-beside-another", f'{{"/": "{DATA}", "a": 1}}', "/input/args/0"),
        ("reserved-key-over-a-number", '{"/": 1}', "/input/args/0"),
        ("bytes-padded", '{"/": {"bytes": "oVI8XA=="}}', "/input/args/0/~1/bytes"),
        ("bytes-spare-bits", '{"/": {"bytes": "oVI8XB"}}', "/input/args/0/~1/bytes"),
        ("lone-surrogate", '"\\ud800"', None),
    ):
        case(f"args-{name}", "malformed", literal(value), refused(at))


def homestar_promises() -> None:
    """Promises: found, dangling, out of place, and what only looks like one."""
    first, one = run(), {"args": [1]}
    target = native(first)
    ours = invocation(ADD_ONE, one)

    def awaiting(when: str, *at: Any) -> dict[str, Any]:
        return {"at": list(at), "when": when, "invocation": ours}

    for key, when in (
        ("await/ok", "ok"),
        ("await/error", "error"),
        ("await/*", "any"),
        ("ucan/await/ok", "ok"),
        ("ucan/await/err", "error"),
        ("ucan/await/*", "any"),
    ):
        second = run([{key: target}])
        flow = workflow(task(first), task(second))
        case(
            f"promise-{key}",
            "an instruction's CID in Homestar becomes our invocation's CID",
            flow,
            several(
                canonical(ADD_ONE, one, aliases=aliases(first, task(first), flow)),
                canonical(
                    ADD_ONE,
                    {"args": [None], "awaits": [awaiting(when, 0)]},
                    aliases=aliases(second, task(second), flow),
                ),
            ),
        )
    chained = run([{"await/ok": target}])
    last = run([{"await/ok": native(chained)}, {"await/ok": target}])
    inner = {"args": [None], "awaits": [awaiting("ok", 0)]}
    case(
        "promise-chain-written-backwards",
        "tasks are answered in the document's order, whatever awaits what",
        workflow(task(last), task(chained), task(first)),
        several(
            canonical(
                ADD_ONE,
                {
                    "args": [None, None],
                    "awaits": [
                        {
                            "at": [0],
                            "when": "ok",
                            "invocation": invocation(ADD_ONE, inner),
                        },
                        awaiting("ok", 1),
                    ],
                },
            ),
            canonical(ADD_ONE, inner),
            canonical(ADD_ONE, one),
        ),
    )
    deep = run([{"b": [0, {"await/ok": target}]}, {"": {"await/*": target}}])
    case(
        "promise-inside-an-argument",
        "`at` is a path; awaits are sorted by its DAG-CBOR",
        workflow(task(first), task(deep)),
        several(
            canonical(ADD_ONE, one),
            canonical(
                ADD_ONE,
                {
                    "args": [{"b": [0, None]}, {"": None}],
                    # 82 01 60 sorts before 83 00 61 62 01.
                    "awaits": [awaiting("any", 1, ""), awaiting("ok", 0, "b", 1)],
                },
            ),
        ),
    )
    spelled = multibase.encode(bytes(target), "base58btc")
    case(
        "promise-in-another-base",
        "a CID is its binary form",
        text(workflow(task(first), task(run(["HERE"])))).replace(
            '"HERE"', json.dumps({"await/ok": {"/": spelled}})
        ),
        several(canonical(ADD_ONE, one), canonical(ADD_ONE, inner)),
    )
    nonced = run(nnc=b"\0" * 12)
    case(
        "promise-of-a-nonced-task",
        "what is awaited is the invocation with its nonce",
        workflow(task(nonced), task(run([{"await/ok": native(nonced)}]))),
        several(
            canonical(ADD_ONE, one | {"nonce": b"\0" * 12}),
            canonical(
                ADD_ONE,
                {
                    "args": [None],
                    "awaits": [
                        {
                            "at": [0],
                            "when": "ok",
                            "invocation": invocation(
                                ADD_ONE, one | {"nonce": b"\0" * 12}
                            ),
                        }
                    ],
                },
            ),
        ),
    )
    stale = native(run([7]))
    case(
        "promise-of-an-unknown-task",
        "stale promises are real (test-workflow-jco.json); nobody guesses",
        run([{"await/ok": stale}]),
        unresolved(ADD_ONE, None, ("/input/args/0", str(stale), "await"))
        | {"aliases": aliases(run([{"await/ok": stale}]))},
    )
    url = "https://example.org/f.wasm"
    far = run(rsc=url)
    case(
        "promise-of-an-unresolved-task",
        "canonical only if all that is awaited is",
        workflow(task(far), task(run([{"await/ok": native(far)}]))),
        several(
            unresolved(None, one, ("/tasks/0/run/rsc", url, "url")),
            unresolved(
                ADD_ONE, None, ("/tasks/1/run/input/args/0", str(native(far)), "await")
            ),
        ),
    )
    case(
        "promise-by-our-own-cid",
        "a promise names an instruction by Homestar's CID; sha2-256 is none",
        workflow(task(first), task(run([{"await/ok": ours}]))),
        several(
            canonical(ADD_ONE, one),
            unresolved(
                ADD_ONE, None, ("/tasks/1/run/input/args/0", str(ours), "await")
            ),
        ),
    )
    with_args(
        "promise-like-map",
        "Homestar takes any such map for a promise; to us it is data",
        [{"cid": DATA}],
        warnings=["may-be-read-as-promise"],
    )
    with_args(
        "promise-like-key-in-other-case",
        "only the six keys are promises",
        [{"Await/ok": DATA}],
        warnings=["may-be-read-as-promise"],
    )
    with_args(
        "promise-key-beside-another",
        "a promise stands alone in its map",
        [{"await/ok": DATA, "x": 1}],
        warnings=[],
    )
    with_args(
        "promise-key-over-text",
        "a promise holds a link",
        [{"await/ok": str(target)}],
        warnings=[],
    )
    promise = {"await/ok": target}
    for name, document, at, program, given in (
        ("rsc", run(rsc=promise), "/rsc", None, one),
        ("func", run(input={"func": promise, "args": [1]}), "/input/func", None, one),
        (
            "args",
            run(input={"func": "add_one", "args": promise}),
            "/input/args",
            ADD_ONE,
            None,
        ),
        ("input", run(input=promise), "/input", None, None),
        ("nnc", run(nnc=promise), "/nnc", ADD_ONE, None),
    ):
        case(
            f"promise-as-{name}",
            "a promise outside the arguments has no place in our form",
            document,
            unresolved(program, given, (at, str(target), "await")),
        )


def homestar_nonces() -> None:
    """Nonces: none, and the many ways to write one."""
    one = {"args": [1]}
    written = "1sod60ml6g26mfhsrsa0"
    case(
        "nonce-text",
        "12 bytes in base32hex; a nonce makes another invocation",
        run(nnc=written),
        canonical(
            ADD_ONE,
            one | {"nonce": base32hex(written)},
            aliases=aliases(run(nnc=written)),
        ),
    )
    case(
        "nonce-bytes",
        "the same 12 bytes: one invocation to us, two instructions to Homestar",
        run(nnc=base32hex(written)),
        canonical(
            ADD_ONE,
            one | {"nonce": base32hex(written)},
            aliases=aliases(run(nnc=base32hex(written))),
        ),
    )
    sixteen = "000102030405060708090a0b0c0d0e0f"
    case(
        "nonce-text-of-16-bytes",
        "a UUID",
        run(nnc="000g40o40k30e209185go38e1s"),
        canonical(ADD_ONE, one | {"nonce": bytes.fromhex(sixteen)}),
    )
    for name, nonce in (
        ("upper-case", written.upper()),
        ("padded", f"{written}===="),
        ("spare-bits", "1sod60ml6g26mfhsrsa1"),
        ("another-length", "1sod60ml6g26mfhs"),
        ("plain", "première"),
    ):
        case(
            f"nonce-text-{name}",
            "not what base32hex writes: the bytes of the text",
            run(nnc=nonce),
            canonical(ADD_ONE, one | {"nonce": nonce.encode()}),
        )
    case(
        "nonce-bytes-of-another-length",
        "Homestar takes 12 or 16; a nonce is a nonce",
        run(nnc=b"\1\2\3"),
        canonical(ADD_ONE, one | {"nonce": b"\1\2\3"}),
    )
    missing = run()
    del missing["nnc"]
    for name, why, document in (
        ("missing", 'Homestar hashes a missing nonce as ""', missing),
        ("null", "Homestar reads null as none", run(nnc=None)),
    ):
        case(
            f"nonce-{name}",
            why,
            document,
            canonical(ADD_ONE, one, aliases=aliases(run())),
        )
    case(
        "nonce-of-no-bytes",
        "an empty nonce is none, in whatever type",
        run(nnc=b""),
        canonical(ADD_ONE, one, aliases=aliases(run(nnc=b""))),
    )
    for name, value in (("number", 7), ("list", []), ("map", {}), ("false", False)):
        case(
            f"nonce-{name}",
            "Homestar reads it as none; somebody may have meant one",
            run(nnc=value),
            refused("/nnc"),
        )
    case("nonce-too-long", "at most 256 bytes", run(nnc="x" * 257), refused())


def base32hex(written: str) -> bytes:
    """The bytes of lower-case base32hex without padding."""
    return multibase.decode("v" + written)


def homestar_templates() -> None:
    """Templates of the JavaScript client and of Everywhere Computer."""
    one = {"args": [1]}
    bare = {"name": "a", "input": {"func": "add_one", "args": [3.1]}}
    case(
        "template-without-rsc",
        "the client finds rsc by the task's name",
        {"tasks": [{"run": bare}]},
        impure(None, {"args": [3.1]}, ("/tasks/0/run/rsc", "template")),
    )
    needs = run(["{{needs.a.output}}", 4.4], name="b")
    case(
        "template-needs",
        "a place that the client fills with a promise",
        {"tasks": [{"run": bare}, {"run": needs}]},
        several(
            impure(None, {"args": [3.1]}, ("/tasks/0/run/rsc", "template")),
            impure(ADD_ONE, None, ("/tasks/1/run/input/args/0", "template")),
        ),
    )
    named = run(["{{needs.a.output}}"])
    case(
        "template-of-another-task",
        "one named task makes the document a template, for all its tasks",
        {"tasks": [{"run": run(name="a")}, {"run": named}]},
        several(
            canonical(ADD_ONE, one, aliases=aliases(run())),
            impure(ADD_ONE, None, ("/tasks/1/run/input/args/0", "template")),
        ),
    )
    case(
        "template-rendered",
        "a name is dropped before hashing",
        workflow(task(run(name="a"))),
        canonical(
            ADD_ONE, one, aliases=aliases(run(), task(run()), workflow(task(run())))
        ),
    )
    case(
        "template-in-rsc-nonce-and-key",
        "anything that would reach a block",
        run([{"{{k}}": 1}], name="a", rsc="{{cid:x}}", nnc="{{n}}"),
        impure(
            None,
            None,
            ("/rsc", "template"),
            ("/nnc", "template"),
            ("/input/args/0/{{k}}", "template"),
        ),
    )


#: Characters that may be told of one document.
TOLD_MAX = 67108864
FAN, DEPTH = 16, 3


def fans() -> tuple[str, list[Any]]:
    """Aliases that make thousands of warnings: as YAML, and the values they give."""
    values: list[Any] = [{"a": DATA}]
    texts = [f'&a0 {{a: {{"/": {DATA}}}}}']
    for depth in range(1, DEPTH + 1):
        texts.append(f"&a{depth} [{', '.join([f'*a{depth - 1}'] * FAN)}]")
        values.append([values[-1]] * FAN)
    return ", ".join(texts), values


def warned(value: Any, at: str) -> list[str]:
    """The places of maps of one key over a link."""
    if isinstance(value, dict):
        (key, below), *_ = value.items()
        found = [at] if isinstance(below, CID) else []
        return found + warned(below, f"{at}/{key}")
    if isinstance(value, list):
        return [
            place
            for index, item in enumerate(value)
            for place in warned(item, f"{at}/{index}")
        ]
    return []


def homestar_bounds() -> None:
    """Places that repeat one long key: as much as may be told, and more."""
    yaml, values = fans()
    told = sum(map(len, warned([*values, {"": values[-1]}], "/input/args")))
    length = (TOLD_MAX - told) // FAN**DEPTH
    for name, key in (("most", "k" * length), ("more", "k" * (length + 1))):
        document = (
            f"rsc: {RSC}\nop: wasm/run\ninput:\n  func: f\n"
            f"  args: [{yaml}, {{? {key} : *a{DEPTH}}}]\n"
        )
        args = [*values, {key: values[-1]}]
        expected = canonical({**ADD_ONE, "function": "f"}, {"args": args})
        del expected["blocks"]
        case(
            f"told-{name}",
            "a place repeats each key above it; at most 67108864 characters are told",
            document,
            expected if name == "most" else refused(),
        )


def homestar() -> None:
    """All of them."""
    homestar_forms()
    homestar_resources()
    homestar_schemes()
    homestar_arguments()
    homestar_promises()
    homestar_nonces()
    homestar_templates()
    homestar_bounds()
    write("homestar.json")


if __name__ == "__main__":
    homestar()
