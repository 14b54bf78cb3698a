"""What a reference of a document means now, asked of where it points.

    oci:docker.io/library/python:3.11   its registry: digest, configuration, platform
    https://example.org/a.csv           its host: the content that comes

The rest (S3, IPNS, paths below a CID, gftp, Golem's packages) is left to people:
each wants an account, a node or a look inside. Source: FORMATS 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from invocation_spec.findings import Json
from invocation_spec.references import parse_image, parse_ipfs, url_name
from octostore.errors import NotFoundError
from octostore.images import find_image
from octostore.lookup import Web

__all__ = ["Found", "can_look_up", "look_up"]

_IMAGE = "oci:"

#: What of an image's meaning leaves the command as the spec has it.
_PINNED = frozenset(("digest", "platform"))
_URLS = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class Found:
    """The value of a resolution, and how it was found: `{source, ..}`."""

    meaning: Json
    note: Mapping[str, Json]


def can_look_up(reference: str) -> bool:
    """Whether `look_up` knows where to ask.

    Not for the URL of a gateway: its content is known, only a name is missing.
    """
    if reference.startswith(_IMAGE):
        return True
    return reference.startswith(_URLS) and parse_ipfs(reference) is None


def look_up(
    web: Web,
    reference: str,
    to_fill: Json,
    platform: str | None,
    bytes_max: int,
    *,
    image_config: bool = False,
) -> Found:
    """Ask where a normalised reference points what it means.

    Args:
        web: the client.
        reference: one for which `can_look_up` holds.
        to_fill: the value that its finding wants filled in.
        platform: which image of an index, `OS/ARCH`; None for the index itself.
        bytes_max: the most bytes of one download.
        image_config: say of an image all that its configuration states. Without,
            only what `to_fill` asks for: a tag and its digest give one program and
            one input.

    Raises:
        NotFoundError: nothing is there, or no file name where one is wanted.
        BlockMismatchError: a registry sent other bytes than it names.
        RemoteError: it cannot be reached, refuses, or sends too much.
    """
    if reference.startswith(_IMAGE):
        asked = frozenset(to_fill) if isinstance(to_fill, dict) else frozenset[str]()
        return _image(web, reference, platform, asked, whole=image_config)
    return _download(web, reference, bytes_max, named=isinstance(to_fill, dict))


def _image(
    web: Web, reference: str, platform: str | None, asked: Set[str], *, whole: bool
) -> Found:
    image = parse_image(reference.removeprefix(_IMAGE))
    found = find_image(web, image, platform)
    note: dict[str, Json] = {"source": found.source}
    if found.index is not None:
        note["index"] = found.index
    if found.platforms:
        note["platforms"] = list(found.platforms)
    meaning: dict[str, Json] = {
        name: value
        for name, value in found.meaning.items()
        if whole or name in _PINNED or name in asked
    }
    return Found(meaning, note)


def _download(web: Web, url: str, bytes_max: int, *, named: bool) -> Found:
    """A name only where one is wanted: else the URL's path gives it."""
    found = web.download(url, bytes_max)
    note: dict[str, Json] = {"source": url, "bytes": found.size}
    cid = str(found.cid)
    if not named:
        return Found(cid, note)
    name = found.name or url_name(url)
    if name is None:
        raise NotFoundError(
            f"holds {cid}, but neither its path nor its host names the file;"
            f' write {{"cid": "{cid}", "name": ..}} yourself, "" for the target',
            at=url,
        )
    return Found({"cid": cid, "name": name}, note)
