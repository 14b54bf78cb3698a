"""Maps: keys of invocations, roots, heads, proofs that hold and that do not."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

import dag_cbor
from multiformats import CID

from tests.vectors.make.rows import FILE, FILE_2, RESULT, A, B, Row, cid_of, invalid
from tests.vectors.make.trie import EMPTY, Question, answer, block, parted, prove, root

CODE, IMPORT = cid_of(b"code", "raw"), cid_of(b"import", "raw")


def _hashed(cid: CID) -> bytes:
    return hashlib.sha256(bytes(cid)).digest()


def _key(topic: int, *cids: CID) -> bytes:
    return bytes([topic]) + b"".join(map(_hashed, cids))


def _cid(value: Any) -> CID:
    return cid_of(dag_cbor.encode(value))


def _keys_row(
    name: str,
    why: str,
    program: Any,
    input: Any,
    hidden: Iterable[str],
    keys: Iterable[bytes],
) -> Row:
    """All keys; of very many their number and the root of a map of them alone."""
    found = sorted(keys)
    many = {"count": len(found), "root": root(found).hex()}
    names: Any = {"program": _cid(program), "input": _cid(input)}
    return {
        "name": f"keys: {name}",
        "why": why,
        "valid": True,
        "kind": "keys",
        "invocation": dag_cbor.encode(names).hex(),
        "program": None if "program" in hidden else dag_cbor.encode(program).hex(),
        "input": None if "input" in hidden else dag_cbor.encode(input).hex(),
        "statement": str(A),
        "record": str(B),
        **({"keys": [key.hex() for key in found]} if len(found) < 100 else many),
    }


def keys() -> Iterable[Row]:
    """The keys that one claim puts into the map."""
    program = {"kind": "wasi", "code": CODE}
    imports = {**program, "imports": [{"code": IMPORT, "name": "i"}]}
    plain = {"files": {"/a": FILE}, "stdin": FILE_2}
    nonced = {**plain, "nonce": b"once"}
    p, i, n = _cid(program), _cid(plain), _cid(nonced)

    def invocation(program: CID, input: CID) -> bytes:
        return _key(6, _cid({"program": program, "input": input}))

    by_input = [_key(1, p, i, A, B), _key(2, i, p), invocation(p, i)]
    by_data = [_key(4, data, p, i) for data in (FILE, FILE_2)]
    by_pair = [_key(5, CODE, data, p, i) for data in (FILE, FILE_2)]
    whole = [*by_input, _key(3, CODE, i, p), *by_data, *by_pair]
    yield _keys_row(
        "of one claim",
        "each way to find it; every CID is hashed as binary",
        *(program, plain, (), whole),
    )
    yield _keys_row(
        "program withheld",
        "found by program and input CID, and by its data",
        *(program, plain, ("program",), [*by_input, *by_data]),
    )
    yield _keys_row(
        "input withheld",
        "found by program and input CID, and by its code",
        *(program, plain, ("input",), [*by_input, _key(3, CODE, i, p)]),
    )
    yield _keys_row(
        "both withheld",
        "found by program and input CID only",
        *(program, plain, ("program", "input"), by_input),
    )
    q = _cid(imports)
    yield _keys_row(
        "with an import",
        "an imported code is a code",
        *(imports, plain, ()),
        [
            *(_key(1, q, i, A, B), _key(2, i, q), invocation(q, i)),
            *(_key(3, code, i, q) for code in (CODE, IMPORT)),
            *(_key(4, data, q, i) for data in (FILE, FILE_2)),
            *(
                _key(5, code, data, q, i)
                for code in (CODE, IMPORT)
                for data in (FILE, FILE_2)
            ),
        ],
    )
    yield _keys_row(
        "with a nonce",
        "found at the input without it too; by data it is itself",
        *(program, nonced, ()),
        [
            *(_key(1, p, at, A, B) for at in (n, i)),
            *(_key(2, at, p) for at in (n, i)),
            *(invocation(p, at) for at in (n, i)),
            *(_key(3, CODE, at, p) for at in (n, i)),
            *(_key(4, data, p, n) for data in (FILE, FILE_2)),
            *(_key(5, CODE, data, p, n) for data in (FILE, FILE_2)),
        ],
    )
    yield _keys_row(
        "with a nonce, input withheld",
        "whether it has a nonce is not known",
        *(program, nonced, ("input",)),
        [_key(1, p, n, A, B), _key(2, n, p), invocation(p, n), _key(3, CODE, n, p)],
    )
    imported = [cid_of(b"%d" % n, "raw") for n in range(63)]
    many = [{"code": code} for code in imported]
    wide = {f"/{n}": cid_of(b"data %d" % n, "raw") for n in range(65)}
    full = {f"/{n}": cid_of(b"data %d" % n, "raw") for n in range(64)}
    same = dict.fromkeys(wide, FILE)
    for name, why, files, paired in (
        ("one file under 65 paths", "each data CID counts once, so 64 pairs", same, 64),
        ("4,096 pairs", "imports are paired with data up to here", full, 64),
        ("4,160 pairs", "past that the program's own code alone is", wide, 1),
    ):
        wasi: Any = {"kind": "wasi", "code": CODE, "imports": many}
        input = {"files": files}
        p, i = _cid(wasi), _cid(input)
        codes, datas = [CODE, *imported], list(dict.fromkeys(files.values()))
        yield _keys_row(
            name,
            why,
            *(wasi, input, ()),
            [
                *(_key(1, p, i, A, B), _key(2, i, p), invocation(p, i)),
                *(_key(3, code, i, p) for code in codes),
                *(_key(4, data, p, i) for data in datas),
                *(
                    _key(5, code, data, p, i)
                    for code in codes[:paired]
                    for data in datas
                ),
            ],
        )


def _some(count: int, topic: int = 1, hashes: int = 4) -> list[bytes]:
    """Keys like those of real maps: some share a first hash, some a second."""
    return [
        bytes([topic])
        + hashlib.sha256(b"p%d" % (n % 5)).digest()
        + hashlib.sha256(b"i%d" % (n % 3)).digest() * (hashes > 2)
        + b"".join(
            hashlib.sha256(b"%d %d" % (n, m)).digest() for m in range(min(hashes, 2))
        )
        for n in range(count)
    ]


def roots() -> Iterable[Row]:
    """The root of a set of keys."""
    mixed = [*_some(20), *_some(6, 4, 2), *_some(3, 6, 2)]
    for name, why, found in (
        ("no keys", "sha256 of 12", []),
        ("one key", "the root is the leaf", _some(1)),
        ("two keys", "one inner node, where they part", _some(2)),
        ("three keys", "the deepest pair is joined first", _some(3)),
        ("keys of many lengths", "a topic has keys of one length", mixed),
        (
            "first bits",
            "bit 0 is the most significant of the topic",
            [bytes(33), b"\x80" + bytes(32), b"\x81" + bytes(32), b"\xff" * 33],
        ),
        (
            "last bits",
            "an inner node at the last bit of the longest key",
            [b"\x01" + bytes(128), b"\x01" + bytes(127) + b"\x01"],
        ),
    ):
        yield {
            "name": f"root: {name}",
            "why": why,
            "valid": True,
            "kind": "root",
            "keys": [key.hex() for key in found],
            "root": root(found).hex(),
        }


def heads() -> Iterable[Row]:
    """Map heads as blocks."""
    head = {"root": EMPTY, "size": 128, "time": 1669000000, "rules": "octostore/map@1"}

    def tagged(value: Any, tag: str = "octostore/map-head@1") -> Any:
        return {tag: value}

    encoded = dag_cbor.encode(tagged(head))
    yield {
        "name": "head",
        "why": "what an entry of kind 1 names",
        "valid": True,
        "kind": "head",
        "block": encoded.hex(),
        "cid": str(cid_of(encoded)),
        "size": 128,
        "root": EMPTY.hex(),
        "time": 1669000000,
    }
    for name, why, value in (
        ("a field more", "closed", tagged({**head, "more": 1})),
        ("a field less", "closed", tagged({**head, "time": ...})),
        (
            "another tag",
            "the name is the version",
            tagged(head, "octostore/map-head@2"),
        ),
        ("two tags", "closed", {**tagged(head), "x": 1}),
        ("other rules", "not read by these rules", tagged({**head, "rules": "x"})),
        ("a short root", "32 bytes", tagged({**head, "root": bytes(31)})),
        ("a root as text", "bytes", tagged({**head, "root": "x"})),
        ("a negative size", "0 .. 2^53 - 1", tagged({**head, "size": -1})),
        ("a great time", "0 .. 2^53 - 1", tagged({**head, "time": 2**53})),
        ("a time that is true", "no integer", tagged({**head, "time": True})),
        ("a float", "no integer", tagged({**head, "size": 128.0})),
        ("no map", "a link", RESULT),
        ("a trailing byte", "one encoding", encoded + b"\0"),
    ):
        if isinstance(value, dict):
            value = {
                tag: {k: v for k, v in item.items() if v is not ...}
                if isinstance(item, dict)
                else item
                for tag, item in value.items()
            }
        yield {**invalid(f"head: {name}", why, value, "proof"), "kind": "head"}


def _proof(
    name: str,
    why: str,
    found: list[bytes],
    questions: list[Question],
    known: Iterable[bytes] = (),
    **wrong: Any,
) -> Row:
    """A proof that holds; with `wrong`, one that does not."""
    known = sorted(known)
    row: Row = {
        "name": f"proof: {name}",
        "why": why,
        "valid": not wrong,
        "kind": "proof",
        "root": wrong.pop("root", root(found)).hex(),
        "questions": [
            {
                key: item.hex()
                for key, item in zip(("prefix", "first", "last"), question, strict=True)
                if item is not None
            }
            for question in wrong.pop("asks", questions)
        ],
        "known": [key.hex() for key in wrong.pop("told", known)],
    }
    is_valid = row["valid"]
    items = wrong.pop("items", None)
    if items is None:
        items = prove(found, questions, known)
    row["proof"] = (items if isinstance(items, bytes) else block(items)).hex()
    if is_valid:
        row["answers"] = [[key.hex() for key in answer(found, q)] for q in questions]
    else:
        row["error"] = "proof"
    return row


def proofs() -> Iterable[Row]:
    """Proofs of presence, absence, completeness and pages."""
    found = sorted({*_some(60), *_some(20, 4, 2), *_some(9, 6, 2)})
    prefix = found[7][:65]
    mine = [key for key in found if key.startswith(prefix)]
    wide = found[7][:33]
    many = [key for key in found if key.startswith(wide)]
    ask: list[Question] = [(prefix, None, None)]
    page: list[Question] = [(wide, many[2], many[6])]
    odd = prefix[:-1] + bytes([prefix[-1] ^ 1])
    none: list[Question] = [(odd, None, None)]
    far: list[Question] = [(b"\x03" + bytes(32), None, None)]

    yield _proof("of all below a prefix", "each key is listed", found, ask)
    yield _proof("of known keys", "one byte for all of them", found, ask, mine)
    yield _proof(
        "of one key",
        "presence: a prefix of full length",
        found,
        [(found[3], None, None)],
    )
    yield _proof("of absence", "a key that departs from the prefix", found, none)
    yield _proof("of an absent topic", "departs in the first byte", found, far)
    yield _proof("first page", "no earlier key", found, [(wide, None, many[2])])
    yield _proof("a page between", "begins and ends with keys", found, page)
    yield _proof("last page", "no later key", found, [(wide, many[6], None)])
    yield _proof(
        "page of one key", "it begins and ends there", found, [(wide, many[4], many[4])]
    )
    yield _proof("a page of known keys", "known too", found, page, many[2:7])
    several = sorted([*ask, *none, *far, (found[-1], None, None)])
    yield _proof("of several questions", "one trie opened once", found, several)
    yield _proof("several, some known", "null or keys", found, several, mine)
    yield _proof("of everything", "the empty prefix", found, [(b"", None, None)], found)
    yield _proof(
        "of everything, listed", "the empty prefix", found, [(b"", None, None)]
    )
    yield _proof("of nothing", "a root alone", found, [])
    yield _proof("of the empty map", "no items", [], ask)
    yield _proof("of a map of one key", "one leaf", found[:1], [(found[0], None, None)])
    yield _proof("absent from one key", "one leaf", found[:1], far)

    items = prove(found, ask)
    last = (
        len(items)
        - 1
        - next(
            n for n, i in enumerate(items[::-1]) if isinstance(i, bytes) and len(i) > 32
        )
    )
    closed = [
        n for n, item in enumerate(items) if isinstance(item, bytes) and len(item) == 32
    ]
    depths = [n for n, item in enumerate(items) if isinstance(item, int)]

    def but(at: int, *others: Any) -> list[Any]:
        return [*items[:at], *others, *items[at + 1 :]]

    hidden = [key for key in found if key != mine[1]]
    yield _proof("a key hidden", "of another map", found, ask, items=prove(hidden, ask))
    yield _proof(
        "a hash flipped", "another root", found, ask, items=but(closed[0], bytes(32))
    )
    yield _proof(
        "a depth more",
        "another root",
        found,
        ask,
        items=but(depths[0], items[depths[0]] + 1),
    )
    yield _proof(
        "depths that do not grow",
        "no trie",
        found,
        ask,
        items=but(depths[1], items[depths[0]]),
    )
    yield _proof(
        "the answer closed",
        "the question leads there",
        found,
        ask,
        items=but(last, hashlib.sha256(b"\x10" + items[last]).digest()),
    )
    yield _proof("an item less", "it breaks off", found, ask, items=items[:-1])
    yield _proof(
        "an item more", "no place for it", found, ask, items=[*items, bytes(32)]
    )
    yield _proof("no items", "the map is not empty", found, ask, items=[])
    yield _proof("items of an empty map", "there are none", [], ask, items=[bytes(32)])
    yield _proof(
        "sides swapped", "another root", found, ask, items=[items[0], *items[1:][::-1]]
    )
    yield _proof(
        "of another question",
        "a malicious server",
        found,
        ask,
        items=prove(found, none),
    )
    yield _proof(
        "of more questions",
        "opens more than needed",
        found,
        ask,
        items=prove(found, sorted([*ask, (found[-1], None, None)])),
    )
    yield _proof(
        "of an older map", "another root", found, ask, items=prove(found[:-1], ask)
    )
    yield _proof(
        "known keys listed", "they are left out", found, ask, mine, items=items
    )
    yield _proof(
        "unknown keys left out",
        "nobody knows them",
        found,
        ask,
        items=prove(found, ask, mine),
    )
    yield _proof(
        "a known key too many",
        "the map does not hold it",
        found,
        ask,
        mine,
        told=[*mine, prefix + bytes(64)],
        items=prove(found, ask, mine),
    )
    yield _proof(
        "a known key too few",
        "the root is another",
        found,
        ask,
        mine,
        told=mine[1:],
        items=prove(found, ask, mine),
    )
    yield _proof(
        "a known key of no question",
        "it proves nothing",
        found,
        ask,
        mine,
        told=[*mine, found[-1]],
    )
    whole = prove(found, ask, mine)
    at = whole.index(None)
    halves = [*whole[:at], parted(mine)[0], None, None, *whole[at + 1 :]]
    yield _proof(
        "known keys in two halves",
        "one item for one subtree",
        found,
        ask,
        mine,
        items=halves,
    )
    yield _proof(
        "a page that begins later",
        "a key is hidden",
        found,
        page,
        items=prove(found, [(wide, many[3], many[6])]),
    )
    yield _proof(
        "a page that ends earlier",
        "a key is hidden",
        found,
        page,
        items=prove(found, [(wide, many[2], many[5])]),
    )
    yield _proof(
        "a page from a key that is not there",
        "it must be one of the map",
        found,
        [(wide, many[2], None)],
        asks=[(wide, many[2][:-1] + bytes([many[2][-1] ^ 1]), None)],
    )
    yield _proof(
        "a page outside of its question",
        "refused before any hash",
        found,
        ask,
        asks=[(prefix, found[-1], None)],
    )
    yield _proof(
        "a page that ends before it begins",
        "refused before any hash",
        found,
        ask,
        asks=[(wide, many[6], many[2])],
    )
    yield _proof(
        "questions not sorted", "one order", found, several, asks=several[::-1]
    )
    yield _proof(
        "one question inside another",
        "one answer",
        found,
        ask,
        asks=[(wide, None, None), *ask],
    )
    yield _proof(
        "depth 1032", "longer than any key", found, ask, items=but(depths[-1], 1032)
    )
    yield _proof("a negative depth", "no bit", found, ask, items=but(depths[0], -1))
    yield _proof(
        "an item of 31 bytes",
        "no hash and no key",
        found,
        ask,
        items=but(closed[0], bytes(31)),
    )
    yield _proof(
        "an item of 130 bytes",
        "no hash and no key",
        found,
        ask,
        items=but(last, bytes(130)),
    )
    yield _proof("an item as text", "no item", found, ask, items=but(last, "x"))
    yield _proof("true as a depth", "no item", found, ask, items=but(depths[0], True))
    yield _proof(
        "a trailing byte", "one encoding", found, ask, items=block(items) + b"\0"
    )
    yield _proof(
        "another tag",
        "the name is the version",
        found,
        ask,
        items=dag_cbor.encode({"octostore/map-proof@2": items}),
    )
    yield _proof(
        "items that are no list",
        "no proof",
        found,
        ask,
        items=dag_cbor.encode({"octostore/map-proof@1": 1}),
    )
    inside = hashlib.sha256(b"\x11" + items[closed[0]]).digest()
    yield _proof(
        "an inner node as a leaf",
        "tags keep them apart",
        found,
        ask,
        items=but(closed[0], inside + bytes(35)),
    )
    yield _proof(
        "the root of a log",
        "tags keep them apart",
        found,
        ask,
        root=hashlib.sha256(b"\x00" + found[0]).digest(),
    )


def _position(topic: int, program: CID, at: CID, *claim: CID) -> str:
    raw = bytes([topic]) + _key(1, program, at, *claim)[1:]
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _page(
    name: str,
    why: str,
    asked: dict[str, CID],
    ends: tuple[str | None, str | None],
    shown: list[tuple[CID, Any]],
    questions: list[Question],
) -> Row:
    return {
        "name": f"page: {name}",
        "why": why,
        "valid": True,
        "kind": "page",
        "asked": {word: str(cid) for word, cid in asked.items()},
        **{
            word: end
            for word, end in zip(("after", "to"), ends, strict=True)
            if end is not None
        },
        "shown": [
            {
                "program": str(program),
                "input": dag_cbor.encode(input).hex(),
            }
            for program, input in shown
        ],
        "questions": [
            {
                word: item.hex()
                for word, item in zip(
                    ("prefix", "first", "last"), question, strict=True
                )
                if item is not None
            }
            for question in sorted(questions, key=lambda question: question[0])
        ],
    }


def pages() -> Iterable[Row]:
    """What pages ask, and how the places are spelled where they begin and end."""
    wasi = [
        {"kind": "wasi", "code": CODE, "imports": [{"code": IMPORT, "name": n}]}
        for n in (
            "i",
            "j",
        )
    ]
    p, q = map(_cid, wasi)
    plain: Any = {"files": {"/a": FILE}}
    nonced = {**plain, "nonce": b"once"}
    other: Any = {"files": {"/a": FILE, "/b": FILE_2}}
    i, o = _cid(plain), _cid(other)
    both = {"program": CODE, "input": FILE}
    pair = _key(5, CODE, FILE)

    def claims(program: CID, at: CID) -> bytes:
        return _key(1, program, at)

    def listed(program: CID, at: CID) -> bytes:
        return pair + _key(0, program, at)[1:]

    first, later = sorted([(p, i), (p, o), (q, i)], key=lambda at: listed(*at))[:2]
    inputs = {i: plain, o: other}
    begin, end = _position(5, *first, A, B), _position(5, *later, B, A)
    start, stop = claims(*first) + _key(0, A, B)[1:], claims(*later) + _key(0, B, A)[1:]
    on = [(first[0], inputs[first[1]]), (later[0], inputs[later[1]])]
    yield _page(
        "the first",
        "to a claim of the second invocation; the first is whole",
        both,
        (None, end),
        on,
        [
            (pair, None, listed(*later)),
            (claims(*first), None, None),
            (claims(*later), None, stop),
        ],
    )
    yield _page(
        "between",
        "the place of the claim before is asked for from that claim on",
        both,
        (begin, end),
        on[1:],
        [
            (pair, listed(*first), listed(*later)),
            (claims(*first), start, None),
            (claims(*later), None, stop),
        ],
    )
    yield _page(
        "within one invocation",
        "both ends stand at its place",
        both,
        (begin, _position(5, *first, B, B)),
        on[:1],
        [
            (pair, listed(*first), listed(*first)),
            (claims(*first), start, claims(*first) + _key(0, B, B)[1:]),
        ],
    )
    yield _page(
        "the last",
        "to the end of the role",
        both,
        (begin, None),
        on[1:],
        [
            (pair, listed(*first), None),
            (claims(*first), start, None),
            (claims(*later), None, None),
        ],
    )
    yield _page(
        "of a program and data",
        "roles 4 and 5 can be",
        {"program": p, "input": FILE},
        (None, None),
        [(p, plain)],
        [
            (_key(4, FILE, p), None, None),
            (_key(5, p, FILE), None, None),
            (claims(p, i), None, None),
        ],
    )
    yield _page(
        "of a code and an input, past the claims of a program",
        "role 3 from where it was; a run with a nonce stands where it was asked for",
        {"program": CODE, "input": i},
        (_position(3, p, i, A, B), None),
        [(p, nonced)],
        [
            (_key(3, CODE, i), _key(3, CODE, i, p), None),
            (claims(p, i), claims(p, i) + _key(0, A, B)[1:], None),
            (_key(5, CODE, i), None, None),
        ],
    )
    yield _page(
        "of a program and an input",
        "role 1 lists the claims themselves",
        {"program": p, "input": i},
        (None, _position(1, p, i, A, B)),
        [(p, plain)],
        [(claims(p, i), None, claims(p, i) + _key(0, A, B)[1:])],
    )
    yield _page(
        "of an invocation",
        "role 1 and no other",
        {"invocation": _cid({"program": p, "input": i})},
        (_position(1, p, i, A, B), None),
        [(p, nonced)],
        [(claims(p, i), claims(p, i) + _key(0, A, B)[1:], None)],
    )
    for name, why, text in (
        ("padding", "one spelling", begin + "="),
        ("a character less", "129 bytes", begin[:-1]),
        ("another base64", "base64url", begin[:-1] + "+"),
        ("topic 2", "no role", _position(2, *first, A, B)),
        ("no text", "129 bytes", ""),
    ):
        yield {
            "name": f"position: {name}",
            "why": why,
            "valid": False,
            "kind": "position",
            "text": text,
            "error": "document",
        }
