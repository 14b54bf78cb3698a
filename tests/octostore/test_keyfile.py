"""Two statements of one key never share a place in a chain."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from invocation_spec.cid import CID
from octostore.chain import RESTORED_AFTER_S, STATE_BYTES_MAX, Fresh
from octostore.errors import KeyFileError, StatementError, StoreError
from octostore.keyfile import FILE_BYTES_MAX, KeyFile
from octostore.keys import SecretKey

RECORD = CID.of_block(b"\xa0")
KEY = SecretKey.from_seed(bytes(range(32)))


@pytest.fixture
def key_file(tmp_path: Path) -> KeyFile:
    return KeyFile.create(tmp_path / "alice.key", KEY)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def sign_once(file: KeyFile) -> tuple[bytes, int, CID | None, CID, Fresh | None]:
    with file.signing() as chain:
        statement = chain.sign([RECORD], 1_669_000_000)
        part = statement.part
        return part.chain, part.seq, part.prev, statement.cid, chain.fresh


def test_a_key_file_reads_back_and_only_its_owner_can_read_it(
    key_file: KeyFile,
) -> None:
    assert KeyFile.open(key_file.path) == key_file
    assert mode_of(key_file.path) == 0o600
    assert json.loads(key_file.path.read_text()) == {
        "did": str(KEY.public.did),
        "secretKeyMultibase": KEY.to_multibase(),
    }


def test_a_key_file_is_never_overwritten(key_file: KeyFile) -> None:
    before = key_file.path.read_bytes()
    with pytest.raises(KeyFileError, match="never overwritten"):
        KeyFile.create(key_file.path, SecretKey.from_seed(bytes(32)))
    assert key_file.path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_may_touch_is_refused_with_the_remedy(
    key_file: KeyFile, mode: int
) -> None:
    key_file.path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"chmod 600 {key_file.path}"):
        KeyFile.open(key_file.path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"did": 1, "secretKeyMultibase": 1}',
        json.dumps({"secretKeyMultibase": KEY.to_multibase()}),
        json.dumps({"did": str(KEY.public.did)}),
        "[" * 4000,
    ],
)
def test_what_is_no_key_file_is_refused(key_file: KeyFile, text: str) -> None:
    key_file.path.write_text(text)
    with pytest.raises(KeyFileError, match="no key file"):
        KeyFile.open(key_file.path)


def test_a_did_of_another_key_is_refused_and_the_secret_stays_out_of_the_message(
    key_file: KeyFile,
) -> None:
    other = SecretKey.from_seed(bytes(32))
    content = {
        "did": str(other.public.did),
        "secretKeyMultibase": KEY.to_multibase(),
    }
    key_file.path.write_text(json.dumps(content))
    with pytest.raises(KeyFileError, match="but its key is") as caught:
        KeyFile.open(key_file.path)
    assert KEY.to_multibase() not in str(caught.value)


def test_a_key_that_cannot_be_written_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    key = SecretKey.generate(lambda count: b"k" * count)
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="No space left"):
            KeyFile.create(tmp_path / "a.key", key)
    assert list(tmp_path.iterdir()) == []
    KeyFile.create(tmp_path / "a.key", key)


def test_a_key_file_has_a_largest_size(key_file: KeyFile) -> None:
    text = key_file.path.read_bytes()
    key_file.path.write_bytes(text.ljust(FILE_BYTES_MAX))
    assert KeyFile.open(key_file.path) == key_file
    key_file.path.write_bytes(text.ljust(FILE_BYTES_MAX + 1))
    with pytest.raises(KeyFileError, match="4097 bytes; a key file has at most 4096"):
        KeyFile.open(key_file.path)


@pytest.mark.parametrize("more", [0, 1])
def test_a_state_has_a_largest_size(key_file: KeyFile, more: int) -> None:
    sign_once(key_file)
    text = key_file.state_path.read_bytes()
    key_file.state_path.write_bytes(text.ljust(STATE_BYTES_MAX + more))
    *_, fresh = sign_once(key_file)
    assert fresh is (Fresh.DAMAGED if more else None)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file") as caught:
        KeyFile.open(tmp_path / "none.key")
    assert caught.value.at == str(tmp_path / "none.key")


def test_a_directory_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError):
        KeyFile.open(tmp_path)


def test_a_chain_begins_at_zero_and_each_statement_names_the_one_before(
    key_file: KeyFile,
) -> None:
    chain, seq, prev, first, fresh = sign_once(key_file)
    assert (seq, prev, fresh) == (0, None, Fresh.MISSING)
    with key_file.signing() as open_chain:
        second = open_chain.sign([RECORD], 1)
        third = open_chain.sign([RECORD], 1)
        assert open_chain.fresh is None
    assert (second.part.chain, second.part.seq, second.part.prev) == (chain, 1, first)
    assert (third.part.chain, third.part.seq, third.part.prev) == (chain, 2, second.cid)
    assert mode_of(key_file.state_path) == 0o600


def test_the_state_is_written_before_the_signature_leaves(key_file: KeyFile) -> None:
    with key_file.signing() as chain:
        statement = chain.sign([RECORD], 1)
        state = json.loads(key_file.state_path.read_text())
    assert (state["seq"], state["prev"]) == (1, str(statement.cid))


def test_a_lost_state_starts_a_new_chain(key_file: KeyFile) -> None:
    chain, *_ = sign_once(key_file)
    key_file.state_path.unlink()
    again, seq, prev, _, fresh = sign_once(key_file)
    assert again != chain
    assert (seq, prev, fresh) == (0, None, Fresh.MISSING)


def test_a_damaged_state_starts_a_new_chain_and_says_so(key_file: KeyFile) -> None:
    sign_once(key_file)
    whole = key_file.state_path.read_bytes()
    for size in range(len(whole) - 2):
        key_file.state_path.write_bytes(whole[:size])
        with key_file.signing() as chain:
            assert chain.fresh is Fresh.DAMAGED
            assert (chain.seq, chain.prev) == (0, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("did", "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"),
        ("chain", "00"),
        ("chain", 0),
        ("seq", 0),
        ("seq", -1),
        ("seq", True),
        ("seq", 2**53),
        ("prev", "None"),
        ("prev", None),
        ("written_ns", "now"),
    ],
)
def test_a_state_with_a_senseless_field_is_damaged(
    key_file: KeyFile, field: str, value: object
) -> None:
    sign_once(key_file)
    state = json.loads(key_file.state_path.read_text())
    key_file.state_path.write_text(json.dumps(state | {field: value}))
    with key_file.signing() as chain:
        assert chain.fresh is Fresh.DAMAGED


def test_a_restored_state_starts_a_new_chain_and_says_so(
    key_file: KeyFile, tmp_path: Path
) -> None:
    sign_once(key_file)
    backup = tmp_path / "backup"
    shutil.copy2(key_file.state_path, backup)
    chain, seq, *_ = sign_once(key_file)
    assert seq == 1
    key_file.state_path.unlink()
    shutil.copy2(backup, key_file.state_path)
    # The backup and its copy may get the inode of the original; age it as well.
    state = json.loads(key_file.state_path.read_text())
    state["written_ns"] -= (RESTORED_AFTER_S + 1) * 10**9
    key_file.state_path.write_text(json.dumps(state))
    again, seq, prev, _, fresh = sign_once(key_file)
    assert again != chain
    assert (seq, prev, fresh) == (0, None, Fresh.RESTORED)


def test_a_copied_state_is_another_inode_and_starts_a_new_chain(
    key_file: KeyFile, tmp_path: Path
) -> None:
    sign_once(key_file)
    copy = KeyFile.create(tmp_path / "copy.key", KEY)
    shutil.copy2(key_file.state_path, copy.state_path)
    *_, fresh = sign_once(copy)
    assert fresh is Fresh.RESTORED


@pytest.mark.parametrize("seconds", [RESTORED_AFTER_S + 1, -RESTORED_AFTER_S - 1])
def test_a_state_touched_long_after_or_before_it_was_made_is_restored(
    key_file: KeyFile, seconds: int
) -> None:
    # A copy into the same inode, and one under a clock that was set back.
    sign_once(key_file)
    state = json.loads(key_file.state_path.read_text())
    state["written_ns"] = key_file.state_path.stat().st_ctime_ns - seconds * 10**9
    key_file.state_path.write_text(json.dumps(state))
    *_, fresh = sign_once(key_file)
    assert fresh is Fresh.RESTORED


@pytest.mark.parametrize("tie", [os.link, os.symlink])
def test_a_copy_of_a_key_never_goes_on_from_the_state_of_the_original(
    key_file: KeyFile, tmp_path: Path, tie: Callable[[Path, Path], None]
) -> None:
    # Another key file is another lock, so the two can sign at once.
    chain, *_ = sign_once(key_file)
    (tmp_path / "b").mkdir()
    copy = KeyFile.create(tmp_path / "b" / "alice.key", KEY)
    tie(key_file.state_path, copy.state_path)
    there, seq, _, _, fresh = sign_once(copy)
    assert (seq, fresh) == (0, Fresh.RESTORED)
    assert there != chain
    assert not copy.state_path.is_symlink()
    places = [sign_once(file)[:2] for file in (key_file, copy, key_file, copy)]
    assert len({(chain, 0), (there, 0), *places}) == 6


def test_a_pipe_in_the_place_of_the_state_is_not_waited_for(key_file: KeyFile) -> None:
    os.mkfifo(key_file.state_path)
    *_, fresh = sign_once(key_file)
    assert fresh is Fresh.DAMAGED
    assert key_file.state_path.is_file()


def test_a_folder_in_the_place_of_the_state_is_refused(key_file: KeyFile) -> None:
    key_file.state_path.mkdir()
    with pytest.raises(KeyFileError, match="directory"), key_file.signing():
        pass


def replace_by_copy(path: Path) -> None:
    """What an editor, `sed -i` or a restored backup does to a key file."""
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)


def test_a_key_file_replaced_while_it_is_held_lets_nobody_share_a_place(
    key_file: KeyFile,
) -> None:
    with key_file.signing() as chain:
        first = chain.sign([RECORD], 1)
        replace_by_copy(key_file.path)
        # The lock is on a file without a name; another holder gets in.
        other = sign_once(key_file)
        assert other[:3] == (first.part.chain, 1, first.cid)
        with pytest.raises(KeyFileError, match="changed while it was held"):
            chain.sign([RECORD], 1)
    assert sign_once(key_file)[1] == 2


def test_a_key_file_replaced_while_it_was_waited_for_is_locked_anew(
    key_file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock
    times: list[int] = []

    def slow(descriptor: int, how: int) -> None:
        if not times:
            replace_by_copy(key_file.path)
        times.append(how)
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    sign_once(key_file)
    assert times == [fcntl.LOCK_EX] * 2


def test_another_key_under_the_name_is_not_signed_for(key_file: KeyFile) -> None:
    key_file.path.unlink()
    KeyFile.create(key_file.path, SecretKey.from_seed(bytes(32)))
    with pytest.raises(KeyFileError, match="another key"), key_file.signing():
        pass


def test_a_file_system_without_locks_signs_nothing(
    key_file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(KeyFileError, match="local disk"), key_file.signing():
        pass
    assert not key_file.state_path.exists()


def test_a_key_that_is_held_no_longer_signs_nothing(key_file: KeyFile) -> None:
    with key_file.signing() as chain:
        pass
    with pytest.raises(KeyFileError, match="held no longer"):
        chain.sign([RECORD], 1)


def test_a_fork_of_the_holder_signs_nothing(key_file: KeyFile) -> None:
    with key_file.signing() as chain:
        child = os.fork()
        if child == 0:
            try:
                chain.sign([RECORD], 1)
            except KeyFileError:
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert chain.sign([RECORD], 1).part.seq == 0


def test_threads_that_share_a_chain_never_share_a_place(key_file: KeyFile) -> None:
    with key_file.signing() as chain, ThreadPoolExecutor(4) as threads:
        signed = list(threads.map(lambda n: chain.sign([RECORD], n), range(40)))
    assert sorted(item.part.seq for item in signed) == list(range(40))


def test_a_state_that_took_too_long_is_written_again_and_then_given_up(
    key_file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace
    replaced: list[Path] = []

    def counted(self: Path, target: Path) -> Path:
        replaced.append(self)
        return real(self, target)

    sign_once(key_file)
    monkeypatch.setattr(Path, "replace", counted)
    with monkeypatch.context() as disk:
        disk.setattr("octostore.chain.RESTORED_AFTER_S", -1)  # slow as none can be
        assert sign_once(key_file)[4] is Fresh.RESTORED
    assert len(replaced) == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small tmpfs")
def test_a_full_or_read_only_disk_signs_nothing_and_the_chain_goes_on(
    tmp_path: Path,
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        key_file = KeyFile.create(disk / "alice.key", KEY)
        chain, *_ = sign_once(key_file)
        with pytest.raises(OSError, match="No space"):
            (disk / "filler").write_bytes(bytes(1 << 20))
        with pytest.raises(StoreError, match="nothing was signed"):
            sign_once(key_file)
        (disk / "filler").unlink()
        assert (chain, 1) == sign_once(key_file)[:2]
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(StoreError, match=r"Read-only.*nothing was signed"):
            sign_once(key_file)
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert (chain, 2) == sign_once(key_file)[:2]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_refused_statement_takes_no_place(key_file: KeyFile) -> None:
    with key_file.signing() as chain:
        with pytest.raises(StatementError):
            chain.sign([], 1)
        assert chain.sign([RECORD], 1).part.seq == 0


@pytest.mark.parametrize(("where", "step"), [(os, "fsync"), (Path, "replace")])
def test_a_state_that_cannot_be_written_lets_no_signature_out_and_a_retry_works(
    key_file: KeyFile, monkeypatch: pytest.MonkeyPatch, where: object, step: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    _, _, _, first, _ = sign_once(key_file)
    with key_file.signing() as chain:
        with monkeypatch.context() as disk:
            disk.setattr(where, step, full)
            with pytest.raises(StoreError, match="nothing was signed"):
                chain.sign([RECORD], 1)
        retried = chain.sign([RECORD], 1)
    assert (retried.part.seq, retried.part.prev) == (1, first)


def test_a_half_written_state_of_an_earlier_crash_is_in_nobodys_way(
    key_file: KeyFile,
) -> None:
    key_file.path.with_name("alice.key.state.new").write_text("half")
    sign_once(key_file)
    *_, fresh = sign_once(key_file)
    assert fresh is None
    assert sorted(path.name for path in key_file.path.parent.iterdir()) == [
        "alice.key",
        "alice.key.state",
    ]


def test_a_state_written_but_reported_lost_is_signed_over_only_once(
    key_file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The rename reached the disk, the report of it failed: nobody saw that
    # signature, so the place may be used again by whoever is asked next.
    real = Path.replace

    def kept(self: Path, target: Path) -> Path:
        real(self, target)
        raise OSError(errno.EIO, "Input/output error")

    sign_once(key_file)
    with key_file.signing() as chain, monkeypatch.context() as disk:
        disk.setattr(Path, "replace", kept)
        with pytest.raises(StoreError):
            chain.sign([RECORD], 1)
    _, seq, *_, fresh = sign_once(key_file)
    assert (seq, fresh) == (2, None)


def test_processes_with_one_key_never_share_a_place(key_file: KeyFile) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from invocation_spec.cid import CID\n"
        "from octostore.keyfile import FILE_BYTES_MAX, KeyFile\n"
        "file = KeyFile.open(Path(sys.argv[1]))\n"
        "for _ in range(10):\n"
        "    with file.signing() as chain:\n"
        "        part = chain.sign([CID.of_block(b'\\xa0')], 1).part\n"
        "        print(part.chain.hex(), part.seq)\n"
    )
    command = [sys.executable, "-c", script, str(key_file.path)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    places = [line for one in running for line in one.communicate()[0].splitlines()]
    assert [one.returncode for one in running] == [0, 0, 0]
    assert len(places) == len(set(places)) == 30
    assert len({place.split()[0] for place in places}) == 1


def test_a_key_file_that_is_gone_cannot_be_locked(key_file: KeyFile) -> None:
    key_file.path.unlink()
    with pytest.raises(KeyFileError, match="No such file"), key_file.signing():
        pass
