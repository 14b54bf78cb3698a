"""Where a Golem transfer begins and ends: content, or a path in the container.

    hash:sha3:3D0744C8..:https://example.org/a   its hash, which the exe-unit checks
    http://example.org/a                         what `inputs` or a resolution says
    gftp://0xb3df../3d0744c8..                   the same; nobody checks the hex
    container:/golem/../golem/in/a               a path; the default without a scheme

Source: yagna exe-unit/components/transfer/src/{location,transfer,container,cache}.rs,
core/gftp/src/gftp.rs; FORMATS 4; research: golem 2.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

from invocation_spec.cid import CID
from invocation_spec.errors import CidError, DocumentError
from invocation_spec.node import ASCII_SPACE, Node
from invocation_spec.reading import Reading, clean_at, made
from invocation_spec.references import (
    GolemHash,
    IpfsPath,
    parse_golem_package,
    parse_ipfs,
    parse_url,
)

__all__ = ["Inputs", "Source", "container_path"]


class Inputs:
    """The content that the bundle says a URL gave: `inputs`, by normal URL."""

    __slots__ = ("_by_url", "_used")

    def __init__(self, node: Node) -> None:
        self._by_url: dict[str, Node] = {}
        self._used: set[str] = set()
        for key, item in node.entries():
            if key.lower().startswith("hash:"):
                raise DocumentError(
                    "a hashed source fixes its content; for another CID of it, resolve"
                    " ipfs:<CID>",
                    at=item.at,
                )
            url = _normal(key, item.at)
            if url in self._by_url:
                raise DocumentError(
                    f"a second spelling of {self._by_url[url].at}", at=item.at
                )
            _check_cid(item)
            self._by_url[url] = item

    def find(self, url: str) -> Node | None:
        """The CID of what a normal URL gave."""
        self._used.add(url)
        return self._by_url.get(url)

    def warn_of_unused(self, reading: Reading) -> None:
        """Warn of content that no transfer needs."""
        for url, node in self._by_url.items():
            if url not in self._used:
                reading.findings.warn(node.at, "unused-input", "no transfer needs it")


def _check_cid(node: Node) -> None:
    if isinstance(node.value, Mapping) and "path" in node.value:
        raise DocumentError(
            "a path is read by the command line only, which hashes the file;"
            " expected its CID",
            at=node.at,
        )
    text = node.text()
    try:
        named = parse_ipfs(text) or parse_ipfs(f"ipfs://{text}")
    except CidError as error:
        raise DocumentError(error.reason, at=node.at) from error
    if not isinstance(named, IpfsPath):
        raise node.refuse("a CID")


def _normal(text: str, at: str) -> str:
    """A URL in its one spelling; what follows `gftp:` stays as it is."""
    if text[:5].lower() == "gftp:":
        return f"gftp:{text[5:]}"
    return made(at, parse_url, text)


@dataclass(frozen=True, slots=True)
class Source:
    """What a transfer takes: `from`, without white space around it."""

    text: str
    at: str
    hashed: GolemHash | None

    @classmethod
    def parse(cls, node: Node) -> Source:
        """The source at a place.

        Raises:
            DocumentError: a hash that the exe-unit would refuse.
        """
        text = node.text().strip(ASCII_SPACE)
        return cls(text, node.at, made(node.at, parse_golem_package, text))

    @property
    def path(self) -> str | None:
        """The path that is taken from the container, None from elsewhere."""
        place = self.text if self.hashed is None else self.hashed.url
        return container_path(place, self.at)

    @property
    def url(self) -> str:
        """The URL in its one spelling.

        Raises:
            DocumentError: of a kind that no exe-unit fetches.
        """
        if self.text.partition(":")[0].lower() not in ("http", "https", "gftp"):
            raise DocumentError(
                f"{self.text!r}; expected a hash:sha3:, http:, https: or gftp: source",
                at=self.at,
            )
        return _normal(self.text, self.at)

    def content(self, reading: Reading, inputs: Inputs) -> CID | None:
        """The bytes that are fetched: by hash, by gateway, by `inputs`, by resolution.

        A source that is a content address keeps it, whatever `inputs` says.
        """
        if self.hashed is not None:
            return reading.resolver.cid(self.hashed.cid)
        stated = None if _is_content(self.url) else inputs.find(self.url)
        if stated is not None:
            return reading.resolver.content(stated.text(), stated.at, bare=True)
        if self.url.startswith("gftp:"):
            return reading.resolver.gftp(self.url, self.at)
        return reading.resolver.content(self.url, self.at)

    def leave_packed(self, reading: Reading, inputs: Inputs, at: str) -> None:
        """Note an archive: what it unpacks to stands nowhere in a bundle."""
        if self.hashed is None:
            reference = self.url
            inputs.find(reference)
        else:
            reference = str(IpfsPath(self.hashed.cid))
        reading.findings.leave_unresolved(at, reference, "archive")


def _is_content(url: str) -> bool:
    """Whether the URL is a CID by itself, at a gateway on the list."""
    try:
        return isinstance(parse_ipfs(url), IpfsPath)
    except CidError:
        return False


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def container_path(text: str, at: str) -> str | None:
    """The clean path of a place in the container, None for a place elsewhere.

    A place without a scheme is in the container. The path is decoded as a URL's;
    what a URL parser would cut off or read as a host is refused.
    """
    if not text:
        raise DocumentError("empty; expected a URL, or a path in the container", at=at)
    scheme = _SCHEME.match(text)
    if scheme is not None and scheme[1].lower() != "container":
        return None
    path = text if scheme is None else text[scheme.end() :]
    if not path or re.search(r"[?#\x00-\x1f]", path) or re.match(r"//(?!/)", path):
        raise DocumentError(
            f"{text!r}; expected container:/path, without host, query or fragment",
            at=at,
        )
    try:
        plain = urllib.parse.unquote(path, errors="strict")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{text!r} is not UTF-8 when decoded", at=at) from error
    return clean_at(plain, at)
