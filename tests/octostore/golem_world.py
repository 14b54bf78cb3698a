"""Bundles and answers of Golem's activities as yagna writes them, for tests."""

from __future__ import annotations

import json
from typing import Any

IMAGE = "hash:sha3:9a3b5d67b0b27746283cb5f287c13eab1beaa12d92a9f536b747c7ae:http://x/i"
PROVIDER = "0xb3dfb4222764d4e0ada2f17ee12efd6eae7c54fb"
ACTIVITY = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
AGREEMENT = "4724b50d-493e-4f0c-85ab-30098f56c624"
DATA = "bafkreiepm4m54jwt5iev6tvpfw4vcntu4rx3yq2uvrf6pvu7ikt7tdtt3m"
ALL = {"stdout": {"atEnd": {"format": "bin"}}}
STREAM = {"stdout": {"stream": {"format": "str"}}}

DEPLOY: dict[str, Any] = {"deploy": {}}
START: dict[str, Any] = {"start": {"args": []}}
PUT = {"transfer": {"from": "http://x/params.json", "to": "container:/in/params.json"}}


def run(*args: str, capture: Any = ALL) -> dict[str, Any]:
    body: dict[str, Any] = {"entry_point": "/bin/sh", "args": list(args)}
    return {"run": body if capture is None else {**body, "capture": capture}}


def get(path: str, to: str = "gftp://0xb3df/w1cR", **more: Any) -> dict[str, Any]:
    return {"transfer": {"from": f"container:{path}", "to": to, **more}}


SCRIPT = [DEPLOY, START, PUT, run("-c", "x"), get("/out/a.txt")]


def bundle(
    script: list[Any] | None = None, *, runtime: str = "vm", **more: Any
) -> dict[str, Any]:
    return {
        "agreement": {
            "agreementId": AGREEMENT,
            "demand": {"properties": {"golem.srv.comp.task_package": IMAGE}},
            "offer": {
                "providerId": PROVIDER,
                "properties": {"golem": {"runtime": {"name": runtime, "version": "1"}}},
            },
        },
        "activityId": ACTIVITY,
        "exeScript": SCRIPT if script is None else script,
        "inputs": {"http://x/params.json": DATA},
        **more,
    }


def ended(
    index: int, stdout: Any = None, *, message: str | None = None, last: bool = False
) -> dict[str, Any]:
    """A result, Ok where there is no message."""
    return {
        "index": index,
        "eventDate": f"2024-11-19T07:06:{40 + index:02}.250Z",
        "result": "Ok" if message is None else "Error",
        "stdout": "{}" if index == 0 and stdout is None else stdout,
        "stderr": None,
        "message": message,
        "isBatchFinished": last,
    }


def exited(code: int) -> str:
    return f"ExeScript command exited with code {code}"


def results(
    count: int = 5, out: Any = None, at: int = 3, message: str | None = None
) -> list[dict[str, Any]]:
    """Results of so many commands; `at` printed `out`, the last failed or not."""
    return [
        ended(
            index,
            out if index == at else None,
            message=message if index == count - 1 else None,
            last=index == count - 1,
        )
        for index in range(count)
    ]


def event(index: int, batch: str = "04a9", **kind: Any) -> dict[str, Any]:
    return {
        "batch_id": batch,
        "index": index,
        "timestamp": f"2022-06-23T10:42:{30 + index:02}.626573153",
        "kind": kind,
    }


def finished(index: int, code: int = 0, message: str | None = None) -> dict[str, Any]:
    return event(index, finished={"return_code": code, "message": message})


def stream(script: list[Any], out: dict[int, list[Any]]) -> list[dict[str, Any]]:
    """The events of a script that went well, and what its commands printed."""
    found: list[dict[str, Any]] = []
    for index, command in enumerate(script):
        found.append(event(index, started={"command": command}))
        found += [event(index, stdout=piece) for piece in out.get(index, [])]
        found.append(finished(index))
    return found


def sse(events: list[dict[str, Any]]) -> bytes:
    """As yagna sends them, a ping among them."""
    text = ":ping\n"
    for number, item in enumerate(events):
        text += f"event: runtime\ndata: {json.dumps(item)}\nid: {number}\n\n"
    return text.encode()


def lines(events: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(item) for item in events).encode()


def kept(events: list[dict[str, Any]]) -> bytes:
    """As a client kept them: type and data of each."""
    return json.dumps(
        [{"type": "runtime", "data": json.dumps(item)} for item in events]
    ).encode()
