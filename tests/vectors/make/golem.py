"""Golem bundles, and what they are read as: invocation/golem.json.

Every expected block is written here as a value and encoded with the reference
codec, so that the adapter has no part in what it is tested against.

    python -m tests.vectors.make.golem
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dag_cbor
from multiformats import CID

from tests.vectors.make.rows import Row, cid_of

HERE = Path(__file__).parents[1] / "invocation"

IMAGE = b"an image of Golem's"
OTHER_IMAGE = b"another image of Golem's"
MODULE = cid_of(b"\0asm module", "raw")
OTHER_MODULE = cid_of(b"\0asm another module", "raw")
ZIP = b"a zip of modules"
MANIFEST_DIGEST = hashlib.sha256(b"an OCI manifest").hexdigest()
DATA, OTHER_DATA = b"1,2,3\n", b"4,5,6\n"
FILE, OTHER_FILE = cid_of(DATA, "raw"), cid_of(OTHER_DATA, "raw")
FOLDER = cid_of(b"unixfs", "dag-pb")
URL, OTHER_URL = "http://example.org/a.csv", "http://example.org/b.csv"
NODE = "0xb3dfb4222764d4e0ada2f17ee12efd6eae7c54fb"
AT = "/demand/golem.srv.comp.task_package"


def sha3(data: bytes, bits: int = 224) -> str:
    """The digest as Golem writes it: hex, of which the length tells the width."""
    return hashlib.new(f"sha3_{bits}", data).hexdigest()


def sha3_cid(data: bytes, bits: int = 224) -> CID:
    """Raw, with the multihash of that width."""
    return CID("base32", 1, "raw", (f"sha3-{bits}", bytes.fromhex(sha3(data, bits))))


def task_package(data: bytes = IMAGE, bits: int = 224) -> str:
    """The form that registry, SDKs and gvmkit-build agree on."""
    return f"hash:sha3:{sha3(data, bits)}:http://example.org/image.gvmi"


def demand(package: str | None = None) -> Row:
    """Flat properties, as golem-js writes them."""
    return {"golem.srv.comp.task_package": package or task_package()}


def put(source: str = URL, target: str = "container:/in/a.csv", **more: Any) -> Row:
    """One transfer."""
    return {"transfer": {"from": source, "to": target, **more}}


def run(entry_point: str = "/bin/wc", *args: str, **more: Any) -> Row:
    """One run."""
    return {"run": {"entry_point": entry_point, "args": list(args), **more}}


READY: list[Row] = [{"deploy": {}}, {"start": {"args": []}}]
WC = [*READY, run("/bin/wc", "-c")]
WASM = [*READY, run("wc", "-c")]


def bundle(script: Any = None, **fields: Any) -> Row:
    """A bundle of the vm runtime with one run; a field set to `...` is left out."""
    row: Row = {
        "runtime": {"name": "vm"},
        "demand": demand(),
        "exeScript": WC if script is None else script,
        **fields,
    }
    return {key: value for key, value in row.items() if value is not ...}


def wasm(script: Any = None, **fields: Any) -> Row:
    """A bundle of the wasmtime runtime."""
    return bundle(
        WASM if script is None else script,
        **{
            "runtime": {"name": "wasmtime"},
            "demand": demand(task_package(ZIP)),
            **fields,
        },
    )


def payload(*entries: Row, **more: Any) -> Row:
    """A computation payload manifest."""
    return {
        "version": "0.1.0",
        "createdAt": "2022-07-26T12:51:00.000000Z",
        "expiresAt": "2100-01-01T00:01:00.000000Z",
        "payload": list(entries),
        **more,
    }


def entry(data: bytes = IMAGE, platform: tuple[str, str] | None = None) -> Row:
    """One image of a manifest."""
    row: Row = {"urls": ["http://example.org/i.gvmi"], "hash": f"sha3:{sha3(data)}"}
    if platform is not None:
        row["platform"] = dict(zip(("arch", "os"), platform, strict=True))
    return row


def coded(manifest: Row) -> str:
    """As a demand carries it."""
    return base64.b64encode(json.dumps(manifest).encode()).decode()


def by_manifest(manifest: Row) -> Row:
    """A demand with a manifest and no task package."""
    return {"golem.srv.comp.payload": coded(manifest)}


GVMI = {"kind": "gvmi", "code": sha3_cid(IMAGE)}
OTHER_GVMI = {"kind": "gvmi", "code": sha3_cid(OTHER_IMAGE)}
OCI = {"kind": "oci", "code": cid_of(b"an OCI manifest", "raw")}
WASI = {"kind": "wasi", "code": MODULE}
ARGV = {"argv": ["/bin/wc", "-c"]}
ARGS = {"args": ["-c"]}
PUT = {"argv": ["/bin/wc", "-c"], "files": {"/in/a.csv": FILE}}

PACKAGE = f"golem:sha3-224:{sha3(IMAGE)}"
ZIP_PACKAGE = f"golem:sha3-224:{sha3(ZIP)}"
OF_ZIP = {ZIP_PACKAGE: {"kind": "wasi", "code": str(MODULE)}}
SILENT = ["network-by-default"]


def case(name: str, why: str, document: Row | str, **said: Any) -> Row:
    """One row; the outcome follows from what is said of it.

    `program` and `input` are values; `unresolved` and `impure` are tuples in the
    order of the row's keys; `error_at` refuses, `...` without a place.
    """
    text = document if isinstance(document, str) else json.dumps(document, indent=1)
    row: Row = {"name": name, "why": why, "document": text}
    for key in ("resolutions", "network"):
        if key in said:
            row[key] = said[key]
    if "error_at" in said:
        row["outcome"] = "refused"
        if said["error_at"] is not ...:
            row["error_at"] = said["error_at"]
        return row
    unresolved, impure = said.get("unresolved", []), said.get("impure", [])
    row["outcome"] = "impure" if impure else "unresolved" if unresolved else "canonical"
    blocks = {
        key: dag_cbor.encode(said[key]) for key in ("program", "input") if key in said
    }
    cids: dict[str, Any] = {key: cid_of(block) for key, block in blocks.items()}
    row |= {key: str(cid) for key, cid in cids.items()}
    if row["outcome"] == "canonical":
        row["invocation"] = str(cid_of(dag_cbor.encode(cids)))
    row["unresolved"] = [
        dict(zip(("at", "reference", "kind"), item, strict=True)) for item in unresolved
    ]
    row["impure"] = [dict(zip(("at", "kind"), item, strict=True)) for item in impure]
    row["warnings"] = said.get("warnings", SILENT)
    row["blocks"] = {key: block.hex() for key, block in blocks.items()}
    return row


def plain(name: str, why: str, document: Row | str, **said: Any) -> Row:
    """A case that is read as the image and the command of the first."""
    return case(name, why, document, **{"program": GVMI, "input": ARGV, **said})


def packages() -> Iterable[Row]:
    """Which bytes are run: task packages and manifests."""
    yield plain(
        "vm: one run",
        "the image by its own hash (raw, sha3-224); argv is entry_point and args,"
        " deploy and start are no steps",
        bundle(),
    )
    yield plain(
        "hash:// and 0x and upper-case hex",
        "yagna's location.rs allows all three; where the bytes are is no identity",
        bundle(
            demand=demand(
                f"hash://sha3:0x{sha3(IMAGE).upper()}:https://example.com/other"
            )
        ),
    )
    for bits in (256, 384, 512):
        yield plain(
            f"sha3 of {bits} bits",
            "the width follows from the length of the hex, and so does the multihash",
            bundle(demand=demand(task_package(bits=bits))),
            program={"kind": "gvmi", "code": sha3_cid(IMAGE, bits)},
        )
    for name, text, why in (
        (
            "algorithm sha3-224",
            task_package().replace("sha3:", "sha3-224:"),
            "GAP-5's prose writes it, the exe-unit refuses it: Unsupported digest",
        ),
        (
            "algorithm SHA3",
            task_package().replace("sha3:", "SHA3:"),
            "hex has no case, the algorithm has: hash.rs compares with sha3",
        ),
        (
            "160 bits of sha3",
            f"hash:sha3:{'ab' * 20}:http://example.org/i",
            "no SHA-3 has that width",
        ),
        (
            "a package without a hash",
            f"https://registry.golem.network/download/{'ab' * 32}",
            "the hex names a list of chunks, not the image; yagna: Missing hash",
        ),
    ):
        yield case(name, why, bundle(demand=demand(text)), error_at=AT)
    yield plain(
        "the hex of a registry download",
        "the hash is the one before the URL; the 64 digits in it are of a chunk list",
        bundle(
            demand=demand(
                f"hash:sha3:{sha3(IMAGE)}:"
                f"https://registry.golem.network/download/{'ab' * 32}"
            )
        ),
    )
    yield case(
        "a tag alone",
        "a tag is mutable and never reaches a provider; no resolution has a key for it",
        bundle(demand={"image_tag": "golem/ray-on-golem:0.12.0-py3.10.13"}),
        input=ARGV,
        unresolved=[
            (
                "/demand/image_tag",
                "golem-tag:golem/ray-on-golem:0.12.0-py3.10.13",
                "image-tag",
            )
        ],
    )
    yield case(
        "no package", "nothing says what is run", bundle(demand={}), error_at="/demand"
    )
    yield plain(
        "image known by another hash",
        "ipfs:<CID> re-keys a content address to another of the same bytes",
        bundle(),
        resolutions={f"ipfs:{sha3_cid(IMAGE)}": str(cid_of(IMAGE, "raw"))},
        program={"kind": "gvmi", "code": cid_of(IMAGE, "raw")},
    )
    yield plain(
        "image resolved to its OCI manifest",
        "so that it meets networks that run containers; argv is complete either way",
        bundle(),
        resolutions={PACKAGE: {"kind": "oci", "digest": f"sha256:{MANIFEST_DIGEST}"}},
        program=OCI,
        warnings=[*SILENT, "digest-may-be-an-index"],
    )
    yield case(
        "a virtual machine of modules",
        "the resolution contradicts the runtime; one of them is wrong",
        bundle(),
        resolutions={PACKAGE: {"kind": "wasi", "code": str(MODULE)}},
        error_at=AT,
    )


def manifests() -> Iterable[Row]:
    """The computation payload manifest (GAP-5)."""
    wrapped = "\n  ".join(
        coded(payload(entry()))[at : at + 60] for at in range(0, 900, 60)
    )
    yield plain(
        "manifest: base64 in lines, and a task package",
        "decode_data drops white space; the manifest wins (exe-unit/src/lib.rs)",
        bundle(
            demand={
                **demand(task_package(OTHER_IMAGE)),
                "golem.srv.comp.payload": wrapped,
            }
        ),
    )
    yield plain(
        "manifest: base64 with white space of Unicode",
        "split_whitespace of Rust takes it",
        bundle(
            demand={
                "golem.srv.comp.payload": "\u3000" + coded(payload(entry())) + "\x85"
            }
        ),
    )
    yield case(
        "manifest: base64 with U+001C",
        "no white space to Rust",
        bundle(demand={"golem.srv.comp.payload": coded(payload(entry())) + "\x1c"}),
        error_at=...,
    )
    yield plain(
        "manifest: raw JSON",
        "an SDK whose is_base64 is always true sends it so; its meaning is plain",
        bundle(demand={"golem.srv.comp.payload": json.dumps(payload(entry()))}),
    )
    yield plain(
        "manifest: JSON as an escaped string",
        "what yagna's decode_data falls back to",
        bundle(
            demand={"golem.srv.comp.payload": json.dumps(json.dumps(payload(entry())))}
        ),
    )
    yield plain(
        "manifest: beside its signature, under @tag",
        "payload has children (sig, cert), so nested properties hold it as @tag;"
        " the signature is provenance",
        bundle(
            demand={
                "golem.srv": {
                    "comp": {
                        "payload": {
                            "@tag": coded(payload(entry())),
                            "sig": {"@tag": "c2ln", "algorithm": "sha256"},
                            "cert": "Y2VydA==",
                        }
                    }
                }
            }
        ),
    )
    yield plain(
        "manifest: policy and provenance",
        "version, dates, metadata and the commands allowed only restrict or describe",
        bundle(
            demand=by_manifest(
                payload(
                    entry(platform=("x86_64", "linux")),
                    createdAt="2024-02-03T04:05:06.789+02:00",
                    metadata={"name": "x", "version": "1.2.3"},
                    compManifest={
                        "version": "0.1.0",
                        "script": {"commands": ["run .*"], "match": "regex"},
                        "net": {"inet": {}},
                    },
                )
            )
        ),
    )
    both = payload(
        entry(OTHER_IMAGE, ("aarch64", "linux")), entry(platform=("x86_64", "linux"))
    )
    yield plain(
        "manifest: two platforms, no offer",
        "providers are x86_64/linux unless an offer says more, and the reader is told",
        bundle(demand=by_manifest(both)),
        warnings=[*SILENT, "platform-assumed"],
    )
    yield plain(
        "manifest: two platforms, the offer's",
        "the offer says which architecture the provider had",
        bundle(
            demand=...,
            agreement={
                "demand": {"properties": by_manifest(both)},
                "offer": {"properties": {"golem.inf.cpu.architecture": "aarch64"}},
            },
        ),
        program=OTHER_GVMI,
    )
    yield plain(
        "manifest: the first that fits",
        "one without url or hash is passed over, one without platform fits all",
        bundle(
            demand=by_manifest(
                payload(
                    {"urls": [], "hash": f"sha3:{sha3(ZIP)}"},
                    {"urls": ["http://example.org/i"], "hash": ""},
                    entry(),
                    entry(OTHER_IMAGE),
                )
            )
        ),
    )
    yield case(
        "manifest: amd64",
        "platforms have Rust's names; amd64 is none, so no provider would take it",
        bundle(demand=by_manifest(payload(entry(platform=("amd64", "linux"))))),
        error_at="/demand/golem.srv.comp.payload/payload",
    )
    yield case(
        "manifest: sha3-224",
        "the hash goes into hash:<hash>:<url>, where only sha3 is known;"
        " the pointer goes on inside the base64",
        bundle(
            demand=by_manifest(
                payload({"urls": ["http://example.org/i"], "hash": "sha3-224:ab"})
            )
        ),
        error_at="/demand/golem.srv.comp.payload/payload/0/hash",
    )
    out = "/demand/golem.srv.comp.payload/compManifest/net/inet/out"
    for name, access in (
        ("manifest: outbound access", {"urls": ["https://api.example.org"]}),
        ("manifest: unrestricted outbound", {"unrestricted": {"urls": True}}),
    ):
        yield plain(
            name,
            "the spec asks for a network, so its results are not a function of it;"
            " program and input are complete all the same",
            bundle(
                demand=by_manifest(
                    payload(
                        entry(),
                        compManifest={
                            "version": "0.1.0",
                            "net": {
                                "inet": {"out": {"protocols": ["https"], **access}}
                            },
                        },
                    )
                )
            ),
            impure=[(out, "network")],
            warnings=[],
        )
    for size, refusal in ((1024, {}), (1025, {"error_at": ...})):
        for name, properties in (
            ("flat", {"a." + "b" * (size - 2): 1}),
            ("nested", {"a": {"b" * (size - 2): 1}}),
        ):
            make = case if refusal else plain
            yield make(
                f"a property name of {size} characters, {name}",
                "names in use have some dozen; nested ones repeat what stands above",
                bundle(demand={**demand(), **properties}),
                **refusal,
            )
    yield case(
        "manifest: a map",
        "yagna reads text there and refuses a map",
        bundle(demand={"golem.srv.comp.payload": payload(entry())}),
        error_at="/demand/golem.srv.comp.payload/payload",
    )
    yield case(
        "manifest: neither base64 nor JSON",
        "nothing to read",
        bundle(demand={"golem.srv.comp.payload": "payload: []"}),
        error_at="/demand/golem.srv.comp.payload",
    )


def unreadable_manifests() -> Iterable[Row]:
    """Text that is no manifest."""
    for name, text in (
        ("manifest: base64 of an array", base64.b64encode(b"[]").decode()),
        ("manifest: base64 of half an object", base64.b64encode(b'{"a":').decode()),
        ("manifest: a string that is not closed", '"{}'),
    ):
        yield case(
            name,
            "yagna: Invalid app manifest",
            bundle(demand={"golem.srv.comp.payload": text}),
            error_at="/demand/golem.srv.comp.payload",
        )


def terms() -> Iterable[Row]:
    """Properties and runtimes."""
    yield plain(
        "properties nested",
        "flat, nested and half of each are one set of properties",
        bundle(demand={"golem": {"srv": {"comp": {"task_package": task_package()}}}}),
    )
    yield case(
        "property under another tag",
        "only @tag stands for the value itself",
        bundle(demand={"golem.srv.comp.task_package.@other": task_package()}),
        error_at=...,
    )
    yield case(
        "property below @tag",
        "@tag holds a value; what is below it is no property",
        bundle(demand={"golem.srv.comp": {"@tag": {"task_package": task_package()}}}),
        error_at=...,
    )
    yield case(
        "properties that are empty beside a property",
        "two places for properties; one of them is a mistake",
        bundle(demand={"properties": {}, **demand()}),
        error_at=...,
    )
    yield plain(
        "properties that are null",
        "null is absent",
        bundle(demand={"properties": None, **demand()}),
    )
    agreement = {
        "agreementId": "0a88ff65-b6d4-48e4-8de3-aba9f06f54dd",
        "timestamp": "2022-05-22T10:41:42.564784259Z",
        "validTo": "2022-05-22T12:41:42+01:00",
        "demand": {
            "requestorId": "0x47c9a1ae6e29750b7e0ebdb0e85d8af0cb7161e4",
            "constraints": "(&(golem.inf.mem.gib>=0.5)\n\t(golem.runtime.name=vm))",
            "properties": {"golem": {"srv.comp": {"task_package": task_package()}}},
        },
        "offer": {
            "properties.golem.runtime": {"name": "vm", "version": "0.1.0"},
            "properties": {"golem.com.pricing": {"model": {"@tag": "linear"}}},
        },
    }
    yield plain(
        "an agreement, half imploded",
        "dates, ids, prices and the runtime's version are the market's, not the job's",
        bundle(runtime=..., demand=..., agreement=agreement),
    )
    yield plain(
        "a demand with its constraints",
        "a demand alone says its runtime in the constraints",
        bundle(
            runtime=...,
            demand={
                "constraints": "(& (golem.runtime.name = vm)(golem.inf.cpu.cores>=2))",
                "properties": demand(),
            },
        ),
        network="golem",
    )
    for name, constraints in (
        ("a runtime under an or", "(|(golem.runtime.name=vm)(golem.inf.mem.gib>=1))"),
        ("a runtime under a not", "(&(!(golem.runtime.name=wasmtime))(a=b))"),
        ("a runtime with a wildcard", "(golem.runtime.name=vm*)"),
    ):
        yield case(
            name,
            "not every match of the constraints has that runtime, so none is named",
            bundle(
                runtime=...,
                demand={"properties": demand(), "constraints": constraints},
            ),
            error_at="/runtime",
        )
    yield plain(
        "vm-nvidia",
        "runs the images of vm: the same program",
        bundle(runtime={"name": "vm-nvidia", "version": "0.2.7"}),
    )
    yield case(
        "an unknown runtime",
        "how it reads a package is not known; ya-mock-runtime runs nothing at all",
        bundle(runtime={"name": "ya-mock-runtime"}),
        error_at="/runtime/name",
    )
    yield case(
        "a runtime with another field",
        "the bundle's own shape is closed",
        bundle(runtime={"name": "vm", "arch": "x86_64"}),
        error_at="/runtime/arch",
    )
    yield case(
        "two runtimes",
        "the bundle says vm and the offer wasmtime: one of them is wrong",
        bundle(
            demand=...,
            agreement={
                "demand": {"properties": demand()},
                "offer": {"properties": {"golem.runtime.name": "wasmtime"}},
            },
        ),
        error_at="/agreement/offer/properties/golem.runtime.name",
    )
    yield case(
        "no runtime",
        "nothing says how to read the package",
        bundle(runtime=...),
        error_at="/runtime",
    )
    yield case(
        "a demand that is no map",
        "the properties are a map",
        bundle(demand=task_package()),
        error_at="/demand",
    )
    yield case(
        "a property in two spellings",
        "which wins would depend on the order of keys",
        bundle(
            demand={**demand(), "golem": {"srv.comp.task_package": task_package(ZIP)}}
        ),
        error_at="/demand/golem/srv.comp.task_package",
    )
    yield case(
        "a property beside properties",
        "a demand is its properties or holds them, not both",
        bundle(demand={"properties": demand(), **demand(task_package(ZIP))}),
        error_at=AT,
    )
    yield case(
        "demand and agreement",
        "the agreement holds a demand; a second one might differ",
        bundle(agreement={"demand": {"properties": demand()}}),
        error_at="/agreement",
    )
    yield case(
        "neither demand nor agreement",
        "the mark of a bundle is its exeScript; the rest is missed by name",
        bundle(demand=...),
        error_at="/demand",
    )


def modules() -> Iterable[Row]:
    """The wasmtime runtime."""
    yield case(
        "wasmtime: one module",
        "code, args and files as any network states them: one invocation everywhere;"
        " argv[0] differs by network and stays out",
        wasm([*READY, put(), run("wc", "-c", "/in/a.csv")], inputs={URL: str(FILE)}),
        resolutions=OF_ZIP,
        program=WASI,
        input={"args": ["-c", "/in/a.csv"], "files": {"/in/a.csv": FILE}},
    )
    yield case(
        "wasmtime: relative arguments",
        "another args than with /in/a.csv: strings stay as they are",
        wasm([*READY, put(), run("wc", "-c", "in/a.csv")], inputs={URL: str(FILE)}),
        resolutions=OF_ZIP,
        program=WASI,
        input={"args": ["-c", "in/a.csv"], "files": {"/in/a.csv": FILE}},
    )
    yield case(
        "wasmtime: no resolution",
        "the hash is of a zip with its time stamps; never kind gvmi",
        wasm(),
        input=ARGS,
        unresolved=[(AT, ZIP_PACKAGE, "golem-package")],
    )
    yield case(
        "wasmtime: no arguments",
        "an empty args is omitted, and an input of nothing is {}",
        wasm([*READY, run("wc")]),
        resolutions=OF_ZIP,
        program=WASI,
        input={},
    )
    entries = {"wc": str(MODULE), "sort": str(OTHER_MODULE)}
    several = {ZIP_PACKAGE: {"kind": "wasi", "entries": entries}}
    yield case(
        "wasmtime: a package of several modules",
        "entry_point is the ID of an entry point, which picks the code",
        wasm(),
        resolutions=several,
        program=WASI,
        input=ARGS,
    )
    yield case(
        "wasmtime: an entry point that is not resolved",
        "the resolution does not say what it is",
        wasm([*READY, run("tac", "-c")]),
        resolutions=several,
        input=ARGS,
        unresolved=[(AT, ZIP_PACKAGE, "golem-entry")],
    )
    steps = {"steps": [{"run": ["-c"]}, {"run": []}]}
    two = [*READY, run("wc", "-c"), run("sort")]
    yield case(
        "wasmtime: two entry points, one module asserted",
        "`code` says the package has one entry point; the script uses two",
        wasm(two),
        resolutions=OF_ZIP,
        input=steps,
        unresolved=[(AT, ZIP_PACKAGE, "golem-entry")],
    )
    yield case(
        "wasmtime: runs of different modules",
        "a program has one code",
        wasm(two),
        resolutions=several,
        input=steps,
        unresolved=[(AT, ZIP_PACKAGE, "many-programs")],
    )
    yield case(
        "wasmtime: two names of one module",
        "what runs is the module; a run without arguments is an empty list",
        wasm(two),
        resolutions={
            ZIP_PACKAGE: {
                "kind": "wasi",
                "entries": {"wc": str(MODULE), "sort": str(MODULE)},
            }
        },
        program=WASI,
        input=steps,
    )
    old = {"golem": {"srv.comp.wasm": {"task_package": task_package(ZIP)}}}
    yield case(
        "wasmtime: the old property",
        "agreements of the first wasm exe-units have srv.comp.wasm.task_package",
        wasm(demand=old),
        resolutions=OF_ZIP,
        program=WASI,
        input=ARGS,
    )
    yield case(
        "vm: the old property of wasm",
        "no vm exe-unit has read it",
        bundle(demand=old),
        error_at="/demand",
    )
    yield case(
        "wasmtime: an image",
        "the resolution contradicts the runtime",
        wasm(),
        resolutions={
            ZIP_PACKAGE: {"kind": "oci", "digest": f"sha256:{MANIFEST_DIGEST}"}
        },
        error_at=AT,
    )


def scripts() -> Iterable[Row]:
    """Commands: their form, their order, what they drop."""
    text = json.dumps(WC)
    yield plain(
        "exeScript as text", "the API takes the array as a string", bundle(text)
    )
    yield plain(
        "exeScript as the API's body",
        "POST /activity/{id}/exec",
        bundle({"text": text}),
    )
    yield case(
        "the API's body with another field",
        "it has text alone",
        bundle({"text": text, "batch": 1}),
        error_at="/exeScript/batch",
    )
    for name, script, at in (
        ("exeScript as one command", run(), "/exeScript/run"),
        ("exeScript as null", None, "/exeScript"),
        ("exeScript as text of an object", "{}", "/exeScript"),
    ):
        yield case(
            name, "an array of commands", {**bundle(), "exeScript": script}, error_at=at
        )
    yield case(
        "args as one string",
        "never split: a list of strings",
        bundle([*READY, {"run": {"entry_point": "/bin/wc", "args": "-c x"}}]),
        error_at="/exeScript/2/run/args",
    )
    yield plain(
        "plumbing",
        "a host's name, volumes, progress, capture, sign, terminate and transfers"
        " out change no input; every network gives a host some name",
        bundle(
            [
                {
                    "deploy": {
                        "net": [],
                        "hosts": {},
                        "hostname": "worker",
                        "volumes": ["/golem/input", "/golem/output"],
                        "progress": {"updateInterval": "300ms"},
                    }
                },
                {"start": {}},
                run(
                    "/bin/wc",
                    "-c",
                    capture={"stdout": {"atEnd": {"head": 4096, "format": "bin"}}},
                ),
                put("container:/golem/output/x", f"gftp://{NODE}/{'w' * 65}"),
                put("container:/golem/output", "http://example.org/up", format="zip.0"),
                {"sign": {}},
                {"terminate": {}},
            ]
        ),
    )
    nets = [{"id": "n", "ip": "192.168.0.0/24", "nodeIp": "192.168.0.2"}]
    hosts = {"db": "192.168.0.3"}
    for name, asked in (
        ("deploy: a network of nodes", {"net": nets}),
        ("deploy: names of other nodes", {"hosts": hosts}),
        ("deploy: a network and names in it", {"net": nets, "hosts": hosts}),
    ):
        yield plain(
            name,
            "what other nodes answer is in no document",
            bundle([{"deploy": asked}, *WC[1:]]),
            impure=[(f"/exeScript/0/deploy/{field}", "network") for field in asked],
        )
    for name, field, value in (
        ("deploy: net as a map", "net", {"id": "n"}),
        ("deploy: hosts as a list", "hosts", ["db"]),
        ("deploy: hosts as text", "hosts", "db"),
    ):
        yield case(
            name,
            "exe_script_command.rs reads a list of networks, and a map of hosts",
            bundle([{"deploy": {field: value}}, *WC[1:]]),
            error_at=f"/exeScript/0/deploy/{field}",
        )
    yield plain(
        "braces in the name of a field",
        "Golem has no templates here; the exe-unit drops what it does not know",
        bundle([*READY, run("/bin/wc", "-c", **{"{{if .A}}": 1})]),
        warnings=[*SILENT, "ignored-field"],
    )
    volumes = {"/a": {"host": {}}, "/b": {"ram": {"size": "1GiB"}}}
    yield plain(
        "volumes as a map",
        "new and empty for each activity, `host` too; a claim says them as dirs",
        bundle(
            [
                {"deploy": {"volumes": {**volumes, "/c": {"storage": {"size": 1}}}}},
                *WC[1:],
            ]
        ),
    )
    yield case(
        "a volume of unknown kind",
        "exe_script_command.rs knows host, ram and storage",
        bundle([{"deploy": {"volumes": {"/a": {"nfs": {}}}}}, *WC[1:]]),
        error_at="/exeScript/0/deploy/volumes/~1a",
    )
    yield plain(
        "env and fields that the exe-unit drops",
        "golem-js writes env on run and args inside transfer; neither has an effect",
        bundle(
            [
                {"deploy": {"env": {"A": "1"}}},
                READY[1],
                put(args={"format": "zip"}),
                run("/bin/wc", "-c", env={"LANG": "C"}, stdin="x"),
            ],
            inputs={URL: str(FILE)},
        ),
        input=PUT,
        warnings=[
            *SILENT,
            "env-dropped",
            "ignored-field",
            "env-dropped",
            "ignored-field",
        ],
    )
    for name, body in (
        ("args absent", {"entry_point": "/bin/wc"}),
        ("args null", {"entry_point": "/bin/wc", "args": None, "env": {}}),
    ):
        yield plain(
            name,
            "as []; a whole command all the same",
            bundle([*READY, {"run": body}]),
            input={"argv": ["/bin/wc"]},
        )
    shell = "echo ${HOME} {{.Name}} 'a  b' > /out/x # no"
    yield plain(
        "a shell command, verbatim",
        "never split, never expanded; ${ and {{ are text to a shell and to Golem",
        bundle([*READY, run("/bin/sh", "-c", shell)]),
        input={"argv": ["/bin/sh", "-c", shell]},
    )
    yield case(
        "an unknown command",
        "exe-units know six",
        bundle([*READY, {"exec": {}}]),
        error_at="/exeScript/2",
    )
    yield case(
        "two commands in one map",
        "one command has one name",
        bundle([*READY, {**run(), "sign": {}}]),
        error_at="/exeScript/2",
    )
    yield case(
        "run before start",
        "exe_unit.rs: InvalidState",
        bundle([READY[0], run()]),
        error_at="/exeScript/1",
    )
    yield case(
        "run after terminate",
        "the activity is gone; another computation is another bundle",
        bundle([*WC, {"terminate": {}}, run()]),
        error_at="/exeScript/4",
    )
    yield case(
        "a later batch",
        "without deploy and start it goes on where an earlier batch left the files",
        bundle([run()], activityId="8c7b"),
        program=GVMI,
        unresolved=[("/exeScript/0", "golem-activity:8c7b", "earlier-batch")],
    )
    yield case(
        "nothing is run",
        "no command, no computation",
        bundle(READY),
        error_at="/exeScript",
    )
    yield case(
        "an empty entry point",
        "names no program",
        bundle([*READY, run("")]),
        error_at="/exeScript/2/run/entry_point",
    )
    yield case(
        "an argument that is no string",
        "serde refuses it, and so do we",
        bundle([*READY, {"run": {"entry_point": "/bin/head", "args": ["-n", 3]}}]),
        error_at="/exeScript/2/run/args/1",
    )
    yield case(
        "NUL in an argument",
        "no argv can hold it",
        bundle([*READY, run("/bin/wc", "a\0b")]),
        error_at="/exeScript/2/run/args/0",
    )
    yield case(
        "NUL in an argument beside an unresolved transfer",
        "what breaks a rule is refused, whatever is not known yet",
        bundle([*READY, put(), run("/bin/wc", "a\0b")]),
        error_at="/exeScript/3/run/args/0",
    )
    yield case(
        "start-entrypoint",
        "the image's entrypoint runs beside the script, as long as it likes",
        bundle([READY[0], {"start": {"args": ["start-entrypoint"]}}, run()]),
        program=GVMI,
        impure=[("/exeScript/1/start/args/0", "start-entrypoint")],
    )
    yield case(
        "another argument of start",
        "handed to the runtime, whose answer is not known here",
        bundle([READY[0], {"start": {"args": ["--verbose"]}}, run()]),
        error_at="/exeScript/1/start/args/0",
    )


def steps() -> Iterable[Row]:
    """More than one run, and files between."""
    argv = ["/bin/wc", "-c"]
    wc = run(*argv)
    second = put(OTHER_URL, "container:/in/b.csv")
    known = {URL: str(FILE), OTHER_URL: str(OTHER_FILE)}
    yield plain(
        "puts before one run",
        "adjacent puts merge, and one run is the plain form",
        bundle([*READY, put(), second, wc], inputs=known),
        input={
            "argv": argv,
            "files": {"/in/a.csv": FILE, "/in/b.csv": OTHER_FILE},
        },
    )
    yield plain(
        "two runs with puts",
        "state carries over, so order is identity; empty puts vanish",
        bundle([*READY, run("/bin/true"), put(), second, wc], inputs=known),
        input={
            "steps": [
                {"run": ["/bin/true"]},
                {"put": {"/in/a.csv": FILE, "/in/b.csv": OTHER_FILE}},
                {"run": argv},
            ]
        },
    )
    yield plain(
        "a put after the last run",
        "no plain form has it",
        bundle([*READY, put(), wc, second], inputs=known),
        input={
            "steps": [
                {"put": {"/in/a.csv": FILE}},
                {"run": argv},
                {"put": {"/in/b.csv": OTHER_FILE}},
            ]
        },
    )
    again = put(OTHER_URL, "/in/./a.csv")
    yield case(
        "two files at one path",
        "nothing saw the first; which wins depends on the exe-unit",
        bundle([*READY, put(), again, wc], inputs=known),
        error_at="/exeScript/3/transfer/to",
    )
    yield plain(
        "two files at one path, a run between",
        "the run sees the first, the next run the second",
        bundle([*READY, put(), wc, again, wc], inputs=known),
        input={
            "steps": [
                {"put": {"/in/a.csv": FILE}},
                {"run": argv},
                {"put": {"/in/a.csv": OTHER_FILE}},
                {"run": argv},
            ]
        },
    )


def sources() -> Iterable[Row]:
    """Where a transfer into the container takes its bytes."""
    at, to = "/exeScript/2/transfer/from", "/exeScript/2/transfer/to"
    hexes = sha3(DATA, 256)
    by_hash = {**PUT, "files": {"/in/a.csv": sha3_cid(DATA, 256)}}

    def script(*given: str, **more: Any) -> list[Row]:
        return [*READY, put(*given, **more), run("/bin/wc", "-c")]

    yield plain(
        "a hashed source",
        "the exe-unit checks it: content, raw + sha3-256; where it is does not matter",
        bundle(script(f"hash:sha3:0x{hexes.upper()}:{URL}")),
        input=by_hash,
    )
    yield case(
        "a hashed source in the container",
        "the exe-unit takes the hash off before it looks where the file is",
        bundle(script(f"hash:sha3:{hexes}:/out/a.csv")),
        program=GVMI,
        impure=[("/exeScript/2/transfer", "container-transfer")],
    )
    yield case(
        "a hashed source in the container, of a path that a URL would cut",
        "refused, hashed or not",
        bundle(script(f"hash:sha3:{hexes}:/out/a#b")),
        error_at="/exeScript/2/transfer/from",
    )
    for path in ("container:", "container://"):
        yield case(
            f"a transfer out of {path}",
            "no path",
            bundle([*READY, put(path, "http://example.org/b"), run("/bin/wc")]),
            error_at="/exeScript/2/transfer/from",
        )
    yield plain(
        "a hashed source, re-keyed",
        "one file has a CID for each hash; a resolution says they are one",
        bundle(script(f"hash:sha3:{hexes}:{URL}")),
        resolutions={f"ipfs:{sha3_cid(DATA, 256)}": str(FILE)},
        input=PUT,
    )
    yield plain(
        "a hashed source and inputs",
        "a content address is kept, whatever inputs says of its URL",
        bundle(script(f"hash:sha3:{hexes}:{URL}"), inputs={URL: str(OTHER_FILE)}),
        input=by_hash,
        warnings=[*SILENT, "unused-input"],
    )
    yield case(
        "a source of sha3-256",
        "only sha3 is known to the exe-unit",
        bundle(script(f"hash:sha3-256:{hexes}:{URL}")),
        error_at=at,
    )
    yield case(
        "a plain URL",
        "nothing fixes its bytes; the normal URL is the key of a resolution",
        bundle(script("HTTP://Example.org:80/x/../a.csv#top")),
        program=GVMI,
        unresolved=[(at, URL, "url")],
    )
    yield plain(
        "a plain URL, resolved",
        "from outside the document; the target is the script's",
        bundle(script()),
        resolutions={URL: {"cid": str(FILE), "name": "other.csv"}},
        input=PUT,
    )
    yield plain(
        "inputs of two spellings",
        "keys are URLs and meet as URLs; a CID may be written in any way",
        bundle(
            script("http://example.org:80/a.csv"),
            inputs={"HTTP://EXAMPLE.ORG/a.csv": f"ipfs://{FILE}"},
        ),
        input=PUT,
    )
    yield plain(
        "a gateway on the list",
        "such a URL is its CID",
        bundle(script(f"https://ipfs.io/ipfs/{FOLDER}")),
        input={**PUT, "files": {"/in/a.csv": FOLDER}},
    )
    yield case(
        "a gateway without a CID",
        "what stands where the CID should be is none",
        bundle(script("https://ipfs.io/ipfs/a.csv")),
        error_at=at,
    )
    gftp = f"gftp://{NODE}/{hexes}"
    yield case(
        "gftp with a hash in it",
        "yapapi writes the file's sha3-256 there, but nobody checks it",
        bundle(script(gftp)),
        program=GVMI,
        unresolved=[(at, gftp, "gftp")],
    )
    yield plain(
        "gftp, said by the bundle",
        "the requestor knows what it served",
        bundle(script(gftp), inputs={gftp: str(FILE)}),
        input=PUT,
    )
    random = f"gftp://{NODE}/5b2f0c5e-6f0f-4d49-9c0e-0a6f7c2c9f3e"
    yield plain(
        "gftp, resolved",
        "golem-js writes a UUID, which hashes nothing",
        bundle(script(random)),
        resolutions={random: str(FILE)},
        input=PUT,
    )
    yield case(
        "an archive",
        "what it unpacks to stands nowhere in the bundle; its own CID does not say it",
        bundle(script(URL, "container:/in/", format="zip.0"), inputs={URL: str(FILE)}),
        program=GVMI,
        unresolved=[("/exeScript/2/transfer/format", URL, "archive")],
    )
    yield case(
        "a hashed archive with a file set",
        "which of its files arrive cannot be known from its hash",
        bundle(script(f"hash:sha3:{hexes}:{URL}", fileset="*.csv")),
        program=GVMI,
        unresolved=[
            (
                "/exeScript/2/transfer/fileset",
                f"ipfs:{sha3_cid(DATA, 256)}",
                "archive",
            )
        ],
    )
    yield case(
        "from container to container",
        "copies what an earlier command left there",
        bundle(script("container:/etc/passwd")),
        program=GVMI,
        impure=[("/exeScript/2/transfer", "container-transfer")],
    )
    for name, target in (
        ("a target with ..", "container:/golem/.././in//a.csv"),
        ("a target without a scheme", "/in/a.csv"),
        ("a relative target", "in/a.csv"),
        ("an encoded target", " CONTAINER:/in/%61.csv "),
    ):
        yield plain(
            name,
            "container: is the default, paths are decoded, cleaned and taken from /",
            bundle(script(URL, target), inputs={URL: str(FILE)}),
            input=PUT,
        )
    for name, target, why in (
        ("a target above the root", "container:/../in", "climbs above the root"),
        ("a target that is the root", "container:/", "a file has a name"),
        ("a target on a host", "container://in/a.csv", "yagna would drop `in`"),
        ("a target with a query", "container:/in/a?b", "yagna would drop `?b`"),
        ("a target that is not UTF-8", "container:/in/%ff", "no string can hold it"),
        ("no end in the container", "http://example.org/up", "moves nothing in or out"),
        ("an empty target", "", "yagna: Empty URL"),
    ):
        yield case(
            name,
            why,
            bundle(script(URL, target), inputs={URL: str(FILE)}),
            error_at=to,
        )
    yield case(
        "a source of a kind that nobody fetches",
        "the exe-unit knows http, https and gftp",
        bundle(script("file:///etc/hosts")),
        error_at=at,
    )
    yield case(
        "a hash without a URL",
        "location.rs: InvalidUrl",
        bundle(script(f"hash:sha3:{hexes}")),
        error_at=at,
    )


def bundles() -> Iterable[Row]:
    """The bundle's own fields."""
    a, b = URL.replace("/", "~1"), OTHER_URL.replace("/", "~1")
    yield case(
        "a path in inputs",
        "read by the command line only, which hashes the file",
        bundle(inputs={URL: {"path": "a.csv"}}),
        error_at=f"/inputs/{a}",
    )
    odd = "http:example.org/a.csv"
    yield case(
        "an input of a URL without //",
        "http://example.org/a.csv to the URL standard alone",
        bundle(inputs={odd: str(FOLDER)}),
        error_at=f"/inputs/{odd.replace('/', '~1')}",
    )
    yield plain(
        "an input of another scheme",
        "no transfer needs it",
        bundle(inputs={"ftp://example.org/a.csv": str(FOLDER)}),
        warnings=[*SILENT, "unused-input"],
    )
    yield case(
        "an input that is no CID",
        "a digest in hex says not of what codec",
        bundle(inputs={URL: hashlib.sha256(DATA).hexdigest()}),
        error_at=f"/inputs/{a}",
    )
    yield case(
        "an input that is an IPNS name",
        "whoever holds the key may change what it names",
        bundle(inputs={URL: "ipns://example.org"}),
        error_at=f"/inputs/{a}",
    )
    yield case(
        "an input key with a hash",
        "that source fixes its content already",
        bundle(inputs={f"hash:sha3:{sha3(DATA)}:x:": str(FILE)}),
        error_at=f"/inputs/hash:sha3:{sha3(DATA)}:x:",
    )
    yield case(
        "two input keys alike",
        "which of them is meant?",
        bundle(inputs={OTHER_URL: str(FILE), f"{OTHER_URL}#x": str(OTHER_FILE)}),
        error_at=f"/inputs/{b}#x",
    )
    yield plain(
        "an input that no transfer needs",
        "a file too many is no part of the invocation, and worth a look",
        bundle(inputs={URL: str(FILE)}),
        warnings=[*SILENT, "unused-input"],
    )
    yield plain(
        "notes",
        "keys that begin with _ are for people",
        bundle(_note="from the end-to-end test"),
        warnings=[*SILENT, "ignored-field"],
    )
    yield case(
        "an unknown field",
        "it may mean something to its author",
        bundle(env={"A": "1"}),
        error_at="/env",
    )
    yield plain(
        "a resolution for nothing",
        "a warning, for a mistyped key looks just so",
        bundle(),
        resolutions={OTHER_URL: str(FILE)},
        warnings=[*SILENT, "unused-resolution"],
    )
    yield case(
        "impure and unresolved",
        "impure beats unresolved, and both lists are filled",
        wasm(
            [
                READY[0],
                {"start": {"args": ["start-entrypoint"]}},
                put(),
                run("wc", "-c"),
            ]
        ),
        unresolved=[
            ("/exeScript/2/transfer/from", URL, "url"),
            (AT, ZIP_PACKAGE, "golem-package"),
        ],
        impure=[("/exeScript/1/start/args/0", "start-entrypoint")],
    )
    yaml = f"""\
runtime: {{name: vm, version: 0.4.2}}
demand:
  golem.srv.comp.task_package: '{task_package()}'
exeScript:
- deploy: {{}}
- start: {{args: []}}
- run: {{entry_point: /bin/wc, args: [ARG]}}
"""
    yield plain(
        "YAML",
        "a bundle may be YAML; the version is no identity and may be a number",
        yaml.replace("ARG", "-c"),
    )
    yield case(
        "YAML with a bare no",
        "false in YAML 1.1 and text in 1.2",
        yaml.replace("ARG", "no"),
        error_at="/exeScript/2/run/args/0",
    )
    yield case(
        "a key twice",
        "the second would hide the first",
        json.dumps(bundle())[:-1] + ', "runtime": {"name": "wasmtime"}}',
        error_at=...,
    )
    yield case(
        "a dapp descriptor",
        "GAOM holds ${..} that a runner fills in: a template, no bundle",
        'payloads:\n  w:\n    runtime: vm\n    params: {image_hash: "ab"}\n'
        'services:\n  w:\n    init:\n    - run: {args: ["${services.db.ip}"]}\n',
        error_at=...,
    )


def golem() -> Iterable[Row]:
    """All of them."""
    yield from packages()
    yield from manifests()
    yield from unreadable_manifests()
    yield from terms()
    yield from modules()
    yield from scripts()
    yield from steps()
    yield from sources()
    yield from bundles()


if __name__ == "__main__":
    found = list(golem())
    assert len({row["name"] for row in found}) == len(found)
    HERE.mkdir(exist_ok=True)
    text = json.dumps(found, indent=1, ensure_ascii=True)
    (HERE / "golem.json").write_text(text + "\n")
