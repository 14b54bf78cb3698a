"""Actions and their results, put into a cache as its clients put them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from invocation_spec.adapters.reapi_digest import Digest
from invocation_spec.protobuf import encode

__all__ = ["BARE", "IMAGE", "Stock", "bare", "named"]

IMAGE = f"docker://example/tool@sha256:{'ab' * 32}"

_PROPERTIES = [{"name": "container-image", "value": IMAGE}]
_NO_ENTRYPOINT = {"digest": f"sha256:{'ab' * 32}", "entrypoint": []}
#: What says that the image has no entrypoint, in which workers differ.
BARE = {IMAGE.replace("docker://", "oci:docker.io/"): _NO_ENTRYPOINT}


def bare(folder: Path) -> list[str]:
    """The option that says so on the command line, of a file written here."""
    file = folder / "bare.json"
    file.write_text(json.dumps(BARE))
    return ["--resolutions", str(file)]


def named(data: bytes) -> dict[str, Any]:
    """The message `Digest` of these bytes."""
    return {"hash": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}


@dataclass
class Stock:
    """What a cache shall hold: blobs, and results by the hash of their action."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    results: dict[str, bytes] = field(default_factory=dict)

    def add(self, data: bytes) -> dict[str, Any]:
        """A blob; its digest."""
        self.blobs[hashlib.sha256(data).hexdigest()] = data
        return named(data)

    def directory(
        self,
        files: Mapping[str, bytes],
        inner: Mapping[str, dict[str, Any]] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """A directory of files with these bytes; its digest."""
        entries = [
            {"name": name, "digest": self.add(data)} for name, data in files.items()
        ]
        below = [{"name": name, "digest": item} for name, item in (inner or {}).items()]
        fields = {"files": entries, "directories": below, **more}
        return self.add(encode("Directory", fields))

    def action(
        self,
        root: dict[str, Any] | None = None,
        platform: dict[str, Any] | None = None,
        **run: Any,
    ) -> str:
        """An action that runs `/bin/cp a.txt b.txt`; its hash."""
        command = {
            "arguments": ["/bin/cp", "a.txt", "b.txt"],
            "output_paths": ["b.txt"],
        }
        fields = {
            "command_digest": self.add(encode("Command", command | run)),
            "input_root_digest": root or self.directory({"a.txt": b"a\n"}),
            "platform": platform or {"properties": _PROPERTIES},
        }
        return str(self.add(encode("Action", fields))["hash"])

    def result(self, action: str, **fields: Any) -> str:
        """What came out of it; the action again."""
        whole = {"output_files": [self.output("b.txt", b"a\n")], **fields}
        self.results[action] = encode("ActionResult", whole)
        return action

    def output(self, path: str, data: bytes) -> dict[str, Any]:
        """The message `OutputFile`."""
        return {"path": path, "digest": self.add(data)}

    def forget(self, digest: Mapping[str, Any]) -> None:
        """What a cache does when it is full."""
        del self.blobs[str(digest["hash"])]

    def write(self, folder: Path, *, sharded: bool = True) -> Path:
        """As Bazel's disk cache."""
        for kind, held in (("ac", self.results), ("cas", self.blobs)):
            (folder / kind).mkdir(parents=True)
            for name, data in held.items():
                place = folder / kind / (name[:2] if sharded else "")
                place.mkdir(exist_ok=True)
                (place / name).write_bytes(data)
        return folder

    def digest_of(self, action: str) -> str:
        """HASH/SIZE."""
        return str(Digest.of(self.blobs[action], "sha256"))
