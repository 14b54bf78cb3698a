"""Signed notes, verifier keys and cosignatures (C2SP signed-note, tlog-cosignature)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from tests.vectors.make.curve import IDENTITY, packed, public, signature
from tests.vectors.make.merkle import b64
from tests.vectors.make.rows import OTHER_SEED, SEED, Row

NAME = "octostore.example/log"
WITNESS = "witness.example/w1"
TEXT = "who ran it:\n\nUniversit\u00e0 di Bristol\n"
CHECKPOINT = f"{NAME}\n0\n{b64(hashlib.sha256().digest())}\n"
TIME_S = 1_669_075_200


def key_id(name: str, type_: int, key: bytes) -> bytes:
    """The first four bytes of sha256(name, newline, type, key)."""
    hashed = name.encode() + b"\n" + bytes([type_]) + key
    return hashlib.sha256(hashed).digest()[:4]


def vkey(name: str, type_: int, key: bytes) -> str:
    """A verifier key."""
    return f"{name}+{key_id(name, type_, key).hex()}+{b64(bytes([type_]) + key)}"


def line(name: str, type_: int, key: bytes, made: bytes) -> str:
    """A line of a signature."""
    return f"\u2014 {name} {b64(key_id(name, type_, key) + made)}\n"


def signed(name: str, seed: bytes, text: str) -> str:
    """The line of an Ed25519 signature."""
    return line(name, 1, public(seed), signature(seed, text.encode()))


def cosigned(name: str, seed: bytes, text: str, time_s: int) -> str:
    """The line of a witness."""
    message = f"cosignature/v1\ntime {time_s}\n{text}".encode()
    made = time_s.to_bytes(8, "big") + signature(seed, message)
    return line(name, 4, public(seed), made)


LOG = vkey(NAME, 1, public(SEED))
W1 = vkey(WITNESS, 4, public(OTHER_SEED))


def notes() -> Iterable[Row]:
    """All rows; a note is text, with `\\u2014` for the em dash."""
    yield from _keys()
    yield from _notes()
    yield from _cosignatures()


def _keys() -> Iterator[Row]:
    for name, why, text, parts in (
        ("a log", "type 1", LOG, (NAME, 1, SEED)),
        ("a witness", "type 4", W1, (WITNESS, 4, OTHER_SEED)),
    ):
        yield {
            "name": f"vkey of {name}",
            "why": why,
            "kind": "vkey",
            "vkey": text,
            "key_name": parts[0],
            "type": parts[1],
            "public_key": public(parts[2]).hex(),
            "id": key_id(parts[0], parts[1], public(parts[2])).hex(),
            "valid": True,
        }
    name, id_, raw = LOG.split("+", 2)
    for what, why, text in (
        ("without a name", "names are not empty", f"+{id_}+{raw}"),
        ("with a space in the name", "lines are parted by spaces", f"a b+{id_}+{raw}"),
        ("with another id", "the id is of name and key", f"{name}x+{id_}+{raw}"),
        ("with an id in capitals", "one spelling", f"{name}+{id_.upper()}+{raw}"),
        ("of type 2", "ECDSA is not read", vkey(NAME, 2, public(SEED))),
        ("cut", "31 bytes", vkey(NAME, 1, public(SEED)[:-1])),
        ("with a byte more", "33 bytes", vkey(NAME, 1, public(SEED) + b"\0")),
        ("of small order", "any text would verify", vkey(NAME, 1, packed(IDENTITY))),
        (
            "without padding",
            "one spelling",
            LOG.rstrip("=") if "=" in LOG else LOG[:-1],
        ),
        ("of two parts", "three parts", f"{name}+{id_}"),
        ("that is empty", "no key", ""),
        ("with an end of line", "nothing is trimmed", f"{LOG}\n"),
        ("with a space before", "nothing is trimmed", f" {LOG}"),
    ):
        yield {
            "name": f"vkey {what}",
            "why": why,
            "kind": "vkey",
            "vkey": text,
            "valid": False,
        }


def _note(name: str, why: str, note: str, by: list[str], **more: object) -> Row:
    return {
        "name": name,
        "why": why,
        "kind": "note",
        "note": note,
        "vkeys": [LOG, W1],
        "valid": True,
        "signed_by": by,
    } | more


def _notes() -> Iterator[Row]:
    good = signed(NAME, SEED, TEXT)
    whole = f"{TEXT}\n{good}"
    stranger = signed("stranger.example", b"\x07" * 32, TEXT)
    namesake = signed(NAME, b"\x07" * 32, TEXT)
    yield _note("a note", "the text has an empty line of its own", whole, [LOG])
    yield _note(
        "a stranger's signature",
        "keys that are not known are passed over",
        f"{TEXT}\n{stranger}{good}",
        [LOG],
    )
    yield _note("only a stranger's", "nobody that is known", f"{TEXT}\n{stranger}", [])
    yield _note(
        "a namesake",
        "known is name and id together",
        f"{TEXT}\n{namesake}{good}",
        [LOG],
    )
    yield _note("signed twice", "one key counts once", f"{TEXT}\n{good}{good}", [LOG])
    raw = bytearray(signature(SEED, TEXT.encode()))
    raw[0] ^= 1
    bent = line(NAME, 1, public(SEED), bytes(raw))
    many = "".join(
        line(f"s{n}.example", 1, bytes([n]) * 32, bytes(64)) for n in range(101)
    )
    for name, why, note in (
        ("one bit of the signature", "a known key must hold", f"{TEXT}\n{bent}"),
        ("a good one and a bent one", "one that fails is enough", f"{whole}{bent}"),
        ("another text", "one letter", "X" + whole[1:]),
        ("no signature", "a note is signed", f"{TEXT}\n"),
        ("no empty line", "text and signatures are parted", f"a\n{good}"),
        ("no end of the last line", "every line ends", whole[:-1]),
        ("a hyphen for the em dash", "U+2014", f"{TEXT}\n-{good[1:]}"),
        ("a tab in the text", "no control characters", f"a\tb\n\n{good}"),
        ("carriage returns", "no control characters", whole.replace("\n", "\r\n")),
        (
            "four bytes of signature",
            "an id and nothing",
            f"{TEXT}\n\u2014 a AAAAAA==\n",
        ),
        ("no base64", "one spelling", f"{TEXT}\n\u2014 {NAME} ?\n"),
        (
            "a plus in a name",
            "names have none",
            f"{TEXT}\n\u2014 a+b {b64(bytes(68))}\n",
        ),
        ("101 signatures", "a limit of ours; 16 must be taken", f"{TEXT}\n{many}"),
        ("a line of another kind", "signatures only", f"{whole}and more\n"),
    ):
        yield _note(f"note with {name}", why, note, [], valid=False)


def _cosignatures() -> Iterator[Row]:
    log = signed(NAME, SEED, CHECKPOINT)
    good = cosigned(WITNESS, OTHER_SEED, CHECKPOINT, TIME_S)
    yield _note(
        "a cosignature",
        "over `cosignature/v1`, the time, and the text",
        f"{CHECKPOINT}\n{log}{good}",
        [LOG, W1],
        times_s={W1: TIME_S},
    )
    raw = bytearray(TIME_S.to_bytes(8, "big"))
    raw[7] ^= 1
    message = f"cosignature/v1\ntime {TIME_S}\n{CHECKPOINT}".encode()
    made = signature(OTHER_SEED, message)
    for name, why, body in (
        ("of another time", "the time is signed", bytes(raw) + made),
        ("without a time", "64 bytes", made),
        (
            "over the text alone",
            "type 4 signs more",
            signature(OTHER_SEED, message[15:]),
        ),
    ):
        bent = line(WITNESS, 4, public(OTHER_SEED), body)
        note = f"{CHECKPOINT}\n{log}{bent}"
        yield _note(f"a cosignature {name}", why, note, [], valid=False)
