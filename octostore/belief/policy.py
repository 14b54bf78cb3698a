"""Whom a reader counts, and how much agreement is enough: a canonical block.

    {"octostore/policy@1": {"name": "my lab", "model": "quorum",
        "groups": [{"name": "Bristol", "keys": ["did:key:z6Mk.."]}, ..],
        "quorum": {"groups": 2}, ..}}

People write TOML (`policy_text.py`); this is what it becomes, and what has a CID. There
are no floats in it: a probability is a whole number of parts in `ONE`. Source:
FORMATS 9; docs/spec/policy.md; schemas/policy.ipldsch; ADR 26.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, Self, TypeAlias, cast, get_args

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.paths import is_clean
from octostore.belief.terms import (
    GROUPS_MAX,
    ONE,
    EvidenceTerms,
    Group,
    Quorum,
    check_range,
    refused,
)
from octostore.errors import PolicyError, RecordError
from octostore.keys import Did
from octostore.records import shape
from octostore.records.fields import Fields, texts
from octostore.result import ERROR, EXIT, STDOUT, UNOPENED_TREE, VALUE

__all__ = [
    "FAILURES",
    "MODELS",
    "ONE",
    "OUTPUTS_MAX",
    "PLATFORMS_MAX",
    "POLICY_TAG",
    "EvidenceTerms",
    "Failures",
    "Group",
    "Model",
    "Policy",
    "Quorum",
]

POLICY_TAG: Final = "octostore/policy@1"

Model: TypeAlias = Literal["evidence", "open", "quorum"]

MODELS: Final[tuple[Model, ...]] = get_args(Model)

#: What a claim "it failed" does: it is only shown, or the group counts as against.
Failures: TypeAlias = Literal["against", "shown"]

FAILURES: Final[tuple[Failures, ...]] = get_args(Failures)

#: Outputs that must agree, or that are ignored.
OUTPUTS_MAX: Final = 1024

#: Classes of platforms, and platforms of one class.
PLATFORMS_MAX: Final = 64

_NAMES: Final = frozenset({STDOUT, VALUE, ERROR, UNOPENED_TREE, EXIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A reader's policy.

    `anchors` are those whose claims check the claims of others: names of groups.
    `outputs` must agree, all if there are none; `ignored` are left out (`stdout`).
    `platforms` are classes within which values are compared; a platform in none is one
    of its own. `links` are the groups whose links are followed; mechanically checked
    ones are. With `delegations`, members of an organisation speak for its group.
    `recheck` is the share of answers that are to be run again all the same, parts of
    `ONE`. Groups and sets stand in ascending order of their bytes.

    Raises:
        PolicyError: a rule of docs/spec/policy.md is broken; `at` says where.
    """

    name: str
    model: Model
    groups: tuple[Group, ...] = ()
    anchors: tuple[str, ...] = ()
    quorum: Quorum = field(default_factory=Quorum)
    evidence: EvidenceTerms = field(default_factory=EvidenceTerms)
    outputs: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    platforms: tuple[tuple[str, ...], ...] = ()
    links: tuple[str, ...] = ()
    delegations: bool = True
    failures: Failures = "shown"
    recheck: int = 0

    def __post_init__(self) -> None:
        with refused():
            shape.check_label(self.name, "/name")
            _check_word(self.model, MODELS, "/model")
            _check_word(self.failures, FAILURES, "/failures")
            _check_terms(self)
            _check_groups(self)
            _check_outputs(self)
            _check_platforms(self.platforms)
            check_range(self.recheck, (0, ONE), "/recheck")

    @classmethod
    def from_ipld(cls, value: Ipld) -> Self:
        """The policy that this value says.

        Raises:
            PolicyError: another shape, an unknown field, or a broken rule.
        """
        with refused():
            outer = Fields(value)
            inner = outer.inner(POLICY_TAG)
            outer.close()
            if inner is None:
                raise RecordError(f"no policy; expected {{{POLICY_TAG!r}: ..}}", at="/")
            policy = cls._from_fields(inner)
            inner.close()
        return policy

    @classmethod
    def from_block(cls, block: bytes) -> Self:
        """The policy whose one encoding these bytes are.

        Raises:
            EncodingError: not canonical DAG-CBOR, or too large.
            PolicyError: not a policy, or one that is written otherwise.
        """
        policy = cls.from_ipld(dagcbor.decode(block))
        if policy.block != block:
            raise PolicyError("a default is written out; leave it out", at="/")
        return policy

    @classmethod
    def _from_fields(cls, fields: Fields) -> Self:
        delegations = fields.find("delegations", bool)
        return cls(
            name=fields.need("name", str),
            model=cast("Model", fields.need("model", str)),
            groups=tuple(
                Group.from_fields(Fields(item, f"/groups/{i}"), f"/groups/{i}")
                for i, item in enumerate(fields.list("groups", dict))
            ),
            anchors=fields.list("anchors", str),
            quorum=Quorum.find(fields),
            evidence=EvidenceTerms.find(fields),
            outputs=fields.list("outputs", str),
            ignored=fields.list("ignored", str),
            platforms=tuple(
                texts(item, f"/platforms/{i}")
                for i, item in enumerate(fields.list("platforms", list))
            ),
            links=fields.list("links", str),
            delegations=True if delegations is None else delegations,
            failures=cast("Failures", fields.find("failures", str) or "shown"),
            recheck=fields.find("recheck", int) or 0,
        )

    def to_ipld(self) -> Ipld:
        """The value as it is encoded; what is as it would be anyway is left out."""
        return {
            POLICY_TAG: shape.present(
                {
                    "name": self.name,
                    "model": self.model,
                    "groups": tuple(group.to_ipld() for group in self.groups),
                    "anchors": self.anchors,
                    "quorum": self.quorum.to_ipld(),
                    "evidence": self.evidence.to_ipld(),
                    "outputs": self.outputs,
                    "ignored": self.ignored,
                    "platforms": self.platforms,
                    "links": self.links,
                    "delegations": None if self.delegations else False,
                    "failures": None if self.failures == "shown" else self.failures,
                    "recheck": self.recheck or None,
                }
            )
        }

    @property
    def block(self) -> bytes:
        """Its one encoding.

        Raises:
            EncodingError: it is larger than a block may be.
        """
        return dagcbor.encode(self.to_ipld())

    @property
    def cid(self) -> CID:
        """The CID of its block."""
        return CID.of_block(self.block)


def _check_word(word: str, words: tuple[str, ...], at: str) -> None:
    if word not in words:
        raise RecordError(f"{word[:80]!r}; expected {', '.join(words)}", at=at)


def _check_terms(policy: Policy) -> None:
    """Numbers that another model has no use for would make two CIDs of one policy."""
    if policy.model != "quorum" and policy.quorum != Quorum():
        raise RecordError(f"the model is {policy.model!r}; leave it out", at="/quorum")
    if policy.model != "evidence" and policy.evidence != EvidenceTerms():
        raise RecordError(
            f"the model is {policy.model!r}; leave it out", at="/evidence"
        )


def _check_groups(policy: Policy) -> None:
    shape.check_count(policy.groups, GROUPS_MAX, "/groups")
    shape.check_sorted([group.name for group in policy.groups], "/groups")
    owner: dict[Did, str] = {}
    for group in policy.groups:
        for key in group.keys:
            other = owner.setdefault(key, group.name)
            if other != group.name:
                raise RecordError(
                    f"{key} is in {other[:80]!r} too; a key has one group",
                    at=f"/groups/{group.name[:80]}/keys",
                )
    known = {group.name for group in policy.groups}
    for at, names in (("/anchors", policy.anchors), ("/links", policy.links)):
        shape.check_sorted(names, at)
        for name in names:
            if name not in known:
                raise RecordError(f"{name[:80]!r} is no group of this policy", at=at)


def _check_outputs(policy: Policy) -> None:
    for at, names in (("/outputs", policy.outputs), ("/ignored", policy.ignored)):
        shape.check_count(names, OUTPUTS_MAX, at)
        shape.check_sorted(names, at)
        for name in names:
            shape.check_value(name, at)
            if name == "stderr":
                raise RecordError("stderr is never an output; leave it out", at=at)
            if name not in _NAMES and (name == "/" or not is_clean(name)):
                raise RecordError(
                    f"{name[:80]!r}; expected a clean absolute path, "
                    + ", ".join(f'"{word}"' for word in sorted(_NAMES)),
                    at=at,
                )
    both = set(policy.outputs) & set(policy.ignored)
    if both:
        raise RecordError(
            f"{min(both)[:80]!r} must agree, and is ignored", at="/ignored"
        )


def _check_platforms(classes: tuple[tuple[str, ...], ...]) -> None:
    shape.check_count(classes, PLATFORMS_MAX, "/platforms")
    seen: set[str] = set()
    for platforms in classes:
        if len(platforms) < 2:
            raise RecordError(
                "a class of one platform; each is one of its own anyway",
                at="/platforms",
            )
        shape.check_count(platforms, PLATFORMS_MAX, "/platforms")
        shape.check_sorted(platforms, "/platforms")
        for platform in platforms:
            shape.check_platform(platform, "/platforms")
            if platform in seen:
                raise RecordError(f"{platform!r} is in two classes", at="/platforms")
            seen.add(platform)
    shape.check_sorted([platforms[0] for platforms in classes], "/platforms")
