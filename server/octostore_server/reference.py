"""The reference page at /docs: the OpenAPI document, readable, loading nothing.

FastAPI's own page fetches its scripts from a content network; a node without a
way out, and a reader who trusts nobody else, would see an empty page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from octostore_server.page import STYLE

__all__ = ["render"]

_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Octostore API</title>
<style>{style}</style></head><body><h1>Octostore API {version}</h1><main>
<p>{description}</p><p>The same for machines:
<a href="/openapi.json">/openapi.json</a> (OpenAPI {openapi}). The form for people:
<a href="/">/</a>.</p>{operations}</main></body></html>"""


def render(document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI 3.1 document."""
    return _PAGE.format(
        style=STYLE,
        version=_text(document["info"]["version"]),
        description=_text(document["info"].get("description", "")),
        openapi=_text(document["openapi"]),
        operations="".join(
            _operation(method, path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ),
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    return (
        f"<h2><code>{_text(method.upper())} {_text(path)}</code>"
        f" {_text(operation.get('summary', ''))}</h2>"
        f"<p>{_text(operation.get('description', ''))}</p>" + "".join(_table(operation))
    )


def _table(operation: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        (f"{item['name']} ({item['in']})", item.get("description", ""))
        for item in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {})
    rows += [("body", kind) for kind in body]
    for status, response in operation["responses"].items():
        kinds = ", ".join(response.get("content", {}))
        rows.append((f"answers {status}", f"{response['description']} {kinds}".strip()))
    yield "<table><tbody>"
    for name, meaning in rows:
        yield f"<tr><td><code>{_text(name)}</code></td><td>{_text(meaning)}</td></tr>"
    yield "</tbody></table>"


def _text(text: object) -> str:
    return escape(str(text).strip())
