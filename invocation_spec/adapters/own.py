"""The own form: the canonical blocks themselves, as DAG-JSON or as a CAR.

    {"program": {"kind": "wasi", "code": {"/": "bafkrei.."}},
     "input": {"args": ["-v"], "nonce": {"/": {"bytes": "AAEC"}}}}

    CAR v1; root: the invocation; blocks: invocation, input, program

Reading it is the identity: what comes out are the blocks that stand there. So no
resolution applies, and what the encoder would not write is refused: an explicit
default, a field of another kind, a CID in another spelling, a block more or in
another place. Only white space and the order of keys in JSON are free, for people
write it. The blocks of a CAR stand in the order of a walk from the root. A map
with the key `/` inside args has no DAG-JSON and travels as a CAR.
Source: DESIGN 3; FORMATS 2 and 3; the DAG-JSON and CAR v1 specifications of IPLD.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar, cast

from invocation_spec import dagcbor, dagjson
from invocation_spec.cid import CID
from invocation_spec.document import Document, Tree
from invocation_spec.errors import CidError, DocumentError, EncodingError
from invocation_spec.model import (
    Input,
    Invocation,
    OciProgram,
    Program,
    program_from_block,
)
from invocation_spec.node import Node
from invocation_spec.reading import Reading
from invocation_spec.resolutions import Resolutions

__all__ = ["is_own", "read_own", "to_car", "to_dag_json"]

#: Frames of the one CAR: its header and three blocks.
_FRAMES: Final = 4

#: Bytes of a CIDv1 of dag-cbor and sha2-256, the only kind of our blocks.
_CID_BYTES: Final = 36

#: Longest length of a frame that a document can hold, as a varint.
_VARINT_BYTES_MAX: Final = 4

_V = TypeVar("_V")


def is_own(document: Document) -> bool:
    """Whether the document has the marks of the own form: a CAR, or both blocks."""
    tree = document.tree
    return document.syntax == "car" or (
        isinstance(tree, Mapping) and "program" in tree and "input" in tree
    )


def read_own(document: Document, resolutions: Resolutions) -> list[Reading]:
    """The one reading of the own form; resolutions have nothing to resolve here.

    Raises:
        DocumentError: anything that the encoder would not have written.
    """
    if document.syntax == "car":
        name, blocks = "own form, CAR", _from_car(cast("bytes", document.tree))
    elif document.syntax == "json":
        name, blocks = "own form, DAG-JSON", _from_json(document.tree)
    else:
        raise DocumentError(
            f"program and input in {document.syntax}; the own form is DAG-JSON or CAR"
        )
    reading = Reading.start(name, resolutions)
    program, given = blocks
    reading.program = _read("/program", program_from_block, program)
    reading.input = _read("/input", Input.from_block, given)
    if isinstance(reading.program, OciProgram):
        reading.findings.warn(
            "/program/code",
            "digest-may-be-an-index",
            "an index differs by platform, and nothing here says if this is one",
        )
    reading.finish()
    return [reading]


def to_dag_json(program: Program, given: Input) -> str:
    """The own form as DAG-JSON.

    Raises:
        EncodingError: a map with the key `/` in args, which only a CAR can hold.
    """
    return dagjson.encode({"program": program.to_ipld(), "input": given.to_ipld()})


def to_car(program: Program, given: Input) -> bytes:
    """The own form as a CAR."""
    invocation = Invocation(program.cid, given.cid)
    return _car([invocation.block, given.block, program.block])


def _read(at: str, read: Callable[[bytes], _V], block: bytes) -> _V:
    try:
        return read(block)
    except EncodingError as error:
        raise DocumentError(error.reason, at=at or None) from error


def _from_json(tree: Tree) -> tuple[bytes, bytes]:
    root = Node(tree).struct()
    fields = (root["program"], root["input"])
    for node in root.unknown():
        raise DocumentError("no field of the own form: program and input", at=node.at)
    return _block(fields[0]), _block(fields[1])


def _block(node: Node) -> bytes:
    value = dagjson.decode(cast("Tree", node.value), node.at, link=_link)
    if isinstance(value, CID):
        raise DocumentError(f"the link {value}; expected the block itself", at=node.at)
    try:
        return dagcbor.encode(value, floats=True)
    except EncodingError as error:
        raise DocumentError(error.reason, at=node.at) from error


def _link(text: str, node: Node) -> CID:
    try:
        cid = CID.parse(text)
    except CidError as error:
        raise DocumentError(f"a link: {error.reason}", at=node.at) from error
    if str(cid) != text:
        raise DocumentError(
            f"another spelling of {cid}; blocks have one, so write that", at=node.at
        )
    return cid


def _from_car(data: bytes) -> tuple[bytes, bytes]:
    """The program's and the input's block.

    The CAR is cut up, written again and compared: so it has one encoding as well.
    """
    header, *sections = _frames(data)
    blocks = [section[_CID_BYTES:] for section in sections]
    for place, (section, block) in enumerate(zip(sections, blocks, strict=True)):
        if section[:_CID_BYTES] != CID.of_block(block).raw:
            raise DocumentError(
                f"block {place} of the CAR is not what its CID says;"
                " expected dag-cbor by sha2-256"
            )
    if header != _header(blocks[0]):
        raise DocumentError(
            "expected a CAR with the header {roots: [invocation], version: 1},"
            " and the invocation as its first block"
        )
    invocation = _read("", Invocation.from_block, blocks[0])
    named = [invocation.input.raw, invocation.program.raw]
    if named != [section[:_CID_BYTES] for section in sections[1:]]:
        raise DocumentError(
            "expected a CAR of the blocks invocation, input, program, in that order"
        )
    if _car(blocks) != data:
        raise DocumentError("a length in the CAR has spare bytes")
    return blocks[2], blocks[1]


def _frames(data: bytes) -> list[bytes]:
    """What stands after each length: the header and three blocks."""
    frames: list[bytes] = []
    at = 0
    while at < len(data):
        if len(frames) == _FRAMES:
            raise DocumentError(
                "a CAR of more than three blocks; expected invocation, input, program"
            )
        size, start = _length(data, at)
        at = start + size
        if at > len(data):
            raise DocumentError(f"the CAR breaks off in what begins at byte {start}")
        frames.append(data[start:at])
    if len(frames) < _FRAMES:
        raise DocumentError(
            f"a CAR of {len(frames) - 1} blocks; expected invocation, input, program"
        )
    return frames


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A varint, and where it ends."""
    size = 0
    for index, byte in enumerate(data[at : at + _VARINT_BYTES_MAX]):
        size |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return size, at + index + 1
    raise DocumentError(f"the CAR breaks off in the length at byte {at}")


def _header(root: bytes) -> bytes:
    return dagcbor.encode({"roots": [CID.of_block(root)], "version": 1})


def _car(blocks: list[bytes]) -> bytes:
    sections = [CID.of_block(block).raw + block for block in blocks]
    return b"".join(map(_framed, [_header(blocks[0]), *sections]))


def _framed(data: bytes) -> bytes:
    length, size = bytearray(), len(data)
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((*length, size)) + data
