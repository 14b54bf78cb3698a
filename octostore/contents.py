"""Finding the bytes of a CID: in folders, in a store, at gateways, in that order.

    contents = Contents([folder], store, [gateway], scratch=folder_of_ours)
    contents.get(cid)                   a file: its bytes, or where they lie
    contents.laid("/inputs", cid)       what is to lie at a path: a file, or many

A folder is hashed file by file, once for each hash function that is asked for; nothing
is believed by its name, nor because a gateway sent it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeAlias

from invocation_spec.cid import CID, DAG_PB, RAW, SHA2_256
from invocation_spec.errors import CidError
from octostore.dagpb import NotReadError, decode
from octostore.errors import BlockMismatchError, FileError, NotFoundError, StoreError
from octostore.told import RemoteError
from octostore.unixfs import Read, Tree

__all__ = [
    "CONTENTS_BYTES_MAX",
    "FILES_MAX",
    "Blocks",
    "Contents",
    "Source",
    "cid_of_file",
    "cid_of_stream",
    "files_below",
]

#: Files below one folder; a data set has many, a mistyped `/` has more.
FILES_MAX: Final = 100_000

#: Bytes that are fetched for one invocation: a stranger's spec may name a data set of
#: any size, and they lie on our disk for the time of a run.
CONTENTS_BYTES_MAX: Final = 4 << 30

#: Bytes of a file of IPFS where there is no disk to write it to.
_MEMORY_BYTES: Final = 64 << 20

_PIECE_BYTES: Final = 1 << 18

_Bytes: TypeAlias = "bytes | Path"

#: What a source may say, upon which the next is asked.
_PASSED_OVER: Final = (
    NotFoundError,
    RemoteError,
    BlockMismatchError,
    NotReadError,
    CidError,
)


class Blocks(Protocol):
    """Whoever has blocks: a store."""

    def find(self, cid: CID) -> bytes | None:
        """The bytes, or None."""
        ...


class Source(Protocol):
    """Whoever may have content elsewhere, and is not believed: a gateway.

    Raises:
        NotFoundError, RemoteError, BlockMismatchError: it does not have it, cannot be
            asked, or sent something else; then the next source is asked.
    """

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def save(self, cid: CID, file: BinaryIO, bytes_max: int) -> None:
        """Write bytes that hash to this CID, no more than so many."""
        ...

    def block(self, cid: CID) -> bytes:
        """A block of a file or folder of IPFS, hashed."""
        ...

    def reading(self, root: CID, bytes_max: int) -> AbstractContextManager[Read]:
        """What gives hashed blocks below a root."""
        ...


class Contents:
    """Content by CID from folders, after them from a store, after it from sources.

    A dag-pb CID is a file or folder of IPFS, found as its blocks. What sources send
    lies in `scratch`, which whoever made it removes: at most `bytes_max`.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        blocks: Blocks | None = None,
        sources: Sequence[Source] = (),
        *,
        scratch: Path | None = None,
        bytes_max: int = CONTENTS_BYTES_MAX,
    ) -> None:
        self._folders = folders
        self._blocks = blocks
        self._sources = sources
        self._scratch = scratch
        self._left = bytes_max if scratch is not None else _MEMORY_BYTES
        self._numbers = count()
        self._by_cid: dict[CID, Path] | None = None
        self._opened: dict[CID, Mapping[str, _Bytes]] = {}

    def get(self, cid: CID) -> _Bytes:
        """The bytes of `cid`, or the file that holds them.

        Raises:
            NotFoundError: nobody has them, and what each said who was asked; or they
                are a folder's.
        """
        found = self._open(cid)
        if "" not in found:
            raise NotFoundError("is a folder of IPFS; expected a file", at=str(cid))
        return found[""]

    def laid(self, path: str, cid: CID) -> Iterator[tuple[str, _Bytes]]:
        """The files that lie at a path: one, or those of a folder of IPFS.

        Raises:
            NotFoundError: as `get`.
        """
        for below, data in self._open(cid).items():
            yield f"{path.rstrip('/')}/{below}" if below else path, data

    def size_told(self, cid: CID) -> int | None:
        """How large a file of IPFS says it is, by its first block; None if nobody can.

        Of a file that can be read, it is that large.
        """
        for source in self._sources_of(cid) if cid.codec == DAG_PB else ():
            with suppress(*_PASSED_OVER):
                node = decode(source.block(cid), cid)
                if not node.is_file:
                    return None
                pieces = len(node.data) + sum(node.sizes)
                return pieces if node.size is None else node.size
        return None

    def _open(self, cid: CID) -> Mapping[str, _Bytes]:
        """Files by the path below; of a file alone, the path is empty."""
        path = self._indexed().get(cid)
        if path is None and cid.codec == RAW and cid.hash_code != SHA2_256:
            path = self._by_other_hash(cid)
        if path is not None:
            return {"": path}
        if cid not in self._opened:
            self._opened[cid] = self._found(cid)
        return self._opened[cid]

    def _found(self, cid: CID) -> Mapping[str, _Bytes]:
        if self._blocks is not None and cid.codec != DAG_PB:
            data = self._blocks.find(cid)
            if data is not None:
                return {"": data}
        said = []
        for source in self._sources_of(cid):
            try:
                return self._from(source, cid)
            except (NotFoundError, RemoteError, BlockMismatchError) as error:
                said.append(f"{source.name} {error.reason}")
            except (NotReadError, CidError) as error:
                said.append(f"{source.name}: {error}")
            except OSError as error:
                raise StoreError(f"no scratch space: {error.strerror}") from error
        where = ", ".join(str(folder) for folder in self._folders)
        raise NotFoundError(
            f"its bytes are neither in {where or 'a folder (none was named)'}"
            " nor in the store; name a folder, file or gateway that has them"
            + "".join(f"; {reason}" for reason in said),
            at=str(cid),
        )

    def _sources_of(self, cid: CID) -> Iterator[Source]:
        if self._blocks is not None and cid.codec == DAG_PB:
            yield _Stored(self._blocks)
        yield from self._sources

    def _from(self, source: Source, cid: CID) -> Mapping[str, _Bytes]:
        if cid.codec != DAG_PB:
            return {"": self._saved(source, cid)}
        found: dict[str, _Bytes] = {}
        left = self._left
        try:
            with source.reading(cid, left) as read:
                tree = Tree(read, bytes_max=left, entries_max=FILES_MAX)
                if not tree.is_folder(cid):
                    found[""] = self._written(tree.content(cid))
                else:
                    for path, pieces in tree.files(cid, empty=False):
                        found["/".join(path)] = self._written(pieces)
        except BaseException:  # what came before it was found out takes no room
            self._left = left
            for data in found.values():
                if isinstance(data, Path):
                    data.unlink(missing_ok=True)
            raise
        return found

    def _saved(self, source: Source, cid: CID) -> Path:
        if self._scratch is None:
            raise NotFoundError("has nowhere to put it", at=str(cid))
        path = self._scratch / f"{next(self._numbers)}"
        try:
            with path.open("xb") as file:
                source.save(cid, file, self._left)
                self._left -= file.tell()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _written(self, pieces: Iterable[bytes]) -> _Bytes:
        if self._scratch is None:
            data = b"".join(pieces)
            self._left -= len(data)
            return data
        path = self._scratch / f"{next(self._numbers)}"
        try:
            with path.open("xb") as file:
                for piece in pieces:
                    file.write(piece)
                self._left -= file.tell()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _indexed(self) -> dict[CID, Path]:
        if self._by_cid is None:
            for folder in self._folders:
                _check_lasting(folder)
            self._by_cid = {
                cid_of_file(path): path
                for folder in self._folders
                for path in files_below(folder)
            }
        return self._by_cid

    def _by_other_hash(self, cid: CID) -> Path | None:
        for path in self._indexed().values():
            digest = cid.hasher()
            with path.open("rb") as stream:
                while piece := stream.read(_PIECE_BYTES):
                    digest.update(piece)
            if digest.digest() == cid.digest:
                return path
        return None


class _Stored:
    """A store as a source of files of IPFS."""

    name = "the store"

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    def save(self, cid: CID, file: BinaryIO, bytes_max: int) -> None:
        """Write a block, which the store has hashed."""
        file.write(self.block(cid))

    @contextmanager
    def reading(self, root: CID, bytes_max: int) -> Iterator[Read]:
        """What gives its blocks."""
        yield self.block

    def block(self, cid: CID) -> bytes:
        """The block, which the store has hashed."""
        block = self._blocks.find(cid)
        if block is None:
            raise NotFoundError(f"lacks block {cid}", at=str(cid))
        return block


def _check_lasting(path: Path) -> None:
    """What is read once to be hashed and again to be run: no pipe and no device."""
    if path.exists() and not path.is_dir() and not path.is_file():
        raise FileError("neither a file nor a folder", at=str(path))


def cid_of_file(path: Path) -> CID:
    """The raw sha2-256 CID of a file of any size.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return cid_of_stream(stream)
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(path)) from error


def cid_of_stream(stream: BinaryIO) -> CID:
    """The raw sha2-256 CID of what a stream still holds."""
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE_BYTES):
        digest.update(piece)
    return CID.of_digest(digest.digest())


def files_below(folder: Path, *, whole: bool = False) -> Sequence[Path]:
    """The regular files at and below `folder`, by path; links are not followed.

    `whole` says that nothing may be passed over.

    Raises:
        FileError: it is not there; more than `FILES_MAX`, a mistaken folder most
            likely; if `whole`, something that is neither file nor folder.
    """
    try:
        if not folder.is_dir():
            folder.stat()
            return [folder]
        found: list[Path] = []
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                found.append(path)
            elif whole and (path.is_symlink() or not path.is_dir()):
                raise FileError("neither a file nor a folder", at=str(path))
            if len(found) > FILES_MAX:
                raise FileError(
                    f"more than {FILES_MAX} files below; name a smaller folder",
                    at=str(folder),
                )
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(folder)) from error
    return sorted(found)
