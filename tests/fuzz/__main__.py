"""Fuzz one target, or each in turn; what is found is said and kept.

    python -m tests.fuzz ADAPTER --seconds 600
    python -m tests.fuzz all --seconds 30

Needs atheris, which `make fuzz` installs. Exit 1 if anything broke.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from pathlib import Path

from tests.fuzz.seeds import CORPUS
from tests.fuzz.targets import TARGETS

#: What a run grows, kept for the next; git ignores it.
WORK = Path(__file__).parents[2] / ".fuzz"


def main() -> int:
    """Run the loop of each target asked for, one after another."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all"], metavar="ADAPTER")
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    parser.add_argument("--work", type=Path, default=WORK, help="grown, kept here")
    given = parser.parse_args()
    names = list(TARGETS) if given.target == "all" else [given.target]
    print(f"{'target':18}{'seconds':>8}{'executions':>12}{'corpus':>8}{'found':>7}")
    return max([_fuzz(name, given.seconds, given.work / name) for name in names])


def _fuzz(name: str, seconds: int, folder: Path) -> int:
    for part in ("seeds", "corpus", "found"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    kept = [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]
    for data in (*TARGETS[name].seeds(), *kept):
        (folder / "seeds" / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    log = folder / "log"
    command = [sys.executable, "-m", "tests.fuzz.loop", name, str(folder)]
    with log.open("wb") as stream:
        done = subprocess.run(
            [*command, f"-max_total_time={seconds}"],
            stdout=stream,
            stderr=stream,
            check=False,
        )
    counted = re.findall(r"Done (\d+) runs in (\d+) second", log.read_text("latin-1"))
    runs, took = counted[-1] if counted else ("?", "?")
    grown = len(list((folder / "corpus").iterdir()))
    found = sorted(
        path for path in (folder / "found").iterdir() if path.suffix != ".txt"
    )
    print(f"{name:18}{took:>8}{runs:>12}{grown:>8}{len(found):>7}", flush=True)
    for path in found:
        print(f"  {path}")
    if done.returncode and not found:
        print(f"  the fuzzer failed; see {log}", file=sys.stderr)
    return int(bool(found) or done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
