"""What caches of Nix sign becomes claims of the builds that it is of."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import CID, Resolutions, nixstore
from invocation_spec.derivation import Derivation, Output, output_path, recipe_hash
from invocation_spec.errors import DidError, EncodingError
from octostore.cli import run
from octostore.errors import FileError, SignatureError
from octostore.harvest.nix import source as nix_source
from octostore.harvest.nix.outputs import NixCaches
from octostore.harvest.nix.records import (
    RECORD_BYTES_MAX,
    REFERENCES_MAX,
    SIGNATURES_MAX,
    PathInfo,
    infos_from_json,
    realisation_from_json,
)
from octostore.harvest.nix.signature import KEYS_MAX, SignedText, trusted_keys
from octostore.harvest.nix.source import Cache, Derivations, Folder, Site
from octostore.harvest.observed import Observed, Unclaimed
from octostore.keys import SecretKey
from octostore.lookup import Web
from octostore.records import Claim, parse_record
from octostore.store import Octostore

NAME = "cache.example.org-1"
KEY = SecretKey.from_seed(hashlib.sha256(b"a cache").digest())
OTHER = SecretKey.from_seed(hashlib.sha256(b"another").digest())
TRUSTED = {NAME: bytes(KEY.public)}


def digest(word: str) -> bytes:
    return hashlib.sha256(word.encode()).digest()


def sha256(data: bytes) -> str:
    return f"sha256:{nixstore.nix32(data)}"


def signed(message: bytes, key: SecretKey = KEY, name: str = NAME) -> str:
    return f"{name}:{base64.b64encode(key.sign(message)).decode()}"


#: A shell whose path is made of its content, so that nobody has to sign it.
SHELL_NAR = digest("the shell")
SHELL = nixstore.source_path("shell", SHELL_NAR)


def derivation(
    name: str,
    outputs: dict[str, Output],
    drvs: dict[str, tuple[str, ...]] | None = None,
    *,
    args: tuple[str, ...] = (),
    srcs: tuple[str, ...] = (SHELL,),
) -> Derivation:
    env = {"name": name} | {key: item.path for key, item in outputs.items()}
    return Derivation(
        outputs, drvs or {}, srcs, "x86_64-linux", f"{SHELL}/sh", args, env
    )


def by_recipe(
    name: str,
    known: dict[str, Derivation],
    drvs: dict[str, tuple[str, ...]] | None = None,
    outputs: tuple[str, ...] = ("out",),
) -> tuple[str, Derivation]:
    """A derivation whose outputs lie where its recipe says."""
    blank = derivation(name, dict.fromkeys(outputs, Output()), drvs)
    recipe = recipe_hash(blank, known.__getitem__)
    made = {output: Output(output_path(recipe, name, output)) for output in outputs}
    found = derivation(name, made, drvs)
    return found.path(name), found


HELLO_PATH, HELLO = by_recipe("hello", {})
TWICE_PATH, TWICE = by_recipe(
    "twice", {HELLO_PATH: HELLO}, {HELLO_PATH: ("out",)}, ("dev", "out")
)
FLOAT = derivation("float", {"out": Output("", "r:sha256")})
FLOAT_PATH = FLOAT.path("float")
FLOAT_NAR = digest("what float gave")
FLOAT_OUT = nixstore.source_path("float", FLOAT_NAR)
SELF_OUT = nixstore.source_path("float", digest("modulo itself"), itself=True)
USES = derivation(
    "uses",
    {"out": Output("", "r:sha256")},
    {FLOAT_PATH: ("out",)},
    args=(f"cat {nixstore.placeholder(FLOAT_PATH, 'out')}",),
)
USES_PATH = USES.path("uses")
USES_NAR = digest("what uses gave")
USES_OUT = nixstore.source_path("uses", USES_NAR)
ALL = {HELLO_PATH: HELLO, TWICE_PATH: TWICE, FLOAT_PATH: FLOAT, USES_PATH: USES}


def narinfo(
    path: str,
    nar: bytes,
    *sigs: str,
    deriver: str | None = None,
    references: tuple[str, ...] = (),
    ca: str | None = None,
) -> str:
    lines = [
        f"StorePath: {path}",
        "URL: nar/x.nar.xz",
        f"NarHash: {sha256(nar)}",
        "NarSize: 120",
        "References: " + " ".join(one[11:] for one in references),
    ]
    lines += [f"Deriver: {deriver[11:]}"] if deriver else []
    lines += [f"Sig: {sig}" for sig in sigs]
    lines += [f"CA: {ca}"] if ca else []
    return "\n".join(lines) + "\n"


def message(path: str, nar: bytes, references: tuple[str, ...] = ()) -> bytes:
    return f"1;{path};{sha256(nar)};120;{','.join(sorted(references))}".encode()


def named_by_recipe(drv: str, output: str = "out", *, key: SecretKey = KEY) -> str:
    path = ALL[drv].outputs[output].path
    nar = digest(f"{drv} {output}")
    return narinfo(path, nar, signed(message(path, nar), key), deriver=drv)


def older(drv: str, path: str, key: SecretKey = KEY) -> tuple[str, str]:
    """A realisation as Nix 2.8 writes it: its name in a cache, its text."""
    recipe = recipe_hash(ALL[drv], ALL.__getitem__).hex()
    plain = {
        "dependentRealisations": {},
        "id": f"sha256:{recipe}!out",
        "outPath": path[11:],
    }
    text = json.dumps(plain, separators=(",", ":"))
    whole = plain | {"signatures": [signed(text.encode(), key)]}
    return f"realisations/sha256:{recipe}!out.doi", json.dumps(whole)


def newer(drv: str, path: str) -> tuple[str, str]:
    """The same as it is since: key and output in the name of the file alone."""
    text = json.dumps(
        {
            "key": {"drvPath": drv[11:], "outputName": "out"},
            "value": {"outPath": path[11:]},
        },
        separators=(",", ":"),
    )
    _, sig = signed(text.encode()).split(":")
    value = {"outPath": path[11:], "signatures": [{"keyName": NAME, "sig": sig}]}
    return f"build-trace-v2/{drv[11:]}/out.doi", json.dumps(value)


def by_content(path: str, nar: bytes) -> tuple[str, str]:
    """What lies at a path that is made of it: nobody has to sign it."""
    return f"{path[11:43]}.narinfo", narinfo(path, nar, ca=f"fixed:r:{sha256(nar)}")


SOURCE = by_content(SHELL, SHELL_NAR)
FLOAT_INFO = by_content(FLOAT_OUT, FLOAT_NAR)
USES_INFO = by_content(USES_OUT, USES_NAR)


def by_name(text: str) -> tuple[str, str]:
    path = text.splitlines()[0].removeprefix("StorePath: ")
    return f"{path[11:43]}.narinfo", text


@pytest.fixture
def drvs(tmp_path: Path) -> Path:
    folder = tmp_path / "drvs"
    folder.mkdir()
    for path, found in ALL.items():
        (folder / path[11:]).write_text(found.text)
    return folder


def cache(folder: Path, *files: tuple[str, str]) -> Path:
    for name, text in (*files, SOURCE):
        file = folder / "cache" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder / "cache"


def harvested(
    folder: Path, drvs: Path, *caches: Cache, given: dict[str, Any] | None = None
) -> tuple[list[Observed], dict[str, str]]:
    """What is observed, and the reasons why the rest is not, by item."""
    resolutions = Resolutions.parse(json.dumps(given or {}).encode())
    found = NixCaches(
        caches or (Folder(folder),), Derivations([drvs]), TRUSTED, resolutions
    )
    seen = list(found.seen())
    observed = [item for item in seen if isinstance(item, Observed)]
    left = {item.item: item.reason for item in seen if isinstance(item, Unclaimed)}
    return observed, left


def result_of(observed: Observed) -> dict[str, CID]:
    assert observed.reported.result is not None
    return dict(observed.reported.result.outputs)


def test_an_output_named_by_its_recipe_is_claimed_of_its_derivation(
    tmp_path: Path, drvs: Path
) -> None:
    folder = cache(tmp_path, by_name(named_by_recipe(HELLO_PATH)))
    ((found,), _) = harvested(folder, drvs)
    assert found.outcome.name == "canonical"
    assert found.reported.executor == NAME
    assert found.reported.job == HELLO_PATH
    assert result_of(found) == {"/out": CID.of_digest(digest(f"{HELLO_PATH} out"))}
    assert found.reported.native["inputs"] == "signed"
    assert found.outcome.program is not None
    assert found.outcome.program.code == CID.of_bytes(HELLO.text.encode())


def test_outputs_of_one_derivation_are_parts_of_one_result(
    tmp_path: Path, drvs: Path
) -> None:
    texts = [
        named_by_recipe(HELLO_PATH),
        *(named_by_recipe(TWICE_PATH, name) for name in ("dev", "out")),
    ]
    found, _ = harvested(cache(tmp_path, *map(by_name, texts)), drvs)
    twice = [item for item in found if item.reported.job == TWICE_PATH]
    assert len({str(item.outcome.invocation) for item in twice}) == 1
    assert {name for item in twice for name in result_of(item)} == {"/dev", "/out"}


@pytest.mark.parametrize("form", [older, newer])
def test_a_realisation_is_claimed_of_its_derivation(
    tmp_path: Path, drvs: Path, form: Any
) -> None:
    files = [form(FLOAT_PATH, FLOAT_OUT), form(USES_PATH, USES_OUT)]
    folder = cache(tmp_path, *files, FLOAT_INFO, USES_INFO)
    found, _ = harvested(folder, drvs)
    by_job = {item.reported.job: item for item in found}
    assert by_job.keys() == {FLOAT_PATH, USES_PATH}
    assert result_of(by_job[USES_PATH]) == {"/out": CID.of_digest(USES_NAR)}
    resolved = USES.resolved({(FLOAT_PATH, "out"): FLOAT_OUT})
    outcome = by_job[USES_PATH].outcome
    assert outcome.program is not None
    assert outcome.program.code == CID.of_bytes(resolved.text.encode())
    assert outcome.aliases["nix-resolved"] == resolved.path("uses")


def test_what_was_signed_is_kept_so_that_anybody_can_verify_it(
    tmp_path: Path, drvs: Path
) -> None:
    files = [older(FLOAT_PATH, FLOAT_OUT), FLOAT_INFO]
    ((found,), _) = harvested(cache(tmp_path, *files), drvs)
    evidence = found.reported.evidence
    assert all(cid.matches(block) for cid, block in evidence.items())
    texts = [
        SignedText.from_block(block)
        for cid, block in evidence.items()
        if cid == CID.of_block(block)
    ]
    assert [(item.name, item.key) for item in texts] == [(NAME, bytes(KEY.public))]
    assert FLOAT_OUT[11:].encode() in texts[0].text
    assert FLOAT.text.encode() in evidence.values()
    assert FLOAT_INFO[1].encode() in evidence.values()


def test_a_key_that_is_not_trusted_gives_no_claim(tmp_path: Path, drvs: Path) -> None:
    path = HELLO.outputs["out"].path
    nar = digest("x")
    sig = signed(message(path, nar), OTHER, "other-1")
    folder = cache(tmp_path, by_name(narinfo(path, nar, sig, deriver=HELLO_PATH)))
    found, left = harvested(folder, drvs)
    assert found == []
    assert left[f"{path} other-1"] == "signed by other-1, whose key is not trusted"


def test_a_signature_that_does_not_hold_gives_no_claim(
    tmp_path: Path, drvs: Path
) -> None:
    folder = cache(tmp_path, by_name(named_by_recipe(HELLO_PATH, key=OTHER)))
    found, left = harvested(folder, drvs)
    assert found == []
    assert f"the signature of {NAME} does not hold" in left.values()


@pytest.mark.parametrize("line", ["NarSize: 120", "NarHash: ", "References: "])
def test_each_word_that_is_signed_counts(tmp_path: Path, drvs: Path, line: str) -> None:
    text = named_by_recipe(HELLO_PATH)
    changed = {
        "NarSize: 120": "NarSize: 121",
        "NarHash: ": f"NarHash: {sha256(digest('y'))}\nWas: ",
        "References: ": f"References: {SHELL[11:]}",
    }[line]
    folder = cache(tmp_path, by_name(text.replace(line, changed, 1)))
    found, left = harvested(folder, drvs)
    assert found == []
    assert f"the signature of {NAME} does not hold" in left.values()


def test_what_nobody_signed_gives_no_claim(tmp_path: Path, drvs: Path) -> None:
    path = HELLO.outputs["out"].path
    folder = cache(tmp_path, by_name(narinfo(path, digest("x"), deriver=HELLO_PATH)))
    assert harvested(folder, drvs)[1][path] == "nobody has signed it"


def test_a_derivation_that_does_not_make_the_path_is_not_believed(
    tmp_path: Path, drvs: Path
) -> None:
    """A text may name any path as its output; only the recipe makes it one."""
    path = HELLO.outputs["out"].path
    thief = derivation("thief", {"out": Output(path)})
    thief_path = thief.path("thief")
    (drvs / thief_path[11:]).write_text(thief.text)
    nar = digest("x")
    text = narinfo(path, nar, signed(message(path, nar)), deriver=thief_path)
    found, left = harvested(cache(tmp_path, by_name(text)), drvs)
    assert found == []
    assert f"{thief_path} does not make {path}" in left.values()


def test_a_derivation_under_the_name_of_another_is_refused(
    tmp_path: Path, drvs: Path
) -> None:
    (drvs / HELLO_PATH[11:]).write_text(FLOAT.text)
    folder = cache(tmp_path, by_name(named_by_recipe(HELLO_PATH)))
    found, left = harvested(folder, drvs)
    assert found == []
    assert any("another derivation" in reason for reason in left.values())


def test_a_derivation_that_is_not_at_hand_is_asked_for(
    tmp_path: Path, drvs: Path
) -> None:
    (drvs / HELLO_PATH[11:]).unlink()
    folder = cache(tmp_path, by_name(named_by_recipe(TWICE_PATH)))
    found, left = harvested(folder, drvs)
    assert found == []
    assert any(HELLO_PATH in reason for reason in left.values())


def test_an_input_of_which_nothing_is_known_leaves_it_unresolved(
    tmp_path: Path, drvs: Path
) -> None:
    folder = cache(tmp_path, by_name(named_by_recipe(HELLO_PATH)))
    (folder / SOURCE[0]).unlink()
    ((found,), _) = harvested(folder, drvs)
    assert [row.reference for row in found.outcome.unresolved] == [f"nix:{SHELL}"]
    told = {"nar": f"sha256:{SHELL_NAR.hex()}", "references": []}
    ((found,), _) = harvested(folder, drvs, given={f"nix:{SHELL}": told})
    assert found.outcome.name == "canonical"


def test_inputs_that_nobody_signed_are_said_to_be(tmp_path: Path, drvs: Path) -> None:
    nar = digest("another shell, put there by somebody")
    folder = cache(tmp_path, by_name(named_by_recipe(HELLO_PATH)))
    (folder / SOURCE[0]).write_text(narinfo(SHELL, nar))
    ((found,), _) = harvested(folder, drvs)
    assert found.reported.native["inputs"] == "as the cache says"


def test_a_path_that_holds_itself_needs_a_signature(tmp_path: Path, drvs: Path) -> None:
    """Its hash is of a NAR without its own name, so it does not say the NAR's."""
    nar, ca = digest("with itself"), f"fixed:r:{sha256(digest('modulo itself'))}"
    bare = narinfo(SELF_OUT, nar, references=(SELF_OUT,), ca=ca)
    realised = older(FLOAT_PATH, SELF_OUT)
    found, left = harvested(cache(tmp_path, realised, by_name(bare)), drvs)
    assert found == []
    assert any("nobody who is trusted has signed" in item for item in left.values())
    sig = signed(message(SELF_OUT, nar, (SELF_OUT,)))
    whole = narinfo(SELF_OUT, nar, sig, references=(SELF_OUT,), ca=ca)
    ((found_now,), _) = harvested(cache(tmp_path, by_name(whole)), drvs)
    assert result_of(found_now) == {"/out": CID.of_digest(nar)}


def test_a_path_that_its_content_does_not_make_needs_a_signature(
    tmp_path: Path, drvs: Path
) -> None:
    lie = narinfo(FLOAT_OUT, digest("x"), ca=f"fixed:r:{sha256(digest('x'))}")
    files = [older(FLOAT_PATH, FLOAT_OUT), by_name(lie)]
    found, left = harvested(cache(tmp_path, *files), drvs)
    assert found == []
    assert any("nobody who is trusted has signed" in item for item in left.values())


def test_a_realisation_of_an_output_named_by_recipe_says_no_content(
    tmp_path: Path, drvs: Path
) -> None:
    realised = older(HELLO_PATH, HELLO.outputs["out"].path)
    found, left = harvested(cache(tmp_path, realised), drvs)
    assert found == []
    assert any("names its outputs by recipe" in item for item in left.values())


def test_a_derivation_with_a_secret_is_not_published_unasked(
    tmp_path: Path, drvs: Path
) -> None:
    """Its text goes along as evidence, and there the environment stands."""
    env = {**FLOAT.env, "API_TOKEN": "x"}
    secret = replace(FLOAT, env=env)
    path = secret.path("float")
    (drvs / path[11:]).write_text(secret.text)
    text = json.dumps(
        {
            "key": {"drvPath": path[11:], "outputName": "out"},
            "value": {"outPath": FLOAT_OUT[11:]},
        },
        separators=(",", ":"),
    )
    value = json.loads(text)
    value["value"]["signatures"] = [signed(text.encode())]
    folder = cache(tmp_path, ("a.doi", json.dumps(value)), FLOAT_INFO)
    found, left = harvested(folder, drvs)
    assert found == []
    assert any("API_TOKEN" in reason for reason in left.values())
    caches = NixCaches(
        [Folder(folder)], Derivations([drvs]), TRUSTED, Resolutions.none(),
        publishes_credentials=True,
    )  # fmt: skip
    assert any(isinstance(item, Observed) for item in caches.seen())


def test_broken_files_are_told_and_stop_nothing(tmp_path: Path, drvs: Path) -> None:
    folder = cache(
        tmp_path,
        ("a.narinfo", "StorePath: /nix/store/x\n"),
        ("b.narinfo", "no line\n"),
        ("realisations/c.doi", "{"),
        ("d.json", '{"x": 1}'),
        by_name(named_by_recipe(HELLO_PATH)),
    )
    found, left = harvested(folder, drvs)
    assert len(found) == 1
    names = {"a.narinfo", "b.narinfo", "realisations/c.doi", "d.json"}
    assert names <= left.keys()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "cache"
    folder.mkdir()
    handler = partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_cache_at_a_url_is_asked_for_what_the_derivations_make(
    tmp_path: Path, drvs: Path, site: tuple[Path, str]
) -> None:
    texts = [named_by_recipe(HELLO_PATH), named_by_recipe(TWICE_PATH)]
    files = [older(FLOAT_PATH, FLOAT_OUT), FLOAT_INFO, *map(by_name, texts)]
    cache(tmp_path, *files)
    with Web(insecure=True) as web:
        found, _ = harvested(tmp_path, drvs, Site(web, site[1]))
    assert [item.outcome.name for item in found] == ["canonical"] * 3
    jobs = {item.reported.job for item in found}
    assert jobs == {HELLO_PATH, TWICE_PATH, FLOAT_PATH}


def test_an_output_whose_name_climbs_is_asked_for_nowhere(
    tmp_path: Path, drvs: Path
) -> None:
    _, text = older(FLOAT_PATH, FLOAT_OUT)
    (tmp_path / "secret.doi").write_text(text)
    climbing = derivation("climbs", {"../../secret": Output("", "r:sha256")})
    path = climbing.path("climbs")
    (drvs / path[11:]).write_text(climbing.text)
    read: list[str] = []

    class Told(Folder):
        def read(self, name: str) -> bytes | None:
            read.append(name)
            return super().read(name)

        def names(self) -> Iterator[str]:
            yield from ()

    found, _ = harvested(tmp_path, drvs, Told(cache(tmp_path, FLOAT_INFO)))
    assert found == []
    assert read
    assert not any(".." in name for name in read)


def test_a_folder_that_is_called_like_a_file_is_passed_over(
    tmp_path: Path, drvs: Path
) -> None:
    (drvs / f"{'1' * 32}-folder.drv").mkdir()
    realised = older(FLOAT_PATH, FLOAT_OUT)
    folder = cache(tmp_path, realised, FLOAT_INFO, by_name(named_by_recipe(HELLO_PATH)))
    (folder / "x.narinfo").mkdir()
    found, _ = harvested(folder, drvs)
    assert len(found) == 2


def test_what_a_cache_at_a_url_gets_wrong_stops_nothing_else(
    tmp_path: Path, drvs: Path, site: tuple[Path, str]
) -> None:
    cache(tmp_path, by_name(named_by_recipe(HELLO_PATH)))
    broken = f"{TWICE.outputs['out'].path[11:43]}.narinfo"
    (site[0] / broken).write_text("no line\n")
    name, _ = older(FLOAT_PATH, FLOAT_OUT)
    (site[0] / "realisations").mkdir()
    (site[0] / name).write_text("[]")
    alone = derivation("alone", {"out": Output("", "r:sha256")}, {SHELL: ("out",)})
    path = alone.path("alone")
    (drvs / path[11:]).write_text(alone.text)
    with Web(insecure=True) as web:
        found, left = harvested(tmp_path, drvs, Site(web, site[1]))
    assert [item.reported.job for item in found] == [HELLO_PATH]
    assert {TWICE_PATH, FLOAT_PATH, path} <= left.keys()


def info_in_json() -> dict[str, Any]:
    """What lies at a path, as `nix path-info --json` says it since version 3."""
    nar = digest("x")
    name, sig = signed(message(FLOAT_OUT, nar, (SHELL,))).split(":")
    return {
        FLOAT_OUT[11:]: {
            "narHash": f"sha256-{base64.b64encode(nar).decode()}",
            "narSize": 120,
            "references": [SHELL[11:]],
            "deriver": FLOAT_PATH[11:],
            "signatures": [{"keyName": name, "sig": sig}],
            "version": 3,
        }
    }


def test_path_infos_in_json_of_all_versions_say_the_same() -> None:
    nar = digest("x")
    sig = signed(message(FLOAT_OUT, nar, (SHELL,)))
    plain = {"narSize": 120, "registrationTime": 1}
    first = {
        "path": FLOAT_OUT,
        "narHash": sha256(nar),
        "references": [SHELL],
        "deriver": FLOAT_PATH,
        "signatures": [sig],
    } | plain
    second = {key: item for key, item in first.items() if key != "path"}
    documents = ([first], {FLOAT_OUT: second}, info_in_json())
    for document in (*documents, {"info": documents[2], "version": 3}):
        (found,) = infos_from_json(json.dumps(document).encode())
        assert found.signed == message(FLOAT_OUT, nar, (SHELL,))
        assert (found.deriver, found.signatures) == (FLOAT_PATH, (sig,))


GOOD_INFO = named_by_recipe(HELLO_PATH)


@pytest.mark.parametrize(
    "text",
    [
        GOOD_INFO.replace("StorePath", "Path"),
        GOOD_INFO.replace("/nix/store/", "/gnu/store/", 1),
        GOOD_INFO.replace("NarSize: 120", "NarSize: 0"),
        GOOD_INFO.replace("NarSize: 120", "NarSize: -1"),
        GOOD_INFO.replace("sha256:", "sha1:", 1),
        GOOD_INFO + "NarSize: 120\n",
        GOOD_INFO.replace("\nDeriver: ", "\x0bDeriver: "),
        GOOD_INFO.replace("\nDeriver: ", "\u2028Deriver: "),
        GOOD_INFO.replace("Deriver: ", "Deriver: x"),
        GOOD_INFO + "Sig: a:b\n" * SIGNATURES_MAX,
        GOOD_INFO.replace(
            "References: ", "References: " + f"{SHELL[11:]} " * (REFERENCES_MAX // 64)
        )
        * 64,
    ],
)
def test_what_is_no_narinfo_is_refused(text: str) -> None:
    with pytest.raises(EncodingError):
        PathInfo.from_narinfo(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"id": "sha256:00!out", "outPath": "x", "dependentRealisations": {}}',
        '{"key": {}, "value": {}}',
        '{"key": 1, "value": 2}',
        '{"id": 1, "outPath": 2, "dependentRealisations": {}, "signatures": 3}',
    ],
)
def test_what_is_no_realisation_is_refused(text: str) -> None:
    with pytest.raises(EncodingError):
        realisation_from_json(text.encode())


@pytest.mark.parametrize("field", ["name", "key", "signature", "text"])
def test_a_block_of_evidence_with_one_bit_flipped_does_not_verify(field: str) -> None:
    good = SignedText(NAME, bytes(KEY.public), b"a text", KEY.sign(b"a text"))
    assert SignedText.from_block(good.block) == good
    at = good.block.index(getattr(good, field)) if field != "name" else 0
    bent = bytearray(good.block)
    bent[at] ^= 1
    with pytest.raises((EncodingError, SignatureError, DidError)):
        SignedText.from_block(bytes(bent))


@pytest.mark.parametrize(
    "text",
    ["", "name", "name:", ":AAAA", "name:AAAA", "name:!", f"{'n' * 300}:AAAA"],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(EncodingError):
        trusted_keys([text])


def test_one_name_has_one_key() -> None:
    texts = [
        f"{NAME}:{base64.b64encode(bytes(key.public)).decode()}" for key in (KEY, OTHER)
    ]
    assert trusted_keys([texts[0], texts[0]]) == TRUSTED
    with pytest.raises(EncodingError, match="two keys"):
        trusted_keys(texts)


def test_a_record_of_too_many_bytes_is_refused() -> None:
    text = GOOD_INFO + f"Note: {'x' * RECORD_BYTES_MAX}\n"
    with pytest.raises(EncodingError, match="bytes"):
        PathInfo.from_narinfo(text.encode())
    found = PathInfo.from_narinfo((GOOD_INFO + "Note: x\n").encode())
    assert found.path == HELLO.outputs["out"].path


def test_a_path_that_names_too_many_is_refused() -> None:
    info = {
        "path": FLOAT_OUT,
        "narHash": sha256(digest("x")),
        "narSize": 1,
        "references": [SHELL] * (REFERENCES_MAX + 1),
    }
    with pytest.raises(EncodingError, match="references"):
        infos_from_json(json.dumps([info]).encode())
    info["references"] = [SHELL] * REFERENCES_MAX
    assert infos_from_json(json.dumps([info]).encode())


def test_too_many_keys_are_refused() -> None:
    key = base64.b64encode(bytes(KEY.public)).decode()
    texts = [f"n{number}:{key}" for number in range(KEYS_MAX + 1)]
    assert len(trusted_keys(texts[:-1])) == KEYS_MAX
    with pytest.raises(EncodingError, match="keys"):
        trusted_keys(texts)


def test_a_folder_of_too_many_files_is_refused(
    drvs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nix_source, "FILES_MAX", len(ALL))
    assert len(Derivations([drvs])) == len(ALL)
    monkeypatch.setattr(nix_source, "FILES_MAX", len(ALL) - 1)
    with pytest.raises(FileError, match="files"):
        Derivations([drvs])


def test_a_file_of_too_many_bytes_is_refused(
    tmp_path: Path, drvs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = cache(tmp_path, by_name(named_by_recipe(HELLO_PATH)))
    monkeypatch.setattr(nix_source, "PATH_INFOS_BYTES_MAX", 100)
    with pytest.raises(FileError, match="bytes"):
        harvested(folder, drvs)


def test_a_signed_text_is_verified_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = SignedText(NAME, bytes(KEY.public), b"a text", KEY.sign(b"a text"))
    file = tmp_path / "evidence"
    file.write_bytes(good.block)
    assert run(["verify", str(file)]) == 0
    assert NAME in capsys.readouterr().out
    assert run(["verify", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == "a text"
    file.write_bytes(good.block.replace(b"a text", b"b text"))
    assert run(["verify", str(file)]) == 5


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError):
        Derivations([tmp_path / "nowhere"])


def test_the_command_claims_stores_and_answers(
    tmp_path: Path, drvs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = cache(tmp_path, by_name(named_by_recipe(HELLO_PATH)))
    key, store = str(tmp_path / "me.key"), str(tmp_path / "store")
    assert run(["key", "new", key]) == 0
    trusted = f"{NAME}:{base64.b64encode(bytes(KEY.public)).decode()}"
    words = ["harvest", "nix", str(folder), "--derivations", str(drvs)]
    words += ["--trusted-key", trusted, "--key", key, "--store", store, "--json"]
    capsys.readouterr()
    assert run(words) == 0
    (claimed,) = json.loads(capsys.readouterr().out)["claimed"]
    with Octostore.open(Path(store)) as opened:
        record = parse_record(opened.get(CID.parse(claimed["claim"])))
        assert isinstance(record, Claim)
        assert record.network == "nix"
        assert all(opened.find(cid) is not None for cid in record.evidence)
    assert run(words) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["known"], again["claimed"]) == (1, [])
    assert run([*words[:5], "--trusted-key", "x", "--key", key]) == 2
