"""Nix's derivations: invocation/nix.json.

Texts of derivations are written out here; store paths and placeholders are made by
the arithmetic of the Nix manual, and two of them pinned to what Nix 2.8.0 made.

python -m tests.vectors.make.nix
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from tests.vectors.make.cases import (
    Case,
    canonical,
    case,
    impure,
    oci,
    raw,
    refused,
    several,
    unresolved,
    write,
)

LETTERS = "0123456789abcdfghijklmnpqrsvwxyz"
SHELL = f"/nix/store/{'1' * 32}-shell"
LIBC = f"/nix/store/{'2' * 32}-libc-2.36"
SOURCE = f"/nix/store/{'3' * 32}-source.tar"
MADE = f"/nix/store/{'4' * 32}-dep"
MADE_DEV = f"/nix/store/{'5' * 32}-dep-dev"
DEP = f"/nix/store/{'6' * 32}-dep.drv"
OUT = f"/nix/store/{'7' * 32}-hi"
BUILDER = f"{SHELL}/bin/sh"
HEX = {path: hashlib.sha256(path.encode()).hexdigest() for path in
       (SHELL, LIBC, SOURCE, MADE, MADE_DEV)}  # fmt: skip
FLOATING = ("out", "", "r:sha256", "")
NAMED = ("out", OUT, "", "")
OWN = "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9"
WORDS = {"name": "hi", "out": OWN}


def nix32(data: bytes) -> str:
    """The base 32 of the Nix manual: digit n is made of the bits from 5n on."""
    bits = [byte >> at & 1 for byte in data for at in range(8)]
    bits += [0] * (-len(bits) % 5)
    digits = [bits[at : at + 5] for at in range(0, len(bits), 5)]
    values = [sum(bit << at for at, bit in enumerate(five)) for five in digits]
    return "".join(LETTERS[value] for value in reversed(values))


def text_path(name: str, text: str, references: Iterable[str]) -> str:
    """Where a text lies: protocols/store-path.md of the Nix manual."""
    kind = ":".join(["text", *sorted(references)])
    digest = hashlib.sha256(text.encode()).hexdigest()
    whole = hashlib.sha256(f"{kind}:sha256:{digest}:/nix/store:{name}".encode())
    folded = [0] * 20
    for at, byte in enumerate(whole.digest()):
        folded[at % 20] ^= byte
    return f"/nix/store/{nix32(bytes(folded))}-{name}"


def placeholder(drv: str, name: str) -> str:
    """What stands for an output of another derivation."""
    text = f"nix-upstream-output:{drv[11:43]}:{name}"
    return "/" + nix32(hashlib.sha256(text.encode()).digest())


DEP_OUT = placeholder(DEP, "dep")
DEP_DEV = placeholder(DEP, "dep-dev")


def quoted(text: str) -> str:
    """A string of a derivation."""
    for plain, escaped in (
        ("\\", "\\\\"),
        ('"', '\\"'),
        ("\n", "\\n"),
        ("\r", "\\r"),
        ("\t", "\\t"),
    ):
        text = text.replace(plain, escaped)
    return f'"{text}"'


def strings(items: Iterable[str], ends: str = "[]") -> str:
    """A list, or with `()` a tuple."""
    return ends[0] + ",".join(map(quoted, items)) + ends[1]


def aterm(
    *,
    outputs: Iterable[Iterable[str]] = (FLOATING,),
    drvs: Mapping[str, Iterable[str]] | None = None,
    srcs: Iterable[str] = (SHELL,),
    builder: str = BUILDER,
    args: Iterable[str] = ("-c", "echo hi > $out"),
    env: Mapping[str, str] | None = None,
    **more: str,
) -> str:
    """The text of a derivation."""
    given = {**(WORDS if env is None else env), **more}
    inputs = [f"({quoted(p)},{strings(names)})" for p, names in (drvs or {}).items()]
    pairs = [strings(pair, "()") for pair in sorted(given.items())]
    return (
        f"Derive([{','.join(strings(item, '()') for item in outputs)}],"
        f"[{','.join(inputs)}],{strings(srcs)},{quoted('x86_64-linux')},"
        f"{quoted(builder)},{strings(args)},[{','.join(pairs)}])"
    )


def shown(**more: Any) -> dict[str, Any]:
    """A derivation as `nix show-derivation` of Nix 2.8 prints it."""
    return {
        "outputs": {"out": {"hashAlgo": "r:sha256"}},
        "inputSrcs": [SHELL],
        "inputDrvs": {},
        "system": "x86_64-linux",
        "builder": BUILDER,
        "args": ["-c", "echo hi > $out"],
        "env": {"name": "hi", "out": OWN},
    } | more


def fourth(**more: Any) -> dict[str, Any]:
    """The same in version 4: paths by their last part."""
    return {
        "args": ["-c", "echo hi > $out"],
        "builder": BUILDER,
        "env": {"name": "hi", "out": OWN},
        "inputs": {"drvs": {}, "srcs": [SHELL[11:]]},
        "name": "hi",
        "outputs": {"out": {"hashAlgo": "sha256", "method": "nar"}},
        "system": "x86_64-linux",
        "version": 4,
    } | more


def nar(path: str, *references: str) -> dict[str, Any]:
    """What lies at a path."""
    return {"nar": f"sha256:{HEX[path]}", "references": list(references)}


KNOWN = {f"nix:{SHELL}": nar(SHELL, LIBC), f"nix:{LIBC}": nar(LIBC, LIBC)}
BUILT = {f"nix:{DEP}^out": MADE, f"nix:{MADE}": nar(MADE)}


def program(text: str) -> dict[str, Any]:
    """The program of a resolved derivation."""
    return {"kind": "nix", "code": raw(text.encode())}


def files(*paths: str) -> dict[str, Any]:
    """The input that sees these paths."""
    return {"files": {path: oci(HEX[path]) for path in paths}}


PLAIN = files(SHELL, LIBC)


def good(text: str, given: Any = PLAIN, **more: Any) -> Case:
    """A canonical derivation."""
    return canonical(program(text), given, **more)


def resolved(**more: Any) -> dict[str, Any]:
    """What a case is given beside its document."""
    return {"resolutions": KNOWN | more}


def texts() -> None:
    """Files of derivations."""
    text = aterm()
    case(
        "floating output",
        "the resolved derivation is the program, all that it can see the input",
        text,
        good(
            text,
            aliases={"nix-derivation": text_path("hi.drv", text, [SHELL])},
            family="hi",
        ),
        **resolved(),
    )
    case(
        "nothing resolved",
        "a store path is 160 folded bits, or a recipe's: no content address",
        text,
        unresolved(program(text), None, ("/inputSrcs/0", f"nix:{SHELL}", "nix-path")),
    )
    case(
        "a reference not resolved",
        "a build sees what its inputs name; told at the input that names it",
        text,
        unresolved(program(text), None, ("/inputSrcs/0", f"nix:{LIBC}", "nix-path")),
        resolutions={f"nix:{SHELL}": nar(SHELL, LIBC)},
    )
    named = aterm(outputs=[NAMED], out=OUT)
    case(
        "output named by its recipe",
        "the build is told its path: part of what runs",
        named,
        good(named),
        **resolved(),
    )
    two = aterm(outputs=[("dev", "", "r:sha256", ""), FLOATING], dev="/dev-of-it")
    case("two outputs", "both are made by one run", two, good(two), **resolved())
    escaped = aterm(args=["-c", 'echo "a\\b"\n\t\r$out é'])
    case("escapes", "five characters are escaped", escaped, good(escaped), **resolved())
    for why, bent in (
        ("a trailing line feed", text + "\n"),
        ("white space", text.replace("],[", "], [", 1)),
        ("an escape that Nix does not write", text.replace("hi >", "\\hi >")),
        ("env out of order", text.replace('("name","hi"),', "").replace(
            "])", ',("name","hi")])')),
        ("a variable twice", text.replace(
            '("name","hi")', '("name","hi"),("name","hi")')),
        ("a path twice", aterm(srcs=[SHELL, SHELL])),
        ("inputs out of order", aterm(srcs=[LIBC, SHELL])),
        ("a path of another store", aterm(srcs=["/gnu/store/" + SHELL[11:]])),
        ("a letter that no path has", aterm(srcs=[SHELL.replace("1", "e")])),
        ("a path below another", aterm(srcs=[f"{SHELL}/bin"])),
        ("a name that begins with two dots", aterm(srcs=[f"{SHELL[:44]}..-a"])),
        ("cut off", text[:-1]),
        ("dynamic", text.replace("Derive(", 'DrvWithVersion("xp-dyn-drv",')),
        ("U+0000", aterm(args=["a\0b"])),
        ("no name", aterm(env={"out": OWN})),
        ("a name with a slash", aterm(name="a/b")),
        ("no output", aterm(outputs=[])),
        ("outputs of two types", aterm(outputs=[("a", OUT, "", ""), FLOATING])),
        ("a path and an algorithm", aterm(outputs=[("out", OUT, "r:sha256", "")])),
        ("an unknown hash", aterm(outputs=[("out", "", "r:crc32", "")])),
        ("an output with a slash", aterm(outputs=[("a/b", "", "r:sha256", "")])),
        ("an input derivation without outputs", aterm(drvs={DEP: []})),
        ("an input derivation that is none", aterm(drvs={SHELL: ["out"]})),
    ):  # fmt: skip
        case(
            f"text: {why}", "one derivation has one text", bent, refused(), **resolved()
        )


def inputs() -> None:
    """Outputs of other derivations."""
    text = aterm(drvs={DEP: ["out"]}, args=["-c", f"cat {DEP_OUT}/a {DEP_OUT} > $out"])
    then = aterm(srcs=[SHELL, MADE], args=["-c", f"cat {MADE}/a {MADE} > $out"])
    case(
        "an output of another derivation",
        "it is resolved to a path, and what stood for it is replaced",
        text,
        good(
            then,
            files(SHELL, LIBC, MADE),
            aliases={
                "nix-derivation": text_path("hi.drv", text, [SHELL, DEP]),
                "nix-resolved": text_path("hi.drv", then, [SHELL, MADE]),
            },
            family="hi of dep",
        ),
        **resolved(**BUILT),
    )
    case(
        "the same as Nix resolves it",
        "Nix builds and signs the resolved one",
        then,
        good(then, files(SHELL, LIBC, MADE), family="hi of dep"),
        **resolved(**{f"nix:{MADE}": nar(MADE)}),
    )
    at = "/inputDrvs/" + DEP.replace("/", "~1")
    case(
        "an output not resolved",
        "which path it has is known to whoever built it",
        text,
        unresolved(None, None, (at, f"nix:{DEP}^out", "nix-output")),
        **resolved(),
    )
    both = aterm(
        drvs={DEP: ["dev", "out"]},
        env={"dev": DEP_DEV, "lib": DEP_OUT, "name": "hi", "out": OWN},
    )
    done = aterm(
        srcs=[SHELL, MADE, MADE_DEV],
        env={"dev": MADE_DEV, "lib": MADE, "name": "hi", "out": OWN},
    )
    case(
        "two outputs of one derivation",
        "each has a word of its own; `out` adds nothing to the name",
        both,
        good(done, files(SHELL, LIBC, MADE, MADE_DEV)),
        **resolved(
            **BUILT, **{f"nix:{DEP}^dev": MADE_DEV, f"nix:{MADE_DEV}": nar(MADE_DEV)}
        ),
    )
    builder = aterm(drvs={DEP: ["out"]}, srcs=[], builder=f"{DEP_OUT}/bin/sh")
    case(
        "a builder of another derivation",
        "compilers are built too",
        builder,
        good(aterm(srcs=[MADE], builder=f"{MADE}/bin/sh"), files(MADE)),
        resolutions=BUILT,
    )
    case(
        "two names in the environment that become one",
        "which value is left would be Nix's to say",
        aterm(
            drvs={DEP: ["out"]},
            env={DEP_OUT: "a", MADE: "b", "name": "hi", "out": OWN},
        ),
        refused("/env"),
        **resolved(**BUILT),
    )
    used = {f"nix:{LIBC}^out": MADE}
    case(
        "an output of what is no derivation",
        "a mistyped resolution is refused",
        aterm(),
        refused(),
        **resolved(**used),
    )


def outcomes() -> None:
    """What is not to be had by resolving."""
    host = aterm(builder="/bin/sh")
    case("builder of the machine", "each machine has its own /bin/sh", host,
         impure(None, PLAIN, ("/builder", "host-directory")), **resolved())  # fmt: skip
    other = aterm(builder=f"{SOURCE}/bin/sh")
    case("builder in no input", "a sandbox does not have it", other,
         impure(None, PLAIN, ("/builder", "host-directory")), **resolved())  # fmt: skip
    climbing = aterm(builder=f"{SHELL}/../../../bin/sh")
    case("builder that climbs out of an input", "each machine has its own /bin/sh",
         climbing,
         impure(None, PLAIN, ("/builder", "host-directory")), **resolved())  # fmt: skip
    case("builder of Nix", "code of Nix, not of an input",
         aterm(builder="builtin:buildenv"),
         impure(None, PLAIN, ("/builder", "nix-builtin")), **resolved())  # fmt: skip
    fixed = aterm(outputs=[("out", OUT, "sha256", "ab" * 32)])
    case("fixed output", "its hash says what it is; its build may use a network", fixed,
         impure(None, PLAIN, ("/outputs/out", "nix-fixed-output")),
         **resolved())  # fmt: skip
    case("impure output", "another each time",
         aterm(outputs=[("out", "", "r:sha256", "impure")]),
         impure(None, PLAIN, ("/outputs/out", "nix-impure-output")),
         **resolved())  # fmt: skip
    deferred = aterm(outputs=[("out", "", "", "")])
    case("deferred output", "Nix fills the path in when the inputs are known", deferred,
         unresolved(None, PLAIN, ("/outputs/out", "nix:^out", "nix-deferred-output")),
         **resolved())  # fmt: skip
    for name in ("__noChroot", "__impureHostDeps", "__sandboxProfile"):
        text = aterm(env=WORDS | {name: "1"})
        case(f"{name}", "the sandbox is open", text,
             impure(program(text), None, (f"/env/{name}", "host-directory")),
             **resolved())  # fmt: skip
        shut = aterm(env=WORDS | {name: ""})
        case(f"{name} empty", "as if absent", shut, good(shut), **resolved())
    graph = aterm(exportReferencesGraph=f"refs {SHELL}")
    case("references as a file", "what names what is in no NAR", graph,
         unresolved(program(graph), None,
                    ("/env/exportReferencesGraph", "nix:exportReferencesGraph",
                     "nix-references-graph")), **resolved())  # fmt: skip
    attributes = '{"__noChroot":true,"name":"hi"}'
    open_ = aterm(env={"__json": attributes, "out": OWN})
    case("structured: open sandbox", "attributes are read where they stand", open_,
         impure(program(open_), None, ("/env/__json", "host-directory")),
         **resolved())  # fmt: skip
    case("structured: no JSON", "Nix could not read it either",
         aterm(env={"__json": "{", "out": OWN}), refused("/env/__json"))  # fmt: skip
    case("an unused resolution", "it may be mistyped", aterm(),
         good(aterm(), warnings=["unused-resolution"]),
         **resolved(**{f"nix:{SOURCE}": nar(SOURCE)}))  # fmt: skip
    for why, key, value in (
        ("a path below a path", f"nix:{SHELL}/bin", nar(SHELL)),
        ("no references", f"nix:{SHELL}", {"nar": f"sha256:{HEX[SHELL]}"}),
        ("a CID for a NAR", f"nix:{SHELL}", str(raw(b""))),
        ("a field more", f"nix:{SHELL}", nar(SHELL) | {"name": "shell"}),
        ("a reference by its last part", f"nix:{SHELL}", nar(SHELL, LIBC[11:])),
        ("an output with two carets", f"nix:{DEP}^a^b", MADE),
        ("a path as no text", f"nix:{DEP}^out", [MADE]),
    ):
        case(f"resolution: {why}", "a mistyped resolution is refused", aterm(),
             refused(), resolutions={key: value})  # fmt: skip


def printed() -> None:
    """JSON of `nix derivation show`."""
    text = aterm()
    path = text_path("hi.drv", text, [SHELL])
    same = good(text, family="hi", aliases={"nix-derivation": path})
    case("JSON by path", "as Nix 2.8 prints it", {path: shown()}, same, **resolved())
    case("JSON alone", "one derivation, its path not said", shown(), same, **resolved())
    third = shown(
        version=3, name="hi", outputs={"out": {"hashAlgo": "sha256", "method": "nar"}}
    )
    case("JSON version 3", "method beside hashAlgo", {path: third}, same, **resolved())
    case("JSON version 4", "paths by their last part", fourth(), same, **resolved())
    case("JSON version 4, all", "as Nix prints them since",
         {"derivations": {path[11:]: fourth()}, "version": 4}, same,
         **resolved())  # fmt: skip
    case("JSON version 4, resolved", "inputs are paths alone",
         fourth(inputs=[SHELL[11:]]), same, **resolved())  # fmt: skip
    case("JSON, a path twice", "a set of paths", shown(inputSrcs=[SHELL, SHELL]), same,
         **resolved())  # fmt: skip
    attributes = {"name": "hi", "é": [1, True, None, "\n\x01\x7f/"], "Z": {}}
    dumped = '{"Z":{},"name":"hi","é":[1,true,null,"\\n\\u0001\x7f/"]}'
    structured = aterm(env={"__json": dumped, "out": OWN})
    case("JSON structured attributes", "as the text that Nix makes of them",
         fourth(env={"out": OWN}, structuredAttrs=attributes), good(structured),
         **resolved())  # fmt: skip
    case("JSON structured attributes with a float", "its digits are Nix's",
         fourth(env={"out": OWN}, structuredAttrs={"name": "hi", "x": 1.5}),
         refused("/structuredAttrs/x"))  # fmt: skip
    needs = shown(inputDrvs={DEP: ["out"]})
    at = "/inputDrvs/" + DEP.replace("/", "~1")
    case("JSON input derivation", "Nix 2.8 lists outputs", needs,
         unresolved(None, None, (at, f"nix:{DEP}^out", "nix-output")),
         **resolved())  # fmt: skip
    dynamic = {"outputs": ["out"], "dynamicOutputs": {}}
    case("JSON input derivation since", "beside dynamic ones",
         shown(inputDrvs={DEP: dynamic}),
         unresolved(None, None, (at, f"nix:{DEP}^out", "nix-output")),
         **resolved())  # fmt: skip
    case("JSON dynamic outputs", "a derivation that a build makes",
         shown(inputDrvs={DEP: dynamic | {"dynamicOutputs": {"out": {}}}}),
         unresolved(None, None,
                    ("/inputDrvs", "nix:dynamicOutputs", "nix-dynamic-derivation"),
                    (at, f"nix:{DEP}^out", "nix-output")),
         **resolved())  # fmt: skip
    case("JSON fixed content, version 4", "hash and method, no path",
         fourth(outputs={"out": {"hash": "sha256-AAAA", "method": "flat"}}),
         impure(None, PLAIN, ("/outputs/out", "nix-fixed-output")),
         **resolved())  # fmt: skip
    case("JSON impure", "a flag", fourth(
         outputs={"out": {"hashAlgo": "sha256", "method": "nar", "impure": True}}),
         impure(None, PLAIN, ("/outputs/out", "nix-impure-output")),
         **resolved())  # fmt: skip
    other = aterm(name="other")
    case("JSON of several", "one outcome each",
         {path: shown(), text_path("other.drv", other, [SHELL]):
          shown(env={"name": "other", "out": OWN})},
         several(good(text), good(other)), **resolved())  # fmt: skip
    for why, document, where in (
        ("under another path", {DEP: shown()}, "/" + DEP.replace("/", "~1")),
        ("under no path", {"hi.drv": shown()}, None),
        ("two names", fourth(name="other"), "/name"),
        ("another version", fourth(version=5), "/version"),
        ("a field more", shown(meta={}), "/meta"),
        ("a field more of an output", shown(outputs={"out": {"hashAlgo": "r:sha256",
                                                             "size": 1}}), None),
        ("an unknown method", fourth(outputs={"out": {"hashAlgo": "sha256",
                                                      "method": "zip"}}), None),
        ("args as text", shown(args="-c"), "/args"),
        ("a number in env", shown(env={"name": "hi", "n": 1}), "/env/n"),
        ("structured twice", fourth(env={"__json": "{}"}, structuredAttrs={}), None),
    ):  # fmt: skip
        case(f"JSON: {why}", "it may mean something to its author", document,
             refused(where), **resolved())  # fmt: skip


if __name__ == "__main__":
    # What Nix 2.8.0 made of a derivation of ours, so that the arithmetic is Nix's.
    assert "/" + nix32(hashlib.sha256(b"nix-output:out").digest()) == OWN
    assert (
        placeholder(
            "/nix/store/c839rpgc21c80h591zaridmsqaggwfza-ca-hello.drv", "ca-hello"
        )
        == "/15h4qi490dixhyy5gfp8y72lw9jfxr32ad9dqxqmzq3zqnjp9h6b"
    )
    texts()
    inputs()
    outcomes()
    printed()
    write("nix.json")
