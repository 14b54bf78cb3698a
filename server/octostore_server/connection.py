"""A connection that must ask something soon: who says nothing holds no place for long.

uvicorn ends connections that are silent after an answer, but neither those that never
begin to ask nor those whose headers trickle; so many of these as there are places
would keep everybody out.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

__all__ = ["HEAD_SECONDS_MAX", "Connection"]

#: From a connection, or the first byte of a request, to the end of its headers.
HEAD_SECONDS_MAX: Final = 15.0


class Connection(H11Protocol):
    """As uvicorn has it, and closed where no whole head comes in time."""

    _ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came; wait on if it was a part of a head."""
        super().data_received(data)
        if self._is_asked:
            self._wait_no_more()
        elif self._ending is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing."""
        self._wait_no_more()
        super().connection_lost(exc)

    @property
    def _is_asked(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        self._ending = self.loop.call_later(HEAD_SECONDS_MAX, self._end)

    def _wait_no_more(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def _end(self) -> None:
        self._ending = None
        if not self._is_asked and not self.transport.is_closing():
            self.transport.close()
