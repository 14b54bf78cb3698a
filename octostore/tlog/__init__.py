"""Transparency logs as C2SP and RFC 6962 describe them.

Pure values and functions; nothing here knows a store, a disk or a clock.

    merkle      RFC 6962 hashes; proofs of inclusion and consistency
    tiles       tlog-tiles: paths, tiles of hashes, bundles of entries
    note        signed-note and its keys; cosignatures
    checkpoint  tlog-checkpoint: origin, size, root
    proof       tlog-proof: an entry, its path and a checkpoint in one text
"""
