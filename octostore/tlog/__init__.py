"""Transparency logs as C2SP and RFC 6962 describe them.

Pure values and functions; nothing here knows a store, a disk or a clock.

    merkle      RFC 6962 hashes; proofs of inclusion and consistency
"""
