"""What a run was given of network, memory, time and fuel.

    {"network": "none", "memory_bytes": 1073741824, "time_s": 1800}

Source: FORMATS 4 and 6; docs/spec/records.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, TypeAlias, cast

from invocation_spec.dagcbor import Ipld
from octostore.errors import RecordError
from octostore.records import shape
from octostore.records.fields import Fields

__all__ = ["Limits", "NetworkAccess"]

#: Whether the guest could reach a network, whatever its spec asked for.
NetworkAccess: TypeAlias = Literal["none", "available"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the run was given; at least one field, none of them zero."""

    network: NetworkAccess | None = None
    memory_bytes: int | None = None
    time_s: int | None = None
    fuel: int | None = None

    def __post_init__(self) -> None:
        if self.network not in (None, "none", "available"):
            raise RecordError(
                f"{self.network!r}; expected none or available", at="/limits/network"
            )
        numbers = {
            "memory_bytes": self.memory_bytes,
            "time_s": self.time_s,
            "fuel": self.fuel,
        }
        for name, value in numbers.items():
            if value is not None:
                shape.check_integer(value, f"/limits/{name}", least=1)
        if not self.to_ipld():
            raise RecordError("empty; leave the field out", at="/limits")

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read `{network?, memory_bytes?, time_s?, fuel?}`."""
        limits = cls(
            cast("NetworkAccess | None", fields.find("network", str)),
            memory_bytes=fields.find("memory_bytes", int),
            time_s=fields.find("time_s", int),
            fuel=fields.find("fuel", int),
        )
        fields.close()
        return limits

    def to_ipld(self) -> Ipld:
        """The fields that are there."""
        return shape.present(
            {
                "network": self.network,
                "memory_bytes": self.memory_bytes,
                "time_s": self.time_s,
                "fuel": self.fuel,
            }
        )
