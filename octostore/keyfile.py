"""A key on disk.

    FILE        {"did": "did:key:z6Mk..", "secretKeyMultibase": "z3u2.."}
    FILE.state  the next place in the chain that it signs (octostore.chain)

The key of a log or of a witness has one member more, which says so: whoever signs
statements refuses it, and they refuse an issuer's.

Both have mode 0600. `FILE` is written once and never again; whoever signs holds
a lock on it, so that two processes with one key take turns.
`secretKeyMultibase` is that of W3C Multikey. Source: FORMATS 7.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from octostore.chain import SigningChain
from octostore.durable import write_new
from octostore.errors import DidError, KeyFileError, StoreError
from octostore.keys import SecretKey

__all__ = ["FILE_BYTES_MAX", "ROLES", "KeyFile", "read_key", "write_key"]

#: A key file is some two hundred bytes; more is another file.
FILE_BYTES_MAX: Final = 4096

#: Members that say what else than statements a key signs; the value is its name.
ROLES: Final = frozenset({"log", "witness"})


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key and the path it came from."""

    path: Path
    key: SecretKey

    @classmethod
    def create(cls, path: Path, key: SecretKey) -> Self:
        """Write a new key file; one that is there already is never touched.

        Raises:
            KeyFileError: the file exists.
            StoreError: it cannot be written.
        """
        write_key(path, key)
        return cls(path, key)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a key file that only its owner can read.

        Raises:
            KeyFileError: it is not there, others may read it, or it is no key.
        """
        key, more = read_key(path)
        if more:
            raise KeyFileError(
                f"the key of a {min(more)}; issuers sign with one of their own",
                at=str(path),
            )
        return cls(path, key)

    @property
    def state_path(self) -> Path:
        """Where the state of the chain is kept."""
        return self.path.with_name(self.path.name + ".state")

    @contextmanager
    def signing(
        self, randomness: Callable[[int], bytes] = secrets.token_bytes
    ) -> Iterator[SigningChain]:
        """Hold the key for signing; another process that wants it waits.

        Raises:
            KeyFileError: the key file is gone or another, or cannot be locked.
        """
        with self._locked():
            chain = SigningChain(self.state_path, self.key, randomness)
            try:
                yield chain
            finally:
                chain.close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock on the file that has this name now.

        The lock is on the key file: the state file is replaced by rename, and a
        lock on what was replaced keeps nobody out. For the same reason a key file
        that was replaced while this waited is locked anew.
        """
        while True:
            try:
                descriptor = _opened(self.path)
            except OSError as error:
                raise KeyFileError(
                    f"not opened: {error.strerror}", at=str(self.path)
                ) from error
            try:
                if not self._is_locked(descriptor):
                    continue
                if KeyFile.open(self.path) != self:
                    raise KeyFileError("holds another key now", at=str(self.path))
                yield
                return
            finally:
                os.close(descriptor)

    def _is_locked(self, descriptor: int) -> bool:
        """Wait for the lock; whether it is on the file of this name then."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False
        except OSError as error:
            raise KeyFileError(
                f"not locked: {error.strerror}; keep it on a local disk",
                at=str(self.path),
            ) from error


def _opened(path: Path) -> int:
    """The key file for locking: NFS locks only what is open for writing."""
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def write_key(
    path: Path, key: SecretKey, more: Mapping[str, str] | None = None
) -> None:
    """Write a new key file, with members of a role; see `KeyFile.create`.

    Raises:
        KeyFileError: the file exists.
        StoreError: it cannot be written.
    """
    content = {
        "did": str(key.public.did),
        "secretKeyMultibase": key.to_multibase(),
        **(more or {}),
    }
    text = json.dumps(content, indent=2).encode() + b"\n"
    try:
        write_new(path, lambda _: text)
    except FileExistsError as error:
        raise KeyFileError(
            "exists; a key file is never overwritten", at=str(path)
        ) from error
    except OSError as error:
        raise StoreError(f"not written: {error.strerror}", at=str(path)) from error


def read_key(path: Path) -> tuple[SecretKey, Mapping[str, object]]:
    """The key in a file that only its owner can read, and the members of a role.

    Raises:
        KeyFileError: it is not there, others may read it, or it is no key.
    """
    try:
        # A pipe that nobody writes to would be waited for before it is refused.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise KeyFileError("not a regular file", at=str(path))
            if mode & 0o077:
                raise KeyFileError(
                    f"others may read it (mode {stat.S_IMODE(mode):04o});"
                    f" run: chmod 600 {path}",
                    at=str(path),
                )
            text = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise KeyFileError(f"not read: {error.strerror}", at=str(path)) from error
    if len(text) > FILE_BYTES_MAX:
        raise KeyFileError(
            f"at least {len(text)} bytes; a key file has at most {FILE_BYTES_MAX}",
            at=str(path),
        )
    return _key_of(text, path)


def _key_of(text: bytes, path: Path) -> tuple[SecretKey, Mapping[str, object]]:
    try:
        content = json.loads(text)
        key = SecretKey.from_multibase(content["secretKeyMultibase"])
        did = content["did"]
        more = {name: content[name] for name in content.keys() & ROLES}
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        DidError,
    ) as error:
        # The cause may quote the secret, so the message says only what is due.
        raise KeyFileError(
            'no key file; expected JSON {"did", "secretKeyMultibase"}', at=str(path)
        ) from error
    if did != str(key.public.did):
        raise KeyFileError(
            f"its did names another key, but its key is {key.public.did}", at=str(path)
        )
    return key, more
