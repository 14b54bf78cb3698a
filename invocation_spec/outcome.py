"""What canonicalising one task of a document gave.

Four outcomes: *canonical* has an invocation CID; *unresolved* would have one if
its references were resolved; *impure* never can; *refused* is an error, raised
as `DocumentError`. Program and input have CIDs as soon as each is complete.
Source: FORMATS 4; the JSON is the contract of DESIGN 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from invocation_spec.cid import CID
from invocation_spec.findings import Impure, Json, Unresolved, Warned
from invocation_spec.model import Block, Input, Invocation, Program

__all__ = ["RULES", "Also", "Name", "Outcome", "needed"]

#: The rules by which all this was done; it changes when any CID would.
RULES = "octostore-invocation/1"

Name: TypeAlias = Literal["canonical", "unresolved", "impure"]


@dataclass(frozen=True, slots=True)
class Also:
    """The invocation as it would be without some resolutions."""

    invocation: CID
    without: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """`{invocation, without}`."""
        return {"invocation": str(self.invocation), "without": list(self.without)}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One task of a document, read.

    `program` and `input` are None while something in them has no content
    address. `dirs` are the output directories that the document declares: no
    identity, but a claim says them, for an empty one can hide what it covers.
    `result_names` says what the network calls them in its result folders.
    `invocation` is the key of the database; only a canonical outcome has one.
    """

    network: str
    form: str
    program: Program | None
    input: Input | None
    unresolved: tuple[Unresolved, ...] = ()
    impure: tuple[Impure, ...] = ()
    warnings: tuple[Warned, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    resolutions: Mapping[str, Json] = field(default_factory=dict)
    also: tuple[Also, ...] = ()
    dirs: tuple[str, ...] = ()
    result_names: Mapping[str, str] = field(default_factory=dict)
    invocation: Invocation | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        program, given = self.program, self.input
        found = None
        if self.name == "canonical" and program is not None and given is not None:
            found = Invocation(program.cid, given.cid)
        object.__setattr__(self, "invocation", found)

    @property
    def name(self) -> Name:
        """Impure beats unresolved beats canonical."""
        if self.impure:
            return "impure"
        return "unresolved" if self.unresolved else "canonical"

    @property
    def findings_count(self) -> int:
        """How many findings there are, of all three kinds."""
        return len(self.unresolved) + len(self.impure) + len(self.warnings)

    @property
    def findings_characters(self) -> int:
        """Characters of their places and references."""
        return (
            sum(len(item.at) + len(item.reference) for item in self.unresolved)
            + sum(len(item.at) for item in self.impure)
            + sum(len(item.at) for item in self.warnings)
        )

    @property
    def without_nonce(self) -> Invocation | None:
        """The invocation with its nonce dropped, if it is canonical and has one."""
        invocation = self.invocation
        if invocation is None or self.input is None or not self.input.nonce:
            return None
        plain = replace(self.input, nonce=b"")
        return Invocation(invocation.program, plain.cid)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Program, input and invocation, as far as they are complete."""
        found: tuple[Block | None, ...] = (self.program, self.input, self.invocation)
        return tuple(item for item in found if item is not None)

    def to_json(self) -> dict[str, Json]:
        """The object that `octostore canonicalize` prints."""
        found: dict[str, Json] = {
            "outcome": self.name,
            "rules": RULES,
            "network": self.network,
            "form": self.form,
            "program": _text(self.program),
            "input": _text(self.input),
            "invocation": _text(self.invocation),
        }
        plain = self.without_nonce
        if plain is not None:
            found["without_nonce"] = _text(plain)
        found["also"] = [item.to_json() for item in self.also]
        found["aliases"] = dict(self.aliases)
        found["unresolved"] = [item.to_json() for item in self.unresolved]
        found["impure"] = [item.to_json() for item in self.impure]
        found["warnings"] = [item.to_json() for item in self.warnings]
        found["resolutions"] = dict(self.resolutions)
        return found


def needed(outcomes: Iterable[Outcome]) -> dict[str, Json]:
    """The resolutions document that would settle these, its values to be filled in.

    Where two ask for one reference, the fuller value stands.
    """
    found: dict[str, Json] = {}
    for outcome in outcomes:
        for item in outcome.unresolved:
            for reference, to_fill in item.settle.items():
                if isinstance(to_fill, dict) or reference not in found:
                    found[reference] = to_fill
    return found


def _text(value: Block | None) -> str | None:
    return None if value is None else str(value.cid)
