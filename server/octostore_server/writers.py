"""Who may deliver statements: everybody whose signature holds, or those on a list.

    OCTOSTORE_WRITERS_FILE      lines: the DID of an issuer whose statements are taken
    OCTOSTORE_TOKENS_FILE       lines: NAME and the sha2-256 of a token, in hex
    OCTOSTORE_DELIVERIES_PER_MINUTE     of one address, or of one token if there are any

Tokens are 256 random bits, so that one hash is enough to keep them by: nobody tries
them all. With both lists a delivery needs a token, and statements of those issuers.
Files are read when the server starts. Source: RFC 6750.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from octostore.car import Block, CarReader
from octostore.errors import CarError, DidError, FileError, StatementError
from octostore.keys import Did, PublicKey
from octostore.statement import ReceivedStatement
from octostore_server.errors import ForbiddenError, TooManyError, UnauthorizedError
from octostore_server.settings import Settings

__all__ = ["ASKING_MAX", "LIST_BYTES_MAX", "Writers"]

#: A list of some ten thousand issuers, or of as many tokens.
LIST_BYTES_MAX: Final = 1 << 20

#: Addresses that are counted at once, some 50 MB; if more ask within a minute, all
#: begin anew.
ASKING_MAX: Final = 1 << 16

#: How an envelope begins: what begins otherwise is no statement (statement.py).
_ENVELOPE: Final = b"\x82\x58\x40"

_TOKEN: Final = re.compile(r"(\S{1,64})\s+([0-9a-f]{64})")
_BEARER: Final = re.compile(r"bearer ([\x21-\x7e]{1,512})", re.IGNORECASE)


class Writers:
    """The rules of one server; made from its settings.

    Raises:
        FileError: a list cannot be read, is too large, or has a line that is none.
    """

    def __init__(self, settings: Settings) -> None:
        self._issuers = (
            None
            if settings.writers_file is None
            else frozenset(_issuer(*item) for item in _lines(settings.writers_file))
        )
        self._tokens: Mapping[bytes, str] | None = (
            None
            if settings.tokens_file is None
            else dict(_token(*item) for item in _lines(settings.tokens_file))
        )
        self._most = settings.deliveries_per_minute
        self._asked = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._asked)

    def admit(self, authorization: str | None, address: str) -> None:
        """Return if whoever asks may deliver now.

        Raises:
            UnauthorizedError: no token, or one that is not on the list.
            TooManyError: as many in the last minute as one may.
        """
        who = f"address {_network_of(address)}"
        if self._tokens is not None:
            who = f"token {self._named(self._tokens, authorization)}"
        if not self._most:
            return
        self._forget()
        limit = RateLimitItemPerMinute(self._most)
        if not self._limiter.hit(limit, who):
            reset = self._limiter.get_window_stats(limit, who).reset_time
            raise TooManyError(
                f"{self._most} deliveries a minute are taken from one; wait, or send"
                " more statements in each",
                wait_s=max(1, round(reset - time.time())),
            )

    def check(self, car: BinaryIO) -> None:
        """Return if all statements in a delivery are of issuers that may write.

        The stream stands at its beginning before and after. What is no CAR is left
        to the ingest.

        Raises:
            ForbiddenError: one is of another issuer; nothing of it was taken.
        """
        if self._issuers is None:
            return
        try:
            for item in CarReader(car):
                if isinstance(item, Block) and item.data.startswith(_ENVELOPE):
                    self._check_one(item)
        except CarError:
            pass
        finally:
            car.seek(0)

    def _check_one(self, block: Block) -> None:
        try:
            issuer = ReceivedStatement.from_block(block.data).part.iss
        except StatementError:
            return
        assert self._issuers is not None  # noqa: S101 - whoever calls has looked
        if issuer not in self._issuers:
            raise ForbiddenError(
                "statements of this issuer are not taken here; nothing was",
                at=str(issuer),
            )

    def _forget(self) -> None:
        """Forget who has not come for a minute, of whom an empty list is left."""
        events = self._asked.events
        if len(events) < ASKING_MAX:
            return
        for who in [who for who, recent in events.items() if not recent]:
            self._asked.clear(who)
        if len(events) >= ASKING_MAX:
            self._asked.reset()

    def _named(self, tokens: Mapping[bytes, str], authorization: str | None) -> str:
        given = _BEARER.fullmatch(authorization or "")
        if given is None:
            raise UnauthorizedError("a token is needed: authorization: Bearer TOKEN")
        digest = hashlib.sha256(given[1].encode()).digest()
        found = None
        for known, name in tokens.items():
            if hmac.compare_digest(known, digest):
                found = name
        if found is None:
            raise UnauthorizedError("this token is not on the list")
        return found


def _network_of(address: str) -> str:
    """What one who asks has one of: an address of IPv4, and of IPv6 a /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), 64), strict=False))


def _lines(path: Path) -> list[tuple[str, str]]:
    """The lines of a list with their places; empty ones and `#` are skipped."""
    try:
        with path.open("rb") as file:
            raw = file.read(LIST_BYTES_MAX + 1)
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(path)) from error
    if len(raw) > LIST_BYTES_MAX:
        raise FileError(f"more than {LIST_BYTES_MAX} bytes", at=str(path))
    lines = raw.decode("utf-8", "replace").splitlines()
    return [
        (text, f"{path}:{number}")
        for number, line in enumerate(lines, 1)
        if (text := line.strip()) and not text.startswith("#")
    ]


def _issuer(text: str, at: str) -> Did:
    try:
        return PublicKey.parse(text).did
    except DidError as error:
        raise FileError(f"no DID: {error.reason}", at=at) from error


def _token(text: str, at: str) -> tuple[bytes, str]:
    found = _TOKEN.fullmatch(text)
    if found is None:
        raise FileError("expected NAME and the sha2-256 of a token in hex", at=at)
    return bytes.fromhex(found[2]), found[1]
