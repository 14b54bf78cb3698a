"""A real Nix builds, signs and fills a cache; what it signed is harvested and claimed.

Five outputs of four derivations, two of them named by content, with realisations of
the format that this Nix has. Needs Nix (Debian's nix-bin is enough) and a shell that
needs no library, to build with: busybox-static.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from invocation_spec import CID, canonicalize
from invocation_spec.derivation import Derivation
from invocation_spec.nixstore import name_of
from octostore.cli import run
from octostore.harvest.nix.signature import SignedText
from octostore.records import Claim, parse_record
from octostore.store import Octostore

_NIX_S = 300

_CONFIG = """\
experimental-features = nix-command ca-derivations
sandbox = false
build-users-group =
substituters =
secret-key-files = {folder}/secret
"""

#: No sandbox, since it takes a user namespace: inputs are named all the same.
_BUILDS = """\
let
  shell = builtins.path {{ path = {folder}/shell; name = "shell"; }};
  build = args: derivation ({{
    system = builtins.currentSystem;
    builder = "${{shell}}/busybox";
  }} // args);
  content = {{
    __contentAddressed = true;
    outputHashMode = "recursive";
    outputHashAlgo = "sha256";
  }};
in rec {{
  one = build {{ name = "one"; args = [ "sh" "-c" "echo 1 > $out" ]; }};
  two = build {{
    name = "two";
    outputs = [ "out" "dev" ];
    args = [ "sh" "-c" "read x < ${{one}}; echo $x$x > $out; echo dev > $dev" ];
  }};
  named = build (content // {{
    name = "named";
    args = [ "sh" "-c" "echo by content > $out" ];
  }});
  itself = build (content // {{
    name = "itself";
    args = [ "sh" "-c" "read x < ${{named}}; echo $x $out > $out" ];
  }});
}}
"""


@dataclass(frozen=True)
class Nix:
    """A store of its own below a folder, and a cache that was filled from it."""

    folder: Path
    key: str

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def store(self) -> Path:
        return self.folder / "root/nix/store"


def nix(folder: Path, *words: str) -> str:
    env = os.environ | {"NIX_CONF_DIR": str(folder), "HOME": str(folder)}
    done = subprocess.run(
        ["nix", *words],
        cwd=folder,
        env=env,
        timeout=_NIX_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Nix:
    busybox = Path("/bin/busybox")
    if shutil.which("nix") is None:
        pytest.skip("nix is not installed")
    if not busybox.is_file():
        pytest.skip("no /bin/busybox to build with: install busybox-static")
    folder = tmp_path_factory.mktemp("nix")
    (folder / "shell").mkdir()
    shutil.copy(busybox, folder / "shell/busybox")
    (folder / "nix.conf").write_text(_CONFIG.format(folder=folder))
    (folder / "builds.nix").write_text(_BUILDS.format(folder=folder))
    secret = nix(folder, "key", "generate-secret", "--key-name", "interop-1")
    (folder / "secret").write_text(secret)
    public = subprocess.run(
        ["nix", "key", "convert-secret-to-public"],
        input=secret,
        env=os.environ | {"NIX_CONF_DIR": str(folder), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    where = ["--store", str(folder / "root"), "-f", "builds.nix"]
    what = ["one", "two", "two.dev", "named", "itself"]
    nix(folder, "build", "--no-link", *where, *what)
    to = f"file://{folder}/cache?secret-key={folder}/secret"
    nix(folder, "copy", "--to", to, *where, *what)
    shell = f"/nix/store/{_shell(folder)}"
    nix(folder, "copy", "--to", to, "--store", str(folder / "root"), shell)
    return Nix(folder, public)


def _shell(folder: Path) -> str:
    names = (path.name for path in (folder / "root/nix/store").iterdir())
    return next(name for name in names if name.endswith("-shell"))


@pytest.mark.slow
def test_derivations_lie_and_resolve_as_nix_has_it(built: Nix) -> None:
    files = {f"/nix/store/{path.name}": path for path in built.store.glob("*.drv")}
    made = {
        path: Derivation.from_text(file.read_text()) for path, file in files.items()
    }
    for path, found in made.items():
        assert found.path(name_of(path).removesuffix(".drv")) == path
    itself = [path for path in made if path.endswith("-itself.drv")]
    (before,) = (path for path in itself if made[path].drvs)
    (after,) = (path for path in itself if not made[path].drvs)
    ((drv, _),) = made[before].drvs.items()
    (out,) = (path for path in made[after].srcs if path.endswith("-named"))
    assert made[before].resolved({(drv, "out"): out}).path("itself") == after


@pytest.mark.slow
def test_json_and_text_of_nix_are_one_derivation(built: Nix) -> None:
    where = ["--store", str(built.folder / "root"), "-f", "builds.nix"]
    for verb in (["derivation", "show"], ["show-derivation"]):
        try:
            shown = nix(built.folder, *verb, *where, "named", "two")
            break
        except AssertionError:
            continue  # before 2.15 it had the other name
    for outcome in canonicalize(shown.encode()):
        path = outcome.aliases["nix-derivation"]
        text = (built.store / path.rpartition("/")[2]).read_bytes()
        (same,) = canonicalize(text)
        assert same.aliases == outcome.aliases
        assert same.program == outcome.program


@pytest.mark.slow
def test_what_nix_signed_becomes_claims(
    built: Nix, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, store = str(tmp_path / "key"), tmp_path / "store"
    assert run(["key", "new", key]) == 0
    capsys.readouterr()
    words = ["harvest", "nix", str(built.cache), "--derivations", str(built.store)]
    words += ["--trusted-key", built.key, "--key", key, "--store", str(store)]
    assert run([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["claimed"]) == 5, said
    outputs = set()
    with Octostore.open(store) as opened:
        for row in said["claimed"]:
            record = parse_record(opened.get(CID.parse(row["claim"])))
            assert isinstance(record, Claim)
            assert record.executor == "interop-1"
            assert record.native["inputs"] == "signed"
            outputs.add((record.native["record"], record.native["store-path"][44:]))
            blocks = [opened.get(cid) for cid in record.evidence if cid.codec == 0x71]
            assert blocks
            assert all(SignedText.from_block(block) for block in blocks)
    assert outputs == {
        *(("narinfo", name) for name in ("one", "two", "two-dev")),
        *(("realisation", name) for name in ("named", "itself")),
    }
