"""References that documents make, each kind in its one normal spelling.

    ubuntu                        oci:docker.io/library/ubuntu:latest
    ipfs://Qm../                  ipfs:bafybei..
    HTTPS://Example.org:443/a#x   https://example.org/a
    hash:sha3:0xD5E3..:http://..  golem:sha3-224:d5e3..

The normal spelling is what findings show and what a resolutions document has
as its keys. Source: FORMATS 1 and 4; Docker's reference grammar (distribution);
the URL standard of WHATWG; yagna's transfer/location.rs and hash.rs.
"""

from __future__ import annotations

import base64
import binascii
import re
import urllib.parse
from dataclasses import dataclass
from typing import TypeAlias

import ada_url

from invocation_spec.cid import CID, SHA3_BY_BYTES
from invocation_spec.errors import CidError, EncodingError, MutableNameError

__all__ = [
    "GATEWAYS",
    "REFERENCE_BYTES_MAX",
    "DataUrl",
    "GolemHash",
    "Image",
    "IpfsPath",
    "IpnsName",
    "is_gateway_like",
    "parse_data_url",
    "parse_golem_package",
    "parse_image",
    "parse_ipfs",
    "parse_sha256",
    "parse_url",
    "s3_reference",
    "url_name",
]

#: Longest reference that is looked at, `data:` URLs aside.
REFERENCE_BYTES_MAX = 8192

#: Hosts whose `/ipfs/CID` is the CID itself; normative, FORMATS 1.
GATEWAYS = ("ipfs.io", "dweb.link", "w3s.link", "cf-ipfs.com")

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class IpfsPath:
    """Content by CID; `path` names something below it, "" the whole."""

    cid: CID
    path: str = ""

    def __str__(self) -> str:
        return f"ipfs:{self.cid}" + (f"/{self.path}" if self.path else "")


@dataclass(frozen=True, slots=True)
class IpnsName:
    """A name whose holder decides what it points at."""

    name: str
    path: str = ""

    def __str__(self) -> str:
        return f"ipns:{self.name}" + (f"/{self.path}" if self.path else "")


_Ipfs: TypeAlias = IpfsPath | IpnsName


def parse_ipfs(text: str) -> _Ipfs | None:
    """What an IPFS spelling names: a bare CID, `ipfs://`, `/ipfs/`, a gateway URL.

    None if the text is of none of these kinds.

    Raises:
        CidError: it is of such a kind and what stands for the CID is none.
    """
    head = text[:8].lower()  # schemes have no case: RFC 3986
    for prefix, make, same in (
        ("ipfs://", _ipfs, head),
        ("ipns://", _ipns, head),
        ("/ipfs/", _ipfs, text),
        ("/ipns/", _ipns, text),
    ):
        if same.startswith(prefix):
            name, _, path = text[len(prefix) :].partition("/")
            return make(name, path)
    if head.startswith(("http://", "https://")):
        return _gateway(text)
    return None


def _ipfs(name: str, path: str) -> _Ipfs:
    if not name:
        raise CidError("an IPFS reference that names no content; write a CID into it")
    try:
        cid = CID.parse(name)
    except MutableNameError:
        return IpnsName(name, path.strip("/"))
    return IpfsPath(cid, path.strip("/"))


def _ipns(name: str, path: str) -> IpnsName:
    if not name:
        raise CidError("an IPNS reference without a name")
    return IpnsName(name, path.strip("/"))


def _gateway(text: str) -> _Ipfs | None:
    if "\\" in text:
        return None  # and no URL either: `parse_url`
    try:
        url = ada_url.URL(text)
    except ValueError:
        return None
    if not _names_only_content(url):
        return None
    if url.hostname in GATEWAYS:
        kind, _, rest = url.pathname.removeprefix("/").partition("/")
        name, _, path = rest.partition("/")
    else:
        name, kind, path = _subdomain(url)
    if kind not in ("ipfs", "ipns"):
        return None
    # With more path too: a host of the list serves nothing under what is no CID.
    named = _ipfs(name, "") if kind == "ipfs" else _ipns(name, "")
    return None if path else named


def _names_only_content(url: ada_url.URL) -> bool:
    if url.port or url.username or url.password:
        return False
    query = url.search.removeprefix("?")
    return not query or all(part.startswith("filename=") for part in query.split("&"))


def _subdomain(url: ada_url.URL) -> tuple[str, str, str]:
    for host in GATEWAYS:
        label = url.hostname.removesuffix("." + host)
        if label != url.hostname:
            name, dot, kind = label.rpartition(".")
            return name, kind if dot else "", url.pathname.removeprefix("/")
    return "", "", ""


def is_gateway_like(url: str) -> bool:
    """Whether a URL of another host looks like a gateway's, worth a hint."""
    parts = urllib.parse.urlsplit(url)
    return parts.path.startswith("/ipfs/") or ".ipfs." in parts.netloc


def parse_url(text: str) -> str:
    """A URL as WHATWG parses it, without its fragment.

    Raises:
        EncodingError: it is no absolute URL with a host or path, it has a backslash,
            or it is too long, as written or with the escapes that parsing adds.
    """
    if len(text.encode()) > REFERENCE_BYTES_MAX:
        raise EncodingError(
            f"a URL of {len(text.encode())} bytes; at most {REFERENCE_BYTES_MAX}"
        )
    try:
        url = ada_url.URL(text)
    except ValueError as error:
        raise EncodingError(f"{_shown(text)} is not a URL") from error
    href = str(url.href)
    if "\\" in text and href.startswith(("http:", "https:")):
        # WHATWG takes it for a `/`, Go and curl do not: two URLs in one text.
        raise EncodingError(f"{_shown(text)} has a backslash; write / or %5C")
    if not _ABSOLUTE.match(text):
        # `ipfs:Qm..` is opaque to WHATWG and fetched by no network; `http:h/x` and
        # ` http://h/x` are http://h/x to WHATWG alone.
        raise EncodingError(f"{_shown(text)} has no // after its scheme")
    if "#" in href:
        url.hash = ""
        href = str(url.href)
    if len(href) > REFERENCE_BYTES_MAX:  # escapes treble what is not ASCII
        raise EncodingError(
            f"a URL of {len(href)} bytes with its escapes; at most"
            f" {REFERENCE_BYTES_MAX}"
        )
    return href


def url_name(url: str) -> str | None:
    """The file name that a download gets: Go's `path.Base` of the decoded path.

    None if the path gives no name: `/`, `.`, `..`, control characters, or bytes
    that are not UTF-8. The path is taken as written, for Go cleans none of it.
    """
    rest = url.partition("#")[0].partition("?")[0].partition("://")[2]
    try:
        path = urllib.parse.unquote(rest.partition("/")[2], errors="strict")
    except UnicodeDecodeError:
        return None
    name = path.rstrip("/").rsplit("/", 1)[-1]
    if name in ("", ".", "..") or _CONTROL.search(name):
        return None
    return name


@dataclass(frozen=True, slots=True)
class Image:
    """A container image as Docker reads its name; a digest beats a tag."""

    repository: str
    tag: str | None = None
    digest: bytes | None = None

    def __str__(self) -> str:
        if self.digest is not None:
            return f"oci:{self.repository}@sha256:{self.digest.hex()}"
        return f"oci:{self.repository}:{self.tag}"


_PATH_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?"
_IMAGE = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<path>{_PATH_PART}(?:/{_PATH_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>[^@]+))?"
)


def parse_image(text: str) -> Image:
    """The image that Docker understands by `text`.

    Raises:
        EncodingError: no image name, or a digest that is not a whole sha256.
    """
    if len(text.encode()) > REFERENCE_BYTES_MAX:
        raise EncodingError(
            f"an image name of {len(text.encode())} bytes;"
            f" at most {REFERENCE_BYTES_MAX}"
        )
    name = text.removeprefix("docker://")
    first, slash, _ = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name}"
    match = _IMAGE.fullmatch(name)
    if match is None or match["host"] is None:
        raise EncodingError(
            f"{_shown(text)} is no image name; expected [HOST/]NAME[:TAG][@sha256:HEX],"
            " the name in lower case"
        )
    host, path = match["host"], match["path"]
    if host == "index.docker.io":
        host = "docker.io"
    if host == "docker.io" and "/" not in path:
        path = f"library/{path}"
    if match["digest"] is None:
        return Image(f"{host}/{path}", tag=match["tag"] or "latest")
    return Image(f"{host}/{path}", digest=parse_sha256(match["digest"]))


def parse_sha256(text: str) -> bytes:
    """The 32 bytes of an OCI digest `sha256:<64 lower-case hex digits>`.

    Raises:
        EncodingError: anything else.
    """
    match = _SHA256.fullmatch(text)
    if match is None:
        raise EncodingError(
            f"{_shown(text)}; expected sha256:<64 lower-case hex digits>"
        )
    return bytes.fromhex(match[1])


def s3_reference(bucket: str, key: str, *, endpoint: str, version_id: str) -> str:
    """`s3://BUCKET/KEY?endpoint=&versionId=`, empty parameters left out."""
    query = urllib.parse.urlencode(
        [
            (name, value)
            for name, value in (("endpoint", endpoint), ("versionId", version_id))
            if value
        ]
    )
    host = urllib.parse.quote(bucket, safe=":")  # an ARN has colons and slashes
    path = urllib.parse.quote(key, safe="/~")
    return f"s3://{host}/{path}" + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class GolemHash:
    """`hash:sha3:<hex>:<url>`: bytes by their SHA-3, and where they are."""

    digest: bytes
    url: str

    @property
    def cid(self) -> CID:
        """The bytes' CID: raw, sha3 of the digest's width."""
        return CID.of_digest(self.digest, hash_code=SHA3_BY_BYTES[len(self.digest)])

    def __str__(self) -> str:
        return f"golem:sha3-{len(self.digest) * 8}:{self.digest.hex()}"


_GOLEM = re.compile(r"(?i)hash:(?://)?([^:]+):(?:0x)?([a-f0-9]+):(.+)", re.DOTALL)


def parse_golem_package(text: str) -> GolemHash | None:
    """A hashed location of Golem; None if the text has no such form.

    Raises:
        EncodingError: it has the form, with a hash that yagna would refuse.
    """
    match = _GOLEM.fullmatch(text)
    if match is None:
        return None
    algorithm, digits, url = match.groups()
    if algorithm != "sha3":
        raise EncodingError(f"hash {_shown(algorithm)}; yagna takes `sha3`, lower case")
    if len(digits) % 2 or len(digits) // 2 not in SHA3_BY_BYTES:
        raise EncodingError(
            f"sha3 of {len(digits)} hex digits; expected 56, 64, 96 or 128"
        )
    return GolemHash(bytes.fromhex(digits), url)


@dataclass(frozen=True, slots=True)
class DataUrl:
    """Bytes given inline, and the media type they are said to have.

    `media_type` is trimmed and in lower case; `written` is as it stands, which is
    what Bacalhau compares.
    """

    media_type: str
    data: bytes
    written: str = ""


def parse_data_url(text: str) -> DataUrl:
    """The bytes of a `data:` URL (RFC 2397); white space inside base64 is dropped.

    Raises:
        EncodingError: no `data:` URL, a quotation mark before its bytes, or not
            base64 where it says so.
    """
    scheme, colon, rest = text.partition(":")
    head, comma, body = rest.partition(",")
    if scheme.lower() != "data" or not colon or not comma:
        raise EncodingError("not a data: URL with a comma before its bytes")
    if '"' in head:
        # To Go's dataurl a quoted parameter may hold the comma, to others not.
        raise EncodingError('data: URL with a " before its comma; leave parameters out')
    if _BAD_ESCAPE.search(body):
        raise EncodingError("data: URL with a % that is no escape; write it as %25")
    media_type, *parameters = head.split(";")
    data = urllib.parse.unquote_to_bytes(body)
    if parameters and parameters[-1].strip().lower() == "base64":
        try:
            compact = b"".join(data.split())
            padded = compact.rstrip(b"=") + b"=" * (-len(compact.rstrip(b"=")) % 4)
            data = base64.b64decode(padded, validate=True)
        except binascii.Error as error:
            raise EncodingError(f"data: URL is not base64: {error}") from error
    return DataUrl(media_type.strip().lower(), data, media_type)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
