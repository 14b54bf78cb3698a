"""What a policy hears, in a few words: for tests of belief, not of the store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from invocation_spec.cid import CID
from octostore.belief.heard import Heard, Testimony
from octostore.belief.judge import judge
from octostore.belief.policy import Group, Policy
from octostore.belief.verdict import Verdict
from octostore.keys import Did, SecretKey

KEY = SecretKey(bytes(32)).public
INVOCATION = CID.of_block(b"invocation")
POLICY = CID.of_block(b"policy")
DAY_S = 86_400


def value(what: str) -> CID:
    """A raw CID, the same for the same word."""
    return CID.of_bytes(what.encode())


def says(group: str | None, /, what: str | Mapping[str, Any] = "R", **more: Any) -> Any:
    """A claim of `group`; a word is the value of its one output."""
    outputs = {"/r": what} if isinstance(what, str) else what
    found = {
        name: value(word) if isinstance(word, str) else word
        for name, word in outputs.items()
    }
    return {"group": group, "outputs": found, **more}


def fails(group: str, **more: Any) -> Any:
    """A claim of `group` that the run failed."""
    return {"group": group, "outputs": {}, "failure": "trap", **more}


def heard(*claims: Any, **more: Any) -> Heard:
    """These claims, in log order."""
    testimonies = []
    for index, claim in enumerate(claims):
        fields = {
            "claim": CID.of_block(repr((index, sorted(claim["outputs"]))).encode()),
            "statement": CID.of_block(b"statement"),
            "index": index,
            "record": 0,
            "issuer": KEY,
            "network": "bacalhau",
            "log_time_s": 100 * DAY_S,
            **claim,
        }
        testimonies.append(Testimony(**fields))
    return Heard(
        invocation=INVOCATION,
        testimonies=tuple(testimonies),
        **{"kind": "wasi", **more},
    )


def groups(names: Iterable[str], **more: Any) -> tuple[Group, ...]:
    """Groups of these names, each with one key of its own."""
    return tuple(Group(name=name, keys=(_did(name),), **more) for name in sorted(names))


@cache
def _did(name: str) -> Did:
    return SecretKey(hashlib.sha256(name.encode()).digest()).public.did


class Held:
    """Error rates as somebody says them; who is not named has no weight."""

    def __init__(self, errors: Mapping[str, int] | int | None = None) -> None:
        self._errors = errors

    def error(self, group: str, kind: str, platform: str) -> int | None:
        if isinstance(self._errors, int) or self._errors is None:
            return self._errors
        return self._errors.get(group)


def verdict(policy: Policy, of: Heard, errors: Any = None) -> Verdict:
    """The verdict as of an empty log."""
    return judge(policy, of, Held(errors), policy_cid=POLICY, size=0, root=bytes(32))
