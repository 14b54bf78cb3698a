"""Protocol Buffers: the messages of the Remote Execution API, read strictly.

    decode("Command", bytes.fromhex("0a026370"))  ->  {"arguments": ["cp"], ..}

The one room of `google.protobuf`, loaded with the first message: few documents have
one. Its classes are made of `MESSAGES`, which says the fields of the API by name,
number and type; nothing is generated, so that no version of a compiler binds us
(ADR 24). What names content by a digest has one encoding:
`decode` refuses what the API's writers would not have written.
Source: bazelbuild/remote-apis build/bazel/remote/execution/v2/remote_execution.proto
(becdd8f9), message by message, and its rules under `Digest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from invocation_spec.errors import EncodingError

if TYPE_CHECKING:
    from google.protobuf import descriptor_pb2
    from google.protobuf.message import Message

__all__ = ["MESSAGES", "PACKAGE", "Field", "decode", "decode_lenient", "encode"]

PACKAGE: Final = "build.bazel.remote.execution.v2"

#: Number and type; a type in brackets is repeated, one in capitals is a message.
Field: TypeAlias = tuple[int, str]

_PLACED: Final[dict[str, Field]] = {
    "name": (1, "string"),
    "node_properties": (6, "NodeProperties"),
}
_LINK: Final[dict[str, Field]] = {
    "path": (1, "string"),
    "target": (2, "string"),
    "node_properties": (4, "NodeProperties"),
}
_PAIR: Final[dict[str, Field]] = {"name": (1, "string"), "value": (2, "string")}
_TIME: Final[dict[str, Field]] = {"seconds": (1, "int64"), "nanos": (2, "int32")}

MESSAGES: Final[Mapping[str, Mapping[str, Field]]] = {
    "Action": {
        "command_digest": (1, "Digest"),
        "input_root_digest": (2, "Digest"),
        "timeout": (6, "Duration"),
        "do_not_cache": (7, "bool"),
        "salt": (9, "bytes"),
        "platform": (10, "Platform"),
    },
    "Command": {
        "arguments": (1, "[string]"),
        "environment_variables": (2, "[EnvironmentVariable]"),
        "output_files": (3, "[string]"),
        "output_directories": (4, "[string]"),
        "platform": (5, "Platform"),
        "working_directory": (6, "string"),
        "output_paths": (7, "[string]"),
        "output_node_properties": (8, "[string]"),
        "output_directory_format": (9, "int32"),
    },
    "EnvironmentVariable": _PAIR,
    "Platform": {"properties": (1, "[Property]")},
    "Property": _PAIR,
    "Directory": {
        "files": (1, "[FileNode]"),
        "directories": (2, "[DirectoryNode]"),
        "symlinks": (3, "[SymlinkNode]"),
        "node_properties": (5, "NodeProperties"),
    },
    "FileNode": _PLACED | {"digest": (2, "Digest"), "is_executable": (4, "bool")},
    "DirectoryNode": {"name": (1, "string"), "digest": (2, "Digest")},
    "SymlinkNode": {
        "name": (1, "string"),
        "target": (2, "string"),
        "node_properties": (4, "NodeProperties"),
    },
    "NodeProperties": {
        "properties": (1, "[NodeProperty]"),
        "mtime": (2, "Timestamp"),
        "unix_mode": (3, "UInt32Value"),
    },
    "NodeProperty": _PAIR,
    "Digest": {"hash": (1, "string"), "size_bytes": (2, "int64")},
    "Tree": {"root": (1, "Directory"), "children": (2, "[Directory]")},
    "ActionResult": {
        "output_files": (2, "[OutputFile]"),
        "output_directories": (3, "[OutputDirectory]"),
        "exit_code": (4, "int32"),
        "stdout_raw": (5, "bytes"),
        "stdout_digest": (6, "Digest"),
        "stderr_raw": (7, "bytes"),
        "stderr_digest": (8, "Digest"),
        "execution_metadata": (9, "ExecutedActionMetadata"),
        "output_file_symlinks": (10, "[OutputSymlink]"),
        "output_directory_symlinks": (11, "[OutputSymlink]"),
        "output_symlinks": (12, "[OutputSymlink]"),
    },
    "OutputFile": {
        "path": (1, "string"),
        "digest": (2, "Digest"),
        "is_executable": (4, "bool"),
        "contents": (5, "bytes"),
        "node_properties": (7, "NodeProperties"),
    },
    "OutputDirectory": {
        "path": (1, "string"),
        "tree_digest": (3, "Digest"),
        "is_topologically_sorted": (4, "bool"),
        "root_directory_digest": (5, "Digest"),
    },
    "OutputSymlink": _LINK,
    "ExecutedActionMetadata": {
        "worker": (1, "string"),
        "queued_timestamp": (2, "Timestamp"),
        "worker_start_timestamp": (3, "Timestamp"),
        "worker_completed_timestamp": (4, "Timestamp"),
        "input_fetch_start_timestamp": (5, "Timestamp"),
        "input_fetch_completed_timestamp": (6, "Timestamp"),
        "execution_start_timestamp": (7, "Timestamp"),
        "execution_completed_timestamp": (8, "Timestamp"),
        "output_upload_start_timestamp": (9, "Timestamp"),
        "output_upload_completed_timestamp": (10, "Timestamp"),
        "auxiliary_metadata": (11, "[Any]"),
        "virtual_execution_duration": (12, "Duration"),
    },
    # Of google.protobuf, by the same numbers.
    "Timestamp": _TIME,
    "Duration": _TIME,
    "UInt32Value": {"value": (1, "uint32")},
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
}


def decode(name: str, data: bytes) -> dict[str, Any]:
    """The message as a map of all its fields: absent messages null, others zero.

    Raises:
        EncodingError: not the message's one encoding: malformed, a field that it does
            not have or out of order, a default that is written out.
    """
    message = _parsed(name, data)
    if message.SerializeToString(deterministic=True) != data:
        raise EncodingError(
            f"not the encoding of a {name} that has a digest: a field out of order or"
            " twice, a default written out, or a number with spare bytes"
        )
    message.DiscardUnknownFields()
    if message.SerializeToString(deterministic=True) != data:
        raise EncodingError(
            f"a {name} with a field that it does not have in version 2 of the API as"
            " known here; what it means is not known"
        )
    return _as_map(message)


def decode_lenient(name: str, data: bytes) -> dict[str, Any]:
    """As `decode`, of what no digest names: in any order, unknown fields passed over.

    Raises:
        EncodingError: malformed.
    """
    return _as_map(_parsed(name, data))


def encode(name: str, value: Mapping[str, Any]) -> bytes:
    """The one encoding of a message from the map of its fields, some or all.

    Raises:
        EncodingError: a field that the message does not have, or of another type.
    """
    try:
        message: Message = _classes()[name](**_present(value))
        return message.SerializeToString(deterministic=True)
    except (TypeError, ValueError) as error:
        raise EncodingError(f"no {name}: {error}") from error


def _present(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _present(item) for key, item in value.items() if item is not None}
    return [_present(item) for item in value] if isinstance(value, list) else value


def _parsed(name: str, data: bytes) -> Message:
    from google.protobuf.message import DecodeError

    message: Message = _classes()[name]()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise EncodingError(f"no {name} of Protocol Buffers: {error}") from error
    return message


def _as_map(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (_, kind) in MESSAGES[message.DESCRIPTOR.name].items():
        value = getattr(message, name)
        has_fields = kind.strip("[]") in MESSAGES
        if kind.startswith("["):
            found[name] = [_as_map(item) if has_fields else item for item in value]
        elif has_fields:
            found[name] = _as_map(value) if message.HasField(name) else None
        else:
            found[name] = value
    return found


@cache
def _classes() -> Mapping[str, Any]:
    """The classes of `MESSAGES`, in a pool of their own; made when first asked for."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="remote_execution.proto", package=PACKAGE, syntax="proto3"
    )
    for name, fields in MESSAGES.items():
        made = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            made.field.append(_field(field, number, kind))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{PACKAGE}.{name}")
        )
        for name in MESSAGES
    }


def _field(name: str, number: int, kind: str) -> descriptor_pb2.FieldDescriptorProto:
    from google.protobuf import descriptor_pb2

    field = descriptor_pb2.FieldDescriptorProto
    plain = kind.strip("[]")
    repeated = plain != kind
    found = field(
        name=name,
        number=number,
        label=field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL,
    )
    if plain in MESSAGES:
        found.type = field.TYPE_MESSAGE
        found.type_name = f".{PACKAGE}.{plain}"
    else:
        found.type = field.Type.Value(f"TYPE_{plain.upper()}")
    return found
