"""Tiles, bundles, checkpoints and tlog-proof texts (C2SP tlog-*)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.vectors.make.merkle import (
    ENTRIES,
    b64,
    consistency,
    leaf,
    path,
    root,
)
from tests.vectors.make.note import LOG, NAME, TIME_S, W1, WITNESS, cosigned, signed
from tests.vectors.make.rows import OTHER_SEED, SEED, Row


def tlog() -> Iterable[Row]:
    """All rows; entries and files are in hex, hashes in base64, texts as they are."""
    yield from _paths()
    yield from _tiles()
    yield from _bundles()
    yield from _checkpoints()
    yield from _proofs()
    yield from _requests()


def _paths() -> Iterator[Row]:
    for text, level, index, width in (
        ("tile/0/000", 0, 0, 256),
        ("tile/0/x001/x234/067", 0, 1234067, 256),
        ("tile/1/x001/000.p/1", 1, 1000, 1),
        ("tile/7/000.p/127", 7, 0, 127),
        ("tile/entries/999.p/255", -1, 999, 255),
        ("tile/entries/x001/000", -1, 1000, 256),
        ("tile/0/x035/x000/x000/x000/000", 0, 35_000_000_000_000, 256),
    ):
        yield {
            "name": text,
            "why": "tlog-tiles; level -1 stands for entries",
            "kind": "path",
            "path": text,
            "level": level,
            "index": index,
            "width": width,
            "valid": True,
        }
    for text, why in (
        ("tile/0/x000/001", "no leading group of zeros"),
        ("tile/0/1", "three digits"),
        ("tile/0/0001", "three digits"),
        ("tile/0/001/002", "all but the last begin with x"),
        ("tile/0/x001", "the last has no x"),
        ("tile/00/000", "no leading zero"),
        ("tile/64/000", "levels end at 63"),
        ("tile/8/000", "no tree of 2^63 leaves has a hash there"),
        ("tile/-1/000", "entries have a name"),
        ("tile/0/000.p/0", "no empty tile"),
        ("tile/0/000.p/256", "a full tile is not partial"),
        ("tile/0/000.p/01", "no leading zero"),
        ("tile/0/000.p", "a folder"),
        ("/tile/0/000", "no leading slash"),
        ("tile/0/000/", "no slash at the end"),
        ("tile/0/../0/000", "no path of files"),
        ("tile/0/x999/x999/x999/x999/x999/999", "beyond 2^63 leaves"),
        ("tile/0/x001/x001/x001/x001/x001/x001/x001/001", "beyond any tree"),
        ("tile/0/\u0660\u0660\u0660", "digits of ASCII"),
        ("", "no path"),
    ):
        yield {
            "name": f"path {text}",
            "why": why,
            "kind": "path",
            "path": text,
            "valid": False,
        }


def _tiles() -> Iterator[Row]:
    for size, since, paths, why in (
        (0, 0, [], "an empty log has none"),
        (
            1,
            0,
            ["tile/entries/000.p/1", "tile/0/000.p/1"],
            "no hash of a partial tile above",
        ),
        (
            256,
            0,
            ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"],
            "a full tile is hashed into the level above",
        ),
        (
            70_000,
            69_990,
            [
                "tile/entries/273.p/112",
                "tile/0/273.p/112",
                "tile/1/001.p/17",
                "tile/2/000.p/1",
            ],
            "the example of tlog-tiles, without what was full before",
        ),
    ):
        yield {
            "name": f"tiles of {size} entries since {since}",
            "why": why,
            "kind": "tiles",
            "size": size,
            "since": since,
            "paths": paths,
        }


def _bundles() -> Iterator[Row]:
    whole = b"".join(len(e).to_bytes(2, "big") + e for e in ENTRIES[:4])
    for name, why, raw, holds in (
        ("four entries", "each after its length in two bytes", whole, True),
        ("cut", "the last breaks off", whole[:-1], False),
        ("a byte more", "four and no more", whole + b"\0", False),
        ("an entry more", "four and no more", whole + b"\0\0", False),
        ("an entry less", "four", whole[:-5], False),
    ):
        yield {
            "name": f"bundle: {name}",
            "why": why,
            "kind": "bundle",
            "width": 4,
            "bundle": raw.hex(),
            "entries": [entry.hex() for entry in ENTRIES[:4]],
            "valid": holds,
        }


def text_of(size: int, *, origin: str = NAME) -> str:
    """The checkpoint of the first entries."""
    return f"{origin}\n{size}\n{b64(root(ENTRIES[:size]))}\n"


def _checkpoints() -> Iterator[Row]:
    good = text_of(13)
    for name, why, text, lines in (
        ("three lines", "origin, size, root", good, []),
        ("an extension", "more lines are somebody else's", f"{good}more\n", ["more"]),
    ):
        yield {
            "name": f"checkpoint of {name}",
            "why": why,
            "kind": "checkpoint",
            "text": text,
            "origin": NAME,
            "size": 13,
            "root": b64(root(ENTRIES)),
            "extensions": lines,
            "valid": True,
        }
    root_line = b64(root(ENTRIES))
    for name, why, text in (
        ("a leading zero", "one spelling", good.replace("\n13\n", "\n013\n")),
        ("a sign", "one spelling", good.replace("\n13\n", "\n+13\n")),
        ("2^63 entries", "sizes end below", good.replace("\n13\n", f"\n{1 << 63}\n")),
        ("a long size", "digits end", good.replace("\n13\n", f"\n{'9' * 5000}\n")),
        ("31 bytes of root", "32", good.replace(root_line, b64(root(ENTRIES)[:31]))),
        ("a root in hex", "base64", good.replace(root_line, root(ENTRIES).hex())),
        ("no origin", "it names the log", good.replace(NAME, "", 1)),
        ("two lines", "three at least", good.rpartition("\n")[0].rpartition("\n")[0]),
        ("no last newline", "lines end", good[:-1]),
        ("an empty extension", "lines are not empty", f"{good}\nmore\n"),
    ):
        yield {
            "name": f"checkpoint with {name}",
            "why": why,
            "kind": "checkpoint",
            "text": text,
            "valid": False,
        }


def proof_text(
    index: int, hashes: list[bytes], checkpoint: str, extra: bytes | None
) -> str:
    """A tlog-proof, of its parts."""
    lines = ["c2sp.org/tlog-proof@v1"]
    lines += [] if extra is None else [f"extra {b64(extra)}"]
    lines += [f"index {index}", *map(b64, hashes), "", ""]
    return "\n".join(lines) + checkpoint


def _proofs() -> Iterator[Row]:
    text = text_of(13)
    note = f"{text}\n{signed(NAME, SEED, text)}"
    cosign = note + cosigned(WITNESS, OTHER_SEED, text, TIME_S)
    other = text_of(13, origin="other.example")
    foreign = f"{other}\n{signed(NAME, SEED, other)}"
    unsigned = f"{text}\n{signed('stranger.example', OTHER_SEED, text)}"
    hashes = path(6, ENTRIES)
    bent = [hashes[0][:-1] + bytes([hashes[0][-1] ^ 1]), *hashes[1:]]
    good = proof_text(6, hashes, note, None)

    def row(name: str, why: str, text: str, **more: object) -> Row:
        return {
            "name": f"proof: {name}",
            "why": why,
            "kind": "proof",
            "text": text,
            "vkey": LOG,
            "witnesses": [W1],
            "leaf": b64(leaf(ENTRIES[6])),
            "index": 6,
            "size": 13,
            "extra": None,
            "cosigned_by": [],
            "valid": True,
        } | more

    yield row("an entry of a log", "path and checkpoint", good)
    yield row(
        "with a witness",
        "cosignatures travel in the checkpoint",
        proof_text(6, hashes, cosign, None),
        cosigned_by=[W1],
    )
    yield row(
        "with extra bytes",
        "what the leaf is made of",
        proof_text(6, hashes, note, ENTRIES[6]),
        extra=ENTRIES[6].hex(),
    )
    for name, why, changed in (
        ("one bit of the path", "another root", proof_text(6, bent, note, None)),
        (
            "another index",
            "the path turns elsewhere",
            proof_text(7, hashes, note, None),
        ),
        ("a hash less", "the length", proof_text(6, hashes[1:], note, None)),
        ("64 hashes", "at most 63", proof_text(6, hashes * 16, note, None)),
        (
            "another origin",
            "a checkpoint of another log",
            proof_text(6, hashes, foreign, None),
        ),
        (
            "no signature of the log",
            "nobody vouches",
            proof_text(6, hashes, unsigned, None),
        ),
        ("another first line", "the version", good.replace("@v1", "@v2", 1)),
        ("no index", "the place", good.replace("index 6\n", "", 1)),
        ("a leading zero", "one spelling", good.replace("index 6", "index 06", 1)),
        ("no checkpoint", "it ends early", good.partition("\n\n")[0] + "\n\n"),
        (
            "extra after the index",
            "order",
            good.replace("index 6\n", "index 6\nextra AA==\n"),
        ),
        ("carriage returns", "lines end with U+000A", good.replace("\n", "\r\n")),
    ):
        yield row(name, why, changed, valid=False)


def _requests() -> Iterator[Row]:
    text = text_of(13)
    note = f"{text}\n{signed(NAME, SEED, text)}"
    hashes = [b64(item) for item in consistency(6, ENTRIES)]

    def body(old: str, lines: list[str], parted: str = "\n\n") -> str:
        return "\n".join([f"old {old}", *lines]) + parted + note

    def row(name: str, why: str, text: str, **more: object) -> Row:
        return {
            "name": f"add-checkpoint: {name}",
            "why": why,
            "kind": "request",
            "body": text,
            "valid": True,
        } | more

    yield row(
        "from a size that was signed",
        "old size, proof, checkpoint",
        body("6", hashes),
        old=6,
        proof=hashes,
    )
    first = body("0", [])
    yield row("the first", "the empty tree needs no proof", first, old=0, proof=[])
    for name, why, bad in (
        ("a leading zero", "one spelling", body("06", hashes)),
        ("no old size", "where to go on from", body("", hashes)),
        ("another first line", "old, a space, a size", "new" + body("6", hashes)[3:]),
        ("64 hashes", "at most 63", body("6", hashes[:1] * 64)),
        ("31 bytes of a hash", "32", body("6", [b64(bytes(31))])),
        ("a hash in hex", "base64", body("6", ["ab" * 32])),
        ("no empty line", "proof and checkpoint are parted", body("6", [], "\n")[:40]),
    ):
        yield row(name, why, bad, valid=False)
