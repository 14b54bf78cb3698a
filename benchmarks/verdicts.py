"""How fast kept verdicts are looked up, and what a claim more costs.

    python -m benchmarks.verdicts [--claimed 5000] [--model evidence]

A store of so many invocations, each claimed by two groups and every tenth by an anchor;
one map head. Then 50,000 look-ups in batches of 1,000, of which one in ten is of
something that anybody claims: the `first` time, when verdicts are made of their rows,
or anew where a rate of error is another since; then again. `limit` is measured in turn
with it: the same keys read from the same engine, and no verdict made of them.
`one_more` is a claim more, brought up; `anew` all of it, from nothing. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import cast

from invocation_spec.cid import CID
from invocation_spec.model import Input
from octostore.belief.policy import EvidenceTerms, Group, Model, Policy
from octostore.belief.reputation import Reputation
from octostore.store import Octostore
from tests.octostore.world import Blocks, Issuer, Ran, block_of, claim, data, result

LOOKUPS = 50_000
BATCH = 1_000
ROUNDS = 3
NAMES = ("Anchor", "Bristol", "Caltech")


def _ran(n: int) -> Ran:
    return Ran(input=Input(files={"/d": data(f"D{n}")}))


def _claims(issuer: Issuer, rans: Sequence[Ran], run: int = 0) -> Iterable[Blocks]:
    for start in range(0, len(rans), 1_000):
        some = rans[start : start + 1_000]
        got = [result(data(f"R of {ran.cid} {run}")) for ran in some]
        blocks: Blocks = [block for ran in some for block in ran.blocks]
        blocks += [block_of(one) for one in got]
        records = [claim(ran, one) for ran, one in zip(some, got, strict=True)]
        yield issuer.state(records, blocks)[1]


def _policy(model: Model) -> Policy:
    groups = tuple(
        Group(name=name, keys=(Issuer(name).key.public.did,)) for name in NAMES
    )
    if model != "evidence":
        return Policy(name="measured", model=model, groups=groups)
    terms = EvidenceTerms(checks=1, confidence=900_000_000)
    return Policy(
        name="measured", model=model, groups=groups, anchors=("Anchor",), evidence=terms
    )


def _timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def measure(claimed: int, model: Model) -> dict[str, object]:
    """All figures, in seconds and per second."""
    rans = [_ran(n) for n in range(claimed)]
    issuers = {name: Issuer(name) for name in NAMES}
    policy = _policy(model)
    with (
        tempfile.TemporaryDirectory() as place,
        Octostore.open(Path(place) / "store") as store,
        Reputation(Path(place) / "belief", policy) as kept,
    ):
        for name in ("Bristol", "Caltech", "Anchor"):
            some = rans[::10] if name == "Anchor" else rans
            for blocks in _claims(issuers[name], some):
                store.ingest(blocks)
        store.update_map(1_700_000_000)

        def update() -> None:
            with store.view() as view:
                kept.update(view)

        anew = _timed(update)
        more = []
        for n in range(10):
            for blocks in _claims(issuers["Anchor"], [rans[n + 1]]):
                store.ingest(blocks)
            more.append(_timed(update))
        size = store.checkpoint().size
        store.update_map(1_700_000_060)
        head = _timed(update)
        keys = [
            rans[n // 10 % claimed].cid if n % 10 == 0 else CID.of_block(b"%d" % n)
            for n in range(LOOKUPS)
        ]
        batches = [keys[at : at + BATCH] for at in range(0, LOOKUPS, BATCH)]
        found = 0

        def look_up() -> None:
            nonlocal found
            found = sum(len(kept.verdicts(some, store.view)) for some in batches)

        def limit() -> None:
            for some in batches:
                with kept._engine.snapshot() as rows:  # noqa: SLF001 - as it does
                    rows.get_many("verdicts", [cid.digest for cid in some])

        first = _timed(look_up)
        pairs = [(_timed(look_up), _timed(limit)) for _ in range(ROUNDS)]
        seconds, least = (statistics.median(item) for item in zip(*pairs, strict=True))
    return {
        "model": model,
        "claimed": claimed,
        "log": size,
        "lookups": LOOKUPS,
        "found": found,
        "first_per_s": round(LOOKUPS / first),
        "lookups_per_s": round(LOOKUPS / seconds),
        "limit_per_s": round(LOOKUPS / least),
        "of_limit": round(least / seconds, 3),
        "one_more_ms": round(statistics.median(more) * 1e3, 2),
        "map_head_ms": round(head * 1e3, 2),
        "anew_s": round(anew, 2),
        "anew_per_s": round(claimed / anew),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--claimed", type=int, default=5_000)
    parser.add_argument("--model", default="evidence")
    given = parser.parse_args()
    print(json.dumps(measure(given.claimed, cast("Model", given.model)), indent=2))


if __name__ == "__main__":
    main()
