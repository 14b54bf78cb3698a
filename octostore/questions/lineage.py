"""Where a CID was produced, and where it is used: the index behind lineage.

    produced    outputs: #CID -> results;  made: result -> invocations; their claims
    used        data: #CID -> inputs, codes: CID -> programs; by_input, by_program

Rows lead to blocks, and the blocks decide: a row that only looks alike is passed
over. Source: DESIGN 5; tables.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from invocation_spec.cid import CID
from invocation_spec.model import Input, Invocation
from octostore import tables
from octostore.result import Result
from octostore.view import LoggedClaim, View

__all__ = ["produced", "used"]


def produced(view: View, output: CID) -> Iterator[LoggedClaim]:
    """Claims with a result that names this CID as an output.

    Ordered by invocation as they arrived, within one as they were logged.
    """
    for number in _results(view, output):
        result = tables.our_cid(hashlib.sha256(view.block(number)).digest())
        keys = tables.MADE.key
        for key, _ in view.rows.scan(tables.MADE.name, keys.prefix(number)):
            for claim in view.claims_of(keys.decode(key)[1]):
                if claim.claim.result == result:
                    yield claim


def used(view: View, cid: CID) -> Iterator[int]:
    """Block numbers of invocations that run this CID or are given it, each once.

    Of programs and inputs that are withheld nothing is known, and nothing found.
    """
    seen: set[int] = set()
    keys = tables.CODES.key
    for key, _ in view.rows.scan(tables.CODES.name, keys.prefix(cid)):
        program = keys.decode(key)[1]
        for number, invocation in _of(view, tables.BY_PROGRAM.name, program.digest):
            if invocation.program == program and number not in seen:
                seen.add(number)
                yield number
    for key, _ in view.rows.scan(tables.DATA.name, tables.short(cid.raw)):
        block = view.block(tables.DATA.key.decode(key)[1])
        if cid not in Input.from_block(block).data:
            continue
        input = CID.of_block(block)
        for number, invocation in _of(view, tables.BY_INPUT.name, input.digest):
            if invocation.input == input and number not in seen:
                seen.add(number)
                yield number


def _results(view: View, output: CID) -> Iterator[int]:
    for key, _ in view.rows.scan(tables.OUTPUTS.name, tables.short(output.raw)):
        number = tables.OUTPUTS.key.decode(key)[1]
        if output in Result.from_block(view.block(number)).outputs.values():
            yield number


def _of(view: View, table: str, digest: bytes) -> Iterator[tuple[int, Invocation]]:
    keys = tables.BY_PROGRAM.key  # both tables have the same
    for key, _ in view.rows.scan(table, digest[: tables.SHORT_BYTES]):
        number = keys.decode(key)[1]
        yield number, Invocation.from_block(view.block(number))
