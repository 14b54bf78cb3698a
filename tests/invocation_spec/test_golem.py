"""Golem bundles: what vectors cannot hold, and files that others wrote."""

from __future__ import annotations

import base64
import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from invocation_spec import CID, DocumentError, Outcome, Resolutions, canonicalize
from invocation_spec.model import Input, Put, WasiProgram

PACKAGE = "hash:sha3:" + "ab" * 28 + ":http://example.org/i.gvmi"
KEY = "golem:sha3-224:" + "ab" * 28
READY: list[Any] = [{"deploy": {}}, {"start": {}}]
RUN: list[Any] = [*READY, {"run": {"entry_point": "/bin/true"}}]
#: Where the scripts of both SDKs put their files, in the guest.
IN_GUEST = PurePosixPath("/golem", "work")
PARAMS_SHA2 = "bafkreiepm4m54jwt5iev6tvpfw4vcntu4rx3yq2uvrf6pvu7ikt7tdtt3m"
PARAMS_SHA3 = "bafkrmib5a5cmqz53ayveoi7s6d75az377ktyyc23gxfhvhnhyw5i5nik24"


def read(resolutions: Any = None, **fields: Any) -> Outcome:
    """The outcome of a bundle with these fields."""
    bundle = {
        "runtime": {"name": "vm"},
        "demand": {"golem.srv.comp.task_package": PACKAGE},
        "exeScript": RUN,
        **fields,
    }
    bundle = {key: value for key, value in bundle.items() if value is not ...}
    given = None if resolutions is None else Resolutions.of(resolutions)
    (outcome,) = canonicalize(json.dumps(bundle).encode(), given)
    return outcome


def code_of(outcome: Outcome) -> str:
    assert outcome.program is not None
    return str(outcome.program.code)


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def test_an_image_resolved_to_oci_answers_under_its_own_hash_too() -> None:
    alone = read()
    resolved = read({KEY: {"kind": "oci", "digest": "sha256:" + "cd" * 32}})
    assert alone.invocation is not None
    assert [(item.invocation, item.without) for item in resolved.also] == [
        (alone.invocation.cid, (KEY,))
    ]


@pytest.mark.parametrize("ids", [["wc"], ["wc", "sort"]])
def test_settle_says_what_would_settle_a_wasm_package(ids: list[str]) -> None:
    runs = [{"run": {"entry_point": name}} for name in ids]
    outcome = read(runtime={"name": "wasmtime"}, exeScript=[*READY, *runs])
    wanted = (
        {"code": "<CID>"} if len(ids) == 1 else {"entries": dict.fromkeys(ids, "<CID>")}
    )
    assert [item.settle for item in outcome.unresolved] == [
        {KEY: {"kind": "wasi", **wanted}}
    ]


@pytest.mark.parametrize(
    "volumes",
    [
        ["/out/", "golem/in"],
        {"/out": {"ram": {"size": "1GiB"}}, "/golem/./in": {"host": {}}},
    ],
)
def test_volumes_are_the_dirs_of_a_claim(volumes: Any) -> None:
    script = [{"deploy": {"volumes": volumes}}, *RUN[1:]]
    assert read(exeScript=script).dirs == ("/golem/in", "/out")


def test_agreement_and_activity_are_aliases() -> None:
    outcome = read(
        demand=...,
        agreement={
            "agreementId": "0a88ff65",
            "demand": {"properties": {"golem.srv.comp.task_package": PACKAGE}},
        },
        activityId="8c7b",
    )
    assert outcome.aliases == {
        "golem-agreement": "0a88ff65",
        "golem-activity": "8c7b",
    }


def test_a_path_in_inputs_is_refused_with_what_to_do() -> None:
    with pytest.raises(DocumentError, match="command line only"):
        read(inputs={"http://example.org/a": {"path": "a"}})


def test_a_module_in_golem_is_the_module_anywhere() -> None:
    module, data = CID.of_bytes(b"\0asm"), CID.of_bytes(b"1,2\n")
    outcome = read(
        {KEY: {"kind": "wasi", "entries": {"wc": str(module)}}},
        runtime={"name": "wasmtime"},
        exeScript=[
            *READY,
            {"transfer": {"from": "http://example.org/a", "to": "/in/a"}},
            {"run": {"entry_point": "wc", "args": ["/in/a"]}},
        ],
        inputs={"http://example.org/a": str(data)},
    )
    assert outcome.program == WasiProgram(module)
    assert outcome.input == Input(args=("/in/a",), files={"/in/a": data})


MANIFESTS = [
    (
        "yagna-outbound yagna-outbound-unrestricted yapapi-whitelist"
        " yapapi-partner-unrestricted",
        "bafkrohhf6xo72zevexn6exmt3hwvdun52ccjsm6zuvzavw2llaia",
    ),
    (
        "task-executor-outbound task-executor-accessing-internet",
        "bafkrohg23d3xnmhlt436udld3zbhk4bu3uef7yymyrjxylqrtwaa",
    ),
    ("dapp-apipinger", "bafkroha6uzxmibratxgzz43kz3fifzltowmprdsxodqksp2hu6hq"),
]


@pytest.mark.parametrize(("names", "code"), MANIFESTS)
def test_manifests_name_their_image_whatever_else_they_allow(
    names: str, code: str, shared_fixtures: Path
) -> None:
    for name in names.split():
        path = shared_fixtures / "golem/payload-manifest" / f"{name}.json"
        text = base64.b64encode(path.read_bytes()).decode()
        outcome = read(demand={"golem.srv.comp.payload": text})
        assert code_of(outcome) == code
        assert [item.kind for item in outcome.impure] == ["network"]


def test_a_manifest_in_a_dapp_is_the_same_bytes(shared_fixtures: Path) -> None:
    path = shared_fixtures / "golem/dapp/apipinger-golem-compose.yml"
    params = yaml.safe_load(path.read_text())["payloads"]["pinger"]["params"]
    outcome = read(demand={"golem.srv.comp.payload": params["manifest"]})
    assert code_of(outcome) == MANIFESTS[2][1]


def test_agreements_old_and_new_name_one_package(shared_fixtures: Path) -> None:
    folder = shared_fixtures / "golem/agreement"
    code = str(CID.of_bytes(b"\0asm"))
    hexes = "d5e31b2eed628572a5898bf8c34447644bfc4b5130cfc1e4f10aeaa1"
    key = f"golem:sha3-224:{hexes}"
    found = set()
    for name in ("yagna-exeunit-example", "yagna-linux-test1"):
        fields = {
            "runtime": {"name": "wasmtime"},
            "demand": ...,
            "agreement": load(folder / f"{name}.json"),
        }
        (left,) = read(**fields).unresolved
        assert (left.reference, left.kind) == (key, "golem-package")
        outcome = read({key: {"kind": "wasi", "code": code}}, **fields)
        found.add(outcome.invocation)
    assert len(found) == 1
    assert None not in found
    image = read(demand=..., agreement=load(folder / "yagna-exeunit-example.json"))
    assert code_of(image) == "bafkrohgv4mns53lcqvzklcml7dbuir3ejp6ewujqz7a6j4ik5kqq"


def test_an_agreement_with_sha3_512(shared_fixtures: Path) -> None:
    agreement = load(shared_fixtures / "golem/agreement/yagna-exeunit-test.json")
    outcome = read(demand={"properties": agreement["demand"]["properties"]})
    assert code_of(outcome) == (
        "bafkriqbc4cfzsc3mm2c2p2aozwnbvw2skynh3h7j42nzcutj3irjxzwbvvu55jh7rj35ylcjonky"
        "3kivbee2fpsbegy4xyo5wbddbqpxlkwu6"
    )
    with pytest.raises(DocumentError, match="ya-mock-runtime"):
        read(runtime=..., demand=..., agreement=agreement)


def test_a_whole_agreement_says_its_runtime_itself(shared_fixtures: Path) -> None:
    folder = shared_fixtures / "golem"
    agreement = load(folder / "agreement/yagna-agreement-9ce65424.json")
    outcome = read(runtime=..., demand=..., agreement=agreement)
    by_demand = read(demand=load(folder / "handwritten/demand-properties-vm.json"))
    assert outcome.form == "bundle vm"
    assert outcome.invocation == by_demand.invocation
    assert outcome.aliases["golem-agreement"] == agreement["agreementId"]


def test_scripts_that_do_the_same_work_are_one_input(shared_fixtures: Path) -> None:
    folder = shared_fixtures / "golem/exe-script"
    data = str(CID.of_bytes(b"a licence"))
    sources = (
        "http://yacn2.dev.golem.network:8000/LICENSE",
        "http://127.0.0.1:8000/LICENSE",
    )

    def of(name: str) -> Input:
        found = read(
            runtime={"name": "wasmtime"},
            exeScript=load(folder / f"{name}.json"),
            inputs=dict.fromkeys(sources, data),
        ).input
        assert found is not None
        return found

    assert of("yagna-linux-test1") == of("yagna-commands-2020-03-06")
    assert of("yagna-linux-test1").args == ("input/file_in", "output/file_cp")
    assert of("yagna-commands").args == ("/input/file_in", "/output/file_cp")
    assert dict(of("yagna-commands").files) == {"/input/file_in": CID.parse(data)}
    assert of("yagna-commands-2020-02-26") == Input()


def test_scripts_of_the_sdks(shared_fixtures: Path) -> None:
    folder = shared_fixtures / "golem/handwritten"

    def of(name: str, resolutions: Any = None) -> Outcome:
        return read(resolutions, exeScript=load(folder / f"exescript-{name}.json"))

    (left,) = of("yapapi-style").unresolved
    assert left.kind == "gftp"
    found = of("yapapi-style", {left.reference: PARAMS_SHA2}).input
    assert found is not None
    assert dict(found.files) == {f"{IN_GUEST}/params.json": CID.parse(PARAMS_SHA2)}
    assert [item.kind for item in of("golem-js-style").unresolved] == [
        "earlier-batch",
        "gftp",
    ]
    hashed = of("hashed-inputs")
    assert [item.kind for item in hashed.unresolved] == ["archive"]
    assert hashed.dirs == ("/golem/input", "/golem/output")


def test_a_hash_in_a_transfer_is_the_file_it_names(shared_fixtures: Path) -> None:
    golem = shared_fixtures / "golem"
    data = (golem / "input/blender-params-yagna.json").read_bytes()
    assert str(CID.of_bytes(data)) == PARAMS_SHA2
    script = load(golem / "handwritten/exescript-hashed-inputs.json")
    transfers = [item for item in script if "format" in item.get("transfer", {})]
    plain = [item for item in script if item not in transfers]
    found = read(exeScript=plain).input
    assert found is not None
    assert {path: str(cid) for path, cid in found.files.items()} == {
        "/golem/input/a.bin": PARAMS_SHA3
    }


def test_the_bundle_of_the_blender_test(shared_fixtures: Path) -> None:
    path = shared_fixtures / "golem/handwritten/invocation-bundle.json"
    bundle = load(path)
    with pytest.raises(DocumentError, match="command line only"):
        canonicalize(path.read_bytes())
    bundle["inputs"] = dict.fromkeys(bundle["inputs"], PARAMS_SHA2)
    scene = "http://127.0.0.1:6001/scene.blend"
    data = json.dumps(bundle).encode()
    (before,) = canonicalize(data)
    assert [item.reference for item in before.unresolved] == [scene]
    (after,) = canonicalize(data, Resolutions.of({scene: PARAMS_SHA3}))
    assert after.input is not None
    assert after.input.argv == ("/golem/entrypoints/run-blender.sh",)
    assert sorted(after.input.files) == [
        "/golem/resource/scene.blend",
        f"{IN_GUEST}/params.json",
    ]
    assert not any(isinstance(step, Put) for step in after.input.steps)
    assert after.name == "canonical"
