"""Somebody else's log, verified from outside, again and again.

    source, folder, remote    where a log is read: a folder of files, or a URL
    state                     what was seen of a log and verified, on our disk
    following                 entries and their blocks, through the one door
    findings                  what a run found, step by step
    audit                     one run: from the checkpoint to the cosignature

Source: DESIGN 6; docs/spec/audit.md; ADR 19.
"""

__all__: list[str] = []
