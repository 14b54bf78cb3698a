"""What the shapes have in common: closed, frozen, and words with one spelling."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from invocation_spec.cid import CID_TEXT_MAX

__all__ = ["Checkpoint", "CidText", "Count", "DidText", "MapHead", "Model"]

CidText: TypeAlias = Annotated[
    str,
    Field(
        description="A CIDv1 in lower-case base32",
        pattern=r"^b[a-z2-7]+$",
        max_length=CID_TEXT_MAX,
    ),
]
DidText: TypeAlias = Annotated[
    str, Field(pattern=r"^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]+$")
]
Count: TypeAlias = Annotated[int, Field(ge=0)]


class Model(BaseModel):
    """A closed, frozen shape."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Checkpoint(Model):
    """How many entries the log has, and the Merkle root over them."""

    size: Count
    root: Annotated[str, Field(description="32 bytes in base64")]


class MapHead(Model):
    """The latest head of the map in the log, and the place of its entry there."""

    size: Annotated[Count, Field(description="It covers so many entries")]
    root: Annotated[str, Field(description="32 bytes in base64")]
    time: Annotated[Count, Field(description="Unix seconds, by the log's clock")]
    entry: Count
