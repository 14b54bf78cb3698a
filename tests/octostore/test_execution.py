"""Result folders: what a run writes, `claim --results` reads again."""

from __future__ import annotations

from pathlib import Path

import pytest

from invocation_spec import CID
from invocation_spec.model import Input, WasiProgram
from octostore.contents import FILES_MAX, Contents
from octostore.errors import FileError, StoreError
from octostore.execution import execute, write_results
from octostore.published import result_in
from octostore.result import Result
from octostore.runner import RunError, RunReport
from tests.octostore.test_published import Blocks, directory, leaf


def report(*names: str) -> RunReport:
    return RunReport(
        outputs={name: name.encode() for name in names},
        exit=3,
        failure=None,
        stderr=b"words",
        skipped=(),
        fuel_used=1,
        memory_bytes=0,
        engine="none",
    )


def test_a_folder_that_an_input_names_often_is_laid_so_often() -> None:
    blocks: Blocks = {}
    empty = leaf(blocks, b"")
    folder = directory(blocks, {f"{index}": empty for index in range(1000)})
    times = FILES_MAX // 1000 + 1
    given = Input(files={f"/{index}": folder for index in range(times)})
    code = leaf(blocks, b"(module)")

    class Kept:
        def find(self, cid: CID) -> bytes | None:
            return blocks.get(cid)

    with pytest.raises(RunError, match=f"more than {FILES_MAX} files"):
        execute(WasiProgram(code), given, Contents([], Kept()))


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"outputs": "/outputs"},
        {"r": "/outputs"},
        {"r": "/outputs", "s": "/outputs/deep"},
        {"outputs/": "/outputs"},
        {"a/b": "/outputs"},
        {"stdout": "/outputs"},
        {"exitCode": "/outputs"},
        {"..": "/outputs"},
        {"": "/outputs"},
        {"r": "/"},
    ],
    ids=str,
)
def test_what_is_written_is_read_as_the_same_result(
    tmp_path: Path, names: dict[str, str]
) -> None:
    made = report("stdout", "/outputs/a", "/outputs/deep/b")
    write_results(tmp_path / "out", made, names)
    outputs = {name: CID.of_bytes(data) for name, data in made.outputs.items()}
    assert result_in(tmp_path / "out", names) == Result(outputs, exit=3)


@pytest.mark.parametrize("name", ["{}/evil", "../../evil", "..", "a/../../../evil"])
def test_no_name_in_a_spec_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    outside = name.format(tmp_path)
    (tmp_path / "in").mkdir()
    write_results(tmp_path / "in" / "out", report("/o/a"), {outside: "/o"})
    assert [item.name for item in tmp_path.iterdir()] == ["in"]
    assert (tmp_path / "in" / "out" / "o" / "a").read_bytes() == b"/o/a"


def test_half_a_result_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not written"):
        write_results(tmp_path / "out", report("/o/a", "/o/" + "x" * 300), {})
    assert not (tmp_path / "out").exists()


def test_results_are_never_mixed_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(FileError, match="not empty"):
        write_results(tmp_path, report("/o/a"), {})
    assert [item.name for item in tmp_path.iterdir()] == ["mine"]
