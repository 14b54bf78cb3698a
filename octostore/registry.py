"""One repository of a registry of images, read without an account.

    GET /v2/library/ubuntu/manifests/24.04     401, Bearer realm="..",service="..",..
    GET <realm>?service=..&scope=..            {"token": ".."}
    GET /v2/library/ubuntu/manifests/24.04     an index, or the manifest of one image
    GET /v2/library/ubuntu/blobs/sha256:9f2c.. the configuration of an image

A digest is that of the bytes that came; what the registry says of it must agree.
Source: the OCI distribution specification; Docker's token authentication.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from octostore.errors import BlockMismatchError, NotFoundError
from octostore.lookup import Reply, Web, is_loopback
from octostore.told import RemoteError

__all__ = [
    "INDEXES",
    "MANIFESTS",
    "MANIFEST_BYTES_MAX",
    "Manifest",
    "Registry",
    "digest_at",
    "text_of",
]

#: Registries need not take larger manifests (OCI distribution specification), and
#: an image's configuration is of the same order.
MANIFEST_BYTES_MAX: Final = 4 << 20

INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPT: Final = ", ".join((*INDEXES, *MANIFESTS))
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_BEARER: Final = re.compile(r"(?i)(?:^|,\s*)bearer\s+(.*)")
_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or index: its media type, digest and fields."""

    kind: str
    digest: str
    fields: Mapping[str, Any]
    url: str


class Registry:
    """One repository of one registry.

    Raises:
        NotFoundError: from every method: nothing is there.
        BlockMismatchError: other bytes came than were named.
        RemoteError: it cannot be reached, refuses, or sends something else.
    """

    def __init__(self, web: Web, repository: str) -> None:
        host, _, self._name = repository.partition("/")
        if host == "docker.io":
            host = "registry-1.docker.io"  # where Docker's default registry answers
        plain = web.insecure and is_loopback(f"//{host}")
        self._base = f"{'http' if plain else 'https'}://{host}/v2/{self._name}"
        self._web = web
        self._token: str | None = None

    def manifest(self, reference: str) -> Manifest:
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
        kind = text_of(fields.get("mediaType")) or _media_type(reply)
        if kind not in (*INDEXES, *MANIFESTS):
            raise RemoteError(f"sent {kind or 'no media type'}, no image", at=url)
        return Manifest(kind, digest, fields, url)

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
        token = text_of(fields.get("token")) or text_of(fields.get("access_token"))
        if not token or not token.isascii() or not token.isprintable():
            raise RemoteError("gives no token", at=realm)
        return f"Bearer {token}"


def digest_at(value: object, url: str) -> str:
    """A digest that a manifest names; `url` says which."""
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise RemoteError("names a digest that is no sha256", at=url)
    return value


def text_of(value: object) -> str:
    """A string that stands in JSON, "" where there is none."""
    return value if isinstance(value, str) else ""


def _checked(body: bytes, reference: str, url: str) -> str:
    """The digest of bytes; that of the reference if it is one."""
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if ":" in reference and digest != reference:
        raise BlockMismatchError(f"asked for {reference}, got {digest}", at=url)
    return digest


def _json(body: bytes, url: str) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RemoteError("sent no JSON; is this a registry?", at=url) from error
    if not isinstance(value, dict):
        raise RemoteError("sent no JSON object; is this a registry?", at=url)
    return value


def _media_type(reply: Reply) -> str:
    return reply.headers.get("content-type", "").partition(";")[0].strip()
