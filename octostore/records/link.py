"""The record "these two CIDs denote the same, or one leads to the other".

    {"type": "link", "means": "same-bytes", "a": bafkrei.., "b": bafybei..}
    {"type": "link", "means": "selects", "platform": "linux/arm64", "a": .., "b": ..}

Source: FORMATS 8; docs/spec/records.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, Self, TypeAlias, cast, get_args

from invocation_spec.cid import CID, RAW
from invocation_spec.dagcbor import Ipld
from octostore.errors import RecordError
from octostore.records import shape
from octostore.records.fields import Fields
from octostore.records.shape import RecordBase

__all__ = ["MEANINGS", "SYMMETRIC", "Link", "Meaning"]

Meaning: TypeAlias = Literal[
    "built-from", "reduces-to", "same-bytes", "same-program", "selects"
]

MEANINGS: Final[tuple[Meaning, ...]] = get_args(Meaning)

#: What builds equivalence classes; the other meanings lead from `a` to `b`.
SYMMETRIC: Final[frozenset[Meaning]] = frozenset({"same-bytes", "same-program"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(RecordBase):
    """`a` and `b` are the same in the way `means` says, or `a` leads to `b`.

    `same-bytes`, `same-program`: symmetric, so `a` is the lesser of the two.
    `selects`: an image index and its manifest for `platform`. `built-from`: a
    Golem image and the OCI image it was made of. `reduces-to`: an invocation
    with awaits, and the same with claimed results in their place.

    Raises:
        RecordError: a link of a thing to itself, in the wrong order, or between
            bytes whose digests prove them different.
    """

    type: ClassVar[str] = "link"

    a: CID
    b: CID
    means: Meaning
    platform: str | None = None
    how: str | None = None

    def __post_init__(self) -> None:
        if self.means not in MEANINGS:
            raise RecordError(
                f"{self.means!r}; expected {', '.join(MEANINGS)}", at="/means"
            )
        if self.a == self.b:
            raise RecordError("a and b are one CID; that needs no link", at="/b")
        _check_meaning(self)
        if (self.platform is None) == (self.means == "selects"):
            raise RecordError(
                "a link that selects says for which platform, and no other does",
                at="/platform",
            )
        if self.platform is not None:
            shape.check_platform(self.platform, "/platform")
        if self.how is not None:
            shape.check_text(self.how, "/how")

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read `{type, a, b, means, platform?, how?}`."""
        return cls(
            a=fields.need("a", CID),
            b=fields.need("b", CID),
            means=cast("Meaning", fields.need("means", str)),
            platform=fields.find("platform", str),
            how=fields.find("how", str),
        )

    def to_ipld(self) -> Ipld:
        """`{type, a, b, means, platform?, how?}`."""
        return shape.present(
            {
                "type": self.type,
                "a": self.a,
                "b": self.b,
                "means": self.means,
                "platform": self.platform,
                "how": self.how,
            }
        )


def _check_meaning(link: Link) -> None:
    a, b = link.a, link.b
    if link.means in SYMMETRIC and b < a:
        raise RecordError(f"{link.means} is symmetric; a is the lesser CID", at="/b")
    if link.means == "reduces-to":
        shape.check_block_link(a, "/a")
        shape.check_block_link(b, "/b")
    flat = a.codec == b.codec == RAW and a.hash_code == b.hash_code
    if link.means == "same-bytes" and flat:
        raise RecordError(
            "two raw CIDs of one hash function and two digests: the bytes differ",
            at="/b",
        )
