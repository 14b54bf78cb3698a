"""Whom to believe: policies, what they hear, and what follows from it.

    facts of a log + policy -> Heard -> Verdict            no clock, no randomness

A verdict is never stored as a fact: whoever has the same checkpoint and the same policy
computes the same bytes. Source: FORMATS 8, 9; ADR 26.
"""
