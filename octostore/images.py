"""What an image name means at its registry now.

Of an index the manifest of the platform asked for is taken, else its own digest;
of one image what its configuration states is said too: it decides what a job runs
that names no command. Source: the OCI image specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from invocation_spec.findings import Json
from invocation_spec.references import Image
from octostore.errors import NotFoundError
from octostore.lookup import Web
from octostore.registry import MANIFESTS, Manifest, Registry, digest_at, text_of
from octostore.told import RemoteError

__all__ = ["ImageFound", "find_image"]

_CONFIGS: Final = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)


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
    registry = Registry(web, image.repository)
    reference = f"sha256:{image.digest.hex()}" if image.digest else str(image.tag)
    top = registry.manifest(reference)
    if top.kind in MANIFESTS:
        return ImageFound(_image(registry, top, platform), top.url)
    rows = _platforms(top)
    if platform is None:
        names = tuple(dict.fromkeys(name for name, _ in rows))
        return ImageFound({"digest": top.digest}, top.url, top.digest, names)
    digest = _pick(rows, platform, top.url)
    chosen = registry.manifest(digest)
    if chosen.kind not in MANIFESTS:
        raise RemoteError(f"an index inside an index ({chosen.kind})", at=chosen.url)
    return ImageFound(_image(registry, chosen, platform), top.url, top.digest)


def _image(
    registry: Registry, manifest: Manifest, platform: str | None
) -> dict[str, Json]:
    """The digest with what the image's configuration states."""
    found: dict[str, Json] = {"digest": manifest.digest}
    config = manifest.fields.get("config")
    if not isinstance(config, dict) or config.get("mediaType") not in _CONFIGS:
        return found  # some other artifact; its digest is all there is to say
    value = registry.blob(digest_at(config.get("digest"), manifest.url))
    own = _platform_of(value)
    if platform is not None and not _fits(own, platform):
        raise NotFoundError(f"the image is for {own}, not {platform}", at=manifest.url)
    run = value.get("config")
    stated = run if isinstance(run, dict) else {}
    found["entrypoint"] = _strings(stated.get("Entrypoint"), manifest.url)
    found["cmd"] = _strings(stated.get("Cmd"), manifest.url)
    workdir = text_of(stated.get("WorkingDir"))
    return found | ({"workdir": workdir} if workdir else {}) | {"platform": own}


def _platforms(index: Manifest) -> list[tuple[str, str]]:
    """Platform and digest of the manifests of an index; attestations have none."""
    rows = index.fields.get("manifests")
    if not isinstance(rows, list):
        raise RemoteError("an index without manifests", at=index.url)
    found = []
    for row in rows:
        platform = row.get("platform") if isinstance(row, dict) else None
        if isinstance(platform, dict) and platform.get("os") != "unknown":
            digest = digest_at(row.get("digest"), index.url)
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
    parts = (text_of(fields.get(name)) for name in ("os", "architecture", "variant"))
    return "/".join(part for part in parts if part) or "unknown"


def _fits(found: str, asked: str) -> bool:
    return found == asked or (asked.count("/") == 1 and found.startswith(f"{asked}/"))


def _strings(value: object, url: str) -> list[Json]:
    """A list as a configuration states it; null and absent are none."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RemoteError("a command that is no list of strings", at=url)
    return list(value)
