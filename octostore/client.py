"""A server asked over HTTP, and believed only as far as its answers verify.

    with Remote("https://octostore.example") as remote:
        found = remote.who(Asked(program=C1, input=D1))
        found.answer, found.notes

Answers come with the statements behind them and are computed again here; bytes
are hashed. Every response has a limit. Source: DESIGN 6.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from invocation_spec.cid import CID
from octostore.connection import Connection, failure, failures, parts
from octostore.errors import (
    BlockMismatchError,
    NotFoundError,
    ProofError,
    WitnessConflictError,
)
from octostore.proven import VerifiedAnswer, verify_answer
from octostore.questions.answer import Asked
from octostore.questions.who import CLAIMS_MAX
from octostore.receipt import Receipt
from octostore.store import BYTES_MAX
from octostore.tlog.note import NOTE_BYTES_MAX, NoteSignature
from octostore.tlog.witness import AddCheckpoint, parse_cosignatures, parse_known_size
from octostore.told import RemoteError, reading, receipt_of

if TYPE_CHECKING:
    import httpx

__all__ = ["PROOF_BYTES_MAX", "TIMEOUT_S", "Remote", "RemoteError", "VerifiedAnswer"]

#: Seconds without a byte before a server counts as gone; a large delivery is
#: verified before it is answered.
TIMEOUT_S: Final = 120.0

#: A page of an answer with all its statements; ask for fewer claims if it is more.
PROOF_BYTES_MAX: Final = 512 << 20

_RECEIPT_BYTES_MAX: Final = 64 << 20
_PROBLEM_BYTES_MAX: Final = 1 << 16
_MEMORY_BYTES: Final = 8 << 20
_PIECE_BYTES: Final = 1 << 16

_CAR_TYPE: Final = "application/vnd.ipld.car"
_RAW_TYPE: Final = "application/vnd.ipld.raw"


class Remote(Connection):
    """One server by its URL; a context manager.

    `token` goes along with deliveries, for a server that wants one.

    Raises:
        RemoteError: from every method: it cannot be reached, refuses, or sends
            more than it may. `at` is its URL, or the place that it names.
    """

    def __init__(
        self, url: str, *, timeout_s: float = TIMEOUT_S, token: str | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._token = {} if token is None else {"authorization": f"Bearer {token}"}
        super().__init__(base=self._url, timeout_s=timeout_s)

    def who(
        self,
        asked: Asked,
        *,
        limit: int = CLAIMS_MAX,
        after: str | None = None,
        as_of: int | None = None,
        must_prove: bool = False,
    ) -> VerifiedAnswer:
        """Who claims which results, verified here; see `verify_answer`.

        That nothing is left out is proved too, if the server can; with `must_prove`
        it has to.

        Raises:
            NotFoundError: `must_prove`, and there is no proof.
            StatementError: a statement behind the answer does not verify.
            ProofError: the answer is not what its statements say, or as of another
                size than `as_of`.
            CarError: the proof is no CAR, or it breaks off.
        """
        params: dict[str, str] = {
            **{name: str(cid) for name, cid in asked.to_json().items()},
            "limit": str(limit),
            "format": "car",
            "proof": "1" if must_prove else "try",
        } | {
            name: str(value)
            for name, value in (("after", after), ("as_of", as_of))
            if value is not None
        }
        request = self._client.build_request("GET", "/v1/who", params=params)
        with self._answered(request, PROOF_BYTES_MAX) as body:
            found = verify_answer(body, asked, is_page=after is not None)
        size = found.answer.checkpoint.size
        if as_of not in (None, size):
            raise ProofError(
                f"an answer as of size {size}, not {as_of} as was asked", at=self._url
            )
        if found.whole is not None and found.answer.after != after:
            raise ProofError("another page than was asked for", at=self._url)
        if must_prove and found.whole is None:
            raise ProofError("the proof that was asked for is not there", at=self._url)
        return found

    def bundle(self, asked: Asked) -> bytes:
        """A bundle of the whole answer, as it came: verify it."""
        params = {name: str(cid) for name, cid in asked.to_json().items()}
        request = self._client.build_request("GET", "/v1/bundle", params=params)
        with self._answered(request, PROOF_BYTES_MAX) as body:
            return body.read()

    def send(self, stream: BinaryIO) -> Receipt:
        """Deliver a CAR of statements; the receipt also of one that is refused."""
        request = self._client.build_request(
            "POST",
            "/v1/statements",
            content=_pieces(stream),
            headers={"content-type": _CAR_TYPE, **self._token},
        )
        with self._answered(request, _RECEIPT_BYTES_MAX, refused="receipt") as body:
            with reading("the receipt"):
                value = json.load(body)
            return receipt_of(value)

    def get(self, cid: CID) -> bytes:
        """The bytes of a CID, hashed here.

        Raises:
            NotFoundError: the server does not have them.
            BlockMismatchError: they are other bytes.
            CidError: the hash function cannot be computed here.
        """
        request = self._client.build_request(
            "GET",
            f"/ipfs/{cid}",
            params={"format": "raw"},
            headers={"accept": _RAW_TYPE},
        )
        with self._answered(request, BYTES_MAX) as body:
            data = body.read()
        if not cid.matches(data):
            raise BlockMismatchError("the server sent other bytes", at=str(cid))
        return data

    def add_checkpoint(self, asked: AddCheckpoint) -> tuple[NoteSignature, ...]:
        """Ask a witness to sign a checkpoint; nothing it says is verified yet.

        Raises:
            WitnessConflictError: it signed another size last.
            NoteError: what it answers are no signatures.
        """
        request = self._client.build_request(
            "POST", "/add-checkpoint", content=bytes(asked)
        )
        with self._response(request) as response:
            body = b"".join(parts(response, NOTE_BYTES_MAX, self._url))
        if response.status_code == HTTPStatus.CONFLICT:
            raise WitnessConflictError(parse_known_size(body), origin=self._url)
        if not response.is_success:
            said = _line(body[:200].decode("utf-8", "replace"))
            raise RemoteError(
                f"the witness refuses ({response.status_code}): {said}", at=self._url
            )
        return parse_cosignatures(body)

    @contextmanager
    def _answered(
        self, request: httpx.Request, bytes_max: int, *, refused: str | None = None
    ) -> Iterator[BinaryIO]:
        """The body of a success, or the member `refused` of a problem."""
        with tempfile.SpooledTemporaryFile(_MEMORY_BYTES) as file:
            with self._response(request) as response:
                if not response.is_success:
                    most = _PROBLEM_BYTES_MAX if refused is None else bytes_max
                    problem = b"".join(parts(response, most, self._url))
                    file.write(_refusal(response.status_code, problem, refused))
                else:
                    for part in parts(response, bytes_max, self._url):
                        file.write(part)
            file.seek(0)
            yield cast("BinaryIO", file)

    @contextmanager
    def _response(self, request: httpx.Request) -> Iterator[httpx.Response]:
        try:
            response = self._client.send(request, stream=True)
            try:
                yield response
            finally:
                response.close()
        except (*failures(), UnicodeError) as error:
            raise RemoteError(
                f"cannot be asked: {failure(error)}", at=self._url
            ) from error


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(_PIECE_BYTES):
        yield piece


def _refusal(status: int, body: bytes, member: str | None) -> bytes:
    """The wanted member of a problem (RFC 9457); without it the problem is raised."""
    problem = _problem(body)
    if member is not None and member in problem:
        return json.dumps(problem[member]).encode()
    text = _line(problem.get("detail")) or "no reason given; is this an Octostore?"
    at = _line(problem.get("at"))
    if str(problem.get("type", "")).endswith(f":{NotFoundError.code}"):
        raise NotFoundError(text, at=at)
    raise RemoteError(f"the server refuses ({status}): {text}", at=at)


def _problem(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _line(text: object) -> str | None:
    """Text of others on one line of a terminal: printable, and not too long."""
    if not isinstance(text, str):
        return None
    return "".join(c if c.isprintable() else " " for c in text)[:1000]
