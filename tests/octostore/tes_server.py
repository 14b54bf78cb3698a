"""A server on loopback that answers as TES servers do: pages, views, states."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["BASE", "DIGEST", "IMAGE", "BARE", "TesServer", "task", "tes_server"]

BASE = "/ga4gh/tes/v1"
DIGEST = "sha256:" + "ab" * 32
IMAGE = f"example/tool@{DIGEST}"
#: What says that the image has no entrypoint, on which engines differ.
BARE = {f"oci:docker.io/{IMAGE}": {"digest": DIGEST, "entrypoint": []}}


def task(
    item: str, state: str = "COMPLETE", *, exit_code: Any = 0, **more: Any
) -> dict[str, Any]:
    """A task of `view=FULL`, with the fields that servers fill in."""
    times = {
        "start_time": "2026-11-22T10:00:00.5Z",
        "end_time": "2026-11-22T10:00:07+00:00",
    }
    run = {**times, "exit_code": exit_code, "stdout": "..cut off", "stderr": ""}
    return {
        "id": item,
        "state": state,
        "name": "n",
        "description": "",
        "inputs": [{"path": "/in/a", "content": item, "url": "", "type": "FILE"}],
        "outputs": [{"path": "/out/a", "url": "s3://b/a", "type": "FILE"}],
        "executors": [
            {
                "image": IMAGE,
                "command": ["wc", "/in/a"],
                "workdir": "",
                "stdin": "",
                "stdout": "/out/log",
                "stderr": "/out/err",
                "env": {},
            }
        ],
        "volumes": [],
        "tags": {},
        "logs": [
            {
                "logs": [run],
                **times,
                "metadata": {"hostname": "worker-1"},
                "outputs": [],
                "system_logs": [],
            }
        ],
        "creation_time": "2026-11-22T09:59:59Z",
        "resources": None,
        **more,
    }


@dataclass
class TesServer:
    """What it holds and what it was asked; `dies_after` so many answers it stops."""

    url: str
    tasks: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    page_max: int = 2
    dies_after: int | None = None
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    wants: str | None = None
    told: list[str | None] = field(default_factory=list)
    moved_to: str | None = None

    def answer(self, path: str, who: str | None) -> tuple[int, bytes] | None:
        """Status and body; None where it is dead."""
        self.asked.append(path)
        self.told.append(who)
        if self.moved_to is not None:
            return 307, (self.moved_to + path).encode()
        if who != self.wants:
            return 401, b"{}"
        if self.dies_after is not None and len(self.asked) > self.dies_after:
            return None
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path in self.answers:
            return self.answers[parts.path]
        if parts.path == f"{BASE}/tasks":
            return 200, json.dumps(self._page(query)).encode()
        name = parts.path.removeprefix(f"{BASE}/tasks/")
        for found in self.tasks:
            if found["id"] == name:
                return 200, json.dumps(_viewed(found, query)).encode()
        return 404, b'{"status_code": 404, "msg": "no such task"}'

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        begin = int(query.get("page_token", "0"))
        end = begin + min(int(query.get("page_size", "256")), self.page_max)
        found = [_viewed(item, query) for item in self.tasks[begin:end]]
        token = str(end) if end < len(self.tasks) else ""
        return {"tasks": found, "next_page_token": token}

    @property
    def fetched(self) -> list[str]:
        """IDs of the tasks that were asked for one by one."""
        paths = (urlsplit(path).path for path in self.asked)
        begin = f"{BASE}/tasks/"
        return [path.removeprefix(begin) for path in paths if path.startswith(begin)]


def _viewed(found: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
    if query.get("view", "MINIMAL") == "MINIMAL":
        return {"id": found["id"], "state": found["state"]}
    return found


@contextmanager
def tes_server() -> Iterator[TesServer]:
    """A server that runs while the body does."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = server.answer(self.path, self.headers["authorization"])
            if found is None:
                self.close_connection = True
                return
            status, body = found
            self.send_response(status)
            if status == 307:
                self.send_header("location", body.decode())
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as http:
        server = TesServer(f"http://127.0.0.1:{http.server_port}")
        thread = Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join(10)
