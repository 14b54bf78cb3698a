"""`octostore policy`: make one, explain it, find out whether it can ever decide."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from octostore.belief.plain import idle, never, said
from octostore.belief.policy import MODELS, Model, Policy
from octostore.belief.policy_text import POLICY_BYTES_MAX, read_policy, ready_text
from octostore.cli.inputs import read_file
from octostore.cli.rim import DONE, NO, AsJson, UsageError, leave, print_json, say
from octostore.cli.writing import write_once
from octostore.errors import PolicyError

__all__ = ["PolicyName", "PolicyOption", "app", "policy_of"]

_OPTION: Final = typer.Option(
    "--policy",
    metavar="FILE|NAME",
    help="Whom to count: TOML, a policy block, or open.",
)

#: A policy by file or name, where there may be one, and where there is one.
PolicyOption: TypeAlias = Annotated[str | None, _OPTION]
PolicyName: TypeAlias = Annotated[str, _OPTION]

app = typer.Typer(
    name="policy",
    help="Whom you count, and how much agreement is enough.",
    no_args_is_help=True,
)

#: First byte of a map with one entry in DAG-CBOR, which no TOML begins with.
_BLOCK: Final = b"\xa1"

_EXAMPLE: Final = """
# [[groups]]
# name = "Bristol"  # what you call them
# keys = ["did:key:z6Mk.."]
"""


@app.command("check")
def check_command(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="TOML, a policy block, or open."),
    ],
    as_json: AsJson = False,
) -> None:
    """Say what a policy means, and whether it can ever decide.

    Example: octostore policy check lab.toml
    """
    policy = policy_of(file)
    reasons, without_effect = never(policy), idle(policy)
    if as_json:
        print_json(
            {
                "policy": str(policy.cid),
                "name": policy.name,
                "model": policy.model,
                "decides": not reasons,
                "says": list(said(policy)),
                "never": list(reasons),
                "idle": list(without_effect),
            }
        )
    else:
        say(f"{policy.name}  {policy.cid}")
        for sentence in said(policy):
            say(f"  {sentence}")
        for word in without_effect:
            say(f"without effect: {word}")
        for reason in reasons:
            say(f"never decides: {reason}")
    leave(NO if reasons else DONE)


@app.command("new")
def new_command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="open, quorum or evidence.")
    ],
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DID[,DID]", help="Whom you count under that name; repeat."
        ),
    ] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A group that checks others; repeat."),
    ] = None,
    links: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A group whose links you follow; repeat."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What you call the policy.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write here, not to stdout."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a policy of a model as TOML, with your groups in it.

    Example: octostore policy new quorum --group Bristol=did:key:z6Mk.. -o lab.toml
    """
    if model not in MODELS:
        raise UsageError(f"{model!r}; expected one of {', '.join(MODELS)}", at="MODEL")
    text = _written(
        model, name, group or (), {"anchors": anchor or (), "links": links or ()}
    )
    policy = read_policy(text.encode())
    if out is not None:
        write_once(out, text.encode())
    if as_json:
        print_json({"policy": str(policy.cid), "toml": text})
    elif out is None:
        print(text, end="")
    else:
        say(f"{policy.name}  {policy.cid}")


def policy_of(name: str) -> Policy:
    """The policy in a file, as TOML or as a block; `open` is there without one.

    Raises:
        PolicyError: it is refused.
        FileError: the file cannot be read.
        UsageError: a ready one that has no groups yet.
    """
    if name in MODELS and not Path(name).exists():
        if name != "open":
            raise UsageError(
                f"{name} wants groups: `octostore policy new {name} --group NAME=DID -o"
                " FILE`, then name FILE"
            )
        return read_policy(ready_text("open").encode())
    data = read_file(name, POLICY_BYTES_MAX)
    try:
        if data.startswith(_BLOCK):
            return Policy.from_block(data)
        return read_policy(data)
    except PolicyError as error:
        raise PolicyError(f"{name}: {error.reason}", at=error.at) from error


def _written(
    model: Model,
    name: str | None,
    groups: Sequence[str],
    trusted: Mapping[str, Sequence[str]],
) -> str:
    text = ready_text(model)
    if name is not None:
        text = text.replace(f'name = "{model}"', f"name = {_quoted(name)}")
    for word, names in trusted.items():
        if names:
            line = f"{word} = [{', '.join(map(_quoted, names))}]\n"
            text = text.replace(f'model = "{model}"\n', f'model = "{model}"\n{line}')
    for item in groups:
        called, _, keys = item.rpartition("=")
        if not called:
            raise UsageError(f"{item!r}; expected NAME=DID", at="--group")
        listed = ", ".join(_quoted(key) for key in keys.split(","))
        text += f"\n[[groups]]\nname = {_quoted(called)}\nkeys = [{listed}]\n"
    return text if groups else text + _EXAMPLE


def _quoted(text: str) -> str:
    """A string as TOML writes it, which is as JSON does."""
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise UsageError(f"{text[:80]!r} is not UTF-8, as TOML is", at="argument")
    return json.dumps(text, ensure_ascii=False)
