"""A Trustless Gateway of IPFS, believed in nothing: every byte is hashed here.

    GET URL/ipfs/bafkrei..?format=raw                a block, or a whole flat file
    GET URL/ipfs/bafybei..?format=car&dag-scope=all  a file or folder of many blocks

    with Gateway("https://ipfs.example") as gateway:
        gateway.save(cid, file, bytes_max)

A CAR is read as it streams: a block that does not hash to its CID, or that nothing
before it leads to, ends it, and the gateway is asked for nothing more. Where CARs are
not offered or break off, blocks are asked for one by one. Source: specs.ipfs.tech,
trustless-gateway.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import BinaryIO, Final, Self, cast

from invocation_spec.cid import CID, DAG_PB, RAW
from invocation_spec.errors import CidError
from octostore.car import CarReader, Damaged
from octostore.dagpb import NotReadError, decode
from octostore.errors import BlockMismatchError, CarError, NotFoundError
from octostore.lookup import Streamed, Web
from octostore.told import RemoteError, TooLargeError
from octostore.unixfs import BLOCKS_MAX, NODE_BYTES_MAX, Read

__all__ = ["ASKED_MAX", "GATEWAY_S_MAX", "Gateway"]

#: Seconds that one command waits for one gateway, all requests together: it is a
#: source of a run, and other sources are left.
GATEWAY_S_MAX: Final = 3600.0

#: Times that one thing is asked for while the gateway says that it has no time.
ASKED_MAX: Final = 3

#: Seconds to wait where a gateway does not say how long, and most where it does.
_WAIT_S: Final = 1.0
_WAIT_S_MAX: Final = 30.0

_RAW_TYPE: Final = "application/vnd.ipld.raw"
_CAR_TYPE: Final = "application/vnd.ipld.car"

_ABSENT: Final = frozenset({404, 410, 451})
_BUSY: Final = frozenset({429, 503})

#: What a CAR has beside the bytes of a file: CIDs, and the blocks that name them.
_CAR_MORE_BYTES: Final = 4 << 20

_MEMORY_BYTES: Final = 8 << 20


class Gateway:
    """One gateway by its URL; a context manager.

    `wait` is told how many seconds to wait; `name` is what people call it.

    Raises:
        RemoteError: from every method: it cannot be reached, refuses, sends more,
            slower or longer than it may, or has lied before. `at` is the URL.
        BlockMismatchError: from every method: it sent something else. It is asked for
            nothing more.
        NotFoundError: from every method: it does not have it.
    """

    def __init__(self, url: str, *, wait: Callable[[float], None] = time.sleep) -> None:
        self.name = url.rstrip("/")
        if not self.name.startswith(("http://", "https://")):
            raise RemoteError(
                "no URL of a gateway; expected http:// or https://", at=url
            )
        self._wait = wait
        self._waited_s = 0.0
        self._refused: str | None = None
        self._web = Web()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._web.__exit__(kind, error, trace)

    def save(self, cid: CID, file: BinaryIO, bytes_max: int) -> None:
        """Write the bytes of a flat file, or of any one block, hashed as they come.

        What was written before an error is worth nothing.
        """
        digest = cid.hasher()
        with self._answer(cid, "format=raw", _RAW_TYPE, bytes_max) as answer:
            _check_ok(answer, self._url(cid))
            for piece in answer.pieces:
                digest.update(piece)
                file.write(piece)
        if digest.digest() != cid.digest:
            said = answer.headers.get("content-type", "no type")[:80]
            raise self._lied(f"sent other bytes ({said})", cid)

    def block(self, cid: CID) -> bytes:
        """A block of a file or folder, as large as Bitswap carries."""
        with tempfile.SpooledTemporaryFile(NODE_BYTES_MAX) as spooled:
            file = cast("BinaryIO", spooled)
            try:
                self.save(cid, file, NODE_BYTES_MAX)
            except TooLargeError as error:  # no block is
                self._refused = error.reason
                raise
            file.seek(0)
            return file.read()

    @contextmanager
    def reading(self, root: CID, bytes_max: int) -> Iterator[Read]:
        """What gives the blocks below a root, most of them fetched at once.

        `bytes_max` are those of the content; there is room for what leads to it.
        """
        with tempfile.SpooledTemporaryFile(_MEMORY_BYTES) as spooled:
            places: dict[CID, tuple[int, int]] = {}
            file = cast("BinaryIO", spooled)
            # Where one breaks off, its blocks are good, and the rest is asked for.
            with suppress(CarError):
                self._take_car(root, bytes_max, file, places)

            def read(cid: CID) -> bytes:
                if cid not in places:
                    data = self.block(cid)
                    places[cid] = (file.seek(0, io.SEEK_END), len(data))
                    file.write(data)
                    return data
                offset, size = places[cid]
                file.seek(offset)
                return file.read(size)

            yield read

    def _take_car(
        self,
        root: CID,
        bytes_max: int,
        file: BinaryIO,
        places: dict[CID, tuple[int, int]],
    ) -> None:
        """Put the blocks of a CAR into a file, if the gateway offers one in order."""
        most = bytes_max + bytes_max // 8 + _CAR_MORE_BYTES
        with self._answer(root, "format=car&dag-scope=all", _CAR_TYPE, most) as answer:
            kind, *terms = answer.headers.get("content-type", "").lower().split(";")
            in_order = "order=unk" not in (term.strip() for term in terms)
            if answer.status != 200 or kind.strip() != _CAR_TYPE or not in_order:
                return
            reader = CarReader(
                cast("BinaryIO", _Body(answer.pieces)),
                block_bytes_max=NODE_BYTES_MAX,
                cidv0_roots=True,
            )
            due = {root}
            for item in reader:
                if isinstance(item, Damaged):
                    raise self._lied(f"block {item.text}: {item.error.reason}", root)
                if item.cid in places:
                    continue
                if item.cid not in due:
                    raise self._lied(
                        f"sent block {item.cid}, to which nothing leads", root
                    )
                places[item.cid] = (file.tell(), len(item.data))
                file.write(item.data)
                due.discard(item.cid)
                due.update(_below(item.cid, item.data))
                if len(due) + len(places) > BLOCKS_MAX:
                    raise RemoteError(
                        f"more than {BLOCKS_MAX} blocks", at=self._url(root)
                    )

    @contextmanager
    def _answer(
        self, cid: CID, query: str, accept: str, bytes_max: int
    ) -> Iterator[Streamed]:
        url = self._url(cid)
        for left in reversed(range(ASKED_MAX)):
            self._check_left(url)
            begun = time.monotonic()
            try:
                with self._web.streaming(
                    f"{url}?{query}", bytes_max, {"accept": accept}, plain=True
                ) as answer:
                    if answer.status not in _BUSY:
                        yield Streamed(
                            answer.status, answer.headers, self._timed(answer, url)
                        )
                        return
                    if not left:
                        raise RemoteError(
                            f"has no time ({answer.status}); asked {ASKED_MAX} times",
                            at=url,
                        )
                    pause_s = _pause_s(answer, url)
            finally:
                self._waited_s += time.monotonic() - begun
            self._waited_s += pause_s
            self._wait(pause_s)

    def _timed(self, answer: Streamed, url: str) -> Iterator[bytes]:
        begun = time.monotonic()
        for piece in answer.pieces:
            self._check_left(url, time.monotonic() - begun)
            yield piece

    def _check_left(self, url: str, more_s: float = 0.0) -> None:
        if self._refused is not None:
            raise RemoteError(f"not asked again: {self._refused}", at=url)
        if self._waited_s + more_s > GATEWAY_S_MAX:
            raise RemoteError(f"waited for {GATEWAY_S_MAX:g} s in all", at=url)

    def _lied(self, reason: str, cid: CID) -> BlockMismatchError:
        self._refused = reason
        return BlockMismatchError(reason, at=self._url(cid))

    def _url(self, cid: CID) -> str:
        return f"{self.name}/ipfs/{cid}"


def _check_ok(answer: Streamed, url: str) -> None:
    if answer.status in _ABSENT:
        raise NotFoundError(f"does not have it ({answer.status})", at=url)
    if answer.status != 200:
        raise RemoteError(f"refuses ({answer.status})", at=url)
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise RemoteError("is compressed, which was not asked for", at=url)


def _pause_s(answer: Streamed, url: str) -> float:
    """How long to wait before asking again (RFC 9110, Retry-After, in seconds)."""
    said = answer.headers.get("retry-after", "")
    seconds = float(said) if said.isascii() and said.isdigit() else _WAIT_S
    if seconds > _WAIT_S_MAX:
        raise RemoteError(f"has no time ({answer.status}) for {said[:20]} s", at=url)
    return seconds


def _below(cid: CID, block: bytes) -> Iterator[CID]:
    """The blocks to which a block of UnixFS leads; one of another kind, to none."""
    if cid.codec != DAG_PB:
        return
    with suppress(NotReadError, CidError):  # whoever walks it says why
        for link in decode(block, cid).links:
            if link.held is None and link.cid.codec in (DAG_PB, RAW):
                yield link.cid


class _Body:
    """Pieces as a stream to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        part, self._rest = self._rest[:size], self._rest[size:]
        return part
