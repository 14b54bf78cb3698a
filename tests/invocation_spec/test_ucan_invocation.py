"""UCAN 1.0 tokens: those of others verify, and no bent one does."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invocation_spec import CID, DocumentError, EncodingError, canonicalize, dagjson
from invocation_spec.adapters.ucan_envelope import Envelope
from invocation_spec.document import read_document

#: What each token of the Go library is stated to be called (token_gen.go).
GO_TOKENS = {
    "TokenAliceBob": "bafyreifa35rjstdm37cjudzs72ab22rnh5blny725khtapox63fnsj6pbe",
    "TokenCarolDan_InvalidExpired": (
        "bafyreifhdiem6r5fh3wwaa6uszqe5uashfwaastqjyvzssbiju4mravx3y"
    ),
    "TokenCarolDan_InvalidInactive": (
        "bafyreifw4j2mxg4bovuhihvnhqgln7m57lvajt6fza4x4jc7sncyh66wxm"
    ),
    "TokenCarolDan_ValidAttenuatedCommand": (
        "bafyreibftsq3mhjd5itg6jbos4doccwspvmnilpuduniv2el7mnl45z33y"
    ),
    "TokenCarolDan_ValidExamplePolicy": (
        "bafyreidvi5y42befcnb2qud23yt5memf4itn2v6xmw7gvdpihbnanvgqly"
    ),
    "TokenDanErin_InvalidInactive": (
        "bafyreigrrfefw4wvjitiheonigeldnem2loo4yp5cghdskteunuxyozkiq"
    ),
    "TokenDanErin_ValidAttenuatedCommand": (
        "bafyreig5gsifqn3afnyaoqtjhnud2w7tnrda57eiel3d45vbp47hjyayey"
    ),
    "TokenErinFrank_InvalidExpandedCommand": (
        "bafyreia2ckukamhpeqpcdhevr75ym66vqem432dx4dwbdrdkh63pke3r3i"
    ),
    "TokenErinFrank_InvalidSubject": (
        "bafyreietx2sjsm72sbgjnosdnejwlqc5dadlolh2bjl6ifxdllslup7ecm"
    ),
}
GO_EXAMPLE = "zdpuAn4jksvc1gc9PLDqHw2NoFq8CBkRVTTo2xFuW2JUPS5DY"


def _bytes(value: dict[str, dict[str, str]]) -> bytes:
    found = dagjson.decode(value)
    assert isinstance(found, bytes)
    return found


def _cases(folder: Path, *kinds: str) -> list[dict[str, Any]]:
    path = folder / "ipvm" / "ucan-1.0" / "spec" / "invocation.json"
    tree = json.loads(path.read_text())
    return [case for kind in kinds for case in tree[kind]]


def test_each_invocation_of_the_specification_verifies_and_is_no_function(
    shared_fixtures: Path,
) -> None:
    cases = _cases(shared_fixtures, "valid", "invalid")
    assert len(cases) == 20
    for case in cases:
        block = _bytes(case["invocation"])
        envelope = Envelope.from_block(block)
        assert envelope.block == block
        assert envelope.cid == CID.of_block(block)
        if case["name"] == "invalid invocation signature":
            with pytest.raises(DocumentError) as refused:
                envelope.verify()
            assert refused.value.at == "/0"
        else:
            token = envelope.verify()
            assert token.tag == "ucan/inv@1.0.0"
            assert token.issuer == token.payload["iss"]
        # The command is looked at only where the signature holds.
        with pytest.raises(DocumentError) as refused:
            canonicalize(block)
        broken = case["name"] == "invalid invocation signature"
        assert refused.value.at == ("/0" if broken else "/1/ucan~1inv@1.0.0/cmd")


def test_each_proof_of_the_specification_verifies_and_is_linked_by_its_cid(
    shared_fixtures: Path,
) -> None:
    linked = 0
    for case in _cases(shared_fixtures, "valid", "invalid"):
        prf = Envelope.from_block(_bytes(case["invocation"])).payload["prf"]
        for proof in case["proofs"]:
            envelope = Envelope.from_block(_bytes(proof))
            if case["name"] == "invalid proof signature":
                with pytest.raises(DocumentError):
                    envelope.verify()
                continue
            token = envelope.verify()
            assert token.tag == "ucan/dlg@1.0.0"
            assert isinstance(prf, list)
            linked += token.cid in prf
    assert linked > 10


@pytest.mark.parametrize(
    "name", ["spec/delegation.json", "go-ucan/delegation/interop_delegation.json"]
)
def test_stated_cids_and_signatures_of_delegations(
    shared_fixtures: Path, name: str
) -> None:
    tree = json.loads((shared_fixtures / "ipvm" / "ucan-1.0" / name).read_text())
    for case in tree["valid"]:
        text = case["token"]
        block = base64.b64decode(text + "=" * (-len(text) % 4))
        token = Envelope.from_block(block).verify()
        assert str(token.cid) == case["cid"]
        signature = case["envelope"]["signature"]
        assert base64.b64encode(token.envelope.signature).decode() == signature
        with pytest.raises(DocumentError, match="is no invocation"):
            canonicalize(block)


def test_stated_cids_of_the_tokens_of_the_go_library(shared_fixtures: Path) -> None:
    folder = shared_fixtures / "ipvm" / "ucan-1.0" / "go-ucan" / "delegation"
    paths = sorted(folder.glob("*.dagcbor"))
    assert {path.stem for path in paths} == set(GO_TOKENS)
    for path in paths:
        token = Envelope.from_block(path.read_bytes()).verify()
        assert str(token.cid) == GO_TOKENS[path.stem]


def test_the_example_of_the_go_library_in_both_codecs(shared_fixtures: Path) -> None:
    for folder in (
        shared_fixtures / "ipvm/ucan-1.0/go-ucan/envelope",
        shared_fixtures / "conformance/ucan/token/internal/envelope/testdata",
    ):
        block = (folder / "example.dagcbor").read_bytes()
        token = Envelope.from_block(block).verify()
        assert token.cid == CID.parse(GO_EXAMPLE)
        text = (folder / "example.dagjson").read_bytes()
        value = dagjson.decode(read_document(text).tree)
        assert Envelope.from_ipld(value).verify() == token
        for document in (block, text):
            with pytest.raises(DocumentError, match="is no invocation"):
                canonicalize(document)


def test_the_invocation_of_the_go_library_is_refused_by_its_command(
    shared_fixtures: Path,
) -> None:
    folder = shared_fixtures / "ipvm/ucan-1.0/go-ucan"
    with pytest.raises(DocumentError, match="/crud/create") as refused:
        canonicalize((folder / "invocation/new.dagjson").read_bytes())
    assert refused.value.at == "/1/ucan~1inv@1.0.0-rc.1/cmd"


def _smallest(vectors: Path) -> bytes:
    cases = json.loads((vectors / "invocation" / "ucan-invocation.json").read_text())
    (case,) = [case for case in cases if case["name"] == "smallest"]
    return bytes.fromhex(case["document_hex"])


def test_one_bit_flipped_anywhere_and_an_invocation_is_refused(vectors: Path) -> None:
    block = _smallest(vectors)
    assert canonicalize(block)[0].name == "canonical"
    for bit in range(len(block) * 8):
        bent = bytearray(block)
        bent[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DocumentError):
            canonicalize(bytes(bent))


def test_a_token_is_read_or_refused_as_its_bytes_are(vectors: Path) -> None:
    block = _smallest(vectors)
    envelope = Envelope.from_block(block)
    assert block.endswith(envelope.signed)
    for cut in range(len(block)):
        with pytest.raises(EncodingError):
            Envelope.from_block(block[:cut])


_VALUE = st.recursive(
    st.none() | st.integers(-2, 2) | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["h", "ucan/inv@1.0.0", "iss", "x"]), inner)
    ),
    max_leaves=8,
)


@given(_VALUE)
def test_what_is_no_token_is_refused(value: Any) -> None:
    with pytest.raises(DocumentError):
        Envelope.from_ipld(value).verify()
