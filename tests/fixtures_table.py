"""Real files of others, by form and outcome: `python -m tests.fixtures_table`.

The documents of Bacalhau, IPVM and Golem beside the checkout, each canonicalised
without resolutions. A file whose tasks have several outcomes counts as its worst, as
the command line's exit does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from invocation_spec import DocumentError, canonicalize
from invocation_spec.adapters import FORMS
from invocation_spec.document import read_document

__all__ = ["OUTCOMES", "counted", "files", "table"]

FOLDERS = ("bacalhau", "ipvm", "golem")
OUTCOMES = ("canonical", "unresolved", "impure", "refused")

#: Of files that are refused before a form could be told, or have the marks of none.
NO_FORM = "of no form"
NO_DOCUMENT = "no document"

EMPTY: Counter[str] = Counter()


def files(root: Path) -> Iterator[Path]:
    """All files of the networks' folders."""
    for folder in FOLDERS:
        found = (root / folder).rglob("*")
        yield from sorted(path for path in found if path.is_file())


def counted(root: Path) -> Mapping[str, Counter[str]]:
    """Form -> outcome -> how many files."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for path in files(root):
        form, outcome = _read(path.read_bytes())
        found[form][outcome] += 1
    return found


def _read(data: bytes) -> tuple[str, str]:
    try:
        outcomes = canonicalize(data)
    except DocumentError:
        return _form_of(data), "refused"
    worst = max(outcomes, key=lambda found: OUTCOMES.index(found.name))
    return worst.form, worst.name


def _form_of(data: bytes) -> str:
    """By its marks, the form that refused a document; its adapter names no more."""
    try:
        document = read_document(data)
    except DocumentError:
        return NO_DOCUMENT
    forms = [form.name for form in FORMS if form.recognises(document)]
    return forms[0] if len(forms) == 1 else NO_FORM


def table(root: Path) -> str:
    """The counts as a table, forms in alphabetical order, what is none last."""
    found = counted(root)
    last = (NO_FORM, NO_DOCUMENT)
    names = [*sorted(set(found) - set(last)), *(name for name in last if name in found)]
    found = {**{name: found[name] for name in names}, "all": sum(found.values(), EMPTY)}
    rows = [(name, *(row[word] for word in OUTCOMES)) for name, row in found.items()]
    head = ("form", *OUTCOMES)
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


if __name__ == "__main__":
    print(table(Path(__file__).parents[2] / "shared" / "fixtures"))
