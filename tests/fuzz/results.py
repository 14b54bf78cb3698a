"""Fuzzing Bacalhau's answers, and the folders of results that it publishes."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

from invocation_spec import DocumentError, Resolutions
from octostore import car
from octostore.claiming import prepare
from octostore.errors import CarError, FileError, RecordError
from octostore.harvest.bacalhau.answers import read
from octostore.harvest.bacalhau.executions import Reader, job_answers
from octostore.harvest.observed import Observed, Unclaimed
from octostore.published import result_in
from octostore.result import Result
from tests.fuzz.seeds import Seeds
from tests.octostore.bacalhau_data import execution, job, v1beta
from tests.octostore.test_published import (
    Blocks,
    as_bacalhau_writes,
    directory,
    of_pieces,
    published,
)

__all__ = [
    "bacalhau_answers",
    "cars",
    "read_bacalhau_answer",
    "read_car_of_results",
    "read_tar_of_results",
    "tars",
]


def bacalhau_answers() -> Seeds:
    """Answers of each era, with what claims and what does not."""
    spec = {"Type": "ipfs", "Params": {"CID": "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79"}}
    runs = [
        execution(published=spec),
        execution("e-2", state=10, desired="execution failed", message="timed out"),
        execution("e-3", partition=1),
        execution("e-4", new=False),
    ]
    answers: list[object] = [
        {"Job": job(count=2), "Executions": {"Items": runs}},
        {"Items": [job(), job("j-2", version=2)], "NextToken": "t"},
        {"Executions": [execution(job=job())]},
        v1beta("Completed", "Failed"),
        {"APIVersion": "V1alpha1", "ID": "x", "Spec": v1beta()["Job"]["Spec"],
         "JobState": {"Nodes": {"Qm": {"Shards": {"0": {"State": "Completed"}}}}}},
    ]  # fmt: skip
    return [json.dumps(answer).encode() for answer in answers]


def tars() -> Seeds:
    """The tar alone: what is changed in a gzip says nothing."""
    found = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
            as_bacalhau_writes(tar)
        found.append(stream.getvalue())
    return found


def cars() -> Seeds:
    """Folders, with files of one block and of many."""
    found = []
    for raw in (True, False):
        blocks: Blocks = {}
        pieces = of_pieces(blocks, [b"ab", b"c"], raw=raw)
        for root in (
            published(blocks),
            directory(blocks, {"o": directory(blocks, {"f": pieces})}),
        ):
            stream = io.BytesIO()
            car.write(stream, [root], blocks.items())
            found.append(stream.getvalue())
    return found


def read_bacalhau_answer(data: bytes) -> None:
    """An answer is refused, or each of its runs has a claim or a reason."""
    try:
        answer = read(data, "x")
    except DocumentError as error:
        _check_line(str(error))
        return
    reader = Reader(Resolutions.none())
    for seen in reader.seen(*job_answers([answer])):
        assert isinstance(seen, Observed | Unclaimed)
        if isinstance(seen, Observed) and seen.outcome.invocation is not None:
            with suppress(RecordError):  # said of the run, as the harvest does
                assert prepare(seen.outcome, seen.reported).claim.block


def read_tar_of_results(data: bytes) -> None:
    """A tar is refused or a result."""
    _read(gzip.compress(data, 1), "r.tar.gz")


def read_car_of_results(data: bytes) -> None:
    """A CAR is refused or a result."""
    _read(data, "r.car")


def _check_line(text: str) -> None:
    assert len(text.splitlines()) == 1, "a reason of two lines"


def _read(data: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            found = result_in(path, {"outputs": "/data"})
        except (CarError, FileError, RecordError):
            return
        assert Result.from_block(found.block) == found
        assert [item.name for item in Path(folder).iterdir()] == [name]
