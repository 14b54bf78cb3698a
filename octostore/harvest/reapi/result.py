"""An `ActionResult`: what came out of an action, in the names of its invocation.

    {output_files: [{path: "out/a", digest: {hash: "2d71..", size_bytes: 1}}],
     output_directories: [{path: "out/d", tree_digest: ..}],
     exit_code: 0, stdout_raw: "..", execution_metadata: {worker: "w7", ..}}

Source: remote_execution.proto (becdd8f9) at ActionResult and Tree; FORMATS 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from invocation_spec import Outcome
from invocation_spec.adapters.reapi_digest import Digest
from invocation_spec.adapters.reapi_directory import Blobs
from invocation_spec.adapters.reapi_tree import TREE_ENTRIES_MAX, inside
from invocation_spec.cid import CID
from invocation_spec.node import Node
from invocation_spec.protobuf import decode, encode
from octostore.claiming import Reported
from octostore.harvest.reapi.cache import Cache
from octostore.harvest.reapi.messages import NotWholeError, blob_of, directories_of
from octostore.result import OUTPUTS_MAX, STDOUT, Result

__all__ = ["NETWORK", "ResultReader"]

NETWORK: Final = "reapi"

_LINKS: Final = ("output_file_symlinks", "output_directory_symlinks", "output_symlinks")


@dataclass(slots=True)
class ResultReader:
    """An `ActionResult` while it is read; `outputs` by their names here."""

    cache: Cache
    function: str
    outcome: Outcome
    outputs: dict[str, CID] = field(default_factory=dict)
    links: int = 0

    def reported(
        self, said: Mapping[str, Any], action: str, platform: str | None
    ) -> Reported:
        """What the result of an action, by its digest, says of the run.

        Raises:
            NotWholeError: a tree of outputs that cannot be had, two files at a path.
            DocumentError, EncodingError: a path, digest or tree that is none.
            ResultError: outputs that no result can have.
        """
        for number, item in enumerate(said["output_files"]):
            node = Node(item, f"/output_files/{number}")
            self._put(self._name(node.peek("path")), self._cid(node.peek("digest")))
        for number, item in enumerate(said["output_directories"]):
            self._take_directory(Node(item, f"/output_directories/{number}"))
        self._take_stdout(said)
        metadata = said["execution_metadata"] or {}
        links = self.links + sum(len(said[kind]) for kind in _LINKS)
        # A link is no file of its own: told, and left out of what came out.
        native = {"reapi-output-symlinks": str(links)} if links else {}
        code = said["exit_code"]
        return Reported(
            network=NETWORK,
            # The signal that ended it, to some; no status of its own.
            result=Result(self.outputs, exit=None if code < 0 else code),
            executor=_worker(metadata.get("worker", "")),
            job=action,
            platform=platform,
            started=_seconds(metadata, "execution_start_timestamp"),
            finished=_seconds(metadata, "execution_completed_timestamp"),
            native=native,
        )

    def _name(self, path: Node) -> str:
        """A path from the working directory on, as one below the input root."""
        assert self.outcome.input is not None  # noqa: S101 - canonical
        _, root, *working = (self.outcome.input.cwd or "").split("/")
        return f"/{root}" + inside(path, "/" + "/".join(working))

    def _cid(self, digest: Node) -> CID:
        return Digest.read(digest, self.function).cid

    def _put(self, name: str, cid: CID) -> None:
        if self.outputs.setdefault(name, cid) != cid:
            raise NotWholeError(f"two files at {name}")
        if len(self.outputs) > OUTPUTS_MAX:
            raise NotWholeError(f"more than {OUTPUTS_MAX} files came out")

    def _take_stdout(self, said: Mapping[str, Any]) -> None:
        raw, named = said["stdout_raw"], Node(said["stdout_digest"], "/stdout_digest")
        if raw:
            self._put(STDOUT, CID.of_bytes(raw))
        if not named.is_null and not (raw and self.function != "sha256"):
            self._put(STDOUT, self._cid(named))

    def _take_directory(self, item: Node) -> None:
        """The files of a directory: of its Tree, or of its own messages."""
        name = self._name(item.peek("path"))
        tree, root = item.peek("tree_digest"), item.peek("root_directory_digest")
        blobs = Blobs(self.function)
        if not tree.is_null:
            what = f"output directory {name}"
            data = blob_of(self.cache, Digest.read(tree, self.function), what)
            first, children = _tree(data)
        else:
            digest = Digest.read(root, self.function)
            first, *children = [*directories_of(self.cache, digest, {})] or [b""]
            if Digest.of(first, self.function) != digest:
                raise NotWholeError(f"the cache does not have {digest}, {name}")
        for number, child in enumerate(dict.fromkeys([first, *children])):
            blobs.add(child, f"{item.at}/{number}")
        self._take_files(name, blobs, Digest.of(first, self.function))

    def _take_files(self, top: str, blobs: Blobs, root: Digest) -> None:
        if blobs.entries(root, "/root") > TREE_ENTRIES_MAX:
            raise NotWholeError(f"{top} has more than {TREE_ENTRIES_MAX} entries")
        open_ = [(top, root)]
        while open_:
            name, digest = open_.pop()
            directory = blobs.find(digest, "/root")
            if directory is None:
                raise NotWholeError(f"a directory is missing: {name}, {digest}")
            for file in directory.files:
                self._put(f"{name}/{file.name}", file.cid)
            self.links += len(directory.links)
            open_ += [(f"{name}/{it.name}", it.digest) for it in directory.directories]


def _tree(data: bytes) -> tuple[bytes, list[bytes]]:
    """The root and the children of a `Tree`, each as its own message."""
    tree = decode("Tree", data)
    children = [encode("Directory", item) for item in tree["children"]]
    return encode("Directory", tree["root"] or {}), children


def _worker(name: str) -> str | None:
    """Who ran it, by a name; an address is that of who put the result there.

    bazel-remote writes it, with its port, where a client names no worker.
    """
    host = name if name.count(":") != 1 else name.partition(":")[0]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    try:
        ip_address(host)
    except ValueError:
        return None if name in ("", "unknown") else name
    return None


def _seconds(metadata: Mapping[str, Any], name: str) -> int | None:
    time = metadata.get(name)
    return int(time["seconds"]) if time else None
