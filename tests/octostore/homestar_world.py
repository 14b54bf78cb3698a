"""Workflows and receipts of Homestar as its nodes write them, for tests."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dag_cbor
import multiformats

RSC = "ipfs://bafkreiegvlhjstbyt2q3wvxkbs3q25v74bfor3x67iwp6gdeoakgw3kune"
META = {"fuel": 18446744073709552000, "memory": 4294967296, "time": 100000}

#: As homestar-runtime/migrations make them.
SCHEMA = """
CREATE TABLE workflows (cid TEXT NOT NULL PRIMARY KEY, name TEXT,
  num_tasks INTEGER NOT NULL, resources BLOB NOT NULL,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, completed_at TIMESTAMP,
  status TEXT NOT NULL DEFAULT 'pending', retries INTEGER NOT NULL DEFAULT 0);
CREATE TABLE receipts (cid TEXT NOT NULL PRIMARY KEY, ran TEXT NOT NULL,
  instruction TEXT NOT NULL, out BLOB NOT NULL, meta BLOB NOT NULL, issuer TEXT,
  prf BLOB NOT NULL, version TEXT NOT NULL);
CREATE INDEX instruction_index ON receipts (instruction);
CREATE TABLE workflows_receipts (workflow_cid TEXT NOT NULL REFERENCES workflows(cid),
  receipt_cid TEXT NOT NULL REFERENCES receipts(cid),
  PRIMARY KEY(workflow_cid, receipt_cid));
"""


def sha3_cid(value: Any) -> str:
    """The CID that Homestar gives a value, by libraries that are not ours."""
    digest = hashlib.sha3_256(dag_cbor.encode(value)).digest()
    raw = bytes((1, 0x71, 0x16, 32)) + digest
    return "b" + base64.b32encode(raw).decode().lower().rstrip("=")


def link(cid: str) -> dict[str, str]:
    return {"/": cid}


def run(func: str, *args: Any) -> dict[str, Any]:
    """An instruction, its arguments in DAG-JSON."""
    return {
        "input": {"args": list(args), "func": func},
        "nnc": "",
        "op": "wasm/run",
        "rsc": RSC,
    }


def task(instruction: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {"cause": None, "meta": {**META, **meta}, "prf": [], "run": instruction}


def workflow(*tasks: dict[str, Any]) -> bytes:
    return json.dumps({"tasks": list(tasks)}).encode()


def ipld(value: Any) -> Any:
    """DAG-JSON as its values, for `sha3_cid`."""
    if isinstance(value, dict):
        if set(value) == {"/"}:
            return multiformats.CID.decode(value["/"])
        return {key: ipld(item) for key, item in value.items()}
    if isinstance(value, list):
        return [ipld(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1 << 64:
        return float(value)
    return value


def instruction_cid(item: dict[str, Any]) -> str:
    return sha3_cid(ipld(item["run"]))


def ran_cid(item: dict[str, Any]) -> str:
    return sha3_cid({"task": ipld(item)})


def receipt(item: dict[str, Any], out: Any, iss: str | None = None) -> dict[str, Any]:
    """A receipt of a task, as values."""
    return {
        "ran": multiformats.CID.decode(ran_cid(item)),
        "out": out,
        "meta": {"op": item["run"]["input"]["func"]},
        "iss": iss,
        "prf": [],
    }


def dag_json(value: Any) -> Any:
    """Values as DAG-JSON, ready for `json.dumps`."""
    if isinstance(value, multiformats.CID):
        return link(str(value))
    if isinstance(value, bytes):
        return {"/": {"bytes": base64.b64encode(value).decode().rstrip("=")}}
    if isinstance(value, dict):
        return {key: dag_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [dag_json(item) for item in value]
    return value


def as_json(value: dict[str, Any]) -> bytes:
    return json.dumps(dag_json(value)).encode()


def as_cbor(value: dict[str, Any]) -> bytes:
    return dag_cbor.encode(value)


def row(item: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """The row that a node stores of a receipt."""
    return {
        "cid": sha3_cid(value),
        "ran": str(value["ran"]),
        "instruction": instruction_cid(item),
        "out": dag_cbor.encode(value["out"]),
        "meta": dag_cbor.encode(value["meta"]),
        "issuer": value["iss"],
        "prf": dag_cbor.encode(value["prf"]),
        "version": "0.2.0",
    }


def database(path: Path, rows: Sequence[dict[str, Any]]) -> sqlite3.Connection:
    """A node's database, open and in WAL mode, as the node has it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(SCHEMA)
    insert(connection, rows)
    return connection


def insert(connection: sqlite3.Connection, rows: Sequence[dict[str, Any]]) -> None:
    for item in rows:
        connection.execute(
            "INSERT INTO receipts VALUES"
            " (:cid, :ran, :instruction, :out, :meta, :issuer, :prf, :version)",
            item,
        )
