"""An answer of `who` as a policy sees it: groups by its names, verdicts, reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from invocation_spec.cid import CID
from octostore.belief.policy import Policy
from octostore.belief.reader import Judged, Reader, believing
from octostore.cli.verdicts import verdict_json, verdict_lines
from octostore.questions.answer import Answer, ClaimAnswer
from octostore.store import Octostore

__all__ = ["Beliefs", "beliefs_of", "judged_of"]


def beliefs_of(store: Octostore, policy: Policy, answers: Iterable[Answer]) -> Beliefs:
    """What a policy makes of answers of this store, as of their checkpoint."""
    answers = list(answers)
    with believing(store, policy, answers[0].checkpoint.size) as reader:
        return judged_of(reader, answers)


def judged_of(reader: Reader, answers: Iterable[Answer]) -> Beliefs:
    """The same by a reader that is there."""
    found = {
        item.invocation: reader.judged(item.invocation)
        for answer in answers
        for item in answer.invocations
    }
    return Beliefs(reader.policy, found, reader.notes)


@dataclass(frozen=True, slots=True)
class Beliefs:
    """Verdicts by invocation, and for whom each claim speaks."""

    policy: Policy
    found: dict[CID, Judged]
    notes: tuple[str, ...]
    names: frozenset[str] = field(init=False)
    _groups: dict[tuple[CID, CID, CID], tuple[str | None, str | None]] = field(
        init=False
    )

    def __post_init__(self) -> None:
        names = frozenset(group.name for group in self.policy.groups)
        object.__setattr__(self, "names", names)
        groups = {
            (cid, item.statement, item.claim): (item.group, item.silent)
            for cid, judged in self.found.items()
            for item in judged.heard.testimonies
        }
        object.__setattr__(self, "_groups", groups)

    def group_of(self, invocation: CID, claim: ClaimAnswer) -> str | None:
        """The group for which a claim speaks, None if for none."""
        return self._said(invocation, claim)[0]

    def lines(self, invocation: CID) -> Iterator[str]:
        """The verdict on an invocation, in words."""
        return verdict_lines(self.found[invocation], self.policy)

    def add_to(self, value: dict[str, Any], answers: Iterable[Answer]) -> None:
        """Add all this to the JSON of an answer.

        Groups of an output are then those of the policy; who is in none stands there
        by its DID, since any name may be anybody's.
        """
        value["policy"] = str(self.policy.cid)
        shown = {item.invocation: item for one in answers for item in one.invocations}
        for told in value["invocations"]:
            cid = CID.parse(told["invocation"])
            item = shown[cid]
            told["verdict"] = verdict_json(self.found[cid])
            speakers: dict[str, list[str]] = {}
            for claim, said in zip(item.claims, told["claims"], strict=True):
                group, silent = self._said(cid, claim)
                more = (("group", group), ("silent", silent))
                said.update({name: text for name, text in more if text is not None})
                if not claim.withdrawn:
                    speaker = group or str(claim.issuer)
                    speakers.setdefault(str(claim.claim), []).append(speaker)
            for values in told["outputs"].values():
                for one in values:
                    names = [name for of in one["claims"] for name in speakers[of]]
                    one["groups"] = list(dict.fromkeys(names))

    def _said(
        self, invocation: CID, claim: ClaimAnswer
    ) -> tuple[str | None, str | None]:
        key = (invocation, claim.statement, claim.claim)
        return self._groups.get(key, (None, "no-group"))
