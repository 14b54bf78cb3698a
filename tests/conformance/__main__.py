"""Prints the table of docs/conformance.md: `python -m tests.conformance`.

`--write` puts it into the page. A test runs the same suites and compares.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.conformance import above, ground
from tests.conformance.suite import Suite, row_of

__all__ = ["FIXTURES", "PAGE", "SUITES", "table"]

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT.parent / "shared" / "fixtures"
PAGE = ROOT / "docs" / "conformance.md"

SUITES = (
    Suite("multihash", "digests in CIDs", ground.multihash),
    Suite("multibase, tables", "text in each base", ground.multibase_tables),
    Suite("multibase, registry", "a CID in each base", ground.multibase_registry),
    Suite("multicodec", "codes and names", ground.multicodec),
    Suite("codec-fixtures", "DAG-CBOR, both ways", ground.codec_fixtures_cbor),
    Suite("codec-fixtures", "DAG-JSON to the same block", ground.codec_fixtures_json),
    Suite("codec-fixtures, negative", "refusals", ground.codec_fixtures_negative),
    Suite("dasl-testing", "DAG-CBOR, strictly", ground.dasl),
    Suite("json-canonicalization", "RFC 8785", ground.json_canonicalization),
    Suite("ipld-specs", "CAR v1 by offset", above.car_of_the_specification),
    Suite("go-car, js-car", "CARs to be refused", above.car_of_go_and_js),
    Suite("gateway-conformance", "CARs and IPNS records", above.car_of_gateways),
    Suite("did-key", "did:key of seeds", above.did_key),
    Suite("ed25519-speccheck", "the rule of verification", above.ed25519),
    Suite("merkle", "RFC 6962", above.merkle),
    Suite("tessera-log", "roots and tiles of a log", above.tessera),
    Suite("ucan spec 1.0", "signatures and proofs", above.ucan_of_the_specification),
    Suite("go-ucan, container", "tokens in both codecs", above.ucan_of_go),
    Suite("others", "nothing of what is here", above.not_run),
)

_COLUMNS = ("suite", "asks for", "cases", "passed", "deliberately otherwise")
_HEAD = f"| {' | '.join((*_COLUMNS, 'not applicable', 'run by'))} |\n|{'---|' * 7}"


def table(folder: Path) -> str:
    """The table, made by running every suite."""
    return "\n".join([_HEAD, *(row_of(suite, folder) for suite in SUITES)])


def main() -> None:
    """Print the table, or write it into the page."""
    found = table(FIXTURES)
    if "--write" in sys.argv[1:]:
        before, _, rest = PAGE.read_text().partition("<!-- table -->\n")
        after = rest.partition("<!-- end -->")[2]
        PAGE.write_text(
            f"{before}<!-- table -->\n{found}\n<!-- end -->{after}", encoding="utf-8"
        )
    else:
        print(found)


if __name__ == "__main__":
    main()
