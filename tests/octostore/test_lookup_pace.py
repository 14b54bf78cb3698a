"""A host that sends a byte now and then is given up, and one that leads astray."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from octostore import lookup
from octostore.client import Remote
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


@pytest.mark.parametrize(
    "here",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",  # noqa: S104 - nothing is bound
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_no_redirect_leads_from_elsewhere_to_this_machine(here: str) -> None:
    asked = []

    def internet(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        if request.url.path == "/":
            return httpx.Response(302, headers={"location": f"http://{here}:8080/x"})
        return httpx.Response(200, content=b"secret")

    with Web() as web:
        web._client = httpx.Client(transport=httpx.MockTransport(internet))
        with pytest.raises(RemoteError, match="leads to this machine"):
            web.get("http://gateway.example/", 1 << 20, plain=True)
    assert asked == ["gateway.example"]


@pytest.mark.parametrize("url", ["http://[::1", "http://xn--/"])
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(RemoteError, match="no URL of a server"):
        Remote(url)
