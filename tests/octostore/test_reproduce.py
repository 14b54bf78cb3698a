"""`octostore reproduce`: real modules are run, and compared with what claims say."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import wasmtime

from invocation_spec import CID
from invocation_spec.cid import DAG_PB
from invocation_spec.model import Import, Input, OciProgram, WasiProgram
from octostore.contents import Contents
from octostore.errors import NotFoundError
from octostore.questions.answer import Asked
from octostore.questions.who import who
from octostore.records import Claim, Failure
from octostore.reproduction import folders
from octostore.result import Result
from octostore.runner import run_wasi
from octostore.settling import SETTLED_MAX, SETTLED_S_MAX, settler
from octostore.store import Octostore
from tests.octostore.gateways import gateway, honest
from tests.octostore.said import Command, Said
from tests.octostore.test_gateway import wrong
from tests.octostore.test_published import (
    Blocks,
    leaf,
    node,
    number,
    of_pieces,
    put,
)
from tests.octostore.test_runner import module
from tests.octostore.world import Issuer, Ran, data

KEPLER = Path(__file__).parents[2] / "examples" / "kepler"
JOB = str(KEPLER / "bacalhau-job.yaml")
INVOCATION = "bafyreiavh5egdrtu4ihta6shtjd4bgbakx7bl22eclgogdoodty3vmwxzq"
BLOCK = CID.of_block(b"\xa0")
RESIDUALS = "/outputs/residuals.csv"

SAYS_X = module("(call $say #1024 #1)", data="x")
RANDOM = module("(drop (call $random_get #1024 #8)) (call $say #1024 #8)")
TIME = module(
    "(drop (call $clock_time_get #0 (i64.const 1) #1024)) (call $say #1024 #8)"
)
ELAPSED = module(
    "(drop (call $clock_time_get #1 (i64.const 1) #1024))"
    "(drop (call $clock_time_get #1 (i64.const 1) #1024)) (call $say #1024 #8)"
)
#: Writes x to /o/a, and something else to standard output each time.
MIXED = module(
    "(drop (call $open #1024 #3 #1)) (drop (call $put (call $fd) #1027 #1))"
    "(drop (call $random_get #1040 #8)) (call $say #1040 #8)",
    data="o/ax",
)
FOREVER = module("(loop $again (br $again))")
TRAPS_AT_TIMES = module(
    "(drop (call $clock_time_get #0 (i64.const 1) #1024))"
    "(if (i64.ne (i64.load #1024) (i64.const 1640995200000000000)) (then unreachable))"
)


def kepler(octostore: Command, name: str, network: str, results: str = "good") -> None:
    octostore("key", "new", f"{name}.key")
    said = octostore(
        *("claim", JOB, "--network", network, "--executor", "node"),
        *("--results", results, "--key", f"{name}.key"),
    )
    assert said.code == 0, said.err


@pytest.fixture
def claimed(octostore: Command, tmp_path: Path) -> Path:
    """A store in which Bristol and Caltech agree, as the demo has them."""
    octostore("run", JOB, "--files", KEPLER, "--out", "good")
    report = run_wasi(
        (KEPLER / "kepler-faulty.wasm").read_bytes(),
        args=["/inputs/planets.csv", RESIDUALS],
        files={"/inputs/planets.csv": KEPLER / "planets.csv"},
        output_dirs=["/outputs"],
    )
    (tmp_path / "bad" / "outputs").mkdir(parents=True)
    (tmp_path / "bad" / "stdout").write_bytes(report.outputs["stdout"])
    (tmp_path / "bad" / RESIDUALS[1:]).write_bytes(report.outputs[RESIDUALS])
    kepler(octostore, "bristol", "golem")
    kepler(octostore, "caltech", "bacalhau")
    octostore("key", "new", "check.key")
    return tmp_path


def reproduce(octostore: Command, *more: str | Path) -> Said:
    return octostore("reproduce", INVOCATION, "--files", KEPLER, *more)


def claims_of(invocation: str, path: Path) -> list[tuple[str, str]]:
    """Networks and issuers of the claims on an invocation, in log order."""
    with Octostore.open(path, readonly=True) as store:
        answer = who(store, Asked(invocation=CID.parse(invocation)))
        return [
            (claim.network, str(claim.issuer))
            for item in answer.invocations
            for claim in item.claims
        ]


def world(
    path: Path, program: bytes, *results: Result | Failure, **more: object
) -> tuple[str, Path]:
    """A store with claims on one program, and a folder that has its code."""
    code = path / "code"
    code.mkdir(exist_ok=True)
    (code / "p.wasm").write_bytes(program)
    ran = Ran(WasiProgram(CID.of_bytes(program)), Input())
    claim_it(path, ran, *results, **more)
    return str(ran.cid), code


def claim_it(path: Path, ran: Ran, *results: Result | Failure, **more: object) -> None:
    with Octostore.open(path / "store") as store:
        for number, got in enumerate(results):
            statement, blocks = Issuer(f"claimant {number}").claims(ran, got, **more)
            assert store.ingest(blocks, [statement.envelope_cid]).sound


def stdout(content: bytes, **more: int) -> Result:
    return Result({"stdout": CID.of_bytes(content)}, **more)


class TestCompared:
    def test_all_agree_and_the_check_is_signed_as_a_claim_of_local(
        self, octostore: Command, claimed: Path
    ) -> None:
        said = reproduce(octostore, "--key", "check.key", "--json")
        assert said.code == 0
        found = said.json
        assert found["holds"] is True
        assert found["dirs"] == ["/outputs"]
        for name in ("stdout", RESIDUALS):
            (side,) = found["outputs"][name]["theirs"]
            assert side["value"] == found["outputs"][name]["ours"]
            assert (side["is"], len(side["claims"])) == ("same", 2)
        assert found["outputs"]["exit"]["ours"] == 0
        networks = claims_of(INVOCATION, claimed / "store")
        assert [network for network, _ in networks] == ["golem", "bacalhau", "local"]
        assert networks[2][1] == found["signed"]["issuer"]
        with Octostore.open(claimed / "store", readonly=True) as store:
            claim = store.claims_of(CID.parse(INVOCATION))[2].claim
        assert claim.dirs == ("/outputs",)
        assert claim.limits is not None
        assert (claim.limits.network, claim.limits.memory_bytes) == ("none", 4 << 30)
        assert claim.native["engine"].startswith("wasmtime ")
        assert claim.executor is None

    def test_a_difference_is_named_with_who_claims_it_and_exits_1(
        self, octostore: Command, claimed: Path
    ) -> None:
        kepler(octostore, "faulty", "bacalhau:x", "bad")
        said = reproduce(octostore, "--key", "check.key")
        assert said.code == 1
        assert f"{RESIDUALS}   DIFFERS" in said.out
        assert "3 claims: 2 agree, 1 differ" in said.out
        row = next(line for line in said.out.splitlines() if "bacalhau:x" in line)
        assert row.split()[:2] == ["R2", "differs"]
        assert "accepted" in said.out

    def test_the_same_check_again_is_the_same_claim(
        self, octostore: Command, claimed: Path
    ) -> None:
        first = reproduce(octostore, "--key", "check.key", "--json").json["signed"]
        again = reproduce(octostore, "--key", "check.key", "--json").json["signed"]
        assert first["records"] == again["records"]

    def test_without_a_key_nothing_is_signed(
        self, octostore: Command, claimed: Path
    ) -> None:
        said = reproduce(octostore)
        assert said.code == 0
        assert "not signed  no --key" in said.out
        assert len(claims_of(INVOCATION, claimed / "store")) == 2

    def test_a_spec_that_nobody_has_claimed_is_run_and_signed(
        self, octostore: Command
    ) -> None:
        octostore("key", "new", "check.key")
        said = octostore(
            "reproduce", JOB, "--files", KEPLER, "--key", "check.key", "-o", "c.car"
        )
        assert said.code == 0
        assert "nobody has claimed it" in said.out
        assert "written to  c.car" in said.out
        assert octostore("ingest", "c.car").code == 0
        assert "local" in octostore("who", INVOCATION).out

    def test_an_output_that_only_one_side_has_contradicts_nobody(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        elsewhere = Result({"value": data("v")})
        cid, code = world(tmp_path, SAYS_X, elsewhere)
        said = octostore("reproduce", cid, "--files", code, "--json")
        assert said.code == 0
        outputs = said.json["outputs"]
        assert outputs["stdout"]["theirs"] == []
        assert outputs["value"]["ours"] is None
        assert outputs["value"]["theirs"][0]["is"] == "incomparable"
        assert (
            "1 cannot be compared" in octostore("reproduce", cid, "--files", code).out
        )

    def test_another_exit_status_differs(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        cid, code = world(tmp_path, SAYS_X, stdout(b"x", exit=3))
        said = octostore("reproduce", cid, "--files", code)
        assert said.code == 1
        assert "exit status   DIFFERS" in said.out

    def test_a_failure_elsewhere_contradicts_nothing(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        cid, code = world(tmp_path, SAYS_X, Failure("time-out"))
        said = octostore("reproduce", cid, "--files", code)
        assert said.code == 0
        assert "failed elsewhere" in said.out

    def test_a_withdrawn_claim_is_not_compared(
        self, octostore: Command, claimed: Path
    ) -> None:
        kepler(octostore, "faulty", "bacalhau", "bad")
        with Octostore.open(claimed / "store", readonly=True) as store:
            last = store.claims_of(CID.parse(INVOCATION))[2].cid
        octostore("withdraw", str(last), "--why", "wrong build", "--key", "faulty.key")
        said = reproduce(octostore)
        assert said.code == 0
        assert "2 claims: 2 agree" in said.out


class TestOtherCids:
    """Of one file there are many; the bytes decide."""

    def test_another_hash_function_is_settled_by_our_bytes(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        def sha3(content: bytes) -> CID:
            digest = hashlib.sha3_256(content).digest()
            return CID.of_digest(digest, hash_code=0x16)

        same, other = Result({"stdout": sha3(b"x")}), Result({"stdout": sha3(b"y")})
        cid, code = world(tmp_path, SAYS_X, same, other)
        said = octostore("reproduce", cid, "--files", code, "--json")
        sides = said.json["outputs"]["stdout"]["theirs"]
        assert [side["is"] for side in sides] == ["same", "differs"]
        assert said.code == 1

    def test_a_file_of_ipfs_is_settled_by_its_blocks(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        blocks: Blocks = {}
        same, other = of_pieces(blocks, [b"x"]), of_pieces(blocks, [b"y"])
        lost = of_pieces({}, [b"x", b""])
        results = [Result({"stdout": value}) for value in (same, other, lost)]
        cid, code = world(tmp_path, SAYS_X, *results)
        with gateway(honest(blocks)) as (url, _):
            words = ("reproduce", cid, "--files", code, "--gateway", url, "--json")
            sides = octostore(*words).json["outputs"]["stdout"]["theirs"]
        assert {side["value"]: side["is"] for side in sides} == {
            str(same): "same",
            str(other): "differs",
            str(lost): "incomparable",
        }

    def test_a_file_of_ipfs_in_a_usual_layout_needs_no_blocks(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        same, other = (leaf({}, data, raw=False) for data in (b"x", b"y"))
        cid, code = world(
            tmp_path, SAYS_X, *(Result({"stdout": value}) for value in (same, other))
        )
        said = octostore("reproduce", cid, "--files", code, "--json")
        sides = said.json["outputs"]["stdout"]["theirs"]
        assert {side["value"]: side["is"] for side in sides} == {
            str(same): "same",
            str(other): "incomparable",
        }

    def test_of_a_value_of_another_size_only_the_first_block_is_fetched(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        blocks: Blocks = {}
        huge = of_pieces(blocks, [bytes([n]) * 5000 for n in range(100)])
        cid, code = world(tmp_path, SAYS_X, Result({"stdout": huge}))
        with gateway(honest(blocks)) as (url, asked):
            words = ("reproduce", cid, "--files", code, "--gateway", url, "--json")
            (side,) = octostore(*words).json["outputs"]["stdout"]["theirs"]
        assert side["is"] == "differs"
        assert asked == [f"/ipfs/{huge}?format=raw"]

    def test_a_file_that_does_not_say_its_size_is_as_large_as_its_pieces(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        blocks: Blocks = {}
        pieces = number(1, 2) + number(4, 1)
        untold = put(blocks, node([("", leaf(blocks, b"x"))], pieces))
        cid, code = world(tmp_path, SAYS_X, Result({"stdout": untold}))
        with gateway(honest(blocks)) as (url, _):
            words = ("reproduce", cid, "--files", code, "--gateway", url, "--json")
            (side,) = octostore(*words).json["outputs"]["stdout"]["theirs"]
        assert side["is"] == "same"

    def test_so_many_are_looked_for(self) -> None:
        asked: list[CID] = []

        class Empty:
            def find(self, cid: CID) -> bytes | None:
                asked.append(cid)
                return None

        settle = settler({"a": b"x"}, [], Contents([], Empty()))
        for n in range(SETTLED_MAX + 1):
            raw = bytes((1, DAG_PB)) + data(str(n)).raw[2:]
            assert settle("a", CID(raw)) is None
        assert len(set(asked)) == SETTLED_MAX

    def test_they_are_looked_for_so_long(self) -> None:
        clock = [0.0]

        class Slow:
            def find(self, cid: CID) -> bytes | None:
                clock[0] += SETTLED_S_MAX / 4
                return None

        settle = settler({"a": b"x"}, [], Contents([], Slow()), lambda: clock[0])
        for n in range(10):
            raw = bytes((1, DAG_PB)) + data(str(n)).raw[2:]
            assert settle("a", CID(raw)) is None
        assert clock[0] == SETTLED_S_MAX
        assert settle("a", CID.of_bytes(b"x")) is True


class TestContent:
    def test_what_is_nowhere_exits_6_and_is_named(
        self, octostore: Command, claimed: Path
    ) -> None:
        said = octostore("reproduce", INVOCATION, "--key", "check.key", "--json")
        assert said.code == 6
        assert said.json["error"] == "not-found"
        assert "bafkreidsbrhyps2mrugcfzljqozpb3w6xhi6vaplr3svvxx5qwhn5ihz5a" in said.err
        assert len(claims_of(INVOCATION, claimed / "store")) == 2

    def test_a_gateway_that_lies_is_refused_and_the_next_is_asked(
        self, octostore: Command, claimed: Path
    ) -> None:
        blocks = {
            CID.of_bytes(path.read_bytes()): path.read_bytes()
            for path in KEPLER.iterdir()
            if path.is_file()
        }
        with gateway(wrong) as (liar, asked), gateway(honest(blocks)) as (good, _):
            words = ("reproduce", INVOCATION, "--gateway", liar)
            alone = octostore(*words)
            assert alone.code == 6
            assert f"{liar} sent other bytes" in alone.err
            both = octostore(*words, "--gateway", good)
        assert both.code == 0
        assert len(asked) == 2  # once in each command

    def test_a_file_of_ipfs_is_laid_as_its_bytes(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        planets = (KEPLER / "planets.csv").read_bytes()
        code = (KEPLER / "kepler.wasm").read_bytes()
        blocks: Blocks = {CID.of_bytes(code): code}
        half = len(planets) // 2
        root = of_pieces(blocks, [planets[:half], planets[half:]])
        ran = Ran(
            WasiProgram(CID.of_bytes(code)),
            Input(args=("/in.csv", "/o/r.csv"), files={"/in.csv": root}),
        )
        octostore("run", JOB, "--files", KEPLER, "--out", "good")
        csv = CID.of_bytes(
            (tmp_path / "good" / "outputs" / "residuals.csv").read_bytes()
        )
        claim_it(tmp_path, ran, Result({"/o/r.csv": csv}, exit=0))
        with gateway(honest(blocks)) as (url, _):
            said = octostore("reproduce", str(ran.cid), "--gateway", url, "--json")
        assert said.code == 0, said.err
        assert said.json["outputs"]["/o/r.csv"]["theirs"][0]["is"] == "same"

    def test_no_more_is_fetched_than_one_allows(
        self, octostore: Command, claimed: Path
    ) -> None:
        code = (KEPLER / "kepler.wasm").read_bytes()
        with gateway(honest({CID.of_bytes(code): code})) as (url, _):
            words = ("reproduce", INVOCATION, "--gateway", url, "--max-bytes", "100")
            said = octostore(*words)
        assert said.code == 6
        assert "sends more than 100 bytes" in said.err

    def test_what_all_withhold_needs_its_spec(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        octostore("key", "new", "me.key")
        octostore(
            *("claim", JOB, "--network", "golem", "--exit", "0", "--key", "me.key"),
            *("--withhold", "input"),
        )
        said = reproduce(octostore)
        assert said.code == 6
        assert "its input is withheld" in said.err

    def test_what_all_withhold_the_check_withholds_too(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        octostore("key", "new", "me.key")
        octostore(
            *("claim", JOB, "--network", "golem", "--exit", "0", "--key", "me.key"),
            *("--withhold", "input"),
        )
        said = octostore("reproduce", JOB, "--files", KEPLER, "--key", "me.key")
        assert said.code == 0
        assert "(withheld by all, and by us)" in said.out
        with Octostore.open(tmp_path / "store", readonly=True) as store:
            check = store.claims_of(CID.parse(INVOCATION))[1].claim
            outcome = octostore("canonicalize", JOB, "--json").json
            assert store.find(CID.parse(str(outcome["input"]))) is None
        assert check.withheld == ("input",)

    @pytest.mark.parametrize("cid", [str(data("unknown")), str(CID.of_block(b"\xa0"))])
    def test_an_invocation_that_nobody_knows_exits_6(
        self, octostore: Command, claimed: Path, cid: str
    ) -> None:
        said = octostore("reproduce", cid)
        assert said.code == 6
        assert "name its spec" in said.err

    def test_a_cid_of_something_else_is_bad_usage(
        self, octostore: Command, claimed: Path
    ) -> None:
        with Octostore.open(claimed / "store", readonly=True) as store:
            claim = store.claims_of(CID.parse(INVOCATION))[0].cid
        said = octostore("reproduce", str(claim))
        assert said.code == 2
        assert "no invocation" in said.err


class TestNondeterminism:
    @pytest.mark.parametrize("program", [RANDOM, TIME, ELAPSED])
    def test_what_depends_on_chance_or_time_is_noticed_and_not_signed(
        self, octostore: Command, tmp_path: Path, program: bytes
    ) -> None:
        cid, code = world(tmp_path, program, stdout(b"12345678", exit=0))
        octostore("key", "new", "check.key")
        said = octostore("reproduce", cid, "--files", code, "--key", "check.key")
        assert said.code == 1
        assert "NONDETERMINISTIC" in said.out
        assert "stdout   VARIES" in said.out
        assert "not signed  the program is nondeterministic" in said.out
        assert "DIFFERS" not in said.out
        assert len(claims_of(cid, tmp_path / "store")) == 1

    def test_what_did_not_vary_is_signed_if_asked(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        result = Result({"/o/a": CID.of_bytes(b"x"), "stdout": data("y")}, exit=0)
        cid, code = world(tmp_path, MIXED, result, dirs=("/o",))
        octostore("key", "new", "check.key")
        words = ("reproduce", cid, "--files", code, "--key", "check.key")
        said = octostore(*words, "--sign-stable", "--json")
        assert said.code == 1
        assert said.json["varying"] == ["stdout"]
        assert said.json["outputs"]["stdout"]["theirs"][0]["is"] == "incomparable"
        assert said.json["outputs"]["/o/a"]["theirs"][0]["is"] == "same"
        with Octostore.open(tmp_path / "store", readonly=True) as store:
            claim = store.claims_of(CID.parse(cid))[1].claim
            assert claim.result is not None
            signed = Result.from_block(store.get(claim.result))
        assert signed == Result({"/o/a": CID.of_bytes(b"x")}, exit=0)

    def test_a_second_run_that_fails_is_noticed(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        cid, code = world(tmp_path, TRAPS_AT_TIMES, Result({}, exit=0))
        octostore("key", "new", "check.key")
        words = ("reproduce", cid, "--files", code, "--key", "check.key")
        said = octostore(*words, "--sign-stable")
        assert said.code == 1
        assert "with another clock and other randomness: trap" in said.out
        assert "not signed" in said.out


class TestLimits:
    def test_a_module_that_never_ends_is_ended(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        cid, code = world(tmp_path, FOREVER, Result({}, exit=0))
        octostore("key", "new", "check.key")
        for limit in (("--fuel", "1000000"), ("--time", "0.2")):
            said = octostore(
                *("reproduce", cid, "--files", code, "--key", "check.key", *limit),
                "--json",
            )
            assert said.code == 1
            assert said.json["failure"]["kind"] in ("limit", "time-out")
            assert said.json["signed"] is None
        assert len(claims_of(cid, tmp_path / "store")) == 1

    @pytest.mark.parametrize(
        "text",
        [
            '(module (memory (export "memory") 65537) (func (export "_start")))',
            '(module (memory (export "memory") i64 1048576) (func (export "_start")))',
        ],
        ids=["more than 4 GiB", "64 GiB"],
    )
    def test_a_module_that_asks_for_64_gb_is_refused(
        self, octostore: Command, tmp_path: Path, text: str
    ) -> None:
        try:
            program = bytes(wasmtime.wat2wasm(text))
        except wasmtime.WasmtimeError:
            pytest.skip("not even assembled")
        cid, code = world(tmp_path, program, Result({}, exit=0))
        said = octostore("reproduce", cid, "--files", code)
        assert said.code == 1
        assert "not-started" in said.out or "limit" in said.out

    def test_memory_beyond_what_one_allows_is_a_limit(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        text = '(module (memory (export "memory") 32768) (func (export "_start")))'
        program = bytes(wasmtime.wat2wasm(text))
        cid, code = world(tmp_path, program, Result({}, exit=0))
        said = octostore("reproduce", cid, "--files", code, "--memory", "1048576")
        assert said.code == 1
        assert "limit" in said.out


class TestRefused:
    def test_a_container_is_refused_and_what_runs_here_is_said(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        ran = Ran(OciProgram(data("image")), Input(argv=("/bin/true",)))
        claim_it(tmp_path, ran, Result({}, exit=0))
        said = octostore("reproduce", str(ran.cid))
        assert said.code == 2
        assert "a program of kind oci; what runs here is one run of a WASI" in said.err

    def test_an_unresolved_spec_exits_3(self, octostore: Command) -> None:
        spec = KEPLER.parent / "unpinned.yaml"
        assert octostore("reproduce", spec).code == 3

    @pytest.mark.parametrize("name", ["Golem", "", "a b"])
    def test_a_network_has_a_name_that_claims_may_have(
        self, octostore: Command, claimed: Path, name: str
    ) -> None:
        said = reproduce(octostore, "--network", name, "--key", "check.key")
        assert said.code == 2

    def test_what_looks_secret_is_not_published(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        job = Path(JOB).read_text()
        assert "Engine:" in job
        spec = tmp_path / "job.yaml"
        spec.write_text(
            job.replace("    Engine:", "    Env: {API_KEY: x}\n    Engine:")
        )
        octostore("key", "new", "check.key")
        words = ("reproduce", spec, "--files", KEPLER, "--key", "check.key")
        said = octostore(*words)
        assert said.code == 2
        assert "API_KEY" in said.err
        assert octostore(*words, "--publish-credentials").code == 0


class TestFolders:
    """Which folders a guest finds is no identity, and can change what it does."""

    def record(self, *dirs: str) -> Claim:
        return Claim(invocation=BLOCK, network="n", result=BLOCK, dirs=dirs)

    def test_those_that_most_issuers_declare_come_first(self) -> None:
        claims: list[tuple[Claim, list[str], object]] = [
            (self.record("/a"), ["/a/r"], "one"),
            (self.record("/a"), ["/a/r"], "one"),
            (self.record("/b"), ["/b/r"], "two"),
            (self.record("/b"), ["/b/r"], "three"),
        ]
        assert folders(claims, Input()) == [("/b",), ("/a",), ()]

    def test_folders_of_outputs_that_none_declares_are_laid_too(self) -> None:
        claims: list[tuple[Claim, list[str], object]] = [
            (self.record("/a"), ["/a/r", "/b/c/r", "stdout", "/r"], "one")
        ]
        assert folders(claims, Input())[0] == ("/a", "/b/c")

    @pytest.mark.parametrize("folder", ["/in.csv", "/in.csv/x", "/" + "n" * 256])
    def test_a_claim_cannot_keep_a_program_from_being_run(self, folder: str) -> None:
        claims: list[tuple[Claim, list[str], object]] = [
            (self.record(folder), [], "one"),
            (self.record("/a"), [], "two"),
            (self.record(folder), [], "three"),
        ]
        given = Input(files={"/in.csv": data("d")})
        assert folders(claims, given) == [("/a",), ()]

    def test_claims_with_other_folders_are_marked(
        self, octostore: Command, tmp_path: Path
    ) -> None:
        cid, code = world(tmp_path, SAYS_X, stdout(b"x", exit=0), dirs=("/o",))
        said = octostore("reproduce", cid, "--files", code, "--output-dir", "/p")
        assert "1 of the claims ran with other folders" in said.out


def test_run_fetches_from_gateways_too(octostore: Command, tmp_path: Path) -> None:
    files = [KEPLER / "kepler.wasm", KEPLER / "planets.csv"]
    blocks = {CID.of_bytes(path.read_bytes()): path.read_bytes() for path in files}
    with gateway(honest(blocks)) as (url, _):
        assert octostore("run", JOB, "--gateway", url).code == 0
        most = ("--max-bytes", "1000")
        assert octostore("run", JOB, "--gateway", url, *most).code == 6
    assert not (tmp_path / "store").exists()


def test_imports_are_fetched_too(octostore: Command, tmp_path: Path) -> None:
    library = wasmtime.wat2wasm('(module (func (export "f") (result i32) i32.const 7))')
    main = wasmtime.wat2wasm(
        '(module (import "lib" "f" (func $f (result i32)))'
        ' (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))'
        ' (func (export "_start") (call $exit (call $f))))'
    )
    blocks = {CID.of_bytes(bytes(code)): bytes(code) for code in (library, main)}
    used = Import(CID.of_bytes(bytes(library)), "lib")
    ran = Ran(WasiProgram(CID.of_bytes(bytes(main)), imports=(used,)), Input())
    claim_it(tmp_path, ran, Result({}, exit=7))
    with gateway(honest(blocks)) as (url, _):
        assert octostore("reproduce", str(ran.cid), "--gateway", url).code == 0


def test_contents_without_a_scratch_folder_ask_no_source() -> None:
    class Never:
        name = "never"

        def save(self, *_: object) -> None:
            raise AssertionError

        reading = save

    with pytest.raises(NotFoundError, match="never has nowhere to put it"):
        Contents([], None, [Never()]).get(data("x"))  # type: ignore[list-item]
