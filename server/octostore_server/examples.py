"""Examples in the OpenAPI document, on the story that `octostore demo` tells.

A test sends each of them to a server that has the story, so that none is stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from octostore_server.documents import ENVELOPE_TYPE
from octostore_server.many import QUESTIONS_TYPE
from octostore_server.wanted import CAR_TYPE

__all__ = ["BODIES", "PARAMETERS", "with_examples"]

_CODE: Final = "bafkreidsbrhyps2mrugcfzljqozpb3w6xhi6vaplr3svvxx5qwhn5ihz5a"
_DATA: Final = "bafkreiglpv35tswhlncvsqft23yewm3i4vbom2buicxshvwbm2w5ofwium"
_INVOCATION: Final = "bafyreiavh5egdrtu4ihta6shtjd4bgbakx7bl22eclgogdoodty3vmwxzq"
_RESULT: Final = "bafkreibgjmcfoqdcmvcuwoqi2vtp7uhbeayoutnffitn7svm2e7xdaphpe"
_JOB: Final = (
    '{"Name": "kepler", "Type": "batch", "Tasks": [{"Name": "main", "Engine": {"Type":'
    ' "wasm", "Params": {"EntryModule": "/app/kepler.wasm", "Entrypoint": "_start",'
    ' "Parameters": ["/inputs/planets.csv", "/outputs/residuals.csv"]}},'
    ' "InputSources": [{"Target": "/app/kepler.wasm", "Source": {"Type": "ipfs",'
    f' "Params": {{"CID": "{_CODE}"}}}}}},'
    ' {"Target": "/inputs/planets.csv", "Source": {"Type": "ipfs",'
    f' "Params": {{"CID": "{_DATA}"}}}}}}],'
    ' "ResultPaths": [{"Name": "outputs", "Path": "/outputs"}]}]}'
)

#: Of a path, by the name of the parameter; parameters without one need none.
PARAMETERS: Final[Mapping[str, Mapping[str, str]]] = {
    "/v1/who": {"program": _CODE, "input": _DATA},
    "/v1/bundle": {"invocation": _INVOCATION},
    "/v1/claims": {"output": _RESULT},
    "/v1/stream": {"what": "claims", "program": _CODE, "follow": "false"},
    "/v1/lineage/{cid}": {"cid": _RESULT},
    "/v1/issuers/{did}": {
        "did": "did:key:z6Mktd1NCntCsADK3VJSJ29oK4o2CihcaHfm5M8xMzo1rHns"
    },
    "/v1/statements/{cid}": {
        "cid": "bafyreidskcy44xet4xbk3rmtqa2dsdzcd636beb3u7z5p6azfxjqp42oyy"
    },
    "/ipfs/{cid}": {"cid": _INVOCATION, "format": "raw"},
    "/ipfs/{cid}/{path}": {"cid": _INVOCATION, "path": "program", "format": "dag-json"},
    "/tile/{path}": {"path": "0/000.p/1"},
    "/blocks/{path}": {"path": "000.p/1"},
}

#: Of an operation, by the type of the body.
BODIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "/v1/canonicalize": {
        "application/octet-stream": _JOB,
        ENVELOPE_TYPE: {"document": _JOB, "network": "bacalhau"},
    },
    "/v1/who": {
        ENVELOPE_TYPE: {"document": _JOB},
        QUESTIONS_TYPE: {
            "questions": [
                {"program": _CODE, "input": _DATA},
                {"invocation": _INVOCATION},
            ]
        },
    },
    "/v1/explain": {
        "application/json": {
            "a": {"document": _JOB},
            "b": {"document": _JOB, "network": "bacalhau"},
        }
    },
    "/v1/invocations": {"application/json": {"invocations": [_INVOCATION, _RESULT]}},
    "/v1/statements": {CAR_TYPE: None},
}


def with_examples(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with these examples in their places."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for item in operation.get("parameters", ()):
                if item["name"] in PARAMETERS.get(path, ()):
                    item["example"] = PARAMETERS[path][item["name"]]
            content = operation.get("requestBody", {}).get("content", {})
            for kind, example in BODIES.get(path, {}).items():
                if kind in content and example is not None:
                    content[kind] = content[kind] | {"example": example}
    return document
