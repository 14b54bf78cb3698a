"""A watch is killed at random instants: each job is claimed once, and none is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from invocation_spec import canonicalize
from octostore.check import check_folder
from octostore.harvest.outbox import Outbox
from octostore.keyfile import KeyFile
from octostore.questions.answer import Asked
from octostore.questions.who import who
from octostore.store import Octostore
from tests.faults.conftest import FULL, Faults
from tests.octostore.jobs import job

KILLS = 80 if FULL else 6
JOBS_AT_ONCE = 5

#: Seconds until it is told to end, and from then until it is killed: it signs and
#: delivers in between.
TOLD_S = (0.02, 0.3)
KILLED_S = (0.0, 0.15)


def test_each_job_is_claimed_once_however_often_it_is_killed(
    tmp_path: Path, faults: Faults
) -> None:
    chance = random.Random(6)  # noqa: S311 - nothing secret
    jobs = tmp_path / "jobs"
    octostore = str(Path(sys.executable).with_name("octostore"))
    environment = os.environ | {"OCTOSTORE_PATH": str(tmp_path / "store")}
    new = [octostore, "key", "new", "node.key"]
    subprocess.run(new, cwd=tmp_path, check=True, capture_output=True)
    words = ["watch", "jobs", "--network", "bacalhau", "--key", "node.key"]
    command = [octostore, *words, "--every", "0.1"]
    names: list[str] = []
    killed = 0
    for turn in range(KILLS):
        for number in range(JOBS_AT_ONCE):
            names.append(f"j{turn}-{number}")
            job(jobs, names[-1])
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("watching")
            told_s = chance.uniform(*TOLD_S)
            threading.Timer(told_s, process.terminate).start()
            after_s = told_s + chance.uniform(*KILLED_S)
            threading.Timer(after_s, process.kill).start()
            process.communicate()
        killed += process.returncode < 0
    last = subprocess.run(
        [*command, "--once"], cwd=tmp_path, env=environment, check=True, text=True,
        capture_output=True,
    )  # fmt: skip
    assert "waiting" not in last.stdout
    counts: Counter[str] = Counter()
    with Octostore.open(tmp_path / "store") as store:
        for name in names:
            (outcome,) = canonicalize((jobs / name / "spec.json").read_bytes())
            assert outcome.invocation is not None
            answer = who(store, Asked(invocation=outcome.invocation.cid))
            counts[name] = sum(len(found.claims) for found in answer.invocations)
    lost = sum(count == 0 for count in counts.values())
    twice = sum(count > 1 for count in counts.values())
    faults.add("watch killed while it signs", lost=lost, corrupt=twice, killed=killed)
    assert (lost, twice) == (0, 0)
    assert check_folder(tmp_path / "store").holds
    did = KeyFile.open(tmp_path / "node.key").key.public.did
    with Outbox.open(tmp_path / "node.key.outbox", did) as outbox:
        assert outbox.waiting_count() == 0
