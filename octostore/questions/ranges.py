"""Which part of a long answer a page is, in the order of the map; pure.

    Position(topic, 01 program place statement record)      where pages begin and end
    places_of(asked, invocation, input)     where the map lists it for the question
    page_questions(asked, page, places)     what a page asks of the map

Claims stand in the order of their role, then of their keys at the place by which the
question reaches them, whatever came first in the log. A page is what comes after one
position, up to another and with it. Source: docs/spec/map.md, Pages.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.model import Input, Invocation
from octostore.map.keys import Topic, component, key, places
from octostore.map.questions import Question
from octostore.map.trie import HASH_BYTES, KEY_BYTES_MAX
from octostore.questions.answer import Asked
from octostore.tables import is_ours

__all__ = [
    "PLACE_KEY_BYTES",
    "Place",
    "Position",
    "Span",
    "find_position",
    "page_questions",
    "places_of",
]

#: A topic and two hashes: the prefix of the claims at a place.
PLACE_KEY_BYTES: Final = 1 + 2 * HASH_BYTES

_ROLES: Final = (Topic.CLAIMS, Topic.CODE, Topic.DATA, Topic.PAIR)


class Position(NamedTuple):
    """A claim in the map, by the topic in which the question finds its place."""

    topic: int
    key: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote.

        Raises:
            DocumentError: it is none.
        """
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (ValueError, binascii.Error) as error:
            raise _no_position() from error
        if len(raw) != KEY_BYTES_MAX or raw[0] not in _ROLES:
            raise _no_position()
        found = cls(raw[0], bytes((Topic.CLAIMS,)) + raw[1:])
        if str(found) != text:
            raise _no_position()
        return found

    def __str__(self) -> str:
        raw = bytes((self.topic,)) + self.key[1:]
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    @property
    def place(self) -> Place:
        """Where the claim stands."""
        return Place(self.topic, self.key[:PLACE_KEY_BYTES])


class Span(NamedTuple):
    """A page: what stands after `after`, and not after `to`; None is no bound."""

    after: Position | None = None
    to: Position | None = None

    def holds(self, position: Position) -> bool:
        """Whether it is on the page."""
        return (self.after is None or self.after < position) and (
            self.to is None or position <= self.to
        )

    def has_topic(self, topic: int) -> bool:
        """Whether the page asks for this role."""
        return (self.after is None or self.after.topic <= topic) and (
            self.to is None or topic <= self.to.topic
        )


class Place(NamedTuple):
    """A place in the map, by the role in which a question finds it.

    `prefix` is that of the claims there.
    """

    topic: int
    prefix: bytes

    def listed(self, asked: Asked) -> bytes:
        """The key that lists the place for the question; with topic 1 its prefix.

        Of two hashes after the prefix of the role, the same that `prefix` holds.
        """
        program, input = self.prefix[1 : 1 + HASH_BYTES], self.prefix[1 + HASH_BYTES :]
        role = _role(self.topic, asked)
        if self.topic == Topic.CODE:
            return role + program
        if self.topic == Topic.DATA:
            return role + input
        return role + program + input if self.topic == Topic.PAIR else self.prefix


def find_position(text: str) -> Position | None:
    """The position that the `next` of a proven page names; None for any other text."""
    try:
        return Position.parse(text)
    except DocumentError:
        return None


def places_of(asked: Asked, ran: Invocation, input: Input | None) -> tuple[Place, ...]:
    """Where the map may list an invocation for the question; none if no role fits.

    `input` is the disclosed input, if one is. Whether it does list it, the key that
    `Place.listed` gives says. A run with a nonce that is found by data stands at its
    own place and, if that is listed for a run without, at the place of that one, too.
    """
    at = places(ran, input)
    if asked.invocation is not None:
        return tuple(
            _place(Topic.CLAIMS, ran.program, place)
            for place in at
            if Invocation(ran.program, place).cid == asked.invocation
        )
    if asked.program is None or asked.input is None:
        return ()
    if asked.input in at:
        topic = Topic.CLAIMS if ran.program == asked.program else Topic.CODE
        return (_place(topic, ran.program, asked.input),)
    topic = Topic.DATA if ran.program == asked.program else Topic.PAIR
    return tuple(_place(topic, ran.program, place) for place in at)


def page_questions(asked: Asked, page: Span, places: Iterable[Place]) -> list[Question]:
    """What a page with these places asks of the map, sorted.

    Each role that the page reaches, from the place of `after` to that of `to`, and the
    claims at each place, from one claim to another where the page divides them.
    """
    shown = {*places}
    shown |= {end.place for end in page if end is not None}
    asks: dict[bytes, Question] = {}
    for topic in _ROLES:
        if not page.has_topic(topic):
            continue
        for prefix in _role_prefixes(topic, asked, shown):
            first, last = _bounds(page, topic, asked)
            asks[prefix] = Question(prefix, first, last)
    for place in shown:
        if place.topic != Topic.CLAIMS:
            first, last = (
                end.key if end is not None and end.place == place else None
                for end in page
            )
            asks[place.prefix] = Question(place.prefix, first, last)
    return [asks[prefix] for prefix in sorted(asks)]


def _bounds(page: Span, topic: int, asked: Asked) -> tuple[bytes | None, bytes | None]:
    """The keys of a role from which and to which a page goes."""
    first, last = (
        None
        if end is None or end.topic != topic
        else end.key
        if topic == Topic.CLAIMS
        else end.place.listed(asked)
        for end in page
    )
    return first, last


def _role_prefixes(topic: int, asked: Asked, shown: Iterable[Place]) -> set[bytes]:
    """The prefix of the role; of an invocation by CID that of its place."""
    if asked.invocation is not None:
        mine = {place.prefix for place in shown if place.topic == topic}
        return mine if topic == Topic.CLAIMS else set()
    role = _role(topic, asked)
    return {role} if role else set()


def _role(topic: int, asked: Asked) -> bytes:
    """The prefix of a role that two CIDs can have; empty if they cannot."""
    code, data = asked.program, asked.input
    if code is None or data is None:
        return b""
    if topic == Topic.PAIR:
        return key(Topic.PAIR, code, data)
    if topic == Topic.DATA:
        return key(Topic.DATA, data, code) if is_ours(code) else b""
    if not is_ours(data):
        return b""
    if topic == Topic.CODE:
        return key(Topic.CODE, code, data)
    return key(Topic.CLAIMS, code, data) if is_ours(code) else b""


def _place(topic: Topic, program: CID, at: CID) -> Place:
    prefix = bytes((Topic.CLAIMS,)) + component(program) + component(at)
    return Place(int(topic), prefix)


def _no_position() -> DocumentError:
    return DocumentError("not the `next` of a proven page", at="after")
