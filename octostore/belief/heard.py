"""What a policy hears on one invocation: each claim, for whom it speaks, if it counts.

    Heard(invocation, kind, testimonies, ..)   Testimony(claim, group, outputs, ..)

Only what changes a verdict stands here, so that a verdict is a pure function of it and
of the policy. Source: FORMATS 6, 8, 9; ADR 26.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from invocation_spec.cid import CID
from octostore.keys import PublicKey

__all__ = ["Heard", "Silence", "Testimony"]

#: Why a claim is shown and does not count.
Silence: TypeAlias = Literal[
    "delegation-expired",
    "delegation-scope",
    "no-group",
    "revoked",
    "two-organisations",
    "withdrawn",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """One claim as a policy hears it.

    `index` and `record` are its place: entry of the log, record of the statement.
    `group` is the name that the policy gives to whom it speaks for; without one it is
    silent. `log_time_s` is the time of the first map head over it, Unix seconds.
    `committed` is the entry of a commitment that this claim reveals, if that counts.
    `equivocates` says that its key has signed two histories. A claim that is withdrawn
    keeps its group, and `silent_since` is the entry of the log that withdrew it: who
    withdraws after a check was wrong all the same.
    """

    claim: CID
    statement: CID
    index: int
    record: int
    issuer: PublicKey
    network: str
    group: str | None = None
    silent: Silence | None = None
    platform: str | None = None
    outputs: Mapping[str, CID]
    exit: int | None = None
    failure: str | None = None
    log_time_s: int | None = None
    committed: int | None = None
    equivocates: bool = False
    silent_since: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """All testimonies on one invocation, in log order, as of one checkpoint.

    `kind` is the program's (`wasi`, `oci`), None where it is withheld. `time_s` is
    that of the last map head before the checkpoint. `also` are invocations that the
    links in `links` make the same; their claims are among the testimonies.
    `strangers` is how many claims of keys in no group are not among them; `cuts` are
    CIDs whose links were not followed to their end, and why.
    """

    invocation: CID
    kind: str | None
    testimonies: tuple[Testimony, ...]
    time_s: int | None = None
    also: tuple[CID, ...] = ()
    links: tuple[CID, ...] = ()
    strangers: int = 0
    cuts: tuple[tuple[CID, str], ...] = ()
