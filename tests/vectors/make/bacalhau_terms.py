"""What the documents and expectations of Bacalhau's vectors are made of."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
from typing import Any

from multiformats import CID

from tests.vectors.make.cases import oci, raw

HEX = hashlib.sha256(b"an OCI manifest").hexdigest()
OTHER_HEX = hashlib.sha256(b"another OCI manifest").hexdigest()
IMAGE = f"example/tool@sha256:{HEX}"
OCI = {"kind": "oci", "code": oci(HEX)}
ECHO = {"argv": ["echo", "hi"]}

MODULE = b"\0asm\1\0\0\0"
LIBRARY = b"\0asm\1\0\0\0library"
WASI = {"kind": "wasi", "code": raw(MODULE)}

DATA = b"a,b\n1,2\n"
FILE = raw(DATA)
V0 = "QmYtUc4iTCbbfVSDNKvtQqrfyezPPnFvE33wFmutw9PBBk"
V1 = CID("base32", 1, "dag-pb", CID.decode(V0).digest)
V1_BASE58 = str(V1.set(base="base58btc"))
#: base64 of a SHA-256, as S3 states it.
SUM = base64.b64encode(hashlib.sha256(DATA).digest()).decode()

#: Where the parts of a `models.Job` stand.
TASK = "/Tasks/0"
PARAMS = "/Tasks/0/Engine/Params"
SOURCE = "/Tasks/0/InputSources/0"
#: Warnings that most cases have.
INDEX, NETWORK, ENTRY = (
    "digest-may-be-an-index",
    "network-by-default",
    "entry-defaulted",
)


def data_url(data: bytes, media_type: str = "text/plain") -> str:
    """Bytes as a base64 `data:` URL."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def tar_gz(*entries: tuple[str, bytes | str | None], **fields: Any) -> str:
    """A gzipped tar as a `data:` URL: bytes a file, None a directory, text a link."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in entries:
            item = tarfile.TarInfo(name)
            for field, value in fields.items():
                setattr(item, field, value)
            if isinstance(content, bytes):
                item.size = len(content)
                archive.addfile(item, io.BytesIO(content))
                continue
            item.type = tarfile.DIRTYPE if content is None else tarfile.SYMTYPE
            item.linkname = content or ""
            archive.addfile(item)
    packed = gzip.compress(plain.getvalue(), mtime=fields.get("mtime", 0))
    return data_url(packed, "application/gzip")


def source(kind: str, target: str = "/inputs", **params: Any) -> dict[str, Any]:
    """An input source of `models.Job`."""
    return {"Source": {"Type": kind, "Params": params}, "Target": target}


def docker(params: Any = None, engine: str = "docker", **task: Any) -> dict[str, Any]:
    """A `models.Job` that runs `echo hi` in a pinned image, without a network.

    A field of the parameters or the task that is set to `...` is left out.
    """
    own = {"Image": IMAGE, "Entrypoint": ["echo"], "Parameters": ["hi"]}
    whole = {**own, **(params or {})}
    fields = {
        "Engine": {"Type": engine, "Params": _left(whole)},
        "Network": {"Type": "None"},
        **task,
    }
    return {"Tasks": [_left(fields)]}


def wasm(params: Any = None, **task: Any) -> dict[str, Any]:
    """A `models.Job` of v1.1 to v1.6 with its module inline."""
    own = {
        "EntryModule": {"Source": inline(MODULE)},
        "EntryPoint": "_start",
    }
    fields = {
        "Engine": {"Type": "wasm", "Params": _left({**own, **(params or {})})},
        "Network": {"Type": "None"},
        **task,
    }
    return {"Tasks": [_left(fields)]}


def wasm_17(params: Any = None, *sources: Any, **task: Any) -> dict[str, Any]:
    """A `models.Job` from v1.7: the module is one of the input sources."""
    own = {"EntryModule": "/app/main.wasm", "Entrypoint": "_start"}
    main = source("inline", "/app/main.wasm", URL=data_url(MODULE))
    fields = {
        "Engine": {"Type": "wasm", "Params": _left({**own, **(params or {})})},
        "InputSources": [main, *sources],
        "Network": {"Type": "None"},
        **task,
    }
    return {"Tasks": [_left(fields)]}


def inline(data: bytes) -> dict[str, Any]:
    """A source of bytes."""
    return {"Type": "inline", "Params": {"URL": data_url(data)}}


def beta(params: Any = None, version: str = "V1beta1", **spec: Any) -> dict[str, Any]:
    """A V1beta docker job that runs `echo hi` in a pinned image."""
    own = {"Image": IMAGE, "Entrypoint": ["echo", "hi"]}
    fields = {
        "Engine": "Docker",
        "Docker": _left({**own, **(params or {})}),
        "Network": {"Type": "None"},
        **spec,
    }
    return {"APIVersion": version, "Spec": _left(fields)}


def beta_wasm(
    params: Any = None, version: str = "V1beta1", **spec: Any
) -> dict[str, Any]:
    """A V1beta wasm job with its module inline."""
    own = {
        "EntryModule": {"StorageSource": "Inline", "URL": data_url(MODULE)},
        "EntryPoint": "_start",
    }
    fields = {
        "Engine": "Wasm",
        "Wasm": _left({**own, **(params or {})}),
        "Network": {"Type": "None"},
        **spec,
    }
    return {"APIVersion": version, "Spec": _left(fields)}


def _left(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not ...}
