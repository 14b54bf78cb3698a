"""What a whole answer of `who` costs with its proof, part by part: as JSON.

    python -m benchmarks.answers [--claims 20000]

A store of so many claims (`benchmarks/who.py`), and one invocation of 10 and one of
100 claims asked for by code and data. For each the median of 200 questions, warm, in
microseconds of CPU: `who` the answer, `prove` its proof, made and checked as a server
does before it sends it, `json` the text of both; `read` opens the proof as a reader
does who has the claims. `sha256_us` is one bare hash of 65 bytes in the same run.

`proof_bytes` is the proof as it is in a bundle (head, path in the log, opened map),
`proof_json_bytes` the same in base64, `answer_json_bytes` all that is sent;
`aim_bytes` is 1 KB and 32 bytes per claim.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.limits import machine
from benchmarks.who import C1, D1, data, pairs, statement
from octostore.questions.answer import Asked
from octostore.questions.completeness import check_whole, prove_answer
from octostore.questions.evidence import ask
from octostore.questions.found import found_of
from octostore.questions.who import who
from octostore.store import Octostore

SIZES = (10, 100)
REPEATS = 200
_PER_STATEMENT = 1000

_T = TypeVar("_T")


def measure_answers(claims: int, folder: Path) -> dict[str, object]:
    """A store of so many claims, asked for answers of each size."""
    asked = {SIZES[0]: Asked(C1, D1), SIZES[1]: Asked(data("popular", 0), D1)}
    world = list(pairs(claims))
    world += [(data("popular", 0), D1, n) for n in range(SIZES[1])]
    with Octostore.open(folder / "store") as store:
        for n, at in enumerate(range(0, len(world), _PER_STATEMENT)):
            root, blocks = statement(n, world[at : at + _PER_STATEMENT])
            assert store.ingest(blocks.items(), [root]).accepted  # noqa: S101
        store.update_map(0)
        size = store.checkpoint().size
        answers = {str(n): _measure(store, item, n) for n, item in asked.items()}
    _, bare_us = _timed(lambda: [hashlib.sha256(bytes(65)).digest() for _ in range(64)])
    return {
        "claims": len(world),
        "entries": size,
        "sha256_us": round(bare_us / 64, 2),
        "answers": answers,
    }


def _measure(store: Octostore, asked: Asked, count: int) -> dict[str, object]:
    with store.view() as view:
        answer, found_us = _timed(lambda: who(store, asked))
        proof, prove_us = _timed(lambda: prove_answer(view, answer))
        (whole, _), ask_us = _timed(lambda: ask(store, asked))
        assert whole == answer  # noqa: S101
        text, json_us = _timed(
            lambda: json.dumps(answer.to_json() | {"proof": proof.to_json()})
        )
        found = [
            found_of(view, item, answer.checkpoint.size)
            for item in (answer.invocations)
        ]
        _, read_us = _timed(lambda: check_whole(proof, asked, found, answer.checkpoint))
    claims = sum(len(item.claims) for item in answer.invocations)
    assert claims == count  # noqa: S101
    size = len(proof.logged.head.block) + 32 * len(proof.path) + len(bytes(proof.proof))
    return {
        "whole_us": round(ask_us + json_us),
        "parts_us": {
            "who": round(found_us),
            "prove": round(prove_us),
            "json": round(json_us),
        },
        "read_us": round(read_us),
        "map_proof_bytes": len(bytes(proof.proof)),
        "proof_bytes": size,
        "aim_bytes": 1024 + 32 * claims,
        "proof_json_bytes": len(json.dumps(proof.to_json())),
        "answer_json_bytes": len(text),
        "answer_json_bytes_per_claim": round(len(text) / claims),
    }


def _timed(act: Callable[[], _T]) -> tuple[_T, float]:
    """What it gives, and the median microseconds of CPU."""
    spent = []
    for _ in range(REPEATS):
        begin = time.thread_time_ns()
        value = act()
        spent.append(time.thread_time_ns() - begin)
    return value, statistics.median(spent) / 1000


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--claims", type=int, default=20_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure_answers(given.claims, Path(folder))
    print(json.dumps({"machine": machine(), **found}, indent=2))


if __name__ == "__main__":
    main()
