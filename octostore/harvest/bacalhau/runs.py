"""What an execution of Bacalhau says of its run, as a result or a failure.

A node reports `ExitCode -1` for a WASI command that returns, how stdout begins, and
where it published the folder of results. None of that is signed. Source: FORMATS 5;
bacalhau pkg/executor/results.go, pkg/executor/wasm/handler.go and pkg/publisher at
v1.9.0, pkg/system/utils.go at v0.3.11.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from invocation_spec import CID, CidError, Outcome
from invocation_spec.model import WasiProgram
from octostore.errors import RecordError
from octostore.harvest.bacalhau.answers import Execution, Fields
from octostore.lookup import is_loopback
from octostore.records import Failure, Limits
from octostore.records.failure import FailureKind
from octostore.records.shape import LABEL_BYTES_MAX, TEXT_BYTES_MAX, check_url
from octostore.result import EXIT_MAX, UNOPENED_TREE, Result

__all__ = ["failure_of", "hints", "limits_of", "native_of", "published_cid", "said"]

#: What failures look like; the first that fits. Bacalhau has no codes for them.
_KINDS: Final[tuple[tuple[FailureKind, re.Pattern[str]], ...]] = (
    ("time-out", re.compile(r"timed? ?out|deadline exceeded", re.I)),
    ("limit", re.compile(r"out of memory|OOM|no space left|memory limit", re.I)),
    ("trap", re.compile(r"wasm error: |wasm stack trace")),
    (
        "not-started",
        re.compile(
            r"failed to (load|compile|pull|prepare|create|start)"
            r"|unable to find the entrypoint|not enough nodes",
        ),
    ),
)

#: Where a URL is a secret for as long as it works.
_SIGNED: Final = re.compile(
    r"(?i)[?&](x-amz-|x-goog-|signature=|sig=|token=|awsaccess)"
)


def said(execution: Execution, outcome: Outcome) -> Result | None:
    """The result as far as the answer itself tells it; None if it tells nothing.

    Its stdout is none: nodes take what one read of a pipe gives, which may be the
    first line of many, and do not say that it was cut. A published IPFS folder that
    nobody opened is the output `""`.
    """
    outputs: dict[str, CID] = {}
    output = execution.output or {}
    folder = published_cid(execution)
    if folder is not None:
        outputs[UNOPENED_TREE] = folder
    status = _exit(output.get("exitcode"), outcome)
    if not outputs and status is None:
        return None
    return Result(outputs, exit=status)


def _exit(code: object, outcome: Outcome) -> int | None:
    if type(code) is not int:
        return None
    if code == -1 and isinstance(outcome.program, WasiProgram):
        return 0
    return code if 0 <= code <= EXIT_MAX else None


def failure_of(execution: Execution) -> Failure:
    """Why there is no result, in the network's words."""
    output = execution.output or {}
    error = output.get("errormsg") or output.get("runnererror")
    words = [execution.message, error if isinstance(error, str) else ""]
    message = next((text for text in words if text), "").replace("\0", "\ufffd")
    kinds = (kind for kind, looks in _KINDS if looks.search(message))
    kind: FailureKind = next(kinds, "other")
    return Failure(kind, _cut(message, TEXT_BYTES_MAX) or None)


def published_cid(execution: Execution) -> CID | None:
    """The CID of the folder that was published on IPFS."""
    published = execution.published or {}
    text = published.get("cid")
    kind = published.get("type")
    if not isinstance(text, str) or not isinstance(kind, str):
        return None
    if kind.lower() not in ("ipfs", "estuary", "filecoin"):
        return None
    try:
        return CID.parse(text)
    except CidError:
        return None


def hints(execution: Execution) -> tuple[str, ...]:
    """Where the results can be fetched; never a URL that is signed for its reader.

    A node that publishes on its own loopback, as Bacalhau does unless told otherwise,
    gives no hint to anybody else.
    """
    found = [url for url in _urls(execution.published or {}) if _may_be_told(url)]
    return tuple(dict.fromkeys(found))


def _urls(published: Fields) -> Iterator[str]:
    for name, scheme in (("cid", "ipfs://"), ("url", "")):
        value = published.get(name)
        if isinstance(value, str) and value:
            yield scheme + value
    bucket, key = published.get("bucket"), published.get("key")
    if isinstance(bucket, str) and isinstance(key, str) and bucket and key:
        yield f"s3://{bucket}/{quote(key)}"


def _may_be_told(url: str) -> bool:
    try:
        check_url(url, "/at")
        is_secret = _SIGNED.search(url) or urlsplit(url).username
        return not is_secret and not is_loopback(url)
    except (RecordError, ValueError):
        return False


def limits_of(outcome: Outcome) -> Limits | None:
    """No network, if the spec asks for none; what it got otherwise, nobody says."""
    by_default = any(item.kind == "network-by-default" for item in outcome.warnings)
    return None if by_default else Limits(network="none")


def native_of(execution: Execution) -> Mapping[str, str]:
    """What the answer says in words of its own, as far as it may be published."""
    output = execution.output or {}
    found: dict[str, object] = {
        "execution": execution.id,
        "state": execution.state,
        "job_version": execution.version,
        "partition": execution.partition,
        "exit_code": output.get("exitcode"),
        "published": _told_published(execution.published),
    }
    return {
        name: _cut(
            str(value), LABEL_BYTES_MAX if name != "published" else TEXT_BYTES_MAX
        )
        for name, value in found.items()
        if value is not None
    }


def _told_published(published: Fields | None) -> str | None:
    if published is None:
        return None
    text = json.dumps(
        {
            key: value
            for key, value in sorted(published.items())
            if isinstance(value, str | int) and not _is_secret(key, value)
        },
        ensure_ascii=False,
    )
    return text if len(text.encode()) <= TEXT_BYTES_MAX else None


def _is_secret(key: str, value: str | int) -> bool:
    return "presigned" in key or (
        isinstance(value, str) and _SIGNED.search(value) is not None
    )


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode("utf-8", "ignore")
