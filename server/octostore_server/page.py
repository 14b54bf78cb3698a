"""The page: what this is, the state of the log, and a form that asks who.

Plain HTML that loads nothing: no script, one style that the policy names by its
hash. Everything that came from others goes through `_text`.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Final

from octostore.log import Checkpoint
from octostore.questions.answer import Answer, ClaimAnswer, InvocationAnswer

__all__ = ["POLICY", "STYLE", "render"]

#: Columns of outputs in one table; those in conflict come first.
_OUTPUTS_SHOWN: Final = 6

#: The one style, of this page and of the reference.
STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto;
  padding: 0 1rem; color: #1c2733; background: #fff }
label { display: block; margin-top: .7rem; font-weight: 600 }
input { width: 100%; box-sizing: border-box; font: 14px ui-monospace, monospace;
  padding: .5rem; border: 1px solid #8a97a5; border-radius: 4px }
button { margin-top: 1rem; padding: .5rem 1.4rem; font: inherit; color: #fff;
  background: #14508c; border: 0; border-radius: 4px }
h2 { font-size: 1.1rem; margin-top: 2rem } .wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% } th { white-space: nowrap }
th, td { text-align: left; vertical-align: top; padding: .4rem 1rem .4rem 0;
  border-bottom: 1px solid #d5dbe1 } td:first-child { min-width: min(27rem, 60vw) }
code { font: 12px ui-monospace, monospace; overflow-wrap: anywhere }
.note { color: #56636f } .bad { color: #a3160d; font-weight: 600 }
"""
_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

#: What a browser lets this page do: its own style and its own form.
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)

_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Octostore</title>
<style>{style}</style></head><body><h1>Octostore</h1><main>
<p>A database of proposed results: who says that running a content-addressed
program on content-addressed input data gave which result, whichever network it
ran on. Every claim is signed, and can be <a href="/docs">asked for with its
proof</a>, so that you need not believe this server.</p>
<form action="/" method="get">
<label for="program">Program: the CID of a program, or of its code</label>
<input id="program" name="program" value="{program}" required spellcheck="false">
<label for="input">Input: the CID of an input, or of data in it</label>
<input id="input" name="input" value="{input}" required spellcheck="false">
<button>Who got which result?</button></form>{found}
<p class="note">Log: {size} entries, root <code>{root}</code></p>
</main></body></html>"""

_STAR: Final = '<p class="note">* what a key calls itself; nobody has checked it</p>'


def render(
    checkpoint: Checkpoint,
    asked: tuple[str, str],
    answer: Answer | None = None,
    refusal: str | None = None,
) -> str:
    """The whole page; `asked` is what stands in the form."""
    found = "" if answer is None else _answer(answer)
    if refusal is not None:
        found = f'<p class="bad" role="alert">{_text(refusal)}</p>'
    program, input_ = map(_text, asked)
    size, root = checkpoint.to_json().values()
    return _PAGE.format(
        style=STYLE, program=program, input=input_, found=found, size=size, root=root
    )


def _answer(answer: Answer) -> str:
    if not answer.invocations:
        return "<h2>Nobody has claimed a result of this yet.</h2>"
    more = '<p class="note">There is more; /v1/who gives the next page.</p>'
    found = "".join(_invocation(item) for item in answer.invocations)
    return found + _STAR + (more if answer.next is not None else "")


def _invocation(item: InvocationAnswer) -> str:
    names = sorted(item.outputs, key=lambda name: (name not in item.conflicts, name))
    shown, hidden = names[:_OUTPUTS_SHOWN], names[_OUTPUTS_SHOWN:]
    heads = ["signed by", "ran on", "reported by", *map(_output, shown), "ended"]
    rows = [[*_origin(claim), *_came(item, shown, claim)] for claim in item.claims]
    values = "".join(
        f"<li>{_output(name)} R{number} = <code>{value.value}</code></li>"
        for name in shown
        for number, value in enumerate(item.outputs[name], 1)
    )
    conflicts = ", ".join(map(_output, item.conflicts))
    return (
        f"<h2>Invocation <code>{item.invocation}</code></h2>"
        + (f'<p class="bad">Conflict: {conflicts}</p>' if conflicts else "")
        + f'<div class="wide"><table><thead>{_row("th", heads)}</thead><tbody>'
        + "".join(_row("td", row) for row in rows)
        + f"</tbody></table></div><ul>{values}</ul>"
        + (f'<p class="note">{len(hidden)} more outputs.</p>' if hidden else "")
    )


def _origin(claim: ClaimAnswer) -> tuple[str, str, str]:
    name = f"<bdi>{_text(claim.name)}</bdi>*<br>" if claim.name else ""
    executor = f" <bdi>({_text(claim.executor)})</bdi>" if claim.executor else ""
    own = "who ran it" if claim.executor else "not said"
    return (
        f"{name}<code>{claim.issuer}</code>",
        _text(claim.network) + executor,
        "a witness" if claim.witness else own,
    )


def _came(item: InvocationAnswer, names: list[str], claim: ClaimAnswer) -> list[str]:
    """A cell for each output, and how it ended."""
    cells = [""] * len(names)
    if claim.withdrawn:
        return [*cells, "withdrawn"]
    if claim.failure is not None:
        return [*cells, f"failed: {_text(claim.failure)}"]
    for at, name in enumerate(names):
        for number, value in enumerate(item.outputs[name], 1):
            if claim.claim in value.claims:
                cells[at] = _marked(f"R{number}", conflict=name in item.conflicts)
    status = "" if claim.exit is None else f"exit {claim.exit}"
    return [*cells, _marked(status, conflict="exit" in item.conflicts)]


def _marked(text: str, *, conflict: bool) -> str:
    return f'<span class="bad">{text}</span>' if conflict else text


def _output(name: str) -> str:
    return _text(name) or "the whole tree"


def _row(tag: str, cells: list[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"


def _text(text: object) -> str:
    return escape(str(text))
