"""What all our clients of HTTP have in common: who they are, and what they never take.

    class Remote(Connection):
        with self._client.stream(..) as answer:
            for part in parts(answer, bytes_max, at): ..

They name themselves, follow no redirect by themselves, and ask for nothing compressed:
such an answer could grow without limit while it is read. No body is read past a limit.
httpx is loaded with the first client: most commands ask nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import octostore
from octostore.told import RemoteError, TooLargeError

if TYPE_CHECKING:
    import httpx

__all__ = ["Connection", "failure", "failures", "parts"]

_HEADERS: Final = {
    "user-agent": f"octostore/{octostore.__version__}",
    "accept-encoding": "identity",
}


class Connection:
    """Owns a client; a context manager.

    `timeout_s` are seconds without a byte; more than `connections_max` requests at
    once wait for each other.

    Raises:
        RemoteError: `base` is no URL.
    """

    def __init__(
        self, *, timeout_s: float, base: str = "", connections_max: int = 100
    ) -> None:
        import httpx

        try:
            self._client = httpx.Client(
                base_url=base,
                timeout=timeout_s,
                follow_redirects=False,
                limits=httpx.Limits(max_connections=connections_max),
                headers=_HEADERS,
            )
            _ = self._client.base_url.host  # a name that is none is refused here
        except (httpx.InvalidURL, UnicodeError) as error:
            raise RemoteError(f"no URL of a server: {error}", at=base) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()


def parts(answer: httpx.Response, bytes_max: int, at: str) -> Iterator[bytes]:
    """The body as it comes.

    Raises:
        TooLargeError: it has more than `bytes_max`.
    """
    size = 0
    for part in answer.iter_raw():
        size += len(part)
        if size > bytes_max:
            raise TooLargeError(f"sends more than {bytes_max} bytes", at=at)
        yield part


def failures() -> tuple[type[httpx.HTTPError], type[httpx.StreamError]]:
    """What can go wrong on the way, whatever the other side means by it."""
    import httpx

    return (httpx.HTTPError, httpx.StreamError)


def failure(error: Exception) -> str:
    """What went wrong, in words; some errors have none of their own."""
    return str(error) or type(error).__name__
