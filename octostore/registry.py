"""What an image name means at its registry now, checked against the bytes.

    GET /v2/library/ubuntu/manifests/24.04     401, Bearer realm="..",service="..",..
    GET <realm>?service=..&scope=..            {"token": ".."}
    GET /v2/library/ubuntu/manifests/24.04     an index, or the manifest of one image

A digest is that of the bytes that came; what the registry says of it must agree.
Of an index the manifest of the platform asked for is taken, else its own digest.
Source: the OCI distribution and image specifications; Docker's token authentication.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from invocation_spec.findings import Json
from invocation_spec.references import Image
from octostore.errors import BlockMismatchError, NotFoundError
from octostore.lookup import Reply, Web, is_loopback
from octostore.told import RemoteError

__all__ = ["MANIFEST_BYTES_MAX", "ImageFound", "find_image"]

#: Registries need not take larger manifests (OCI distribution specification), and
#: an image's configuration is of the same order.
MANIFEST_BYTES_MAX: Final = 4 << 20

_INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_CONFIGS: Final = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
_ACCEPT: Final = ", ".join((*_INDEXES, *_MANIFESTS))
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_BEARER: Final = re.compile(r"(?i)(?:^|,\s*)bearer\s+(.*)")
_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class ImageFound:
    """The meaning of an image name, and where it was read.

    `meaning` is the value of a resolution; `platforms` are those of an index of
    which none was taken.
    """

    meaning: dict[str, Json]
    source: str
    index: str | None = None
    platforms: tuple[str, ...] = ()


def find_image(web: Web, image: Image, platform: str | None) -> ImageFound:
    """Look an image up; `platform` is `OS/ARCH` or `OS/ARCH/VARIANT`.

    Raises:
        NotFoundError: no such image, or none for the platform.
        BlockMismatchError: the registry sent other bytes than it names.
        RemoteError: it cannot be reached, refuses, or sends no image.
    """
    registry = _Registry(web, image.repository)
    reference = f"sha256:{image.digest.hex()}" if image.digest else str(image.tag)
    top = registry.manifest(reference)
    if top.kind in _MANIFESTS:
        return ImageFound(_image(registry, top, platform), top.url)
    rows = _platforms(top)
    if platform is None:
        names = tuple(dict.fromkeys(name for name, _ in rows))
        return ImageFound({"digest": top.digest}, top.url, top.digest, names)
    digest = _pick(rows, platform, top.url)
    chosen = registry.manifest(digest)
    if chosen.kind not in _MANIFESTS:
        raise RemoteError(f"an index inside an index ({chosen.kind})", at=chosen.url)
    return ImageFound(_image(registry, chosen, platform), top.url, top.digest)


@dataclass(frozen=True, slots=True)
class _Manifest:
    """A manifest or index: its media type, digest and fields."""

    kind: str
    digest: str
    fields: Mapping[str, Any]
    url: str


class _Registry:
    """One repository of one registry."""

    def __init__(self, web: Web, repository: str) -> None:
        host, _, self._name = repository.partition("/")
        if host == "docker.io":
            host = "registry-1.docker.io"  # where Docker's default registry answers
        plain = web.insecure and is_loopback(urlsplit(f"//{host}").hostname or "")
        self._base = f"{'http' if plain else 'https'}://{host}/v2/{self._name}"
        self._web = web
        self._token: str | None = None

    def manifest(self, reference: str) -> _Manifest:
        """A manifest or index by tag or digest, hashed."""
        url = f"{self._base}/manifests/{reference}"
        reply = self._get(url, {"accept": _ACCEPT})
        digest = _checked(reply.body, reference, url)
        told = reply.headers.get("docker-content-digest", digest)
        if told != digest:
            raise BlockMismatchError(
                f"the registry names {told}, its bytes hash to {digest}", at=url
            )
        fields = _json(reply.body, url)
        kind = _text(fields.get("mediaType")) or _media_type(reply)
        if kind not in (*_INDEXES, *_MANIFESTS):
            raise RemoteError(f"sent {kind or 'no media type'}, no image", at=url)
        return _Manifest(kind, digest, fields, url)

    def blob(self, digest: str) -> Mapping[str, Any]:
        """A small JSON blob by digest, hashed."""
        url = f"{self._base}/blobs/{digest}"
        reply = self._get(url, {})
        _checked(reply.body, digest, url)
        return _json(reply.body, url)

    def _get(self, url: str, headers: Mapping[str, str]) -> Reply:
        reply = self._ask(url, headers)
        if reply.status == 401 and self._token is None:
            self._token = self._login(reply, url)
            reply = self._ask(url, headers)
        if reply.status == 404:
            raise NotFoundError("the registry has no such image", at=url)
        if reply.status in (401, 403):
            raise RemoteError(
                f"the registry refuses ({reply.status}): private, or not there;"
                " no credentials are sent, so write its digest yourself",
                at=url,
            )
        if reply.status != 200:
            raise RemoteError(f"the registry refuses ({reply.status})", at=url)
        return reply

    def _ask(self, url: str, headers: Mapping[str, str]) -> Reply:
        token = {} if self._token is None else {"authorization": self._token}
        return self._web.get(url, MANIFEST_BYTES_MAX, {**headers, **token})

    def _login(self, reply: Reply, url: str) -> str:
        """An anonymous token for pulling, from where the registry points."""
        bearer = _BEARER.search(reply.headers.get("www-authenticate", ""))
        given = dict(_PARAMETER.findall(bearer[1])) if bearer else {}
        if "realm" not in given:
            raise RemoteError(
                "the registry wants to be told who asks; no credentials are sent,"
                " so write the digest yourself",
                at=url,
            )
        query = {"scope": f"repository:{self._name}:pull"}
        if "service" in given:
            query["service"] = given["service"]
        mark = "&" if "?" in given["realm"] else "?"
        realm = f"{given['realm']}{mark}{urlencode(query)}"
        answer = self._web.get(realm, MANIFEST_BYTES_MAX)
        if answer.status != 200:
            raise RemoteError(f"gives no token ({answer.status})", at=realm)
        fields = _json(answer.body, realm)
        token = _text(fields.get("token")) or _text(fields.get("access_token"))
        if not token or not token.isascii() or not token.isprintable():
            raise RemoteError("gives no token", at=realm)
        return f"Bearer {token}"


def _image(
    registry: _Registry, manifest: _Manifest, platform: str | None
) -> dict[str, Json]:
    """The digest with what the image's configuration states."""
    found: dict[str, Json] = {"digest": manifest.digest}
    config = manifest.fields.get("config")
    if not isinstance(config, dict) or config.get("mediaType") not in _CONFIGS:
        return found  # some other artifact; its digest is all there is to say
    value = registry.blob(_digest(config.get("digest"), manifest.url))
    own = _platform_of(value)
    if platform is not None and not _fits(own, platform):
        raise NotFoundError(f"the image is for {own}, not {platform}", at=manifest.url)
    run = value.get("config")
    stated = run if isinstance(run, dict) else {}
    found["entrypoint"] = _strings(stated.get("Entrypoint"), manifest.url)
    found["cmd"] = _strings(stated.get("Cmd"), manifest.url)
    workdir = _text(stated.get("WorkingDir"))
    return found | ({"workdir": workdir} if workdir else {}) | {"platform": own}


def _platforms(index: _Manifest) -> list[tuple[str, str]]:
    """Platform and digest of the manifests of an index; attestations have none."""
    rows = index.fields.get("manifests")
    if not isinstance(rows, list):
        raise RemoteError("an index without manifests", at=index.url)
    found = []
    for row in rows:
        platform = row.get("platform") if isinstance(row, dict) else None
        if isinstance(platform, dict) and platform.get("os") != "unknown":
            digest = _digest(row.get("digest"), index.url)
            found.append((_platform_of(platform), digest))
    return found


def _pick(rows: Sequence[tuple[str, str]], platform: str, url: str) -> str:
    found = [row for row in rows if _fits(row[0], platform)]
    names = ", ".join(dict.fromkeys(name for name, _ in found or rows))
    if not found:
        raise NotFoundError(f"nothing for {platform}; there is {names}", at=url)
    if len({digest for _, digest in found}) > 1:
        raise RemoteError(f"{platform} may be {names}; say which", at=url)
    return found[0][1]


def _platform_of(fields: Mapping[str, Any]) -> str:
    parts = (_text(fields.get(name)) for name in ("os", "architecture", "variant"))
    return "/".join(part for part in parts if part) or "unknown"


def _fits(found: str, asked: str) -> bool:
    return found == asked or (asked.count("/") == 1 and found.startswith(f"{asked}/"))


def _checked(body: bytes, reference: str, url: str) -> str:
    """The digest of bytes; that of the reference if it is one."""
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if ":" in reference and digest != reference:
        raise BlockMismatchError(f"asked for {reference}, got {digest}", at=url)
    return digest


def _digest(value: object, url: str) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise RemoteError("names a digest that is no sha256", at=url)
    return value


def _json(body: bytes, url: str) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RemoteError("sent no JSON; is this a registry?", at=url) from error
    if not isinstance(value, dict):
        raise RemoteError("sent no JSON object; is this a registry?", at=url)
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _media_type(reply: Reply) -> str:
    return reply.headers.get("content-type", "").partition(";")[0].strip()


def _strings(value: object, url: str) -> list[Json]:
    """A list as a configuration states it; null and absent are none."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RemoteError("a command that is no list of strings", at=url)
    return list(value)
