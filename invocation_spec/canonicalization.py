"""From a document of any network to canonical invocations.

A pure function of (document, resolutions, network): same bytes in, same CIDs
out, on every machine. The network only settles which form is meant, or refuses.
Source: DESIGN 3; FORMATS 4.
"""

from __future__ import annotations

from dataclasses import replace

from invocation_spec.adapters import FORMS, Form, recognised
from invocation_spec.document import Document, read_document
from invocation_spec.errors import DocumentError
from invocation_spec.findings import (
    FINDINGS_MAX,
    TOLD_CHARACTERS_MAX,
    Warned,
    characters_of,
)
from invocation_spec.outcome import Also, Outcome
from invocation_spec.reading import Reading
from invocation_spec.references import REFERENCE_BYTES_MAX
from invocation_spec.resolutions import Resolutions

__all__ = ["NETWORKS", "canonicalize", "canonicalize_document"]

#: Networks whose forms are read.
NETWORKS = tuple(dict.fromkeys(form.network for form in FORMS))


def canonicalize(
    data: bytes,
    resolutions: Resolutions | None = None,
    *,
    network: str | None = None,
) -> tuple[Outcome, ...]:
    """The outcomes of all tasks of a document, in its order; at least one.

    Args:
        data: the document: JSON, YAML or DAG-CBOR.
        resolutions: what mutable references in it meant.
        network: which network it was written for, where its form leaves a doubt.

    Raises:
        DocumentError: the document is refused: malformed, of no known form, or
            outside the rules of its form.
    """
    document = read_document(data, templates=True)
    return canonicalize_document(document, resolutions, network=network)


def canonicalize_document(
    document: Document,
    resolutions: Resolutions | None = None,
    *,
    network: str | None = None,
) -> tuple[Outcome, ...]:
    """As `canonicalize`, of a document that was read, or of a part of one.

    Raises:
        DocumentError: it is refused.
    """
    given = resolutions or Resolutions.none()
    form = _form(document, network)
    readings = form.read(document, given)
    outcomes = [_outcome(form, reading) for reading in readings]
    _check_told(outcomes)
    replaced = {key for reading in readings for key in reading.resolver.replaced}
    if replaced:
        outcomes = _with_also(
            outcomes, _before(form, document, given, replaced), replaced
        )
    return tuple(_warned_of_unused(outcomes, given))


def _before(
    form: Form, document: Document, given: Resolutions, replaced: set[str]
) -> list[Outcome]:
    """The outcomes without the resolutions that replace; none where it is refused."""
    try:
        readings = form.read(document, given.without(replaced))
    except DocumentError:
        return []  # nobody can ask under an address that no document states
    return [_outcome(form, reading) for reading in readings]


def _form(document: Document, network: str | None) -> Form:
    if network is not None and network not in NETWORKS:
        raise DocumentError(
            f"network {network!r} has no forms here; known: {', '.join(NETWORKS)}"
        )
    found = recognised(document)
    if network is not None:
        of_network = [form for form in found if form.network == network]
        if found and not of_network:
            raise DocumentError(
                f"this is a {found[0].name} of {found[0].network}, not of {network}"
            )
        found = of_network
    if not found and document.fault is not None:
        raise document.fault
    if not found:
        raise DocumentError(
            "of no form that is known here; expected "
            + ", ".join(f"{form.network}: {form.name}" for form in FORMS)
        )
    if len(found) > 1:
        names = " or ".join(f"{form.network}: {form.name}" for form in found)
        one_network = len({form.network for form in found}) == 1
        raise DocumentError(
            f"may be read as {names}; "
            + (
                "keep the fields of one of these forms, the network is the same"
                if one_network
                else "say which network it is for"
            )
        )
    return found[0]


def _outcome(form: Form, reading: Reading) -> Outcome:
    findings = reading.findings
    outcome = Outcome(
        network=form.network,
        form=reading.form,
        program=None if reading.has_template_field else reading.program,
        input=None if reading.has_template_field else reading.input,
        unresolved=tuple(findings.unresolved),
        impure=tuple(findings.impure),
        warnings=tuple(findings.warnings),
        aliases=reading.aliases,
        resolutions=reading.resolver.used,
        dirs=reading.dirs,
        result_names=reading.result_names,
    )
    # What keeps a part from being complete is always said.
    whole = outcome.program is not None and outcome.input is not None
    assert outcome.name != "canonical" or whole, reading.form  # noqa: S101
    return outcome


def _check_told(outcomes: list[Outcome]) -> None:
    """Refuse what would be told at too great a length, tasks by tasks."""
    for outcome in outcomes:
        for name, alias in outcome.aliases.items():
            if len(alias.encode()) > REFERENCE_BYTES_MAX:
                raise DocumentError(
                    f"the {name} has {len(alias.encode())} bytes; at most"
                    f" {REFERENCE_BYTES_MAX}"
                )
    # Partitions share one map of resolutions, which is measured once.
    used = {id(outcome.resolutions): outcome.resolutions for outcome in outcomes}
    sizes = {key: characters_of(dict(item)) for key, item in used.items()}
    count = sum(
        outcome.findings_characters
        + sum(map(len, outcome.aliases.values()))
        + sizes[id(outcome.resolutions)]
        for outcome in outcomes
    )
    if count > TOLD_CHARACTERS_MAX:
        raise DocumentError(
            f"{len(outcomes)} tasks of which {count} characters would be told: places,"
            f" references, aliases, resolutions; at most {TOLD_CHARACTERS_MAX} in all"
        )


def _with_also(
    outcomes: list[Outcome], before: list[Outcome], replaced: set[str]
) -> list[Outcome]:
    without = tuple(sorted(replaced))
    found = list(outcomes)
    for index, (now, then) in enumerate(zip(outcomes, before, strict=False)):
        if now.invocation is None or then.invocation is None:
            continue
        if now.invocation != then.invocation:
            found[index] = replace(now, also=(Also(then.invocation.cid, without),))
    return found


def _warned_of_unused(outcomes: list[Outcome], given: Resolutions) -> list[Outcome]:
    used = {key for outcome in outcomes for key in outcome.resolutions}
    keys = sorted(set(given.meanings) - used)
    # Told once: the resolutions are the document's, and tasks may be thousands.
    count = len(keys) + sum(outcome.findings_count for outcome in outcomes)
    if count > FINDINGS_MAX:
        raise DocumentError(
            f"{count} findings, {len(keys)} of them resolutions that nothing needs;"
            f" at most {FINDINGS_MAX} in all"
        )
    unused = tuple(
        Warned("", "unused-resolution", f"{key} stands nowhere in the document")
        for key in keys
    )
    first, *others = outcomes
    return [replace(first, warnings=first.warnings + unused), *others]
