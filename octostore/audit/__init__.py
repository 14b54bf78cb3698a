"""Somebody else's log, verified from outside, again and again.

    source, folder, remote    where a log is read: a folder of files, or a URL
    state                     what was seen of a log and verified, on our disk
    at_hand                   the blocks of a bundle: beside it, or asked for by name
    following                 entries with their blocks, through the one door
    chains                    what new statements show of their issuers
    report                    what a run found, step by step
    run                       one audit: from the checkpoint to the cosignature

Source: DESIGN 6; docs/spec/audit.md; ADR 19.
"""

__all__: list[str] = []
