"""Answers of Bacalhau as its versions write them, of our own making."""

from __future__ import annotations

import json
from typing import Any

from invocation_spec import CID

__all__ = ["IMAGE", "NS", "Json", "execution", "job", "v1beta"]

Json = dict[str, Any]

IMAGE = "docker.io/library/ubuntu@sha256:" + "ab" * 32
NS = 1_000_000_000


def job(
    id_: str = "j-1",
    *,
    version: int = 1,
    count: int = 1,
    image: str = IMAGE,
    args: tuple[str, ...] = ("hello",),
    wasm: CID | None = None,
) -> Json:
    """A `models.Job` as v1.9 answers it, of docker, or of wasm with a module."""
    if wasm is None:
        engine: Json = {
            "Type": "docker",
            "Params": {"Image": image, "Entrypoint": ["echo"], "Parameters": [*args]},
        }
        sources: list[Json] = []
    else:
        params = {"EntryModule": "/app/main.wasm", "Parameters": [*args]}
        engine = {"Type": "wasm", "Params": {**params, "Entrypoint": "_start"}}
        source = {"Type": "ipfs", "Params": {"CID": str(wasm)}}
        sources = [{"Target": "/app/main.wasm", "Source": source, "Alias": ""}]
    return {
        "ID": id_,
        "Name": "n",
        "Namespace": "default",
        "Type": "batch",
        "Priority": 0,
        "Count": count,
        "Constraints": [],
        "Meta": {"bacalhau.org/orchestrator.id": "n-1"},
        "Labels": {},
        "Tasks": [
            {
                "Name": "main",
                "Engine": engine,
                "Publisher": {"Type": "local"},
                "InputSources": sources,
                "ResultPaths": [{"Name": "outputs", "Path": "/outputs"}],
                "Resources": {"CPU": "1", "Memory": "512mb"},
                "Network": {"Type": "None"},
                "Timeouts": {},
            }
        ],
        "State": {"StateType": "Completed", "Message": ""},
        "Version": version,
        "Revision": 3,
        "CreateTime": 1_700_388_563 * NS,
        "ModifyTime": 1_700_388_690 * NS,
    }


def execution(
    id_: str = "e-1",
    job_id: str = "j-1",
    *,
    new: bool = True,
    state: int | None = None,
    desired: str = "execution completed",
    message: str = "",
    stdout: str = "hello\n",
    truncated: bool = False,
    exit_code: int = 0,
    error: str = "",
    published: Json | None = None,
    version: int | None = 1,
    partition: int = 0,
    job: Json | None = None,
) -> Json:
    """An execution, as v1.9 answers it, or (`new` false) as v1.4 does."""
    said: Json = {
        "ID": id_,
        "Namespace": "default",
        "EvalID": "",
        "Name": "",
        "NodeID": "n-1",
        "JobID": job_id,
        "AllocatedResources": {"Tasks": {}},
        "DesiredState": {"StateType": 2, "Message": desired},
        "ComputeState": {
            "StateType": (9 if new else 7) if state is None else state,
            "Message": message,
        },
        "PublishedResult": published or {"Type": "", "Params": None},
        "RunOutput": {
            "Stdout": stdout,
            "StdoutTruncated": truncated,
            "stderr": "warned\n",
            "StderrTruncated": False,
            "ExitCode": exit_code,
            "ErrorMsg": error,
        },
        "PreviousExecution": "",
        "NextExecution": "",
        "FollowupEvalID": "",
        "Revision": 12 if state is None else max(0, state),
        "CreateTime": 1_700_388_690 * NS + 296_295_631,
        "ModifyTime": 1_700_388_692 * NS + 520_129_695,
    }
    if new and version is not None:
        said["JobVersion"] = version
    if partition:
        said["PartitionIndex"] = partition
    if job is not None:
        said["Job"] = json.loads(json.dumps(job))
    return said


def v1beta(*states: str, image: str = IMAGE) -> Json:
    """What `bacalhau describe` of v0.3.12 to v1.0 printed, one execution a state."""
    return {
        "Job": {
            "APIVersion": "V1beta1",
            "Metadata": {"ID": "92d5d4ee", "CreatedAt": "2023-01-02T03:04:05Z"},
            "Spec": {
                "Engine": "Docker",
                "Verifier": "Noop",
                "Publisher": "IPFS",
                "Docker": {"Image": image, "Entrypoint": ["echo", "hello"]},
                "Deal": {"Concurrency": 1},
                "Network": {"Type": "None"},
                "inputs": [],
                "outputs": [],
            },
        },
        "State": {
            "JobID": "92d5d4ee",
            "State": "Completed",
            "Executions": [
                {
                    "JobID": "92d5d4ee",
                    "NodeId": "QmNode",
                    "ComputeReference": f"e-{index}",
                    "State": state,
                    "AcceptedAskForBid": True,
                    "Status": "words",
                    "VerificationResult": {"Complete": True, "Result": True},
                    "PublishedResults": {
                        "StorageSource": "IPFS",
                        "Name": f"ipfs://job-{index}",
                        "CID": "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG",
                    },
                    "RunOutput": {
                        "stdout": "hello",
                        "stdouttruncated": False,
                        "stderr": "",
                        "stderrtruncated": False,
                        "exitCode": 0,
                        "runnerError": "",
                    },
                    "Version": 7,
                    "CreateTime": "2023-01-02T03:04:05.123456789Z",
                    "UpdateTime": "2023-01-02T03:04:09Z",
                }
                for index, state in enumerate(states)
            ],
        },
    }
