"""The page: what this is, the state of the log, and a form that asks who.

Plain HTML that loads nothing: no script, one style that the policy names by its
hash. Everything that came from others is escaped in `_text`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from typing import Final

from invocation_spec.cid import CID
from octostore.answer import Answer, ClaimAnswer, InvocationAnswer
from octostore.log import Checkpoint

__all__ = ["POLICY", "render"]

#: Columns of outputs in one table; those in conflict come first.
_OUTPUTS_SHOWN: Final = 6

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem; color: #1c2733; background: #fff }
h1 { margin-bottom: 0 } h2 { font-size: 1.1rem; margin-top: 2rem }
label { display: block; margin-top: .7rem; font-weight: 600 }
input { width: 100%; box-sizing: border-box; font: 14px ui-monospace, monospace;
  padding: .5rem; border: 1px solid #8a97a5; border-radius: 4px }
button { margin-top: 1rem; padding: .5rem 1.4rem; font: inherit; color: #fff;
  background: #14508c; border: 0; border-radius: 4px }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0;
  border-bottom: 1px solid #d5dbe1 } th { white-space: nowrap }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere }
.note { color: #56636f } .bad { color: #a3160d; font-weight: 600 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem }
dd { margin: 0 }
"""

_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

#: What a browser lets this page do: its own style and its own form.
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)

_ABOUT: Final = """
<p>A database of proposed results: who says that running a content-addressed
program on content-addressed input data gave which result, whichever network it
ran on. Each claim is signed; what you see can be
<a href="/docs">asked for with its proof</a> and verified without this server.</p>
"""


def render(
    checkpoint: Checkpoint,
    asked: tuple[str, str],
    answer: Answer | None = None,
    refusal: str | None = None,
) -> str:
    """The whole page; `asked` is what stands in the form."""
    parts = [_ABOUT, _form(*asked)]
    if refusal is not None:
        parts.append(f'<p class="bad" role="alert">{_text(refusal)}</p>')
    if answer is not None:
        parts.append(_answer(answer))
    parts.append(
        f'<p class="note">Log: {checkpoint.size} entries, root'
        f" <code>{_text(checkpoint.to_json()['root'])}</code></p>"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Octostore</title><style>{_STYLE}</style></head><body>"
        f"<h1>Octostore</h1><main>{''.join(parts)}</main></body></html>"
    )


def _form(program: str, input_: str) -> str:
    def field(name: str, label: str, value: str) -> str:
        return (
            f'<label for="{name}">{label}</label><input id="{name}" name="{name}"'
            f' value="{_text(value)}" required autocomplete="off" spellcheck="false">'
        )

    return (
        '<form action="/" method="get">'
        + field("program", "Program: the CID of a program, or of its code", program)
        + field("input", "Input: the CID of an input, or of data in it", input_)
        + "<button>Who got which result?</button></form>"
    )


def _answer(answer: Answer) -> str:
    if not answer.invocations:
        return "<h2>Nobody has claimed a result of this yet.</h2>"
    more = "<p class='note'>There is more; ask /v1/who for the next page.</p>"
    found = "".join(_invocation(item) for item in answer.invocations)
    return found + (more if answer.next is not None else "")


def _invocation(item: InvocationAnswer) -> str:
    ordered = sorted(item.outputs, key=lambda name: (name not in item.conflicts, name))
    shown = ordered[:_OUTPUTS_SHOWN]
    heads = ["signed by", "ran on", "reported by", *(_output(n) for n in shown), "exit"]
    labels = {
        name: {value.value: f"R{at}" for at, value in enumerate(values, 1)}
        for name, values in item.outputs.items()
    }
    rows = (
        [
            *_origin(claim),
            *(_value(item, labels[name], name, claim) for name in shown),
            _exit(item, claim),
        ]
        for claim in item.claims
    )
    values = "".join(
        f"<dt>{_output(name)} {label}</dt><dd><code>{cid}</code></dd>"
        for name in shown
        for cid, label in labels[name].items()
    )
    conflict = (
        f'<p class="bad">Conflict: {_text(", ".join(item.conflicts))}</p>'
        if item.conflicts
        else ""
    )
    hidden = len(ordered) - len(shown)
    more = f'<p class="note">{hidden} more outputs; see /v1/who.</p>' if hidden else ""
    return (
        f"<h2>Invocation <code>{item.invocation}</code></h2>{conflict}"
        f'<div class="wide"><table><thead><tr>{_cells("th", heads)}</tr></thead><tbody>'
        + "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
        + f"</tbody></table></div><dl>{values}</dl>{more}"
    )


def _origin(claim: ClaimAnswer) -> tuple[str, str, str]:
    name = f"{_text(claim.name)}<br>" if claim.name else ""
    executor = f", {_text(claim.executor)}" if claim.executor else ""
    return (
        f"{name}<code>{claim.issuer}</code>",
        _text(claim.network) + executor,
        "a witness" if claim.witness else "its executor",
    )


def _value(
    item: InvocationAnswer, labels: dict[CID, str], name: str, claim: ClaimAnswer
) -> str:
    if claim.failure is not None:
        return f'<span class="note">failed: {_text(claim.failure)}</span>'
    if claim.withdrawn:
        return '<span class="note">withdrawn</span>'
    for value in item.outputs[name]:
        if claim.claim in value.claims:
            kind = ' class="bad"' if name in item.conflicts else ""
            return f"<span{kind}>{labels[value.value]}</span>"
    return '<span class="note">not said</span>'


def _exit(item: InvocationAnswer, claim: ClaimAnswer) -> str:
    if claim.exit is None:
        return ""
    return (
        f'<span class="bad">{claim.exit}</span>'
        if "exit" in item.conflicts
        else (str(claim.exit))
    )


def _output(name: str) -> str:
    return _text(name or "(a tree)")


def _cells(tag: str, contents: Iterable[str]) -> str:
    return "".join(f"<{tag}>{content}</{tag}>" for content in contents)


def _text(text: object) -> str:
    return escape(str(text))
