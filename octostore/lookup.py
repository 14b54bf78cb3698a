"""Bytes of the web, looked up because somebody asked: whole, limited, hashed.

    with Web(insecure=False, now=clock) as web:
        web.get(url, bytes_max)         a small body, in memory
        web.download(url, bytes_max)    a large one, hashed as it streams by
        web.streaming(url, bytes_max)   the same, piece by piece

Redirects are followed by hand, so that none leads from https to plain http, or from
elsewhere to this machine, and no body of one is read without limit. Nothing is kept
and no credentials are sent.
"""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from invocation_spec.cid import CID
from octostore.connection import Connection, failure, failures, parts
from octostore.errors import NotFoundError
from octostore.told import RemoteError

if TYPE_CHECKING:
    import httpx

__all__ = [
    "DOWNLOAD_BYTES_MAX",
    "Download",
    "Reply",
    "Streamed",
    "Web",
    "is_loopback",
]

#: Most bytes of one download unless told otherwise: an input of a job, not a disk.
DOWNLOAD_BYTES_MAX: Final = 16 << 30

#: Seconds without a byte before a host counts as gone.
TIMEOUT_S: Final = 60.0

#: Hosts answer within a few; more is a loop.
_REDIRECTS_MAX: Final = 10

#: Seconds that any body may take, and bytes in each second after them: a host that
#: sends one byte a minute would never be given up otherwise, and a modem is faster.
_PATIENCE_S: Final = 60.0
_PACE_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Streamed:
    """A response whose body comes in pieces; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Download:
    """What a URL gave: content, size in bytes, and the name its host gives it."""

    cid: CID
    size: int
    name: str | None


class Web(Connection):
    """A client of hosts that nobody vouches for; a context manager.

    `insecure` admits plain http to loopback hosts, where a registry may be tried.

    Raises:
        RemoteError: from every method: a host that cannot be reached, refuses,
            redirects astray, or sends more than it may. `at` is the URL.
    """

    def __init__(self, *, insecure: bool = False, timeout_s: float = TIMEOUT_S) -> None:
        self.insecure = insecure
        super().__init__(timeout_s=timeout_s)

    def get(
        self,
        url: str,
        bytes_max: int,
        headers: Mapping[str, str] | None = None,
        *,
        plain: bool = False,
    ) -> Reply:
        """A small body, whatever its status; https, or loopback where insecure.

        With `plain`, http too if the URL itself is one that somebody typed so.

        Raises:
            TooLargeError: it is larger than that.
        """
        plain = plain and url.startswith("http://")
        with self._answered(url, headers or {}, plain=plain) as response:
            body = b"".join(_paced(parts(response, bytes_max, url), url))
            return Reply(response.status_code, dict(response.headers), body)

    def download(self, url: str, bytes_max: int = DOWNLOAD_BYTES_MAX) -> Download:
        """The content of a URL as raw sha2-256; plain http if the URL itself is.

        Raises:
            NotFoundError: the host has nothing there.
        """
        with self._answered(url, {}, plain=url.startswith("http://")) as response:
            if response.status_code in (404, 410):
                raise NotFoundError(f"nothing there ({response.status_code})", at=url)
            if response.status_code != 200:
                raise RemoteError(f"the host refuses ({response.status_code})", at=url)
            if response.headers.get("content-encoding", "identity") != "identity":
                raise RemoteError(
                    "sent compressed although asked not to; hash the file yourself",
                    at=url,
                )
            digest, size = hashlib.sha256(), 0
            for part in _paced(parts(response, bytes_max, url), url):
                digest.update(part)
                size += len(part)
            return Download(CID.of_digest(digest.digest()), size, _name(response))

    @contextmanager
    def streaming(
        self,
        url: str,
        bytes_max: int,
        headers: Mapping[str, str] | None = None,
        *,
        plain: bool = False,
    ) -> Iterator[Streamed]:
        """A body piece by piece, whatever its status; see `get`.

        Raises:
            TooLargeError: while it is read: it is larger than that.
        """
        plain = plain and url.startswith("http://")
        with self._answered(url, headers or {}, plain=plain) as response:
            pieces = iter(_paced(parts(response, bytes_max, url), url))
            yield Streamed(response.status_code, dict(response.headers), pieces)

    @contextmanager
    def _answered(
        self, url: str, headers: Mapping[str, str], *, plain: bool
    ) -> Iterator[httpx.Response]:
        import httpx

        try:
            response = self._found(url, headers, plain=plain)
            try:
                yield response
            finally:
                response.close()
        except (*failures(), httpx.InvalidURL) as error:
            hint = "" if plain else self._hint(url)
            raise RemoteError(
                f"cannot be looked up: {failure(error)}{hint}", at=url
            ) from error

    def _found(
        self, url: str, headers: Mapping[str, str], *, plain: bool
    ) -> httpx.Response:
        try:
            request = self._client.build_request("GET", url, headers=dict(headers))
            return self._follow(request, plain=plain)
        except UnicodeError as error:  # of a name, ours or one of a redirect
            raise RemoteError(f"no name of a host: {error}", at=url) from error

    def _follow(self, request: httpx.Request, *, plain: bool) -> httpx.Response:
        at = str(request.url)
        for _ in range(_REDIRECTS_MAX + 1):
            self._check(request.url, plain=plain)
            if _may_be_here(str(request.url)) and not _may_be_here(at):
                raise RemoteError(f"leads to this machine, {request.url}", at=at)
            response = self._sent(request, at)
            if response.next_request is None:
                return response
            request = response.next_request
            response.close()
        raise RemoteError(f"more than {_REDIRECTS_MAX} redirects", at=at)

    def _sent(self, request: httpx.Request, at: str) -> httpx.Response:
        """The answer, once its headers are there.

        A host can send those byte by byte, too, and nothing in the client ends that:
        so the one who waits goes away, and who reads dies with the process.
        """
        done: Future[httpx.Response] = Future()

        def send() -> None:
            try:
                done.set_result(self._client.send(request, stream=True))
            except BaseException as error:  # noqa: BLE001 - for who waits
                done.set_exception(error)

        threading.Thread(target=send, daemon=True).start()
        try:
            return done.result(_PATIENCE_S)
        except TimeoutError as error:
            raise RemoteError(
                f"no answer in {_PATIENCE_S:g} s; gave up", at=at
            ) from error

    def _check(self, url: httpx.URL, *, plain: bool) -> None:
        if url.scheme == "https" or (url.scheme == "http" and plain):
            return
        if url.scheme == "http" and self.insecure and is_loopback(str(url)):
            return
        raise RemoteError(
            f"would be asked over {url.scheme}; expected https{self._hint(str(url))}",
            at=str(url),
        )

    def _hint(self, url: str) -> str:
        if self.insecure or not is_loopback(url):
            return ""
        return "; if it is a registry without TLS, --insecure admits it"


def _paced(body: Iterable[bytes], url: str) -> Iterator[bytes]:
    """The same, given up if it comes too slowly to be waited for."""
    begun, size = time.monotonic(), 0
    for part in body:
        size += len(part)
        if time.monotonic() - begun > _PATIENCE_S + size / _PACE_BYTES:
            raise RemoteError(
                f"sent {size} bytes in {time.monotonic() - begun:.0f} s; gave up below"
                f" {_PACE_BYTES} bytes a second",
                at=url,
            )
        yield part


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine; one that is malformed does not."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _may_be_here(url: str) -> bool:
    """Whether a URL may lead to this machine, in any spelling that connects.

    A name of the DNS that has an address of this machine is not known for it.
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        try:  # 127.1, 2130706433, 0x7f.1: what the C library reads as addresses
            address = ip_address(socket.inet_aton(host))
        except (OSError, UnicodeError):
            return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def _name(response: httpx.Response) -> str | None:
    """The file name of a Content-Disposition (RFC 6266), if it is a plain one."""
    message = Message()
    message["content-disposition"] = response.headers.get("content-disposition", "")
    name = message.get_filename()
    if not name or name in (".", "..") or "/" in name or not name.isprintable():
        return None
    return name
