"""The map: derived again from the log, and held against every head in it."""

from __future__ import annotations

from invocation_spec.errors import OctostoreError
from octostore import tables
from octostore.check.report import Seen
from octostore.engine import Engine
from octostore.log import KIND_MAP_HEAD
from octostore.map.head import MapHead
from octostore.map.update import derive
from octostore.view import View

__all__ = ["check_map"]


def check_map(view: View, seen: Seen, engine: Engine) -> None:
    """Derive the map beside the store as far as each head goes, and compare roots.

    The rows of the log are in the engine already.

    Raises:
        StoreError: a table cannot be read, or there is no scratch space.
    """
    name = tables.LOG.name
    before: MapHead | None = None
    for key, _ in view.rows.scan(name):
        index = tables.LOG.key.decode(key)[0]
        head = _head(view, index)
        if head is None:
            continue
        is_odd = _check_head(seen, key, index, head, before)
        before = head
        if is_odd:
            continue
        try:
            root = derive(engine, head.size)
        except OctostoreError as error:
            seen.wrong(name, key, str(error), "a map that can be derived")
            continue
        if root != head.root:
            seen.wrong(name, key, _words(head), f"root {root.hex()}")


def _head(view: View, index: int) -> MapHead | None:
    """The map head at this place; None if another entry, or a damaged one, is there.

    Damage has been named with the log.
    """
    try:
        entry = view.entry(index)
        if entry.kind != KIND_MAP_HEAD:
            return None
        return MapHead.from_block(view.get(entry.block))
    except OctostoreError:
        return None


def _check_head(
    seen: Seen, key: bytes, index: int, head: MapHead, before: MapHead | None
) -> bool:
    """Whether something but the root is wrong, which then cannot be judged."""
    if head.size > index:
        expected = f"a map of at most {index} entries"
    elif before is not None and (
        head.size < before.size or head.time_s < before.time_s
    ):
        expected = f"size and time from {before.size} and {before.time_s} on"
    else:
        return False
    seen.wrong(tables.LOG.name, key, _words(head), expected)
    return True


def _words(head: MapHead) -> str:
    return f"size {head.size}, root {head.root.hex()}, time {head.time_s}"
