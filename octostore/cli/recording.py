"""`octostore link|delegate|join|revoke|withdraw`: the records that are no claims."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final, NamedTuple, TypeAlias

import typer

from invocation_spec import CID, CidError
from octostore.cli.inputs import cid_or_path
from octostore.cli.keys import KeyOption
from octostore.cli.linking import Checked, check_command, demand_same
from octostore.cli.options import expanded
from octostore.cli.publishing import Publication
from octostore.cli.rim import UsageError
from octostore.errors import DidError, RecordError
from octostore.keyfile import KeyFile
from octostore.keys import Did
from octostore.records import Delegation, Link, Membership, Revocation, Withdrawal
from octostore.records.link import SYMMETRIC, Meaning
from octostore.records.shape import RecordBase

__all__ = [
    "delegate_command",
    "join_command",
    "link_app",
    "revoke_command",
    "withdraw_command",
]

link_app = typer.Typer(
    name="link",
    help="Sign what two CIDs have to do with each other.",
    no_args_is_help=True,
)

_How: TypeAlias = Annotated[
    str | None, typer.Option(metavar="TEXT", help="How you know.")
]
_Platform: TypeAlias = Annotated[
    str, typer.Option(metavar="OS/ARCH", help="Of which: linux/arm64.")
]
_DidArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="DID", help="A key: did:key:z6Mk..")
]

#: What `--keep` says when nothing shall stay.
_NONE: Final = "none"

_UNIX: Final = re.compile(r"[0-9]{1,16}")


class _Ends(NamedTuple):
    """A meaning of links, what its two ends are, and the help of its command."""

    means: Meaning
    a: tuple[str, str]
    b: tuple[str, str]
    words: str


_SAME: Final = (("A", "A CID or ./path."), ("B", "A CID or ./path."))

#: A command for each meaning, in this order.
_LINKS: Final = (
    _Ends(
        "same-bytes",
        *_SAME,
        """Sign that two CIDs are of the same bytes.

        Such as a file by two hashes, or raw and in UnixFS. With --check it is signed
        only if the bytes of a file have both names.

        Example: octostore link same-bytes bafybei.. ./planets.csv --key me.key
        """,
    ),
    _Ends(
        "same-program",
        *_SAME,
        """Sign that two CIDs are of code that does the same.

        Example: octostore link same-program bafkrei.. bafkreif.. --key me.key
        """,
    ),
    _Ends(
        "selects",
        ("INDEX", "Of several platforms."),
        ("MANIFEST", "The image of one."),
        """Sign which image an index holds for a platform.

        Example: octostore link selects A B --platform linux/arm64 --key me.key
        """,
    ),
    _Ends(
        "built-from",
        ("IMAGE", "A Golem image."),
        ("OCI", "What it was made of."),
        """Sign of which OCI image a Golem image was made.

        Example: octostore link built-from bafkrmi.. bafkrei.. --key me.key
        """,
    ),
    _Ends(
        "reduces-to",
        ("A", "An invocation that awaits."),
        ("B", "The same with results."),
        """Sign what an invocation is with results in it.

        Results that were claimed stand in B where A awaits them.

        Example: octostore link reduces-to bafyrei.. bafyreif.. --key me.key
        """,
    ),
)


def _command(ends: _Ends) -> Callable[..., None]:
    """The command that signs a link of this meaning."""

    def of_two(
        a: str, b: str, key: KeyOption, how: _How = None, *, where: Publication
    ) -> None:
        where.publish([_link(ends.means, a, b, how)], KeyFile.open(key))

    def of_platform(
        a: str,
        b: str,
        platform: _Platform,
        key: KeyOption,
        how: _How = None,
        *,
        where: Publication,
    ) -> None:
        where.publish([_link(ends.means, a, b, how, platform)], KeyFile.open(key))

    def of_bytes(
        a: str,
        b: str,
        key: KeyOption,
        how: _How = None,
        check: Checked = None,
        *,
        where: Publication,
    ) -> None:
        link = _link(ends.means, a, b, how)
        if check is not None:
            assert isinstance(link, Link)  # noqa: S101 - so it was made
            demand_same(link.a, link.b, check, as_json=where.as_json)
        where.publish([link], KeyFile.open(key))

    command: Callable[..., None] = of_two
    if ends.means in ("selects", "same-bytes"):
        command = of_platform if ends.means == "selects" else of_bytes
    for name, (metavar, words) in (("a", ends.a), ("b", ends.b)):
        argument = typer.Argument(metavar=metavar, help=words)
        command.__annotations__[name] = Annotated[str, argument]
    return expanded(command)


link_app.command("check")(check_command)
for _ends in _LINKS:
    link_app.command(_ends.means, help=_ends.words)(_command(_ends))


@expanded
def delegate_command(
    to: _DidArgument,
    key: KeyOption,
    scope: Annotated[
        str | None,
        typer.Option(metavar="NETWORK", help="Only for claims of this network."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="ISO 8601 with a zone, or Unix seconds."),
    ] = None,
    *,
    where: Publication,
) -> None:
    """Sign, as an organisation, that a key speaks for you.

    It counts once that key has signed `octostore join` with your DID.

    Example: octostore delegate did:key:z6Mk.. --until 1798761600 --key org.key
    """
    record = _made(
        lambda: Delegation(to=_did(to), scope=scope, until=_unix_seconds(until))
    )
    where.publish([record], KeyFile.open(key))


@expanded
def join_command(
    of: _DidArgument,
    key: KeyOption,
    *,
    where: Publication,
) -> None:
    """Sign that your key belongs to an organisation.

    It counts once the organisation has signed `octostore delegate` with your DID.

    Example: octostore join did:key:z6Mk.. --key node.key
    """
    record = Membership(of=_did(of))
    where.publish([record], KeyFile.open(key))


@expanded
def revoke_command(
    revoked: _DidArgument,
    key: KeyOption,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATEMENT|none",
            help="It and what came before it in its chain stays valid.",
        ),
    ] = None,
    *,
    where: Publication,
) -> None:
    """Sign that a key is not to be believed.

    Your own, or one that you, an organisation, delegated to.

    Example: octostore revoke did:key:z6Mk.. --keep bafyrei.. --key org.key
    """
    if not keep:
        raise UsageError(
            "which statements of it stay valid? Name the last of each chain, or none",
            at="--keep",
        )
    if _NONE in keep and len(keep) > 1:
        raise UsageError("none and others; expected one of the two", at="--keep")
    kept = () if _NONE in keep else tuple(sorted({_statement(item) for item in keep}))
    record = _made(lambda: Revocation(key=_did(revoked), keep=kept))
    where.publish([record], KeyFile.open(key))


@expanded
def withdraw_command(
    claim: Annotated[str, typer.Argument(metavar="CLAIM", help="The CID of a claim.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="What was wrong with it.")],
    key: KeyOption,
    *,
    where: Publication,
) -> None:
    """Sign that you no longer stand by a claim.

    It stays, and is shown as withdrawn.

    Example: octostore withdraw bafyrei.. --why "ran another image" --key me.key
    """
    record = _made(lambda: Withdrawal(claim=_cid(claim, "CLAIM"), why=why))
    where.publish([record], KeyFile.open(key))


def _link(
    means: Meaning, a: str, b: str, how: str | None, platform: str | None = None
) -> RecordBase:
    """The link; of what is the same the lesser CID stands first."""
    first, second = cid_or_path(a), cid_or_path(b)
    if means in SYMMETRIC:
        first, second = sorted((first, second))
    return _made(
        lambda: Link(a=first, b=second, means=means, platform=platform, how=how)
    )


def _made(make: Callable[[], RecordBase]) -> RecordBase:
    """The record; what breaks its rules came from the command line."""
    try:
        return make()
    except RecordError as error:
        raise UsageError(error.reason, at=error.at) from error


def _did(text: str) -> Did:
    try:
        return Did(text)
    except DidError as error:
        raise UsageError(error.reason, at="DID") from error


def _statement(text: str) -> CID:
    return _cid(text, "--keep")


def _cid(text: str, at: str) -> CID:
    try:
        return CID.parse(text)
    except CidError as error:
        raise UsageError(f"{text!r}: {error.reason}", at=at) from error


def _unix_seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if _UNIX.fullmatch(text):
        return int(text)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r}; expected a time such as 2027-01-01T00:00:00Z", at="--until"
        ) from error
    if time.tzinfo is None:
        raise UsageError(f"{text!r} has no time zone; add Z", at="--until")
    return int(time.timestamp())
