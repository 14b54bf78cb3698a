"""Gateways on loopback that answer as a test says: honestly, or with anything else."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from invocation_spec import CID
from invocation_spec.cid import DAG_PB
from octostore import car
from octostore.dagpb import decode

RAW = "application/vnd.ipld.raw"
CAR = "application/vnd.ipld.car; version=1; order=dfs; dups=n"


class Asked:
    """One request, and the ways to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
        self._handler = handler
        self.over = over
        url = urlsplit(handler.path)
        self.cid = CID.parse(url.path.rpartition("/")[2])
        self.form = parse_qs(url.query)["format"][0]

    def answer(
        self,
        status: int,
        pieces: Iterable[bytes] = (),
        kind: str = RAW,
        headers: Mapping[str, str] = {},
    ) -> None:
        """Send it whole; no length is said, so that any may follow."""
        handler = self._handler
        handler.send_response(status)
        handler.send_header("content-type", kind)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        try:
            for piece in pieces:
                handler.wfile.write(piece)
                handler.wfile.flush()
        except OSError:
            return  # the client has gone, as it may

    def drip(self, seconds: float, begin: bytes) -> None:
        """Send bytes as they are, one after the other, until the test is over."""
        try:
            self._handler.wfile.write(begin)
            while not self.over.wait(seconds):
                self._handler.wfile.write(b"x")
                self._handler.wfile.flush()
        except OSError:
            return


Answer = Callable[[Asked], None]


@contextmanager
def gateway(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """The URL of a gateway, and what it has been asked for so far."""
    asked: list[str] = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer(Asked(self, over))

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def honest(blocks: Mapping[CID, bytes], *, cars: bool = True) -> Answer:
    """A gateway that has these; of a DAG, a CAR of all, the root first."""

    def answer(asked: Asked) -> None:
        if asked.cid not in blocks:
            asked.answer(404)
        elif asked.form == "raw":
            asked.answer(200, [blocks[asked.cid]])
        elif not cars:
            asked.answer(400, [b"no CARs here"], "text/plain")
        else:
            dag = dict(below(asked.cid, blocks))
            asked.answer(200, [car_of(asked.cid, dag)], CAR)

    return answer


def below(root: CID, blocks: Mapping[CID, bytes]) -> Iterator[tuple[CID, bytes]]:
    """A block and all to which it leads, depth first."""
    if root in blocks:
        yield root, blocks[root]
        if root.codec == DAG_PB:
            for link in decode(blocks[root], root).links:
                yield from below(link.cid, blocks)


def car_of(root: CID, blocks: Mapping[CID, bytes]) -> bytes:
    stream = io.BytesIO()
    car.write(stream, [root], blocks.items())
    return stream.getvalue()
