"""Many questions in the body of a request, and their answers at one checkpoint.

    POST /v1/who
    content-type: application/vnd.octostore.questions+json
    {"questions": [{"program": "bafy..", "input": "bafk.."}, {"invocation": ".."}]}

They have a type of their own, because a job document may be any JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from octostore.questions.answer import Asked
from octostore.questions.many import answers_of
from octostore_server import bodies
from octostore_server.answering import Told
from octostore_server.errors import QueryError
from octostore_server.models import ManyRequest
from octostore_server.models.questions import QuestionItem
from octostore_server.node import Node
from octostore_server.texts import cid_at

__all__ = ["QUESTIONS_BYTES_MAX", "QUESTIONS_TYPE", "answers", "shared"]

QUESTIONS_TYPE: Final = "application/vnd.octostore.questions+json"

#: 1,000 questions of two CIDs, in any spelling that is usual.
QUESTIONS_BYTES_MAX: Final = 1 << 20

_COMMON: Final = ("checkpoint", "map")


def answers(node: Node, body: bytes) -> Told:
    """The answers to the questions in a body.

    Raises:
        QueryError: it holds no questions, or one that is none.
        CidError: a CID in it is none.
        NotFoundError: the log has not as many entries as `as_of` says.
    """
    asked = bodies.model_of(body, ManyRequest)
    questions = [_asked(number, item) for number, item in enumerate(asked.questions)]
    with node.store.view(asked.as_of) as view:
        found = [
            item.to_json() for item in answers_of(view, questions, limit=asked.limit)
        ]
    common, items = shared(found)
    left = len(questions) - len(items)
    return {**common, "answers": items, **({"left": left} if left else {})}


def shared(
    answers: Sequence[Told],
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """What answers of one look have in common, and each without it; at least one."""
    common: dict[str, object] = {
        name: answers[0][name] for name in _COMMON if name in answers[0]
    }
    return common, [
        {name: value for name, value in told.items() if name not in common}
        for told in answers
    ]


def _asked(number: int, item: QuestionItem) -> Asked:
    at = f"body/questions/{number}"
    given = item.model_dump(exclude_none=True)
    if given.keys() not in ({"invocation"}, {"program", "input"}):
        raise QueryError("ask with program and input, or with invocation", at=at)
    return Asked(**{name: cid_at(f"{at}/{name}", text) for name, text in given.items()})
