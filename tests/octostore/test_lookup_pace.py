"""A host that sends a byte now and then is given up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from octostore import lookup
from octostore.lookup import Web
from octostore.told import RemoteError

_PARTS = 600
_PAUSE_S = 0.05


class _Dripping(BaseHTTPRequestHandler):
    """Sends one byte after the other; all of them would take half a minute."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", str(_PARTS))
        self.end_headers()
        try:
            for _ in range(_PARTS):
                self.wfile.write(b".")
                self.wfile.flush()
                if self.server.over.wait(_PAUSE_S):  # type: ignore[attr-defined] # ours
                    return
        except OSError:
            return  # the client has gone, as it should

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Dripping)
    server.over = threading.Event()  # type: ignore[attr-defined] # ends its answers
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}
    )
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.over.set()  # type: ignore[attr-defined] # as above
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_body_that_drips_is_given_up(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "_PATIENCE_S", 0.2)
    with Web() as web, pytest.raises(RemoteError, match="gave up below 1024 bytes"):
        web.get(url, 1 << 20, plain=True)
    with Web() as web, pytest.raises(RemoteError, match="gave up below 1024 bytes"):
        web.download(url)
