"""EZKL circuits for the statement of `docs/protocol.md`, section "The proof".

The only package that imports ezkl. `catalog` finds a circuit, `prover` and `verifier`
use it, `build` makes new ones. See `docs/circuits.md`.
"""
