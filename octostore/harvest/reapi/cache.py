"""Where results of actions are: a cache over HTTP, or Bazel's disk cache.

    URL/ac/HASH    URL/cas/HASH           bazel-remote, Bazel's --remote_cache=http..
    DIR/ac/HH/HASH DIR/cas/HH/HASH        Bazel's --disk_cache; older ones without HH

An entry of `ac` is an `ActionResult` under the hash of its action; `cas` holds the
action, its command and all files by their own hash. Source: bazel-remote's README and
server/http.go (v2.6.1); bazelbuild/bazel DiskCacheClient.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

from invocation_spec.adapters.reapi_digest import FUNCTIONS, Digest
from octostore.errors import FileError
from octostore.lookup import Web
from octostore.told import RemoteError

__all__ = ["MESSAGE_BYTES_MAX", "Cache", "FolderCache", "HttpCache", "is_hash"]

#: Bytes of one message: what a document that holds it may have. gRPC, by which caches
#: are asked too, stops at 4 MiB.
MESSAGE_BYTES_MAX: Final = 16 << 20


def is_hash(text: str) -> bool:
    """Whether the text is a hash that actions have here: 64 to 128 hex digits."""
    return len(text) in FUNCTIONS and set(text) <= set("0123456789abcdef")


class Cache(Protocol):
    """What a harvest asks of a cache; bytes are checked by who asks.

    Raises:
        RemoteError, FileError: from every method: it cannot be read.
    """

    def place(self, hash_: str) -> str:
        """Where the result of an action stands, for people."""
        ...

    def result(self, hash_: str) -> bytes | None:
        """The `ActionResult` of an action; None if the cache has none."""
        ...

    def blob(self, digest: Digest) -> bytes | None:
        """The bytes of that digest; None if the cache does not have them."""
        ...

    def actions(self) -> Iterator[str] | None:
        """All actions that have a result; None if the cache cannot list them."""
        ...


class HttpCache:
    """A cache by its URL, which ends before `/ac` and `/cas`."""

    def __init__(self, url: str, web: Web) -> None:
        self._url = url.rstrip("/")
        self._web = web

    def place(self, hash_: str) -> str:
        """As `Cache.place`."""
        return f"{self._url}/ac/{quote(hash_)}"

    def result(self, hash_: str) -> bytes | None:
        """As `Cache.result`."""
        return self._get(self.place(hash_))

    def blob(self, digest: Digest) -> bytes | None:
        """As `Cache.blob`."""
        return self._get(f"{self._url}/cas/{digest.hash}")

    def actions(self) -> None:
        """HTTP has no listing."""
        return

    def _get(self, url: str) -> bytes | None:
        reply = self._web.get(url, MESSAGE_BYTES_MAX, plain=True)
        if reply.status in (204, 404, 410):
            return None
        if reply.status != 200:
            raise RemoteError(f"the cache refuses ({reply.status})", at=url)
        return reply.body


class FolderCache:
    """A folder as Bazel's `--disk_cache` writes it."""

    def __init__(self, folder: Path) -> None:
        for name in ("ac", "cas"):
            if not (folder / name).is_dir():
                other = (
                    " (of bazel-remote: ask its server)"
                    * (folder / f"{name}.v2").is_dir()
                )
                raise FileError(
                    f"no folder {name} in it; expected Bazel's --disk_cache{other}",
                    at=str(folder),
                )
        self._folder = folder

    def place(self, hash_: str) -> str:
        """As `Cache.place`."""
        return str(self._path("ac", hash_))

    def result(self, hash_: str) -> bytes | None:
        """As `Cache.result`."""
        return _read(self._path("ac", hash_))

    def blob(self, digest: Digest) -> bytes | None:
        """As `Cache.blob`."""
        return _read(self._path("cas", digest.hash))

    def actions(self) -> Iterator[str]:
        """All files of `ac` that are named by a hash, in order."""
        folder = self._folder / "ac"
        for path in sorted(folder.iterdir()):
            found = sorted(path.iterdir()) if path.is_dir() else [path]
            yield from (file.name for file in found if is_hash(file.name))

    def _path(self, kind: str, hash_: str) -> Path:
        folder = self._folder / kind
        sharded = folder / hash_[:2] / hash_
        flat = folder / hash_
        return flat if flat.is_file() and not sharded.is_file() else sharded


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as stream:
            data = stream.read(MESSAGE_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"not read: {error.strerror}", at=str(path)) from error
    if len(data) > MESSAGE_BYTES_MAX:
        raise FileError(
            f"more than {MESSAGE_BYTES_MAX} bytes, which no message has", at=str(path)
        )
    return data
