"""The map: an index that anybody can check, derived from the log.

    trie, keys, head        pure: what is hashed, and which keys a claim has
    questions, proof        pure: what can be asked, and whether an answer holds
    pages                   the trie on disk: grown in place, opened for proofs
    batch                   from the log to its keys, read only
    update                  those into the store, and their head into the log

Source: FORMATS 7; docs/spec/map.md; ADR 16.
"""

__all__: list[str] = []
