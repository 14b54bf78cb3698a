"""Fuzzing policies: blocks, and the TOML that people write."""

from __future__ import annotations

from invocation_spec import EncodingError, OctostoreError
from invocation_spec.errors import REASON_MAX
from octostore.belief.plain import idle, never, said
from octostore.belief.policy import MODELS, Policy
from octostore.belief.policy_text import read_policy, ready_text
from octostore.errors import PolicyError
from tests.fuzz.seeds import Seeds, blocks
from tests.octostore.test_policy import FULL

__all__ = ["policies", "read_policy_bytes"]


def policies() -> Seeds:
    """The blocks of the vectors, the ready policies, and one with every word."""
    texts = [FULL, *(ready_text(model) for model in MODELS)]
    return [*blocks("policy.json"), *(text.encode() for text in texts)]


def read_policy_bytes(data: bytes) -> None:
    """It is refused, or it has one block, and every word of it is explained."""
    found = []
    for read in (Policy.from_block, read_policy):
        try:
            found.append(read(data))
        except (EncodingError, PolicyError) as error:
            _check_reason(error)
    for policy in found:
        assert Policy.from_block(policy.block) == policy
        assert said(policy)
        lines = (*said(policy), *never(policy), *idle(policy))
        assert not any("\n" in line for line in lines)
        assert policy.groups or never(policy)


def _check_reason(error: OctostoreError) -> None:
    assert "\n" not in str(error)
    assert len(error.reason) <= REASON_MAX
