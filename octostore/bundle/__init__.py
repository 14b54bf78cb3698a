"""Bundles: an answer of `who` in one file, which proves itself without a server.

    format      the root block: read and written
    contents    its blocks: read in order, statements verified
    answering   the answer that the statements of a bundle give
    verify      whether all of a file holds, step by step
    make        a bundle from a store

Source: DESIGN 5; docs/spec/bundle.md; ADR 17.
"""

__all__: list[str] = []
