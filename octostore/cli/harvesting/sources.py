"""What harvests are told of a source, checked before anything is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from octostore.cli.rim import UsageError
from octostore.errors import RecordError
from octostore.records import Limits
from octostore.records.limits import NetworkAccess
from octostore.records.shape import check_network

__all__ = ["checked_network", "is_url", "limits_of", "network_of", "results_folder"]


def is_url(source: str) -> bool:
    """Whether a server is meant, and no file or folder."""
    return source.startswith(("http://", "https://"))


def network_of(root: str, instance: str | None) -> str:
    """The network that claims are of, and with --instance which one of its kind.

    Raises:
        UsageError: no network has that name.
    """
    return checked_network(root if instance is None else f"{root}:{instance}")


def checked_network(network: str, at: str = "--instance") -> str:
    """The same, if a network may have that name.

    Raises:
        UsageError: none may.
    """
    with _of_the_user():
        check_network(network, at)
    return network


def limits_of(access: str | None) -> Limits | None:
    """What --network-access says of how runs are limited, if it is given.

    Raises:
        UsageError: it says something else than records can.
    """
    with _of_the_user():
        given = cast("NetworkAccess", access)
        return None if access is None else Limits(network=given)


def results_folder(path: Path | None) -> Path | None:
    """The folder of results, if one is named.

    Raises:
        UsageError: it is none.
    """
    if path is not None and not path.is_dir():
        raise UsageError("not a folder", at=str(path))
    return path


@contextmanager
def _of_the_user() -> Iterator[None]:
    """What breaks a rule of records came from the command line."""
    try:
        yield
    except RecordError as error:
        raise UsageError(error.reason, at=error.at) from error
