"""Derivations and store paths, held against what Nix 2.8.0 made of two of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import nixstore
from invocation_spec.derivation import Derivation, output_path, recipe_hash
from invocation_spec.errors import EncodingError

BB = "/nix/store/9nr5xh37wy1gx5sv9j1cj9if5svcw4lj-bb"
OWN = "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9"


def text(drvs: str, srcs: str, args: str, name: str, outputs: str, env: str) -> str:
    return (
        f'Derive([{outputs}],[{drvs}],[{srcs}],"x86_64-linux","{BB}/busybox",'
        f'["sh","-c","{args}"],[("builder","{BB}/busybox"),{env}("system",'
        f'"x86_64-linux")])'
    ).replace("NAME", name)


FLOATING = '("out","","r:sha256","")'
CA_ENV = (
    f'("name","NAME"),("out","{OWN}"),("outputHashAlgo","sha256"),'
    '("outputHashMode","recursive"),'
)
CA_HELLO = text("", f'"{BB}"', "echo ca hello > $out", "ca-hello", FLOATING, CA_ENV)
CA_HELLO_PATH = "/nix/store/c839rpgc21c80h591zaridmsqaggwfza-ca-hello.drv"
CA_HELLO_OUT = "/nix/store/7lxdsf36k1a6nzm7mrk7wmi6jhcmxqpf-ca-hello"
CA_TWICE = text(
    f'("{CA_HELLO_PATH}",["out"])',
    f'"{BB}"',
    "read x < /15h4qi490dixhyy5gfp8y72lw9jfxr32ad9dqxqmzq3zqnjp9h6b;"
    " echo $x $x $out > $out",
    "ca-twice",
    FLOATING,
    CA_ENV,
)
CA_TWICE_PATH = "/nix/store/2is1dw0yc0ddb2mi6vlglfn6radshjbk-ca-twice.drv"
CA_TWICE_RESOLVED = "/nix/store/s520lm7f6kr46k7xvyi9iz5r5jyxad0x-ca-twice.drv"
HELLO_OUT = "/nix/store/ha0d7q85n82kcaw2vck1s2l9gpm4n8cl-hello"
HELLO = text(
    "",
    f'"{BB}"',
    "echo hello > $out",
    "hello",
    f'("out","{HELLO_OUT}","","")',
    f'("name","NAME"),("out","{HELLO_OUT}"),',
)
HELLO_PATH = "/nix/store/j75kr046dh28n4qmdv9wjk54qlshdl4k-hello.drv"
TWICE_OUT = "/nix/store/ds8r3cm7mviicc1jrplr7bx3nhs46ybd-twice"
TWICE_DEV = "/nix/store/xa3slki2z9zplkm7sks6ym57c4n0i3gh-twice-dev"
TWICE = text(
    f'("{HELLO_PATH}",["out"])',
    f'"{BB}"',
    f"read x < {HELLO_OUT}; echo $x $x > $out; echo dev > $dev",
    "twice",
    f'("dev","{TWICE_DEV}","",""),("out","{TWICE_OUT}","","")',
    f'("dev","{TWICE_DEV}"),("name","NAME"),("out","{TWICE_OUT}"),'
    '("outputs","out dev"),',
)
TWICE_PATH = "/nix/store/hqw9i8ckykg85xqg3dbz8zypp26z8mgj-twice.drv"

MADE = {
    CA_HELLO_PATH: CA_HELLO,
    CA_TWICE_PATH: CA_TWICE,
    HELLO_PATH: HELLO,
    TWICE_PATH: TWICE,
}


def at(path: str) -> Derivation:
    return Derivation.from_text(MADE[path])


@pytest.mark.parametrize("path", MADE)
def test_a_derivation_lies_where_nix_puts_it(path: str) -> None:
    name = nixstore.name_of(path).removesuffix(".drv")
    assert at(path).path(name) == path
    assert at(path).text == MADE[path]


@pytest.mark.parametrize(
    ("path", "recipe"),
    [
        (
            HELLO_PATH,
            "23dbe83fd80851fb9181f7ccd01533f733d0362ab4cab31f694a3b34fcfd3141",
        ),
        (
            TWICE_PATH,
            "934720194f6dc87d6fa2052be7e8daf794064f67671d235f21a8d4b873e610b3",
        ),
        (
            CA_HELLO_PATH,
            "a3a46b967ac448c56f279391342d20378bf075db194857518bdf546b6dc72e48",
        ),
        (
            CA_TWICE_PATH,
            "a55fb1d4da44314adfc9320d023d125aec313773d36fb2c36e2d3401798e1b74",
        ),
    ],
)
def test_realisations_of_nix_2_8_are_named_by_the_recipe(
    path: str, recipe: str
) -> None:
    assert recipe_hash(at(path), at).hex() == recipe


def test_an_output_named_by_its_recipe_lies_where_nix_puts_it() -> None:
    recipe = recipe_hash(at(TWICE_PATH), at)
    assert output_path(recipe, "twice", "out") == TWICE_OUT
    assert output_path(recipe, "twice", "dev") == TWICE_DEV
    assert output_path(recipe_hash(at(HELLO_PATH), at), "hello", "out") == HELLO_OUT


def test_a_derivation_is_resolved_as_nix_resolves_it() -> None:
    resolved = at(CA_TWICE_PATH).resolved({(CA_HELLO_PATH, "out"): CA_HELLO_OUT})
    assert resolved.path("ca-twice") == CA_TWICE_RESOLVED
    assert resolved.resolved({}) == resolved


def test_words_for_outputs_are_those_of_nix() -> None:
    assert nixstore.own_placeholder("out") == OWN
    assert nixstore.placeholder(CA_HELLO_PATH, "out") in CA_TWICE


def test_content_lies_where_nix_puts_it() -> None:
    plain = nixstore.from_nix32(
        "14q5kzqa66r0v4xx8nzlwf3nr6sj4339f712wfc04daqpxk0p153", 32
    )
    assert nixstore.source_path("ca-hello", plain) == CA_HELLO_OUT
    itself = nixstore.from_nix32(
        "1awgnjrqpmrnv6aiqbnhz83fwj4mwq8w0yxvmp1rlyln668w7fcl", 32
    )
    found = nixstore.source_path("ca-twice", itself, itself=True)
    assert found == "/nix/store/crd3kwsgg491nyx7f056kvgac6x59m3h-ca-twice"


@given(st.binary(min_size=1, max_size=64))
def test_the_base_32_of_nix_has_one_spelling(data: bytes) -> None:
    spelled = nixstore.nix32(data)
    assert nixstore.from_nix32(spelled, len(data)) == data
    for bent in (spelled[1:], spelled + "0", "e" + spelled[1:]):
        with pytest.raises(EncodingError):
            nixstore.from_nix32(bent, len(data))


def test_spare_bits_are_refused() -> None:
    with pytest.raises(EncodingError, match="spare bits"):
        nixstore.from_nix32("zz", 1)


@given(st.text(), st.lists(st.text()), st.dictionaries(st.text(), st.text()))
def test_the_text_of_a_derivation_is_read_back(
    system: str, args: list[str], env: dict[str, str]
) -> None:
    made = Derivation({}, {}, (), system, BB, tuple(args), env)
    assert Derivation.from_text(made.text) == made


def test_a_deep_graph_of_derivations_is_hashed_without_recursion() -> None:
    made: dict[str, Derivation] = {}
    below: dict[str, tuple[str, ...]] = {}
    for number in range(3000):
        found = Derivation({}, below, (), str(number), BB, (), {})
        path = f"/nix/store/{number:032d}-d.drv"
        made[path] = found
        below = {path: ("out",)}
    known: dict[str, str] = {}
    assert len(recipe_hash(found, made.__getitem__, known)) == 32
    assert len(known) == 2999
