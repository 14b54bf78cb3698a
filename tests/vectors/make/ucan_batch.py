"""UCAN batches of December 2022 and IPVM workflows of version 0.1.

Writes invocation/ucan-batch.json and invocation/ipvm-workflow.json.

python -m tests.vectors.make.ucan_batch
"""

from __future__ import annotations

import base64
from typing import Any

import dag_cbor

from tests.vectors.make.cases import (
    CODE,
    DATA,
    MODULE,
    RSC,
    Case,
    canonical,
    case,
    impure,
    invocation,
    oci,
    raw,
    refused,
    several,
    text,
    unresolved,
    write,
)

HEX = "9f2c" * 16
IMAGE = f"ubuntu@sha256:{HEX}"
OCI = {"kind": "oci", "code": oci(HEX)}
WASI = {"kind": "wasi", "code": CODE}
ADD_ONE = {"kind": "wasm-function", "code": CODE, "function": "add_one"}
ONE: dict[str, Any] = {"args": [1]}
KEYS = {
    "ucan/promise": "ok",
    "ucan/ok": "ok",
    "ucan/err": "error",
    "ucan/ptr": "any",
    "promise/ok": "ok",
    "promise/err": "error",
    "promise/*": "any",
}


def function(*args: Any, **fields: Any) -> dict[str, Any]:
    """A call of add_one, of 1 unless said otherwise."""
    given = {"func": "add_one", "args": list(args) or [1]}
    return {"with": RSC, "do": "wasm/run", "inputs": given} | fields


def docker(**inputs: Any) -> dict[str, Any]:
    """A container task."""
    given = {"entrypoint": ["date", "-u"]} | inputs
    return {"with": IMAGE, "do": "docker/run", "inputs": given}


def wasi(**inputs: Any) -> dict[str, Any]:
    """A WASI task."""
    given = {"entrypoint": "_start", "parameters": ["-v"]} | inputs
    return {"with": RSC, "do": "wasm32-wasi/run", "inputs": given}


def signed(run: Any, **fields: Any) -> dict[str, Any]:
    """The invocation around a batch, as of 6 December."""
    whole = {"uiv": "0.1.0", "nnc": "", "run": run, "prf": [DATA], "sig": b"\0\1"}
    return whole | fields


def awaiting(when: str, program: Any, given: Any, *at: Any) -> dict[str, Any]:
    """An await of another invocation."""
    place = list(at) or [0]
    return {"at": place, "when": when, "invocation": invocation(program, given)}


def named(*expected: Case) -> Case:
    """What a document of labelled tasks gives: one row, or several."""
    return expected[0] if len(expected) == 1 else several(*expected)


EFFECT = {
    "with": "mailto:alice@example.com",
    "do": "msg/send",
    "inputs": {"to": "bob@example.com", "subject": "hello"},
}


def batch_forms() -> None:
    """Named, listed, and in an invocation."""
    case(
        "named",
        "a label names a task in its document; it is no identity",
        {"some-label": function()},
        canonical(ADD_ONE, ONE),
    )
    case(
        "named-of-three-kinds",
        "a function, a container and a WASI command, each an invocation",
        {"f": function(), "c": docker(), "w": wasi()},
        several(
            canonical(ADD_ONE, ONE, warnings=[]),
            canonical(
                OCI,
                {"argv": ["date", "-u"]},
                warnings=["digest-may-be-an-index", "network-by-default"],
            ),
            canonical(WASI, {"args": ["-v"]}, warnings=["network-by-default"]),
        ),
    )
    case(
        "list",
        "a list is a map whose labels are positions",
        [function(), function(2)],
        several(canonical(ADD_ONE, ONE), canonical(ADD_ONE, {"args": [2]})),
    )
    case(
        "same-closure-twice",
        "two labels, one computation",
        {"a": function(), "b": function()},
        several(canonical(ADD_ONE, ONE), canonical(ADD_ONE, ONE)),
    )
    case(
        "invocation",
        "proofs, metadata and the signature are not identity",
        signed({"a": function(meta={"dev/tags": ["x"]})}, meta={"notes": "y"}),
        canonical(ADD_ONE, ONE),
    )
    nonced = {"args": [1], "nonce": b"6c*97-3="}
    case(
        "invocation-with-a-nonce",
        "the nonce makes every task of this run its own",
        signed({"a": function(), "w": wasi()}, nnc="6c*97-3="),
        several(
            canonical(ADD_ONE, nonced),
            canonical(WASI, {"args": ["-v"], "nonce": b"6c*97-3="}),
        ),
    )
    case(
        "nonce-like-base32hex",
        "the nonce of this form is text; base32hex is Homestar's",
        signed({"a": function()}, nnc="1sod60ml6g26mfhsrsa0"),
        canonical(ADD_ONE, {"args": [1], "nonce": b"1sod60ml6g26mfhsrsa0"}),
    )
    case(
        "ucan-invoke",
        "the shape of days before: a tag around it, `ext` for `meta`",
        {
            "ucan/invoke": {
                "v": "0.1.0",
                "nnc": "abcdef",
                "ext": None,
                "prf": [],
                "run": {"a": function()},
            },
            "sig": b"\0",
        },
        canonical(ADD_ONE, {"args": [1], "nonce": b"abcdef"}),
    )
    case(
        "signature-misspelled",
        'the text\'s own examples write "bytes:"; what is no identity is not read',
        text(signed([function()])).replace('"bytes"', '"bytes:"'),
        canonical(ADD_ONE, ONE),
    )
    case(
        "dag-cbor",
        "the same values in DAG-CBOR are the same document",
        dag_cbor.encode(signed({"a": function(DATA, b"\0")})),
        canonical(ADD_ONE, {"args": [DATA, b"\0"]}),
    )
    case(
        "dag-cbor-list",
        "a document may be an array: its first byte is 0x81 here",
        dag_cbor.encode([function()]),
        canonical(ADD_ONE, ONE),
    )
    data = "data:application/wasm;base64," + base64.b64encode(MODULE).decode()
    case(
        "module-inline",
        "inline bytes are a file",
        [function(**{"with": data})],
        canonical(ADD_ONE | {"code": raw(MODULE)}, ONE),
    )
    case(
        "arguments-as-written",
        "an integer and a float are two values, links are links, braces are text",
        [function(1, 1.0, DATA, {"/": {"bytes": "AAE"}}, "{{x}}", None)],
        canonical(ADD_ONE, {"args": [1, 1.0, DATA, b"\0\1", "{{x}}", None]}),
    )
    url = "https://example.org/m.wasm"
    case(
        "module-by-url-resolved",
        "a resolution says what the URL gave",
        [function(**{"with": url})],
        canonical(ADD_ONE, ONE),
        resolutions={url: str(CODE)},
    )


def batch_promises() -> None:
    """Promises that name a task here."""
    for key, when in KEYS.items():
        case(
            f"promise-{key.replace('/', '-')}",
            "the names that a promise had from November to the end of December",
            {"a": function(), "b": function({key: ["/", "a"]})},
            several(
                canonical(ADD_ONE, ONE),
                canonical(
                    ADD_ONE,
                    {"args": [None], "awaits": [awaiting(when, ADD_ONE, ONE)]},
                ),
            ),
        )
    case(
        "promise-forward-in-a-list",
        "a label of a list is a position; order does not matter",
        [function({"ucan/ok": ["/", "1"]}, 5), function()],
        several(
            canonical(
                ADD_ONE,
                {"args": [None, 5], "awaits": [awaiting("ok", ADD_ONE, ONE)]},
            ),
            canonical(ADD_ONE, ONE),
        ),
    )
    case(
        "promise-inside-a-value",
        "as in the workflow's first example",
        {"b": function("x", {"c": {"ucan/promise": ["/", "a"]}}), "a": function()},
        several(
            canonical(
                ADD_ONE,
                {
                    "args": ["x", {"c": None}],
                    "awaits": [awaiting("ok", ADD_ONE, ONE, 1, "c")],
                },
            ),
            canonical(ADD_ONE, ONE),
        ),
    )
    nonced = {"args": [1], "nonce": b"n"}
    case(
        "promise-of-a-nonced-task",
        "it awaits the run of this document",
        signed({"a": function(), "b": function({"ucan/ok": ["/", "a"]})}, nnc="n"),
        several(
            canonical(ADD_ONE, nonced),
            canonical(
                ADD_ONE,
                {
                    "args": [None],
                    "nonce": b"n",
                    "awaits": [awaiting("ok", ADD_ONE, nonced)],
                },
            ),
        ),
    )
    date = {"argv": ["date", "-u"]}
    case(
        "promise-of-a-container",
        "what a container gives can be awaited as well",
        {"c": docker(), "f": function({"promise/*": ["/", "c"]})},
        several(
            canonical(OCI, date),
            canonical(
                ADD_ONE, {"args": [None], "awaits": [awaiting("any", OCI, date)]}
            ),
        ),
    )
    case(
        "order-only",
        "a promise under `_` says what runs before, not what is run",
        {
            "a": function(),
            "b": function(
                inputs={
                    "func": "add_one",
                    "args": [2],
                    "_": [{"ucan/ok": ["/", "a"]}, {"ucan/ok": ["/", "gone"]}],
                }
            ),
        },
        several(
            canonical(ADD_ONE, ONE),
            canonical(ADD_ONE, {"args": [2]}, warnings=["order-dropped"]),
        ),
    )
    case(
        "promise-with-another-key",
        "a map of two keys is data",
        [function({"ucan/promise": ["/", "0"], "x": 1})],
        canonical(ADD_ONE, {"args": [{"ucan/promise": ["/", "0"], "x": 1}]}),
    )
    case(
        "promise-in-meta",
        "nothing in `meta` is read",
        [function(meta={"x": {"ucan/promise": "?"}})],
        canonical(ADD_ONE, ONE),
    )


def batch_unresolved() -> None:
    """Promises that nothing here fulfils, and references."""
    gone = {"promise/ok": ["/", "gone"]}
    case(
        "promise-of-no-task-here",
        "a dangling label stays unresolved, never guessed",
        {"a": function(gone)},
        unresolved(ADD_ONE, None, ("/a/inputs/args/0", "/gone", "await")),
    )
    case(
        "promise-for-all-inputs-of-a-module",
        "nothing is read as a default while a promise stands for the inputs",
        {"a": {**wasi(), "inputs": gone}},
        unresolved(None, None, ("/a/inputs", "/gone", "await"))
        | {"warnings": ["network-by-default"]},
    )
    case(
        "promise-of-another-invocation",
        "a task of another document, by that document's CID",
        {"a": function({"promise/ok": [DATA, "a"]})},
        unresolved(ADD_ONE, None, ("/a/inputs/args/0", f"{DATA}/a", "await")),
    )
    case(
        "promise-of-homestar",
        "the names of later versions are promises too; what they await is not here",
        {"a": function({"await/ok": CODE})},
        unresolved(ADD_ONE, None, ("/a/inputs/args/0", str(CODE), "await")),
    )
    case(
        "promise-for-the-module",
        "outside the arguments a promise cannot be kept; the call is known",
        {"a": function(**{"with": gone})},
        unresolved(None, ONE, ("/a/with", "/gone", "await")),
    )
    case(
        "promise-for-the-function",
        "which function, another task says",
        {"a": function(inputs={"func": gone, "args": [1]})},
        unresolved(None, ONE, ("/a/inputs/func", "/gone", "await")),
    )
    case(
        "promise-for-all-arguments",
        "positions are not known before the list is",
        {"a": function(inputs={"func": "add_one", "args": gone})},
        unresolved(ADD_ONE, None, ("/a/inputs/args", "/gone", "await")),
    )
    case(
        "promise-for-the-inputs",
        "neither function nor arguments are known",
        {"a": function(inputs=gone), "b": wasi() | {"inputs": gone}},
        several(
            unresolved(None, None, ("/a/inputs", "/gone", "await")),
            unresolved(None, None, ("/b/inputs", "/gone", "await")),
        ),
    )
    case(
        "promise-for-the-ability",
        "what kind of task it is, another says",
        {"a": function(do=gone)},
        unresolved(None, None, ("/a/do", "/gone", "await")),
    )
    here = {"ucan/promise": ["/", "a"]}
    case(
        "promise-for-an-image",
        "the workflow's own pipelined example; the command is known",
        {"a": function(), "b": docker() | {"with": here}},
        several(
            canonical(ADD_ONE, ONE),
            unresolved(None, {"argv": ["date", "-u"]}, ("/b/with", "/a", "await")),
        ),
    )
    for name, inputs, at in (
        ("mount", {"mounts": {"/in": here}}, "/b/inputs/mounts/~1in"),
        ("mounts", {"mounts": here}, "/b/inputs/mounts"),
        ("env", {"env": {"A": here}}, "/b/inputs/env/A"),
        ("workdir", {"workdir": here}, "/b/inputs/workdir"),
        ("entrypoint", {"entrypoint": ["echo", here]}, "/b/inputs/entrypoint/1"),
    ):
        case(
            f"promise-for-a-container-{name}",
            "a container takes no typed values: its image is known, its input is not",
            {"a": function(), "b": docker(**inputs)},
            several(
                canonical(ADD_ONE, ONE), unresolved(OCI, None, (at, "/a", "await"))
            ),
        )
    case(
        "promise-for-a-parameter",
        "a WASI command takes strings",
        {"a": function(), "b": wasi(parameters=[here, "-v"])},
        several(
            canonical(ADD_ONE, ONE),
            unresolved(WASI, None, ("/b/inputs/parameters/0", "/a", "await")),
        ),
    )
    case(
        "promise-for-a-module",
        "an import is part of the program; the input is known",
        {"a": function(), "b": wasi(modules=[here])},
        several(
            canonical(ADD_ONE, ONE),
            unresolved(None, {"args": ["-v"]}, ("/b/inputs/modules/0", "/a", "await")),
        ),
    )
    case(
        "awaits-an-unresolved-task",
        "canonical only if what it awaits is",
        {"a": function(gone), "b": function(here)},
        several(
            unresolved(ADD_ONE, None, ("/a/inputs/args/0", "/gone", "await")),
            unresolved(ADD_ONE, None, ("/b/inputs/args/0", "/a", "await")),
        ),
    )
    url = "https://example.org/m.wasm"
    case(
        "module-by-url",
        "a URL fixes nothing",
        [function(**{"with": url})],
        unresolved(None, ONE, ("/0/with", url, "url")),
    )
    reference = "oci:docker.io/library/ubuntu:latest"
    case(
        "image-by-tag",
        "a tag moves",
        [docker() | {"with": "ubuntu"}],
        unresolved(None, {"argv": ["date", "-u"]}, ("/0/with", reference, "oci-tag")),
    )


def batch_impure() -> None:
    """Effects."""
    case(
        "effect",
        "a message is sent, whatever is computed",
        {"a": EFFECT},
        impure(None, None, ("/a/do", "effect")),
    )
    case(
        "effect-beside-a-function",
        "the function keeps its name",
        {"a": EFFECT, "b": function()},
        several(impure(None, None, ("/a/do", "effect")), canonical(ADD_ONE, ONE)),
    )
    case(
        "effect-awaited",
        "what an effect gives is nobody's to repeat",
        {"a": EFFECT, "b": function({"ucan/ok": ["/", "a"]})},
        several(
            impure(None, None, ("/a/do", "effect")),
            unresolved(ADD_ONE, None, ("/b/inputs/args/0", "/a", "await")),
        ),
    )
    case(
        "ability-in-upper-case",
        "abilities of this form are matched as they are written",
        [function(do="WASM/RUN")],
        impure(None, None, ("/0/do", "effect")),
    )


def batch_refused() -> None:
    """Documents that break the form."""
    loop = {"ucan/ok": ["/", "a"]}
    for name, why, document, at in (
        ("everything", "which tasks, the UCANs say", signed("*"), "/run"),
        ("version", "another version", signed([function()], uiv="0.2.0"), "/uiv"),
        ("nonce-number", "a string", signed([function()], nnc=1), "/nnc"),
        ("unknown-beside-run", "no field", signed([function()], aud="x"), "/aud"),
        ("no-tasks", "nothing to run", signed({}), "/run"),
        ("task-text", "no task", signed({"a": function(), "b": "x"}), "/run"),
        ("task-with-nonce", "it is the batch's", {"a": function(nnc="x")}, "/a/nnc"),
        ("inputs-null", "a map", {"a": function(inputs=None)}, "/a/inputs"),
        (
            "with-missing",
            "of what",
            {"a": {"do": "wasm/run", "inputs": {}}, "b": function()},
            "/a/with",
        ),
        (
            "function-empty",
            "no export is called so",
            {"a": function(inputs={"func": "", "args": []})},
            "/a/inputs/func",
        ),
        (
            "arguments-map",
            "positional",
            {"a": function(inputs={"func": "f", "args": {}})},
            "/a/inputs/args",
        ),
        (
            "input-for-args",
            "one example of another version has it",
            {"a": function(inputs={"func": "f", "input": []})},
            "/a/inputs/args",
        ),
        (
            "inline-of-another-type",
            "a module is application/wasm",
            [function(**{"with": "data:text/plain,x"})],
            "/0/with",
        ),
        ("awaits-itself", "a cycle", {"a": function(loop)}, None),
        (
            "cycle",
            "tasks that await each other",
            {"a": function({"ucan/ok": ["/", "b"]}), "b": function(loop)},
            None,
        ),
        (
            "promise-without-a-pointer",
            "a promise is a pair",
            [function({"promise/ok": "a"})],
            "/0/inputs/args/0",
        ),
        (
            "promise-of-a-text-cid",
            "an invocation is named by a link",
            [function({"promise/ok": [str(DATA), "a"]})],
            "/0/inputs/args/0",
        ),
        (
            "order-of-data",
            "`_` holds promises",
            [function(inputs={"func": "f", "args": [], "_": 1})],
            "/0/inputs/_",
        ),
        (
            "container-parameters",
            "no field",
            [docker(parameters=[])],
            "/0/inputs/parameters",
        ),
        (
            "link-broken",
            "what is identity is read as DAG-JSON",
            [function({"/": "x"})],
            "/0/inputs/args/0",
        ),
    ):
        case(f"refused-{name}", why, document, refused(at))


def workflow(tasks: Any, **fields: Any) -> dict[str, Any]:
    """A workflow in its wrapper."""
    whole = {"v": "0.1.0", "tasks": tasks} | fields
    return {"ipvm/workflow": whole, "sig": b"\0\1"}


def scope(run: Any, **fields: Any) -> dict[str, Any]:
    """The invocation inside a workflow."""
    return {"v": "0.1.0", "nnc": "", "prf": [DATA], "run": run} | fields


ROOT = "/ipvm~1workflow"


def workflow_forms() -> None:
    """What a workflow wraps, and what of it is no identity."""
    given = {"a": function(), "b": function({"ucan/promise": ["/", "a"]})}
    both = several(
        canonical(ADD_ONE, ONE),
        canonical(ADD_ONE, {"args": [None], "awaits": [awaiting("ok", ADD_ONE, ONE)]}),
    )
    for name, why, document in (
        ("invocation-inside", "`tasks` is an invocation", workflow(scope(given))),
        ("tasks-by-label", "tasks by their labels", workflow(given)),
        ("without-wrapper", "the workflow alone", {"v": "0.1.0", "tasks": given}),
        ("scope-alone", "its invocation alone", {"tasks": scope(given)}),
        ("dag-cbor", "in DAG-CBOR", dag_cbor.encode(workflow(scope(given)))),
    ):
        case(name, f"one computation, however it is wrapped: {why}", document, both)
    config = {
        "secret": True,
        "check": {"optimistic": 17},
        "gas": 5000,
        "time": [45, "minutes"],
    }
    case(
        "configuration",
        "limits, secrecy and checking decide whether there is a result, not which",
        workflow(
            scope({"a": function(meta={"ipvm/config": config})}),
            config=config,
            defaults=config,
            meta={"tags": ["x"]},
            parent=[DATA, "a"],
        ),
        canonical(ADD_ONE, ONE),
    )
    case(
        "configuration-of-the-examples",
        "the text's examples say `global`, and `ipvm/config` beside `meta`",
        workflow(scope({"a": function(**{"ipvm/config": config})}), **{"global": {}}),
        canonical(ADD_ONE, ONE),
    )
    for name, nothing in (("null", None), ("empty", {})):
        case(
            f"catch-{name}",
            "no handler",
            workflow({"a": function()}, catch=nothing),
            canonical(ADD_ONE, ONE),
        )
    case(
        "signature-by-its-other-name",
        "`signature` in the table, `sig` in the schema",
        {"ipvm/workflow": {"v": "0.1.0", "tasks": [function()]}, "signature": "x"},
        canonical(ADD_ONE, ONE),
    )
    case(
        "nonce",
        "of the invocation inside",
        workflow(scope({"a": function()}, nnc="02468")),
        canonical(ADD_ONE, {"args": [1], "nonce": b"02468"}),
    )
    case(
        "container-and-command",
        "all kinds of tasks",
        workflow(scope({"c": docker(workdir="/srv"), "w": wasi()})),
        several(
            canonical(OCI, {"argv": ["date", "-u"], "cwd": "/srv"}),
            canonical(WASI, {"args": ["-v"]}),
        ),
    )


def workflow_findings() -> None:
    """Unresolved, impure, refused."""
    run = f"{ROOT}/tasks/run"
    case(
        "promise-for-an-image",
        "the text's pipelined example",
        workflow(scope({"b": docker() | {"with": {"ucan/promise": ["/", "a"]}}})),
        unresolved(None, {"argv": ["date", "-u"]}, (f"{run}/b/with", "/a", "await")),
    )
    case(
        "promise-of-no-task-here",
        "a label of nothing",
        workflow({"b": function({"ucan/promise": ["/", "some-other-action"]})}),
        unresolved(
            ADD_ONE,
            None,
            (f"{ROOT}/tasks/b/inputs/args/0", "/some-other-action", "await"),
        ),
    )
    url = "https://example.org/m.wasm"
    case(
        "module-by-url",
        "a URL fixes nothing",
        workflow({"a": function(**{"with": url})}),
        unresolved(None, ONE, (f"{ROOT}/tasks/a/with", url, "url")),
    )
    update = {"with": "dns://example.com", "do": "crud/update", "inputs": {}}
    for name, tasks, expected in (
        ("effect", {"a": EFFECT}, [impure(None, None, (f"{run}/a/do", "effect"))]),
        (
            "effects-in-a-row",
            {
                "notify-bob": EFFECT,
                "log-as-done": update
                | {"inputs": {"value": {"ucan/promise": ["/", "notify-bob"]}}},
            },
            [
                impure(None, None, (f"{run}/notify-bob/do", "effect")),
                impure(None, None, (f"{run}/log-as-done/do", "effect")),
            ],
        ),
        (
            "effect-then-function",
            {"a": update, "b": function()},
            [
                impure(None, None, (f"{run}/a/do", "effect")),
                canonical(ADD_ONE, ONE),
            ],
        ),
    ):
        case(
            name,
            "an effect is what the world outside makes of it",
            workflow(scope(tasks)),
            named(*expected),
        )
    workflow_refused()


def workflow_refused() -> None:
    """Documents that break the form."""
    tasks = {"a": function()}
    cycle = workflow({"a": function({"ucan/promise": ["/", "a"]})})
    case("refused-cycle", "a workflow is acyclic", cycle, refused())
    for name, why, document, at in (
        (
            "catch",
            "it turns failures into results",
            workflow(tasks, catch=CODE),
            f"{ROOT}/catch",
        ),
        (
            "catch-text",
            "however it is written",
            workflow(tasks, catch=str(CODE)),
            f"{ROOT}/catch",
        ),
        ("version", "another", workflow(tasks, v="0.2.0"), f"{ROOT}/v"),
        ("misspelled", "`defauts`", workflow(tasks, defauts={}), f"{ROOT}/defauts"),
        ("beside", "no field", workflow(tasks) | {"x": 1}, "/x"),
        ("everything", "by reference", workflow(scope("*")), f"{ROOT}/tasks/run"),
        ("no-tasks", "nothing to run", workflow({}), f"{ROOT}/tasks/run"),
        ("tasks-missing", "nothing to run", {"ipvm/workflow": {}}, f"{ROOT}/tasks"),
        ("task-field", "no field", workflow([function(x=1)]), f"{ROOT}/tasks/0/x"),
    ):
        case(f"refused-{name}", why, document, refused(at))


def ucan_batch() -> None:
    """All of them."""
    batch_forms()
    batch_promises()
    batch_unresolved()
    batch_impure()
    batch_refused()
    write("ucan-batch.json")
    workflow_forms()
    workflow_findings()
    write("ipvm-workflow.json")


if __name__ == "__main__":
    ucan_batch()
