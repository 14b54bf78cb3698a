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
from dataclasses import dataclass
from typing import Final

from invocation_spec import Resolutions, canonicalize
from invocation_spec.adapters.reapi_digest import FUNCTIONS, Digest, message
from invocation_spec.errors import DocumentError, EncodingError
from invocation_spec.protobuf import decode_lenient
from octostore.claiming import Reported
from octostore.errors import RecordError
from octostore.harvest.observed import Observed, Seen, Unclaimed
from octostore.harvest.reapi.cache import Cache
from octostore.harvest.reapi.messages import NotWholeError, blob_of, directories_of
from octostore.harvest.reapi.result import NETWORK, ResultReader

__all__ = ["harvested"]

#: What a cache without workers has of most actions of Bazel.
_NO_TREE: Final = (
    "the cache does not have its input tree, which Bazel sends to workers alone;"
    " --execution-log FILE brings what Bazel knows of it"
)


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
        except NotWholeError as error:
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
        raise NotWholeError(
            "the cache has no result of it: it was evicted, or never put there"
        )
    action = _action(cache, hash_, directories)
    (outcome,) = canonicalize(action.document, resolutions, network=NETWORK)
    if any(found.kind == "missing-directory" for found in outcome.unresolved):
        raise NotWholeError(_NO_TREE, outcome)
    reported = Reported(network=NETWORK)
    item = str(action.digest)
    if outcome.invocation is not None:
        found = ResultReader(cache, action.digest.function, outcome)
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
        NotWholeError: the action or its command is gone, or is not what it is
            named by.
    """
    function, _ = FUNCTIONS[len(hash_)]
    data = cache.blob(Digest(function, hash_, 0))
    if data is None:
        raise NotWholeError("the cache has its result and not the action itself")
    digest = Digest.of(data, function)
    if digest.hash != hash_:
        raise NotWholeError(
            f"the cache has other bytes under the action's hash: {digest}"
        )
    action = message("Action", data, "/action")
    command = blob_of(
        cache, Digest.read(action.peek("command_digest"), function), "command"
    )
    root = Digest.read(action.peek("input_root_digest"), function)
    blobs = [data, command, *directories_of(cache, root, known)]
    first, second, *others = (base64.b64encode(blob).decode() for blob in blobs)
    document = {"action": first, "command": second, "directories": others}
    return _Action(digest, json.dumps(document).encode())
