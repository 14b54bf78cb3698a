"""From a reference in a document to the content it fixes, or a finding.

Every adapter asks here, so that a reference means the same in all networks.
Source: FORMATS 1 and 4.
"""

from __future__ import annotations

from typing import TypeVar

from invocation_spec.cid import CID
from invocation_spec.errors import CidError, DocumentError, EncodingError
from invocation_spec.findings import Findings, Json
from invocation_spec.references import (
    GolemHash,
    IpfsPath,
    IpnsName,
    is_gateway_like,
    parse_image,
    parse_ipfs,
    parse_url,
)
from invocation_spec.resolutions import (
    BuiltMeaning,
    FileMeaning,
    ImageMeaning,
    Meaning,
    PackageMeaning,
    Resolutions,
    StoreMeaning,
    says_file,
)

__all__ = ["Resolver"]

_M = TypeVar("_M", bound=Meaning)

_CID_TO_FILL: Json = "<CID>"
_NAMED_TO_FILL: Json = {"cid": "<CID>", "name": "<file name>"}
_DOWNLOAD = "an http or https URL"
_PATH_TO_FILL: Json = "<store path>"
_DIGEST_TO_FILL: Json = "sha256:<64 hex digits>"


def _with_cmd(digest: Json) -> Json:
    return {"digest": digest, "cmd": ["<argument>"]}


def _without_entrypoint(digest: Json) -> Json:
    return {"digest": digest, "entrypoint": []}


class Resolver:
    """References against one set of resolutions, findings as they come.

    `used` holds the resolutions that were needed; `replaced` those of them
    whose reference was a content address already.
    """

    def __init__(self, resolutions: Resolutions) -> None:
        self._resolutions = resolutions
        self.findings = Findings()
        self.used: dict[str, Json] = {}
        self.replaced: set[str] = set()

    def cid(self, cid: CID) -> CID:
        """The CID to use for one that a document states: re-keyed if so resolved."""
        if not self._resolutions.meanings:
            return cid
        key = str(IpfsPath(cid))
        meaning = self._find(key, FileMeaning)
        if meaning is None or meaning.cid == cid:
            return cid
        self.replaced.add(key)
        return meaning.cid

    def content(self, text: str, at: str, *, bare: bool = False) -> CID | None:
        """The content that `text` names, a CID in any spelling or a URL.

        `bare` takes the CID alone as well (`Qm..`); elsewhere it would be text.

        Raises:
            DocumentError: the text is no reference of any kind.
        """
        try:
            found = parse_ipfs(text)
            if found is None and bare and ":" not in text and "/" not in text:
                found = parse_ipfs(f"ipfs://{text}")
        except CidError as error:
            raise DocumentError(error.reason, at=at) from error
        if isinstance(found, IpfsPath):
            return self._ipfs(found, at)
        if isinstance(found, IpnsName):
            return self._named(str(found), at, "ipns")
        expected = "a CID, ipfs://CID or a URL" if bare else "ipfs://CID or a URL"
        meaning = self._url(text, at, _CID_TO_FILL, expected)
        return None if meaning is None else meaning.cid

    def _ipfs(self, found: IpfsPath, at: str) -> CID | None:
        if not found.path:
            return self.cid(found.cid)
        return self._named(str(found), at, "ipfs-path")

    def _named(self, key: str, at: str, kind: str) -> CID | None:
        meaning = self._find(key, FileMeaning)
        if meaning is None:
            self.findings.leave_unresolved(at, key, kind, {key: _CID_TO_FILL})
            return None
        return meaning.cid

    def download(self, text: str, at: str, *, named: bool) -> FileMeaning | None:
        """What a download gives and is called; `named` if only a resolution can tell.

        A gateway's URL says what comes, but not always what it is called; then
        its resolution is asked for the name.

        Raises:
            DocumentError: the text is no URL.
        """
        try:
            found = parse_ipfs(text)
        except CidError as error:
            raise DocumentError(error.reason, at=at) from error
        if found is None:
            to_fill = _NAMED_TO_FILL if named else _CID_TO_FILL
            return self._url(text, at, to_fill, _DOWNLOAD)
        key = self._key(text, at, _DOWNLOAD)
        meaning = self._find(key, FileMeaning)
        if meaning is not None:
            if isinstance(found, IpfsPath) and meaning.cid != found.cid:
                self.replaced.add(key)
            return meaning
        cid = self.content(text, at)
        return None if cid is None else FileMeaning(cid)

    def leave_unnamed(self, text: str, at: str) -> None:
        """Note a download whose bytes are known, but not its file name."""
        key = self._key(text, at, _DOWNLOAD)
        self.findings.leave_unresolved(at, key, "url-name", {key: _NAMED_TO_FILL})

    def _key(self, text: str, at: str, expected: str) -> str:
        try:
            return parse_url(text)
        except EncodingError as error:
            raise DocumentError(
                f"{error.reason}; expected {expected}", at=at
            ) from error

    def _url(
        self, text: str, at: str, to_fill: Json, expected: str
    ) -> FileMeaning | None:
        key = self._key(text, at, expected)
        meaning = self._find(key, FileMeaning)
        if meaning is not None:
            return meaning
        settle = {key: to_fill} if says_file(key) else {}
        self.findings.leave_unresolved(at, key, "url", settle)
        if is_gateway_like(key):
            self.findings.warn(
                at,
                "gateway-of-unknown-host",
                "looks like a gateway's, but does not name content alone on a host of"
                " the list; write ipfs://CID if it does",
            )
        return None

    def s3(self, key: str, at: str) -> FileMeaning | None:
        """What an S3 object holds, by the resolutions."""
        meaning = self._find(key, FileMeaning)
        if meaning is None:
            self.findings.leave_unresolved(at, key, "s3", {key: _CID_TO_FILL})
        return meaning

    def gftp(self, url: str, at: str) -> CID | None:
        """What a `gftp:` URL gave; the hex in it is checked by nobody."""
        return self._named(url, at, "gftp")

    def image(
        self,
        text: str,
        at: str,
        *,
        cmd_due: bool = False,
        entrypoint_due: bool = False,
    ) -> ImageMeaning | None:
        """The image that Docker understands by `text`, by digest.

        `cmd_due` if its CMD, too, only a resolution can tell; `entrypoint_due` if
        one has to say that it has no entrypoint.

        Raises:
            DocumentError: the text is no image name.
        """
        try:
            image = parse_image(text)
        except EncodingError as error:
            raise DocumentError(error.reason, at=at) from error
        key = str(image)
        meaning = self._find(key, ImageMeaning)
        if image.digest is not None:
            return self._pinned(CID.of_digest(image.digest), key, meaning, at)
        if meaning is None:
            to_fill = _with_cmd(_DIGEST_TO_FILL) if cmd_due else _DIGEST_TO_FILL
            if entrypoint_due:
                to_fill = _without_entrypoint(_DIGEST_TO_FILL)
            self.findings.leave_unresolved(at, key, "oci-tag", {key: to_fill})
            return None
        self._warn_of_index(meaning, at)
        return meaning

    def _pinned(
        self, digest: CID, key: str, meaning: ImageMeaning | None, at: str
    ) -> ImageMeaning:
        if meaning is not None:
            self.replaced.add(key)
        found = meaning or ImageMeaning(digest)
        self._warn_of_index(found, at)
        return found

    def _warn_of_index(self, meaning: ImageMeaning, at: str) -> None:
        if meaning.platform is None:
            self.findings.warn(
                at,
                "digest-may-be-an-index",
                "an index differs by platform; resolve it to the manifest of one",
            )

    def leave_unstated(self, text: str, image: ImageMeaning, at: str) -> None:
        """Note that the command is the CMD of an image, and that nothing states it."""
        key = str(parse_image(text))
        to_fill = _with_cmd(f"sha256:{image.digest.digest.hex()}")
        self.findings.leave_unresolved(at, key, "oci-cmd", {key: to_fill})

    def is_bare(self, text: str, image: ImageMeaning, at: str) -> bool:
        """Whether the image is known to have no entrypoint; noted where it is not.

        Asked where engines differ in whether one runs before the command. Only a
        resolution that states none settles it.
        """
        if image.entrypoint == ():
            return True
        key = str(parse_image(text))
        to_fill = _without_entrypoint(f"sha256:{image.digest.digest.hex()}")
        settle = {key: to_fill} if image.entrypoint is None else {}
        self.findings.leave_unresolved(at, key, "oci-entrypoint", settle)
        return False

    def package(self, package: GolemHash) -> PackageMeaning | None:
        """What a Golem package holds, by the resolutions."""
        meaning = self._find(str(package), PackageMeaning)
        if meaning is not None:
            self.replaced.add(str(package))
        return meaning

    def stored(self, path: str, at: str) -> StoreMeaning | None:
        """What lies at a path of a Nix store, by the resolutions."""
        key = f"nix:{path}"
        meaning = self._find(key, StoreMeaning)
        if meaning is None:
            to_fill: Json = {"nar": _DIGEST_TO_FILL, "references": "<store paths>"}
            self.findings.leave_unresolved(at, key, "nix-path", {key: to_fill})
        return meaning

    def built(self, derivation: str, output: str, at: str) -> str | None:
        """The store path of an output of another derivation, by the resolutions."""
        key = f"nix:{derivation}^{output}"
        meaning = self._find(key, BuiltMeaning)
        if meaning is None:
            settle = {key: _PATH_TO_FILL}
            self.findings.leave_unresolved(at, key, "nix-output", settle)
            return None
        return meaning.path

    def _find(self, key: str, kind: type[_M]) -> _M | None:
        meaning = self._resolutions.meanings.get(key)
        if not isinstance(meaning, kind):
            return None  # kinds follow from the key's prefix, so only absence
        self.used[key] = self._resolutions.source[key]
        return meaning
