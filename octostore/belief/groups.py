"""For which group a statement speaks to this reader, or why for none.

    Groups(policy, standings).speaks(statement, "golem:polygon", log_time_s)
        -> Voice("Bristol")        the key is Bristol's, or of an organisation that is
        -> Voice(silent="no-group")

A key that the policy names speaks for the group in which it stands; another one for
the group of its organisation, within scope and time of the delegation. What the log
cannot show counts against: without a log time nothing with an `until` is in force, and
yet it binds. Source: FORMATS 6; docs/spec/policy.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from octostore.belief.heard import Silence
from octostore.belief.policy import Policy
from octostore.keys import PublicKey
from octostore.questions.standing import Standings
from octostore.records import Delegation
from octostore.view import LoggedStatement

__all__ = ["Groups", "Voice"]


@dataclass(frozen=True, slots=True)
class Voice:
    """Either the name of a group, or why a statement speaks for none."""

    group: str | None = None
    silent: Silence | None = None


_REVOKED: Final = Voice(silent="revoked")
_NO_GROUP: Final = Voice(silent="no-group")
_TWO: Final = Voice(silent="two-organisations")
_SCOPE: Final = Voice(silent="delegation-scope")
_EXPIRED: Final = Voice(silent="delegation-expired")


class _Tie(NamedTuple):
    """An organisation of a key, and the group that it is in, if it is in one."""

    terms: Delegation
    group: str | None


class _Bonds(NamedTuple):
    """The group in which a key is named, and its organisations."""

    own: str | None
    ties: tuple[_Tie, ...]


class Groups:
    """The groups of one policy as of one view; each key is looked up once."""

    def __init__(self, policy: Policy, standings: Standings) -> None:
        self._standings = standings
        self._delegations = policy.delegations
        self._named = {
            key.text: group.name for group in policy.groups for key in group.keys
        }
        self._known: dict[PublicKey, _Bonds] = {}

    def named(self, key: PublicKey) -> str | None:
        """The group in which the policy names this very key, or None."""
        return self._named.get(key.did.text)

    def speaks(
        self, statement: LoggedStatement, network: str | None, log_time_s: int | None
    ) -> Voice:
        """For which group a statement speaks of something that ran on this network.

        Without a network (a link) only delegations without a scope are in force.
        `log_time_s` is the time of the first map head over the statement, None while
        there is none.
        """
        own, ties = self._bonds(statement.issuer)
        if own is None and not any(tie.group for tie in ties):
            return _NO_GROUP
        if not self._standings.counts(statement):
            return _REVOKED
        groups = {
            tie.group for tie in ties if _may_hold(tie.terms, network, log_time_s)
        }
        if own is not None:
            return _TWO if groups - {own, None} else Voice(own)
        if len(groups) > 1:
            return _TWO
        return _member(ties, network, log_time_s)

    def _bonds(self, key: PublicKey) -> _Bonds:
        known = self._known.get(key)
        if known is None:
            ties = self._standings.affiliations(key) if self._delegations else ()
            known = self._known[key] = _Bonds(
                self.named(key),
                tuple(_Tie(tie.terms, self.named(tie.organisation)) for tie in ties),
            )
        return known


def _member(
    ties: tuple[_Tie, ...], network: str | None, log_time_s: int | None
) -> Voice:
    """The voice of a key that speaks by delegation alone."""
    silent = _SCOPE
    for terms, group in ties:
        if group is not None and _covers(terms.scope, network):
            if _holds(terms.until, log_time_s):
                return Voice(group)
            silent = _EXPIRED
    return silent


def _covers(scope: str | None, network: str | None) -> bool:
    """Whether a delegation is for this network; without instance, for all of them."""
    if scope is None or scope == network:
        return True
    return network is not None and network.partition(":")[0] == scope


def _holds(until: int | None, log_time_s: int | None) -> bool:
    """Whether it is surely before `until`, at which it is over."""
    return until is None or (log_time_s is not None and log_time_s < until)


def _may_hold(terms: Delegation, network: str | None, log_time_s: int | None) -> bool:
    """Whether a delegation is in force, or may be found to have been."""
    return _covers(terms.scope, network) and (
        log_time_s is None or _holds(terms.until, log_time_s)
    )
