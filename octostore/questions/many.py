"""Many keys in one look: which invocations anybody has claimed, and whole answers.

    claimed(view, [K1, K2, ..])      how many claims each has, of those that have any
    answers_of(view, [Asked, ..])    as `who` gives them, at one checkpoint

Source: DESIGN 5: a build asks for thousands of keys, most of which nobody has claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from invocation_spec.cid import CID
from octostore import tables
from octostore.questions.answer import Answer, Asked
from octostore.questions.claims import REPORTS_MAX
from octostore.questions.who import CLAIMS_MAX, answer_of
from octostore.view import View

__all__ = [
    "ANSWERED_CLAIMS_MAX",
    "COUNTED_MAX",
    "KEYS_MAX",
    "QUESTIONS_MAX",
    "answers_of",
    "claimed",
]

#: Keys of one look; as text they are some 600 kB.
KEYS_MAX: Final = 10_000

#: Claims of one key that are counted; one that has so many has that many or more.
COUNTED_MAX: Final = 100

#: Questions that are answered in one call.
QUESTIONS_MAX: Final = 1000

#: Claims in all answers of one call; the questions behind are left for the next one.
ANSWERED_CLAIMS_MAX: Final = 10_000


def claimed(view: View, invocations: Iterable[CID]) -> dict[CID, int]:
    """How many claims each of these has, up to `COUNTED_MAX`; none is left out.

    In the order given, each once.
    """
    keys = {cid: cid.digest for cid in invocations if tables.is_ours(cid)}
    rows = view.rows.get_many(tables.AT.name, set(keys.values())) if keys else {}
    if not rows:
        return {}
    size = view.checkpoint().size
    found: dict[CID, int] = {}
    for cid, digest in keys.items():
        number = rows.get(digest)
        if number is not None and (count := _count(view, number, size)):
            found[cid] = count
    return found


def answers_of(
    view: View, asked: Sequence[Asked], *, limit: int = CLAIMS_MAX
) -> list[Answer]:
    """The answers to these questions, in their order, each a page of at most `limit`.

    Once they hold `ANSWERED_CLAIMS_MAX` claims, or `REPORTS_MAX` outputs of them, the
    others are not answered: the list is then shorter than `asked`. The first one
    always is.
    """
    answers: list[Answer] = []
    count = reports = 0
    for question in asked:
        if count >= ANSWERED_CLAIMS_MAX or reports >= REPORTS_MAX:
            break
        answer = answer_of(view, question, limit=limit)
        count += sum(len(item.claims) for item in answer.invocations)
        reports += sum(
            len(value.claims)
            for item in answer.invocations
            for values in item.outputs.values()
            for value in values
        )
        answers.append(answer)
    return answers


def _count(view: View, number: bytes, size: int) -> int:
    rows = view.rows.scan(tables.CLAIMS.name, number)
    return sum(
        1
        for key, _ in islice(rows, COUNTED_MAX)
        if tables.CLAIMS.key.decode(key)[1] < size
    )
