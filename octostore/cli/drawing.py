"""`octostore reproduce --sample N`: what is drawn, and running all of it.

seed        5f0c..     secret until now; with it anybody draws the same again
policy      bafyrei..
drawn       3 of 120 that run here; 4 do not
  weight 2048   bafyrei..   2 groups, conflict, no check
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from invocation_spec.errors import OctostoreError
from octostore.belief.policy import Policy
from octostore.cli.at_hand import Known, Place, outcome_of
from octostore.cli.reproduced import NotReproduced, Reproduced
from octostore.cli.rerunning import Fetch, Way, reproduced
from octostore.cli.rim import UsageError
from octostore.errors import StoreError
from octostore.log import Checkpoint
from octostore.sampling import (
    SEED_BYTES,
    Candidate,
    Candidates,
    candidates,
    draw,
)

__all__ = ["Drawn", "drawn", "run_all"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample, and all that anybody needs to draw it again."""

    seed: bytes
    policy: Policy
    checkpoint: Checkpoint
    among: Candidates
    picked: tuple[Candidate, ...]

    def to_json(self) -> dict[str, object]:
        """`{seed, policy, checkpoint, candidates, others, unseen, drawn}`."""
        return {
            "seed": self.seed.hex(),
            "policy": str(self.policy.cid),
            "checkpoint": self.checkpoint.to_json(),
            "candidates": len(self.among.candidates),
            "others": self.among.others,
            "unseen": self.among.unseen,
            "drawn": [item.to_json() for item in self.picked],
        }

    def lines(self) -> Iterable[str]:
        """The same for people."""
        yield f"seed        {self.seed.hex()}"
        yield f"policy      {self.policy.cid}"
        unseen = f"; {self.among.unseen} not looked at" if self.among.unseen else ""
        yield (
            f"drawn       {len(self.picked)} of {len(self.among.candidates)} that run"
            f" here; {self.among.others} do not{unseen}"
        )
        width = max((len(str(item.weight)) for item in self.picked), default=0)
        for item in self.picked:
            yield (
                f"  weight {item.weight:<{width}}   {item.invocation}   {_why(item)}"
            )


def _why(item: Candidate) -> str:
    said = [_counted(item.groups, "group")]
    if item.strangers:
        said.append("strangers")
    if item.uses:
        said.append(_counted(item.uses, "use"))
    if item.conflict:
        said.append("conflict")
    said.append(_counted(item.checks, "check"))
    return ", ".join(said)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def drawn(place: Place, count: int, policy: Policy, seed: str | None) -> Drawn:
    """Draw from a store; with a seed as then, if nothing was added since.

    Raises:
        UsageError: the seed is none.
        StoreError: there is no store.
    """
    if not isinstance(place, Known):
        raise StoreError("no store here to draw from; `octostore ingest` makes one")
    secret = secrets.token_bytes(SEED_BYTES) if seed is None else _seed(seed)
    with place.store.view() as view:
        among = candidates(view, policy, secret)
        checkpoint = view.checkpoint()
    picked = draw(among.candidates, count, secret)
    return Drawn(secret, policy, checkpoint, among, tuple(picked))


def _seed(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != SEED_BYTES:
        raise UsageError(f"expected {2 * SEED_BYTES} hex digits", at="--seed")
    return found


def run_all(
    place: Place,
    sample: Drawn,
    way: Way,
    fetch: Fetch,
    tell: Callable[[str, int, int | None], object],
) -> list[Reproduced | NotReproduced]:
    """Run each that was drawn; one that cannot be is told, and the next is run."""
    done: list[Reproduced | NotReproduced] = []
    for item in sample.picked:
        tell("of the sample", len(done), len(sample.picked))
        try:
            outcome = outcome_of(place, item.invocation)
            done.append(reproduced(place, outcome, [item.invocation], way, fetch))
        except StoreError:
            raise
        except OctostoreError as error:
            done.append(NotReproduced(item.invocation, error))
    return done
