"""The claims of one invocation, and what they say when laid side by side.

Withdrawn claims are shown and not counted. Two values conflict if their bytes
must differ and nothing says that they come from different platforms. A failure
never conflicts. Source: FORMATS 4 (platform), 5, 9.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from invocation_spec.cid import CID
from invocation_spec.model import Invocation
from octostore.keys import PublicKey
from octostore.questions.answer import ClaimAnswer, InvocationAnswer, OutputAnswer
from octostore.records import Claim, Profile
from octostore.result import EXIT, Agreement, Result, compare_outputs
from octostore.view import LoggedClaim, View

__all__ = ["REPORTS_MAX", "ClaimReader", "Claimed", "called", "summarize"]

#: Outputs of all claims of a page, each counted as often as it is claimed: a result
#: may have thousands, and thousands may claim it. As JSON they are some 20 MB.
REPORTS_MAX: Final = 1 << 17

_T = TypeVar("_T")

Claimed = tuple[ClaimAnswer, Result | None]


class ClaimReader:
    """Reads claims for an answer; profiles and results are read once each."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._profiles: dict[PublicKey, Profile | None] = {}
        self._results: dict[CID, Result] = {}
        self._reports = 0

    @property
    def is_full(self) -> bool:
        """Whether what was read has as many outputs as a page may have."""
        return self._reports >= REPORTS_MAX

    def read(
        self, number: int, after: tuple[int, int] | None, limit: int
    ) -> tuple[list[Claimed], tuple[int, int] | None]:
        """The claims of the invocation with this block number, in log order.

        The second value is where to go on (log index, record) if there are more, as
        there are where the reader is full.
        """
        claims: list[Claimed] = []
        place = None
        for logged in self._view.claims_of(number, after=after):
            if len(claims) >= limit or (claims and self.is_full):
                return claims, place
            claims.append(self._claimed(logged))
            place = (logged.statement.index, logged.number)
        return claims, None

    def read_rows(self, rows: Sequence[bytes]) -> list[Claimed]:
        """The claims in these rows of the index of claims."""
        return [self._claimed(logged) for logged in self._view.claims_in(rows)]

    def _claimed(self, logged: LoggedClaim) -> Claimed:
        claim, statement = logged.claim, logged.statement
        profile = self._profile(statement.issuer)
        result = self._result(claim.result)
        self._reports += 0 if result is None else len(result.outputs)
        answer = ClaimAnswer(
            claim=logged.cid,
            statement=statement.cid,
            issuer=statement.issuer.did,
            name=profile.name if profile else None,
            network=claim.network,
            executor=claim.executor,
            witness=_is_witness(claim, profile),
            platform=claim.platform,
            result=claim.result,
            exit=result.exit if result else None,
            failure=claim.failure.kind if claim.failure else None,
            issued_at_s=statement.issued_at_s,
            index=statement.index,
            withdrawn=self._view.is_withdrawn(logged.cid, statement.issuer),
        )
        return answer, result

    def _profile(self, issuer: PublicKey) -> Profile | None:
        if issuer not in self._profiles:
            self._profiles[issuer] = self._view.profile(issuer)
        return self._profiles[issuer]

    def _result(self, cid: CID | None) -> Result | None:
        if cid is None:
            return None
        if cid not in self._results:
            self._results[cid] = Result.from_block(self._view.get(cid))
        return self._results[cid]


def summarize(
    cid: CID, invocation: Invocation, claims: Sequence[Claimed], *, nonced: bool
) -> InvocationAnswer:
    """What these claims of one invocation say together."""
    standing = [item for item in claims if not item[0].withdrawn]
    names = called([claim for claim, _ in claims])
    reports: dict[str, dict[CID, list[ClaimAnswer]]] = defaultdict(dict)
    for claim, result in standing:
        for name, value in result.outputs.items() if result else ():
            reports[name].setdefault(value, []).append(claim)
    return InvocationAnswer(
        invocation=cid,
        program=invocation.program,
        input=invocation.input,
        outputs={
            name: tuple(
                OutputAnswer(
                    value,
                    tuple(dict.fromkeys(claim.claim for claim in by)),
                    tuple(dict.fromkeys(names[str(claim.issuer)] for claim in by)),
                )
                for value, by in reports[name].items()
            )
            for name in sorted(reports)
        },
        conflicts=_conflicts(reports, standing),
        failures=tuple(
            dict.fromkeys(claim.claim for claim, _ in standing if claim.failure)
        ),
        claims=tuple(claim for claim, _ in claims),
        nonced=nonced,
    )


def _is_witness(claim: Claim, profile: Profile | None) -> bool:
    if claim.executor is None:
        return False
    own = profile.executors.get(claim.network, ()) if profile else ()
    return claim.executor not in own


def called(claims: Iterable[ClaimAnswer]) -> dict[str, str]:
    """How each issuer is called: by its own name, unless that could be another.

    Two may call themselves alike, and one may call itself by the DID of another.
    """
    issuers: dict[str, set[str]] = defaultdict(set)
    for claim in claims:
        if claim.name is not None:
            issuers[claim.name].add(str(claim.issuer))
    return {
        str(claim.issuer): claim.name
        if claim.name is not None
        and len(issuers[claim.name]) == 1
        and not claim.name.startswith("did:")
        else str(claim.issuer)
        for claim in claims
    }


def _conflicts(
    reports: dict[str, dict[CID, list[ClaimAnswer]]], standing: Iterable[Claimed]
) -> tuple[str, ...]:
    """Names of outputs on which two claims contradict each other, `exit` last."""
    found = []
    for name in sorted(reports):
        comparable: dict[tuple[int, int], list[tuple[CID, str | None]]] = {}
        for value, by in reports[name].items():
            others = comparable.setdefault((value.codec, value.hash_code), [])
            if (
                others
                and compare_outputs(others[0][0], value) is not Agreement.CONFLICT
            ):
                continue
            others.extend((value, claim.platform) for claim in by)
        if any(_contradict(values) for values in comparable.values()):
            found.append(name)
    exits = [(claim.exit, claim.platform) for claim, _ in standing]
    if _contradict((status, on) for status, on in exits if status is not None):
        found.append(EXIT)
    return tuple(found)


def _contradict(values: Iterable[tuple[_T, str | None]]) -> bool:
    """Whether two values differ that are not of two different known platforms."""
    seen: dict[str | None, _T] = {}
    for value, platform in values:
        if None in seen:  # then all that were seen are equal
            rivals = [seen[None]]
        elif platform is None:
            rivals = list(seen.values())
        else:
            rivals = [seen[platform]] if platform in seen else []
        if any(rival != value for rival in rivals):
            return True
        seen[platform] = value
    return False
