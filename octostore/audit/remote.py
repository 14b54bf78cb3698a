"""A log by its URL: a node, or any web server over what `log export` wrote.

    GET URL/checkpoint  URL/vkey  URL/tile/..  URL/blocks/..  URL/ipfs/CID?format=raw

Bounded in bytes and in time, whatever the server does; tried again when it fails on
the way, never led elsewhere. Source: C2SP tlog-tiles; docs/spec/log.md, Blocks.
"""

from __future__ import annotations

import io
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

import httpx

from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from invocation_spec.errors import OctostoreError
from octostore.audit.source import TILE_BYTES_MAX, VKEY_BYTES_MAX
from octostore.connection import Connection, failure, failures, parts
from octostore.errors import NotFoundError, StoreFullError
from octostore.log_blocks import blocks_path
from octostore.log_export import CHECKPOINT, VKEY
from octostore.tlog.note import NOTE_BYTES_MAX
from octostore.tlog.tiles import Tile
from octostore.told import RemoteError

__all__ = [
    "CAR_BYTES_MAX",
    "CAR_S_MAX",
    "CONNECTIONS_MAX",
    "REQUEST_S_MAX",
    "TRIES_MAX",
    "RemoteSource",
    "Timing",
]

#: The blocks of 256 statements: of 4,096 usual claims each they take half of it.
CAR_BYTES_MAX: Final = 1 << 30

#: Seconds for one answer as a whole: a server that sends a byte now and then would
#: hold a cron job for ever. 1 GiB in ten minutes is 14 Mbit/s.
REQUEST_S_MAX: Final = 60
CAR_S_MAX: Final = 600

#: Tries of one request, and seconds before the second and the third.
TRIES_MAX: Final = 3
_WAITS_S: Final = (0.5, 2.0)

#: Blocks that are asked for at once: fewer than a node lets one client open.
CONNECTIONS_MAX: Final = 8

#: Seconds without a byte before a connection counts as gone.
_SILENT_S: Final = 20.0

_MEMORY_BYTES: Final = 8 << 20

#: Answers after which asking again may help (RFC 9110, 15.6; RFC 6585).
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
_ABSENT: Final = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class Timing:
    """How long an answer may take, in seconds, and how to wait for another try."""

    request_s: float = REQUEST_S_MAX
    car_s: float = CAR_S_MAX
    wait: Callable[[float], None] = time.sleep


class RemoteSource(Connection):
    """The log at one URL; a context manager. See `Source` for its methods.

    Raises:
        RemoteError: from every method: it cannot be reached, leads elsewhere, or
            sends more or slower than it may.
    """

    def __init__(self, url: str, timing: Timing = Timing()) -> None:
        self.name = url.rstrip("/")
        self._timing = timing
        try:
            base = httpx.URL(self.name)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise RemoteError(f"no URL of a log: {error}", at=url) from error
        if base.scheme not in ("http", "https") or not base.host:
            raise RemoteError("no URL of a log; expected http:// or https://", at=url)
        super().__init__(timeout_s=_SILENT_S, connections_max=CONNECTIONS_MAX)

    def vkey(self) -> str | None:
        """See `Source.vkey`."""
        try:
            return self._get(VKEY, VKEY_BYTES_MAX).decode("ascii", "replace").strip()
        except NotFoundError:
            return None

    def checkpoint(self) -> bytes:
        """See `Source.checkpoint`."""
        return self._get(CHECKPOINT, NOTE_BYTES_MAX)

    def tile(self, tile: Tile) -> bytes:
        """See `Source.tile`."""
        return self._get(tile.path, TILE_BYTES_MAX)

    @contextmanager
    def car(self, bundle: Tile) -> Iterator[BinaryIO]:
        """See `Source.car`."""
        with ExitStack() as opened:
            file: BinaryIO = io.BytesIO()
            with suppress(NotFoundError):
                fetched = self._fetched(
                    blocks_path(bundle), CAR_BYTES_MAX, self._timing.car_s
                )
                file = opened.enter_context(fetched)
            yield file

    def find(self, cids: Sequence[CID]) -> dict[CID, bytes]:
        """See `Source.find`."""
        with ThreadPoolExecutor(CONNECTIONS_MAX) as pool:
            found = zip(cids, pool.map(self._block, cids), strict=True)
            return {cid: block for cid, block in found if block is not None}

    def _block(self, cid: CID) -> bytes | None:
        try:
            data = self._get(f"ipfs/{cid}?format=raw", BLOCK_BYTES_MAX)
        except NotFoundError:
            return None
        return data if cid.matches(data) else None

    def _get(self, path: str, bytes_max: int) -> bytes:
        with self._fetched(path, bytes_max, self._timing.request_s) as file:
            return file.read()

    @contextmanager
    def _fetched(self, path: str, bytes_max: int, seconds: float) -> Iterator[BinaryIO]:
        """The body of an answer, whole before it is used."""
        request = _Request(self._client, f"{self.name}/{path}", bytes_max)
        for wait in (*_WAITS_S[: TRIES_MAX - 1], None):
            found = request.within(seconds)
            if not isinstance(found, str):
                with found:
                    yield found
                return
            if wait is None:
                raise RemoteError(f"{found}; tried {TRIES_MAX} times", at=request.url)
            self._timing.wait(wait)


class _Request:
    """One thing that is asked for, as often as it takes."""

    def __init__(self, client: httpx.Client, url: str, bytes_max: int) -> None:
        self.url = url
        self._client = client
        self._bytes_max = bytes_max
        self._is_left = False

    def within(self, seconds: float) -> BinaryIO | str:
        """Fetch once: all of it in a file, or why another try may help.

        Raises:
            NotFoundError: the server says so.
            RemoteError: no other try would help, or it took too long.
        """
        done: Future[BinaryIO | str] = Future()
        # A server can send its headers byte by byte, too, and nothing ends that: so
        # the one who waits goes away, and who reads dies with the process.
        threading.Thread(target=self._fetch, args=(done,), daemon=True).start()
        try:
            return done.result(seconds)
        except TimeoutError as error:
            self._is_left = True
            raise RemoteError(
                f"not sent in {seconds:g} s; gave up", at=self.url
            ) from error

    def _fetch(self, done: Future[BinaryIO | str]) -> None:
        spooled = tempfile.SpooledTemporaryFile(_MEMORY_BYTES)  # noqa: SIM115 - goes on
        file = cast("BinaryIO", spooled)
        try:
            reason = self._try(file)
        except OctostoreError as error:
            file.close()
            done.set_exception(error)
        except OSError as error:
            file.close()
            done.set_exception(StoreFullError(f"no space: {error.strerror}"))
        else:
            file.seek(0)
            done.set_result(file if reason is None else reason)
            if reason is not None or self._is_left:
                file.close()

    def _try(self, file: BinaryIO) -> str | None:
        try:
            with self._client.stream("GET", self.url) as answer:
                if answer.status_code in _PASSING:
                    return f"answers {answer.status_code}"
                _check_answer(answer, self.url)
                for part in parts(answer, self._bytes_max, self.url):
                    file.write(part)
                    if self._is_left:
                        return "left"
        except failures() as error:
            return f"cannot be asked: {failure(error)}"
        except (httpx.InvalidURL, UnicodeError) as error:
            raise RemoteError(f"no URL of a log: {error}", at=self.url) from error
        return None


def _check_answer(answer: httpx.Response, url: str) -> None:
    """Return if the body is what was asked for."""
    code = answer.status_code
    if code in _ABSENT:
        raise NotFoundError("is not there", at=url)
    if answer.is_redirect:
        to = answer.headers.get("location", "nowhere")[:200]
        raise RemoteError(
            f"leads to {to}; an audit follows nowhere: name that URL, if it is the log",
            at=url,
        )
    if code != httpx.codes.OK:
        raise RemoteError(f"answers {code}; expected 200", at=url)
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise RemoteError("is compressed, which was not asked for", at=url)
