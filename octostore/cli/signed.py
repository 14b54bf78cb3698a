"""`octostore verify` of a signed text, which somebody kept as evidence."""

from __future__ import annotations

from typing import BinaryIO

from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from octostore.cli.rim import print_json, say
from octostore.harvest.nix.signature import SignedText
from octostore.tlog.note import to_base64

__all__ = ["verify_signed_text"]


def verify_signed_text(stream: BinaryIO, *, as_json: bool) -> None:
    """Verify one block of evidence, and say by whose key it was signed.

    Raises:
        EncodingError: it is no signed text.
        DidError, SignatureError: its key is none, or its signature does not hold.
    """
    signed = SignedText.from_block(stream.read(BLOCK_BYTES_MAX + 1))
    text = signed.text.decode(errors="backslashreplace")
    key = f"{signed.name}:{to_base64(signed.key)}"
    if as_json:
        what = {"holds": True, "proof": "signed-text", "text": text}
        because = "as the block names it: compare it with what you know of it"
        print_json({**what, "trusted": {"key": key, "because": because}})
        return
    say("signed       this text, with the key below")
    say(f"             {text}")
    say(f"  trusted    {key}")
    say("             as the block names it: compare it with what you know of it")
