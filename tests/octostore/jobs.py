"""Directories of finished jobs, as nodes leave them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["PINNED", "job", "spec"]

PINNED = "docker.io/library/ubuntu@sha256:" + "ab" * 32


def spec(*command: str, image: str = PINNED) -> str:
    """A job of Bacalhau."""
    params = {"Image": image, "Entrypoint": list(command)}
    engine = {"Type": "docker", "Params": params}
    return json.dumps({"Tasks": [{"Engine": engine, "Network": {"Type": "None"}}]})


def job(
    folder: Path,
    name: str,
    *,
    stdout: str = "out\n",
    finished: bool = True,
    image: str = PINNED,
    report: Any = None,
) -> Path:
    """One job, complete but for what is said."""
    at = folder / name
    (at / "results").mkdir(parents=True)
    (at / "spec.json").write_text(spec("echo", name, image=image))
    (at / "results/stdout").write_text(stdout)
    (at / "results/exitCode").write_text("0")
    if report is not None:
        (at / "report.json").write_text(json.dumps(report))
    if finished:
        (at / "done").touch()
    return at
