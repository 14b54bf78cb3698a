"""Results of the Remote Execution API, as a cache holds them.

    ac/HASH   ActionResult {output_files: [{path: "out/a", digest: ..}], exit_code: 0}
    cas/HASH  Action {command_digest, input_root_digest, ..}, Command, Directory, Tree

For each action: its messages are put into the one document that says it, which is
read as any other; the result is named by paths below the input root. A cache says what
its clients said: who put a result there may have run the action or not, in the image
that it names or not. So the claim is a witness's, of the network `reapi`.
Source: remote_execution.proto (becdd8f9) at ActionResult, Tree; ADR 24.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from invocation_spec import Outcome, Resolutions, canonicalize
from invocation_spec.adapters.reapi_tree import (
    TREE_ENTRIES_MAX,
    Blobs,
    Digest,
    inside,
    message,
)
from invocation_spec.cid import CID
from invocation_spec.document import DOCUMENT_BYTES_MAX
from invocation_spec.errors import DocumentError, EncodingError
from invocation_spec.node import Node
from invocation_spec.protobuf import decode, decode_lenient, encode
from octostore.claiming import Reported
from octostore.errors import RecordError
from octostore.harvest.observed import Observed, Seen, Unclaimed
from octostore.harvest.reapi_cache import Cache
from octostore.result import OUTPUTS_MAX, STDOUT, Result

__all__ = ["NETWORK", "harvested"]

NETWORK: Final = "reapi"

_LINKS: Final = ("output_file_symlinks", "output_directory_symlinks", "output_symlinks")
_FUNCTIONS: Final = {64: "sha256", 96: "sha384", 128: "sha512"}


#: What a cache without workers has of most actions of Bazel.
_NO_TREE: Final = (
    "the cache does not have its input tree, which Bazel sends to workers alone;"
    " --execution-log FILE brings what Bazel knows of it"
)


class _NotWholeError(Exception):
    """What is in the cache gives no claim; `reason` says why."""

    def __init__(self, reason: str, outcome: Outcome | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class _Action:
    """An action as the document that says it, and its digest."""

    digest: Digest
    document: bytes


def harvested(
    cache: Cache,
    actions: Iterable[str],
    directories: Mapping[Digest, bytes],
    resolutions: Resolutions | None = None,
    platform: str | None = None,
) -> Iterator[Seen]:
    """What a cache says of some actions, by their hashes.

    `directories` are those that are known from elsewhere, each used only where its
    digest is asked for; `platform` is what the workers are, as a claim has it.

    Raises:
        RemoteError, FileError: the cache cannot be read any further.
    """
    for hash_ in actions:
        try:
            yield _seen(cache, hash_, directories, resolutions, platform)
        except _NotWholeError as error:
            yield Unclaimed(
                item=hash_,
                at=cache.place(hash_),
                reason=error.reason,
                outcome=error.outcome,
            )
        except (DocumentError, EncodingError, RecordError) as error:
            reason = f"refused: {error}"
            yield Unclaimed(item=hash_, at=cache.place(hash_), reason=reason)


def _seen(
    cache: Cache,
    hash_: str,
    directories: Mapping[Digest, bytes],
    resolutions: Resolutions | None,
    platform: str | None,
) -> Observed:
    said = cache.result(hash_)
    if said is None:
        raise _NotWholeError(
            "the cache has no result of it: it was evicted, or never put there"
        )
    action = _action(cache, hash_, directories)
    (outcome,) = canonicalize(action.document, resolutions, network=NETWORK)
    if any(found.kind == "missing-directory" for found in outcome.unresolved):
        raise _NotWholeError(_NO_TREE, outcome)
    reported = Reported(network=NETWORK)
    item = str(action.digest)
    if outcome.invocation is not None:
        found = _Result(cache, action.digest.function, outcome)
        reported = found.reported(decode_lenient("ActionResult", said), item, platform)
        # The same action may have another result elsewhere, or next week.
        assert reported.result is not None  # noqa: S101 - made just now
        item = f"{item} {reported.result.cid}"
    return Observed(
        item=item, at=cache.place(hash_), outcome=outcome, reported=reported
    )


def _action(cache: Cache, hash_: str, known: Mapping[Digest, bytes]) -> _Action:
    """The document of an action, with the directories that can be had.

    Raises:
        _NotWholeError: the action or its command is gone, or is not what it is
            named by.
    """
    function = _FUNCTIONS[len(hash_)]
    data = cache.blob(Digest(function, hash_, 0))
    if data is None:
        raise _NotWholeError("the cache has its result and not the action itself")
    digest = Digest.of(data, function)
    if digest.hash != hash_:
        raise _NotWholeError(
            f"the cache has other bytes under the action's hash: {digest}"
        )
    action = message("Action", data, "/action")
    command = _blob(
        cache, Digest.read(action.peek("command_digest"), function), "command"
    )
    root = Digest.read(action.peek("input_root_digest"), function)
    blobs = [data, command, *_directories(cache, root, known)]
    first, second, *others = (base64.b64encode(blob).decode() for blob in blobs)
    document = {"action": first, "command": second, "directories": others}
    return _Action(digest, json.dumps(document).encode())


def _blob(cache: Cache, digest: Digest, what: str) -> bytes:
    data = cache.blob(digest)
    if data is None:
        raise _NotWholeError(f"the cache does not have its {what}, {digest}")
    if Digest.of(data, digest.function) != digest:
        raise _NotWholeError(f"the cache has other bytes for its {what}, {digest}")
    return data


def _directories(
    cache: Cache, root: Digest, known: Mapping[Digest, bytes]
) -> Iterator[bytes]:
    """The tree below a digest as far as it can be had, each directory once."""
    seen: set[Digest] = set()
    open_, size = [root], 0
    while open_:
        digest = open_.pop()
        if digest in seen or not digest.size_bytes:
            continue
        seen.add(digest)
        data = known.get(digest)
        if data is None:
            data = cache.blob(digest)
        if data is None:
            continue  # a finding: the document lacks it
        if Digest.of(data, digest.function) != digest:
            raise _NotWholeError(f"the cache has other bytes for a directory, {digest}")
        size += len(data)
        if len(seen) > TREE_ENTRIES_MAX or size > DOCUMENT_BYTES_MAX:
            raise _NotWholeError(
                f"its tree has more than {TREE_ENTRIES_MAX} directories, or they have"
                f" more than {DOCUMENT_BYTES_MAX} bytes"
            )
        yield data
        below = decode("Directory", data)["directories"]
        open_ += [Digest.read(Node(item["digest"])) for item in below]


@dataclass(slots=True)
class _Result:
    """An `ActionResult` while it is read; `outputs` by their names here."""

    cache: Cache
    function: str
    outcome: Outcome
    outputs: dict[str, CID] = field(default_factory=dict)
    links: int = 0

    def reported(
        self, said: Mapping[str, Any], action: str, platform: str | None
    ) -> Reported:
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
            raise _NotWholeError(f"two files at {name}")
        if len(self.outputs) > OUTPUTS_MAX:
            raise _NotWholeError(f"more than {OUTPUTS_MAX} files came out")

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
            data = _blob(self.cache, Digest.read(tree, self.function), what)
            first, children = _tree(data)
        else:
            digest = Digest.read(root, self.function)
            first, *children = [*_directories(self.cache, digest, {})] or [b""]
            if Digest.of(first, self.function) != digest:
                raise _NotWholeError(f"the cache does not have {digest}, {name}")
        for number, child in enumerate(dict.fromkeys([first, *children])):
            blobs.add(child, f"{item.at}/{number}")
        self._take_files(name, blobs, Digest.of(first, self.function))

    def _take_files(self, top: str, blobs: Blobs, root: Digest) -> None:
        open_, entries = [(top, root)], 0
        while open_:
            name, digest = open_.pop()
            directory = blobs.find(digest, f"/{digest}")
            if directory is None:
                raise _NotWholeError(f"a directory is missing: {name}, {digest}")
            files = directory.peek("files").elements()
            inner = directory.peek("directories").elements()
            links = directory.peek("symlinks").elements()
            self.links += len(links)
            entries += len(files) + len(inner) + len(links)
            if entries > TREE_ENTRIES_MAX:
                raise _NotWholeError(f"{top} has more than {TREE_ENTRIES_MAX} entries")
            for node in files:
                self._put(_below(name, node), self._cid(node.peek("digest")))
            open_ += [
                (_below(name, node), Digest.read(node.peek("digest"), self.function))
                for node in inner
            ]


def _below(name: str, entry: Node) -> str:
    return f"{name}/{entry.peek('name').text()}"


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
