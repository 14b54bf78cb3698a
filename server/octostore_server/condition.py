"""How a node is, in figures: what it holds, what lags, what is left of its disk.

Readiness is made of them: a node that cannot write soon, or whose map nobody updates,
says so before somebody sends it a delivery.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from octostore import tables
from octostore.errors import StoreError
from octostore.map.heads import last_head
from octostore.store import Octostore
from octostore_server.settings import Settings

__all__ = ["COUNTED_MAX", "Check", "Condition", "MapState", "checks", "condition"]

#: Rows of what waits or is quarantined that are counted; more are that many.
COUNTED_MAX: Final = 10_000

#: An update of the map may take long; past that nobody seems to do it.
_STALE_S: Final = 120.0


@dataclass(slots=True)
class MapState:
    """What the thread that keeps the map up says of itself; None: there is none."""

    looked_at_s: float | None = None
    failing: str | None = None

    def looked(self, failing: str | None = None) -> None:
        """Note that an update was tried, and why it failed if it did."""
        self.looked_at_s, self.failing = time.monotonic(), failing


@dataclass(frozen=True, slots=True)
class Condition:
    """Figures of a store; `lag` are entries behind the last map head."""

    entries: int
    lag: int
    pending: int
    quarantined: int
    store_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold for a node to be ready."""

    name: str
    ok: bool
    says: str = field(default="")

    def to_json(self) -> dict[str, object]:
        """`{name, ok, says}`."""
        return {"name": self.name, "ok": self.ok, "says": self.says}


def condition(store: Octostore) -> Condition:
    """The figures now, from one look at the store and one at its disk.

    Raises:
        StoreError: it cannot be read.
    """
    with store.view() as view:
        entries, head = view.checkpoint().size, last_head(view.rows)
        pending, quarantined = (
            sum(1 for _ in islice(view.rows.scan(table.name), COUNTED_MAX))
            for table in (tables.PENDING, tables.QUARANTINE)
        )
    try:
        used = sum(
            file.stat().st_blocks * 512
            for file in store.path.iterdir()
            if file.is_file()
        )
        free = shutil.disk_usage(store.path).free
    except OSError as error:
        raise StoreError(f"cannot be looked at: {error.strerror}") from error
    lag = entries - (0 if head is None else head.entry + 1)
    return Condition(entries, lag, pending, quarantined, used, free)


def checks(store: Octostore, settings: Settings, map_state: MapState) -> list[Check]:
    """What must hold, each with what is found; a store that fails is one of them."""
    try:
        found = condition(store)
    except StoreError:
        return [Check("store", False, "cannot be read; its log says more")]
    told = [Check("store", True, f"{found.entries} entries")]
    if not store.readonly:
        least = settings.free_bytes_min
        says = f"{found.free_bytes} bytes are free; at least {least} must be"
        told.append(Check("disk", found.free_bytes >= least, says))
    if map_state.looked_at_s is not None:
        ago = time.monotonic() - map_state.looked_at_s
        is_alive = ago < _STALE_S + settings.map_seconds
        ok = is_alive and map_state.failing is None
        says = f"{found.lag} entries behind, looked at {ago:.0f} s ago"
        if map_state.failing is not None:
            says = f"{found.lag} entries behind: the last update failed"
        told.append(Check("map", ok, says))
    return told
