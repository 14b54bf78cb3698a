"""`octostore resolutions` and `explain`, against a real registry and a real host."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from invocation_spec import CID
from invocation_spec.protobuf import decode
from tests.octostore.actions import Stock
from tests.octostore.said import Command, Said

EXAMPLES = Path(__file__).parents[2] / "examples"
KEPLER = EXAMPLES / "kepler"
UNPINNED = str(EXAMPLES / "unpinned.yaml")
TAG = "oci:docker.io/library/ubuntu:latest"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_PORT = re.compile(r"listening on 127\.0\.0\.1:(\d+)")


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


# A registry: Debian's docker-registry, with images pushed by its own API.


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`localhost:PORT` of an open registry."""
    with serving(tmp_path_factory.mktemp("registry"), {}) as name:
        yield name


@contextmanager
def serving(folder: Path, auth: dict[str, Any]) -> Iterator[str]:
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed (Debian: docker-registry)")
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": "127.0.0.1:0"},
        **({"auth": auth} if auth else {}),
    }
    (folder / "config.yml").write_text(json.dumps(config))
    with subprocess.Popen(
        [program, "serve", folder / "config.yml"], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        port = next(filter(None, map(_PORT.search, process.stderr)), None)
        # Its log must go somewhere, or the registry stops when the pipe is full.
        drain = Thread(target=process.stderr.read, daemon=True)
        drain.start()
        try:
            assert port is not None, "the registry ended before it listened"
            yield f"localhost:{port[1]}"
        finally:
            process.terminate()
            drain.join(10)


class Pusher:
    """Pushes by the distribution API, as any client would."""

    def __init__(self, registry: str, name: str) -> None:
        self._url = f"http://{registry}/v2/{name}"
        # What the registry's test scheme wants to see is any credentials at all.
        self._client = httpx.Client(headers={"authorization": "Bearer pusher"})

    def blob(self, data: bytes, kind: str) -> dict[str, Any]:
        start = self._client.post(f"{self._url}/blobs/uploads/")
        done = self._client.put(
            start.headers["location"],
            params={
                **dict(httpx.URL(start.headers["location"]).params),
                "digest": digest_of(data),
            },
            content=data,
        )
        assert done.status_code == 201, done.text
        return {"mediaType": kind, "digest": digest_of(data), "size": len(data)}

    def manifest(self, value: dict[str, Any], tag: str | None) -> str:
        data = json.dumps(value).encode()
        done = self._client.put(
            f"{self._url}/manifests/{tag or digest_of(data)}",
            content=data,
            headers={"content-type": value["mediaType"]},
        )
        assert done.status_code == 201, done.text
        return digest_of(data)

    def image(self, tag: str | None, platform: str, **config: Any) -> str:
        system, architecture = platform.split("/")
        stated = {"os": system, "architecture": architecture, "config": config}
        value = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(json.dumps(stated).encode(), CONFIG),
            "layers": [self.blob(b"no layer worth the name", LAYER)],
        }
        return self.manifest(value, tag)

    def index(self, tag: str, images: dict[str, str]) -> str:
        rows = []
        for platform, digest in images.items():
            system, architecture = platform.split("/")
            rows.append(
                {
                    "mediaType": MANIFEST,
                    "digest": digest,
                    "size": 1,
                    "platform": {"os": system, "architecture": architecture},
                }
            )
        value = {"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}
        return self.manifest(value, tag)

    def __enter__(self) -> Pusher:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


def job(tmp_path: Path, image: str, *, entrypoint: list[str] | None = None) -> str:
    params: dict[str, Any] = {"Image": image}
    if entrypoint is not None:
        params["Entrypoint"] = entrypoint
    engine = {"Type": "docker", "Params": params}
    task = {"Name": "main", "Engine": engine, "Network": {"Type": "None"}}
    (tmp_path / "job.json").write_text(json.dumps({"Type": "batch", "Tasks": [task]}))
    return "job.json"


def tes_task(image: str) -> dict[str, Any]:
    return {"executors": [{"image": image, "command": ["echo", "hi"]}]}


def action(image: str) -> dict[str, Any]:
    """Of the Remote Execution API."""
    stock = Stock()
    properties = [{"name": "container-image", "value": f"docker://{image}"}]
    data = stock.blobs[stock.action(platform={"properties": properties})]
    fields = decode("Action", data)
    command, root = (
        stock.blobs[fields[name]["hash"]]
        for name in ("command_digest", "input_root_digest")
    )
    first, second, third = (
        base64.b64encode(each).decode() for each in (data, command, root)
    )
    return {"action": first, "command": second, "directories": [third]}


def fill(octostore: Command, *arguments: str) -> Said:
    return octostore("resolutions", "fill", *arguments, "--insecure")


def test_a_tag_that_is_filled_gives_what_its_digest_gives(
    octostore: Command, registry: str, tmp_path: Path
) -> None:
    with Pusher(registry, "tools/z") as pusher:
        digest = pusher.image("1", "linux/amd64", Entrypoint=["/bin/z"], Cmd=["-h"])
    key = f"oci:{registry}/tools/z:1"
    spec = job(tmp_path, f"{registry}/tools/z:1")
    said = fill(octostore, spec, "-o", "out.json", "--json")
    assert said.json["resolutions"] == {
        key: {"digest": digest, "platform": "linux/amd64"}
    }
    by_tag = octostore("canonicalize", spec, "--resolutions", "out.json", "--json")
    pinned = job(tmp_path, f"{registry}/tools/z@{digest}")
    by_digest = octostore("canonicalize", pinned, "--json")
    assert by_tag.code == by_digest.code == 0
    assert by_tag.json["invocation"] == by_digest.json["invocation"]


@pytest.mark.parametrize("document", [tes_task, action])
def test_what_a_document_leaves_to_the_image_is_asked_of_it(
    octostore: Command,
    registry: str,
    tmp_path: Path,
    document: Callable[[str], dict[str, Any]],
) -> None:
    """Canonical where the image has no entrypoint, and only there: engines differ."""
    with Pusher(registry, "tools/t") as pusher:
        bare = pusher.image("bare", "linux/amd64", Cmd=["sh"])
        pusher.image("init", "linux/amd64", Entrypoint=["/init"])
    for tag, code in (("bare", 0), ("init", 3)):
        image = f"{registry}/tools/t:{tag}"
        (tmp_path / "task.json").write_text(json.dumps(document(image)))
        said = fill(octostore, "task.json", "-o", f"{tag}.json", "--json")
        assert said.json["resolutions"][f"oci:{image}"].keys() == {
            *("digest", "entrypoint", "platform")
        }
        with_it = ("--resolutions", f"{tag}.json", "--json")
        done = octostore("canonicalize", "task.json", *with_it)
        assert done.code == code, done.out
    written = json.loads((tmp_path / "bare.json").read_text())
    assert written[f"oci:{registry}/tools/t:bare"]["digest"] == bare
    assert written[f"oci:{registry}/tools/t:bare"]["entrypoint"] == []


def test_an_image_is_pinned_with_what_its_configuration_states(
    octostore: Command, registry: str, tmp_path: Path
) -> None:
    with Pusher(registry, "tools/x") as pusher:
        digest = pusher.image(
            "1.0", "linux/amd64", Entrypoint=["/bin/x"], Cmd=["-h"], WorkingDir="/w"
        )
    spec = job(tmp_path, f"{registry}/tools/x:1.0")
    said = fill(octostore, spec, "-o", "out.json", "--image-config")
    assert said.code == 0, said.err
    key = f"oci:{registry}/tools/x:1.0"
    assert json.loads((tmp_path / "out.json").read_text()) == {
        key: {
            "digest": digest,
            "entrypoint": ["/bin/x"],
            "cmd": ["-h"],
            "workdir": "/w",
            "platform": "linux/amd64",
        }
    }
    notes = json.loads((tmp_path / "out.notes.json").read_text())
    source = f"http://{registry}/v2/tools/x/manifests/1.0"
    assert notes[key]["source"] == source
    assert notes[key]["time"].endswith("Z")
    done = octostore("canonicalize", spec, "--resolutions", "out.json", "--json")
    assert done.code == 0
    assert octostore("canonicalize", spec, "--json").code == 3
    assert octostore("key", "new", "me.key").code == 0
    signed = octostore(
        *("claim", spec, "--resolutions", "out.json", "--network", "bacalhau"),
        *("--exit", "0", "--key", "me.key", "--out", "claim.car"),
    )
    assert signed.code == 0, signed.err


def test_of_an_index_the_platform_asked_for_is_taken(
    octostore: Command, registry: str, tmp_path: Path
) -> None:
    platforms = ("linux/amd64", "linux/arm64")
    with Pusher(registry, "many") as pusher:
        images = {name: pusher.image(None, name, Cmd=[name]) for name in platforms}
        index = pusher.index("latest", images)
    spec, key = job(tmp_path, f"{registry}/many"), f"oci:{registry}/many:latest"
    for platform in platforms:
        said = fill(octostore, spec, "--platform", platform, "--image-config", "--json")
        assert said.code == 0, said.err
        assert said.json["resolutions"][key] == {
            "digest": images[platform],
            "entrypoint": [],
            "cmd": [platform],
            "platform": platform,
        }
        assert said.json["notes"][key]["index"] == index
    said = fill(octostore, spec, "--json")
    assert said.code == 0
    assert said.json["resolutions"][key] == {"digest": index}
    assert said.json["notes"][key]["platforms"] == list(platforms)
    assert "--platform picks" in said.err
    said = fill(octostore, spec, "--platform", "linux/s390x", "--json")
    assert said.code == 6
    assert "there is linux/amd64, linux/arm64" in said.err


def test_an_image_for_another_platform_is_not_taken(
    octostore: Command, registry: str, tmp_path: Path
) -> None:
    with Pusher(registry, "one") as pusher:
        pusher.image("latest", "linux/amd64")
    spec = job(tmp_path, f"{registry}/one")
    said = fill(octostore, spec, "--platform", "linux/arm64")
    assert said.code == 6
    assert "is for linux/amd64, not linux/arm64" in said.err


def test_an_image_that_is_not_there_is_left_to_be_filled_in(
    octostore: Command, registry: str, tmp_path: Path
) -> None:
    spec = job(tmp_path, f"{registry}/nothing", entrypoint=["date"])
    said = fill(octostore, spec)
    assert said.code == 6
    assert "no such image" in said.err
    key = f"oci:{registry}/nothing:latest"
    assert said.json == {key: "sha256:<64 hex digits>"}
    (tmp_path / "r.json").write_text(said.out)
    again = octostore("canonicalize", spec, "--resolutions", "r.json")
    assert again.code == 2  # a template is no resolution
    assert key.replace("/", "~1") in again.err


def test_plain_http_to_a_registry_is_asked_for(
    octostore: Command, registry: str, tmp_path: Path
) -> None:
    spec = job(tmp_path, f"{registry}/tools/x:1.0")
    said = octostore("resolutions", "fill", spec)
    assert said.code == 7
    assert f"https://{registry}" in said.err
    assert "--insecure" in said.err


def test_a_registry_that_wants_a_token_is_given_an_anonymous_one(
    octostore: Command,
    host: Host,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    auth = {"silly": {"realm": f"{host.url}/token", "service": "the registry"}}
    with serving(tmp_path_factory.mktemp("closed"), auth) as registry:
        with Pusher(registry, "x") as pusher:
            pusher.image("1.0", "linux/amd64")
        spec = job(tmp_path, f"{registry}/x:1.0", entrypoint=["date"])
        host.gives("/token", b'{"token": "anonymous"}')
        said = fill(octostore, spec)
        assert said.code == 0, said.err
        (asked,) = host.asked
        assert "scope=repository%3Ax%3Apull" in asked
        assert "service=the+registry" in asked
        host.gives("/token", b"{}")
        said = fill(octostore, spec)
        assert said.code == 7
        assert "gives no token" in said.err


# A host that gives what a test tells it to, its misbehaviour included.


class Host:
    """Paths and what is answered there: status, headers, body (None: endless)."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://localhost:{port}"
        self.asked: list[str] = []
        self.answers: dict[str, tuple[int, dict[str, str], bytes | None]] = {}

    def gives(
        self, path: str, body: bytes | None, status: int = 200, **headers: str
    ) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = (status, named, body)


@pytest.fixture
def host() -> Iterator[Host]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            nothing: tuple[int, dict[str, str], bytes] = (404, {}, b"")
            status, headers, body = found.answers.get(
                self.path.partition("?")[0], nothing
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if body is not None and "content-length" not in headers:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body or b"")
                while body is None:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                pass  # whoever asked has seen enough

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        found = Host(server.server_address[1])
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def task(tmp_path: Path, **mounts: str) -> str:
    """A task that mounts what URLs give."""
    inputs = {
        "entrypoint": "_start",
        "mounts": {f"/{name}": url for name, url in mounts.items()},
    }
    code = f"ipfs://{CID.of_bytes(b'code')}"
    whole = {"with": code, "do": "wasm32-wasi/run", "inputs": inputs}
    (tmp_path / "task.json").write_text(json.dumps(whole))
    return "task.json"


def test_a_download_is_hashed_and_settles_the_spec(
    octostore: Command, host: Host, tmp_path: Path
) -> None:
    data = b"a,b\n" * 100_000
    host.gives("/data.csv", data)
    spec, url = task(tmp_path, a=f"{host.url}/data.csv"), f"{host.url}/data.csv"
    said = octostore("resolutions", "fill", spec, "-o", "r.json")
    assert said.code == 0, said.err
    assert json.loads((tmp_path / "r.json").read_text()) == {
        url: str(CID.of_bytes(data))
    }
    notes = json.loads((tmp_path / "r.notes.json").read_text())
    assert notes[url]["bytes"] == len(data)
    assert octostore("canonicalize", spec, "--resolutions", "r.json").code == 0


def test_a_name_is_taken_from_the_host_where_the_path_has_none(
    octostore: Command, host: Host, tmp_path: Path
) -> None:
    host.gives("/", b"x", content_disposition='attachment; filename="a.csv"')
    spec = task(tmp_path, a=host.url)
    said = octostore("resolutions", "fill", spec)
    assert said.code == 0, said.err
    assert said.json == {
        f"{host.url}/": {"cid": str(CID.of_bytes(b"x")), "name": "a.csv"}
    }
    for header in ("inline", 'attachment; filename="../a"', "attachment; filename=.."):
        host.gives("/", b"x", content_disposition=header)
        said = octostore("resolutions", "fill", spec)
        assert said.code == 6
        assert str(CID.of_bytes(b"x")) in said.err
        assert said.json[f"{host.url}/"]["cid"] == "<CID>"


def test_a_redirect_is_followed_and_a_loop_is_not(
    octostore: Command, host: Host, tmp_path: Path
) -> None:
    host.gives("/old", b"", 302, location="/new")
    host.gives("/new", b"moved")
    host.gives("/loop", b"", 302, location="/loop")
    host.gives("/file", b"", 302, location="file:///etc/hostname")
    spec = task(tmp_path, a=f"{host.url}/old")
    said = octostore("resolutions", "fill", spec)
    assert said.json == {f"{host.url}/old": str(CID.of_bytes(b"moved"))}
    for path, words in (("loop", "redirects"), ("file", "expected https")):
        said = octostore("resolutions", "fill", task(tmp_path, a=f"{host.url}/{path}"))
        assert said.code == 7
        assert words in said.err


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ((404, {}, b""), 6, "nothing there"),
        ((500, {}, b""), 7, "refuses (500)"),
        ((200, {}, None), 7, "sends more than 1000000 bytes"),
        ((302, {"location": "/data"}, None), 7, "redirects"),
        ((200, {"content-length": "10"}, b"short"), 7, "cannot be looked up"),
        ((200, {"content-encoding": "gzip"}, b"x"), 7, "compressed"),
    ],
    ids=["404", "500", "endless", "endless-redirect", "broken-off", "compressed"],
)
def test_a_host_that_fails_leaves_the_entry_to_be_filled_in(
    octostore: Command,
    host: Host,
    tmp_path: Path,
    answer: tuple[int, dict[str, str], bytes | None],
    code: int,
    words: str,
) -> None:
    host.answers["/data"] = answer
    host.gives("/good", b"good")
    url = f"{host.url}/data"
    spec = task(tmp_path, a=url, b=f"{host.url}/good")
    said = octostore("resolutions", "fill", spec, "--max-bytes", "1000000")
    assert said.code == code
    assert words in said.err
    assert said.json == {
        url: "<CID>",
        f"{host.url}/good": str(CID.of_bytes(b"good")),
    }


def test_a_host_that_is_not_there_exits_7(octostore: Command, tmp_path: Path) -> None:
    spec = task(tmp_path, a="http://127.0.0.1:9/data")
    said = octostore("resolutions", "fill", spec)
    assert said.code == 7
    assert "cannot be looked up" in said.err


def manifest(**more: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **more}).encode()


WRONG = {"mediaType": CONFIG, "digest": digest_of(b"{}"), "size": 2}


@pytest.mark.parametrize(
    ("answers", "code", "words"),
    [
        ({"manifests/1": (200, {}, b"<html>")}, 7, "no JSON"),
        ({"manifests/1": (200, {}, b"[]")}, 7, "no JSON object"),
        ({"manifests/1": (200, {}, b"[" * 100_000)}, 7, "no JSON"),
        ({"manifests/1": (200, {}, b"{}")}, 7, "no media type"),
        ({"manifests/1": (200, {}, None)}, 7, "sends more than"),
        ({"manifests/1": (429, {}, b"")}, 7, "refuses (429)"),
        ({"manifests/1": (401, {"www-authenticate": "Basic"}, b"")}, 7, "who asks"),
        (
            {"manifests/1": (401, {"www-authenticate": 'Bearer realm="x:y"'}, b"")},
            7,
            "expected https",
        ),
        (
            {
                "manifests/1": (
                    401,
                    {"www-authenticate": 'Bearer realm="https://x:y/"'},
                    b"",
                )
            },
            7,
            "cannot be looked up",
        ),
        (
            {
                "manifests/1": (
                    200,
                    {"docker-content-digest": digest_of(b"other")},
                    manifest(),
                )
            },
            5,
            "its bytes hash to",
        ),
        (
            {
                "manifests/1": (200, {}, manifest(config=WRONG)),
                f"blobs/{WRONG['digest']}": (200, {}, b'{"os": "linux"}'),
            },
            5,
            "asked for sha256:",
        ),
        (
            {"manifests/1": (200, {}, manifest(config={**WRONG, "digest": "md5:x"}))},
            7,
            "no sha256",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_registry_that_lies_or_fails_is_not_believed(
    octostore: Command,
    host: Host,
    tmp_path: Path,
    answers: dict[str, tuple[int, dict[str, str], bytes | None]],
    code: int,
    words: str,
) -> None:
    for path, answer in answers.items():
        host.answers[f"/v2/x/{path}"] = answer
    spec = job(tmp_path, f"localhost:{host.port}/x:1")
    said = fill(octostore, spec)
    assert said.code == code
    assert words in said.err
    assert said.json == {f"oci:localhost:{host.port}/x:1": "sha256:<64 hex digits>"}


def index(*rows: tuple[str, bytes]) -> bytes:
    """An index of manifests for linux on ARM, each with a variant."""
    manifests = [
        {
            "digest": digest_of(data),
            "platform": {"os": "linux", "architecture": "arm", "variant": variant},
        }
        for variant, data in rows
    ]
    return json.dumps({"mediaType": INDEX, "manifests": manifests}).encode()


def test_a_platform_that_two_manifests_fit_is_not_guessed(
    octostore: Command, host: Host, tmp_path: Path
) -> None:
    old, new = manifest(layers=[]), manifest(layers=[1])
    whole = index(("v6", old), ("v7", new))
    host.gives("/v2/x/manifests/1", whole)
    host.gives(f"/v2/x/manifests/{digest_of(new)}", new)
    spec = job(tmp_path, f"localhost:{host.port}/x:1", entrypoint=["date"])
    said = fill(octostore, spec, "--platform", "linux/arm")
    assert said.code == 7
    assert "may be linux/arm/v6, linux/arm/v7; say which" in said.err
    said = fill(octostore, spec, "--platform", "linux/arm/v7", "--json")
    assert said.code == 0, said.err
    (found,) = said.json["resolutions"].values()
    assert found == {"digest": digest_of(new)}  # an artifact that states no command
    nested = index(("v7", whole))
    host.gives("/v2/x/manifests/1", nested)
    host.gives(f"/v2/x/manifests/{digest_of(whole)}", whole)
    said = fill(octostore, spec, "--platform", "linux/arm")
    assert said.code == 7
    assert "an index inside an index" in said.err


def test_what_is_found_is_kept_and_asked_no_second_time(
    octostore: Command, host: Host, tmp_path: Path
) -> None:
    host.gives("/a", b"a")
    host.gives("/b", b"b")
    spec = task(tmp_path, a=f"{host.url}/a", b=f"{host.url}/b")
    known = {f"{host.url}/a": str(CID.of_bytes(b"what it was"))}
    (tmp_path / "r.json").write_text(json.dumps(known))
    said = octostore("resolutions", "fill", spec, "-o", "r.json")
    assert said.code == 2
    assert "--resolutions" in said.err
    arguments = (spec, "--resolutions", "r.json", "-o", "r.json")
    assert octostore("resolutions", "fill", *arguments).code == 0
    assert json.loads((tmp_path / "r.json").read_text()) == known | {
        f"{host.url}/b": str(CID.of_bytes(b"b"))
    }
    assert host.asked == ["/b"]


# Without a network.


def test_a_template_has_what_is_to_be_filled_in(octostore: Command) -> None:
    said = octostore("resolutions", "template", UNPINNED)
    assert said.code == 0
    assert said.json == {TAG: "sha256:<64 hex digits>"}
    assert said.err == ""


def test_a_template_keeps_what_is_known(octostore: Command, tmp_path: Path) -> None:
    spec = task(tmp_path, a="https://a.example/x", b="https://b.example/x")
    known = {"https://a.example/x": str(CID.of_bytes(b"a"))}
    (tmp_path / "r.json").write_text(json.dumps(known))
    said = octostore("resolutions", "template", spec, "--resolutions", "r.json")
    assert said.json == known | {"https://b.example/x": "<CID>"}


def test_what_no_resolution_settles_is_said_and_exits_3_or_4(
    octostore: Command, tmp_path: Path
) -> None:
    spec = task(tmp_path, **{"x.git": "https://a.example/x"})
    said = octostore("resolutions", "template", spec, "--json")
    assert said.code == 3
    assert said.json["resolutions"] == {}
    assert "repository" in said.err
    text = (KEPLER / "bacalhau-job.yaml").read_text()
    (tmp_path / "job.yaml").write_text(text.replace("Type: None", "Type: Full"))
    for verb in ("template", "fill"):
        assert octostore("resolutions", verb, "job.yaml").code == 4


def test_what_is_not_looked_up_is_left_and_said(
    octostore: Command, tmp_path: Path
) -> None:
    name = "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8"
    spec = task(tmp_path, a=f"ipfs://{name}")
    said = octostore("resolutions", "fill", spec)
    assert said.code == 3
    assert said.json == {f"ipns:{name}": "<CID>"}
    assert "is not looked up" in said.err


def test_a_canonical_spec_needs_no_resolutions(octostore: Command) -> None:
    for verb in ("template", "fill"):
        said = octostore("resolutions", verb, KEPLER / "bacalhau-job.yaml")
        assert (said.code, said.json, said.err) == (0, {}, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("template", "nowhere"),
        ("fill", UNPINNED, "--platform", "linux"),
        ("fill", UNPINNED, "--max-bytes", "0"),
        ("fill", str(KEPLER / "planets.csv")),
    ],
    ids=str,
)
def test_bad_usage_of_resolutions_exits_2(
    octostore: Command, arguments: tuple[str, ...]
) -> None:
    assert octostore("resolutions", *arguments).code == 2


# explain, and the own form on the command line.


def test_explain_exits_by_what_it_finds(octostore: Command, tmp_path: Path) -> None:
    job_file, bundle = KEPLER / "bacalhau-job.yaml", KEPLER / "golem-bundle.json"
    same = octostore("explain", job_file, KEPLER / "ucan-task.json", "--json")
    assert (same.code, same.json["same"], same.json["differences"]) == (0, True, [])
    (tmp_path / "other.yaml").write_text(
        job_file.read_text().replace("planets.csv", "planet.csv")
    )
    differs = octostore("explain", job_file, "other.yaml")
    assert differs.code == 1
    assert 'args[0]                   A "/inputs/planets.csv"' in differs.out
    waits = octostore("explain", job_file, bundle, "--json")
    assert (waits.code, waits.json["same"]) == (3, None)
    settled = octostore(
        "explain", job_file, bundle, "--resolutions", KEPLER / "resolutions.json"
    )
    assert settled.code == 0
    refused = octostore("explain", job_file, KEPLER / "planets.csv", "--json")
    assert (refused.code, refused.json["outcome"]) == (2, "refused")
    assert "planets.csv" in refused.err


def test_explain_takes_tasks_one_by_one(octostore: Command, tmp_path: Path) -> None:
    text = (KEPLER / "bacalhau-job.yaml").read_text()
    (tmp_path / "two.yaml").write_text(text.replace("Count: 1", "Count: 2"))
    (tmp_path / "one.yaml").write_text(text)
    assert octostore("explain", "two.yaml", "one.yaml").code == 2
    chosen = octostore("explain", "two.yaml", "one.yaml", "--task", "1")
    assert chosen.code == 1
    assert "env BACALHAU_PARTITION_INDEX" in chosen.out
    both = octostore("explain", "two.yaml", "two.yaml", "--json")
    assert both.code == 0
    assert [item["same"] for item in both.json["tasks"]] == [True, True]


@pytest.mark.parametrize("name", ["own.car", "own.json"])
def test_the_own_form_is_written_and_read_again(octostore: Command, name: str) -> None:
    job_file = KEPLER / "bacalhau-job.yaml"
    first = octostore("canonicalize", job_file, "--out", name, "--json")
    again = octostore("canonicalize", name, "--json")
    assert again.json["invocation"] == first.json["invocation"]
    assert again.json["network"] == "octostore"
    assert octostore("explain", job_file, name).code == 0


def test_the_own_form_of_what_is_not_canonical_is_not_written(
    octostore: Command, tmp_path: Path
) -> None:
    said = octostore("canonicalize", UNPINNED, "--out", "own.car")
    assert said.code == 3
    assert "not written" in said.err
    assert not (tmp_path / "own.car").exists()
