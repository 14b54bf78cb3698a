"""Whether bytes of ours are those of another CID, where the two CIDs cannot tell.

    same_bytes = settler(outputs, answers, contents)
    same_bytes("/r.csv", theirs)        True, False, or None: nobody can tell

One file has many CIDs: by other hash functions, and as a file of IPFS cut in pieces.
Source: FORMATS 5 and 8.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from invocation_spec.cid import CID, DAG_PB, RAW, SHA2_256
from invocation_spec.errors import CidError
from octostore.contents import Contents, cid_of_file
from octostore.errors import NotFoundError
from octostore.layouts import Names
from octostore.questions.answer import InvocationAnswer

__all__ = ["SETTLED_MAX", "SETTLED_S_MAX", "SameBytes", "settler"]

#: Values of outputs that are fetched to be compared by their bytes: claims of
#: strangers name them, and each costs a request.
SETTLED_MAX: Final = 100

#: Seconds after which no more of them are looked for: a gateway takes a minute to say
#: that nobody has a file, and a run waits to be told and signed.
SETTLED_S_MAX: Final = 120.0

#: Whether bytes of ours, an output by its name, are those of a CID; None if nobody
#: can tell.
SameBytes: TypeAlias = Callable[[str, CID], bool | None]


def settler(
    outputs: Mapping[str, bytes],
    answers: Iterable[InvocationAnswer],
    contents: Contents,
    now: Callable[[], float] = time.monotonic,
) -> SameBytes:
    """Compares by the bytes where two CIDs cannot: other hashes, files of IPFS.

    Ours are hashed as theirs would be, files of IPFS in the usual layouts; of those
    that are laid out otherwise, at most `SETTLED_MAX` are looked for, none once that
    has taken `SETTLED_S_MAX` seconds of `now`. An output is hashed once by a function.
    """
    return _Settler(outputs, answers, contents, now).same_bytes


class _Settler:
    def __init__(
        self,
        outputs: Mapping[str, bytes],
        answers: Iterable[InvocationAnswer],
        contents: Contents,
        now: Callable[[], float],
    ) -> None:
        self._outputs = outputs
        self._contents = contents
        self._now = now
        self._taken_s = 0.0
        self._hashed: dict[tuple[str, int], bytes] = {}
        self._values: dict[str, set[CID]] = defaultdict(set)
        for answer in answers:
            for name, values in answer.outputs.items():
                self._values[name].update(item.value for item in values)
        self._ours: dict[str, frozenset[CID]] = {}
        self._looked_for: dict[tuple[CID, int], CID | None] = {}

    def same_bytes(self, name: str, theirs: CID) -> bool | None:
        ours = self._outputs.get(name)
        if ours is None:
            return None
        try:
            if theirs.codec == RAW:
                return self._digest(name, theirs, ours) == theirs.digest
            if theirs.codec != DAG_PB:
                return None
            if theirs in self._names_of_ours(name, ours):
                return True
        except CidError:
            return None
        key = theirs, len(ours)
        if key not in self._looked_for:
            if len(self._looked_for) >= SETTLED_MAX or self._taken_s >= SETTLED_S_MAX:
                return None
            begun = self._now()
            self._looked_for[key] = self._plain(*key)
            self._taken_s += self._now() - begun
        plain = self._looked_for[key]
        return None if plain is None else plain == CID.of_bytes(ours)

    def _digest(self, name: str, like: CID, ours: bytes) -> bytes:
        """Ours by the hash function of a CID."""
        by = name, like.hash_code
        if by not in self._hashed:
            digest = like.hasher()
            digest.update(ours)
            self._hashed[by] = digest.digest()
        return self._hashed[by]

    def _names_of_ours(self, name: str, ours: bytes) -> frozenset[CID]:
        """Which of the CIDs that are claimed our bytes have, as files of IPFS."""
        if name not in self._ours:
            asked = [
                cid
                for cid in sorted(self._values[name])
                if cid.codec == DAG_PB and cid.hash_code == SHA2_256
            ]
            names = Names(asked)
            names.update(ours)
            known = frozenset(cid for cid in asked if names.known(cid) is not None)
            self._ours[name] = known
        return self._ours[name]

    def _plain(self, theirs: CID, size: int) -> CID | None:
        """The plain CID of a file of IPFS of this size, if its blocks are to be had.

        Of one of another size the first block is enough, and what any stranger may
        name is not fetched.
        """
        told = self._contents.size_told(theirs)
        if told is None:
            return None
        if told != size:
            return theirs  # which is no plain one
        try:
            data = self._contents.get(theirs)
        except NotFoundError:
            return None
        return CID.of_bytes(data) if isinstance(data, bytes) else cid_of_file(data)
