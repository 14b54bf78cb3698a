"""Claims from what networks report: read, told apart, signed by who harvests.

    a network's own answers -> Seen -> Prepared, or why not -> statements -> delivery

One module a network reads its answers and yields `Seen`; what follows is the same
for all: `observed` says what a run is before anybody signs it, `run` claims it, and
`outbox` keeps it until somebody has acknowledged it. Source: ADR 20.
"""
