"""The records that keys make about themselves and about other keys.

    {"type": "profile", "name": "University of Bristol", "url": "https://.."}
    {"type": "delegation", "to": "did:key:z6Mk..", "until": 1700000000}
    {"type": "membership", "of": "did:key:z6Mk.."}
    {"type": "revocation", "key": "did:key:z6Mk..", "keep": [bafyrei..]}

Whether they count is for readers to compute, in log order; here is only what
they may say. Source: FORMATS 6; docs/spec/records.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Final, Self

from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from octostore.errors import DidError, RecordError
from octostore.keys import Did
from octostore.records import shape
from octostore.records.fields import Fields, texts
from octostore.records.shape import RecordBase

__all__ = [
    "EXECUTORS_MAX",
    "KEEP_MAX",
    "NETWORKS_MAX",
    "Delegation",
    "Membership",
    "Profile",
    "Revocation",
]

#: Networks that one operator runs machines on.
NETWORKS_MAX: Final = 64

#: Machines of one operator on one network.
EXECUTORS_MAX: Final = 1024

#: Heads of the chains that stay valid; a key has one chain per machine.
KEEP_MAX: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(RecordBase):
    """Who the issuer says it is, and which executors it says are its own."""

    type: ClassVar[str] = "profile"

    name: str
    url: str | None = None
    executors: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        frozen = {network: tuple(names) for network, names in self.executors.items()}
        object.__setattr__(self, "executors", MappingProxyType(frozen))
        shape.check_label(self.name, "/name")
        if self.url is not None:
            shape.check_url(self.url, "/url")
        shape.check_count(self.executors, NETWORKS_MAX, "/executors")
        for network, names in self.executors.items():
            _check_executors(network, names)

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read `{type, name, url?, executors?}`."""
        executors = {
            network: texts(names, f"/executors/{network}")
            for network, names in fields.map("executors", list).items()
        }
        return cls(
            name=fields.need("name", str),
            url=fields.find("url", str),
            executors=executors,
        )

    def to_ipld(self) -> Ipld:
        """`{type, name, url?, executors?}`."""
        return shape.present(
            {
                "type": self.type,
                "name": self.name,
                "url": self.url,
                "executors": self.executors,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation(RecordBase):
    """The issuer, an organisation, lets `to` speak for it, until a log time."""

    type: ClassVar[str] = "delegation"

    to: Did
    scope: str | None = None
    until: int | None = None

    def __post_init__(self) -> None:
        if self.scope is not None:
            shape.check_network(self.scope, "/scope")
        if self.until is not None:
            shape.check_integer(self.until, "/until")

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read `{type, to, scope?, until?}`."""
        return cls(
            to=_did(fields, "to"),
            scope=fields.find("scope", str),
            until=fields.find("until", int),
        )

    def to_ipld(self) -> Ipld:
        """`{type, to, scope?, until?}`."""
        return shape.present(
            {
                "type": self.type,
                "to": str(self.to),
                "scope": self.scope,
                "until": self.until,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership(RecordBase):
    """The issuer says that it belongs to the organisation `of`."""

    type: ClassVar[str] = "membership"

    of: Did

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read `{type, of}`."""
        return cls(of=_did(fields, "of"))

    def to_ipld(self) -> Ipld:
        """`{type, of}`."""
        return {"type": self.type, "of": str(self.of)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation(RecordBase):
    """Of `key`, only the statements that `keep` leads back to stay valid.

    `keep` is always written: an empty list means that nothing stays.
    """

    type: ClassVar[str] = "revocation"

    key: Did
    keep: tuple[CID, ...]

    def __post_init__(self) -> None:
        shape.check_count(self.keep, KEEP_MAX, "/keep")
        shape.check_sorted(self.keep, "/keep")
        for statement in self.keep:
            shape.check_block_link(statement, "/keep")

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read `{type, key, keep}`."""
        return cls(key=_did(fields, "key"), keep=fields.whole_list("keep", CID))

    def to_ipld(self) -> Ipld:
        """`{type, key, keep}`."""
        return {"type": self.type, "key": str(self.key), "keep": list(self.keep)}


def _check_executors(network: str, names: tuple[str, ...]) -> None:
    at = f"/executors/{network[:80]}"
    shape.check_network(network, at)
    if not names:
        raise RecordError("no executor; leave the network out", at=at)
    shape.check_count(names, EXECUTORS_MAX, at)
    shape.check_sorted(names, at)
    for name in names:
        shape.check_label(name, at)


def _did(fields: Fields, name: str) -> Did:
    try:
        return Did(fields.need(name, str))
    except DidError as error:
        raise RecordError(error.reason, at=f"/{name}") from error
