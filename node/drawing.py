"""Draws a round's seed when its coordinator does not, so that it cannot let one expire."""

from __future__ import annotations

from zk0.chain import refusals
from zk0.ports import Ledger, Receipt
from zk0.protocol.round import Phase, Round
from zk0.protocol.statement import Address

DRAW_AFTER_BLOCKS = 32
"""After the block whose hash is the seed: a coordinator that is there has drawn long before."""
DRAW_STEP_BLOCKS = 16
"""Nodes take their turns in the order of their commitments, so that one of them pays."""
LAST_DRAW_BLOCKS = 128
"""All that are left, at once. A hash lasts 256 blocks: where a block takes 250 ms, 32 s more."""
OVERTAKEN = (
    refusals.WrongPhaseError,
    refusals.ChallengeAlreadyDrawnError,
    refusals.BlockNotCompleteError,
)
"""How a draw is refused once another one came first, or one that fixed a later block."""


def is_seed_missing(round_: Round) -> bool:
    """Whether the round waits for somebody to draw."""
    is_sealed = round_.phase is Phase.SEALED and round_.challenge_seed == bytes(32)
    return round_.phase is Phase.SAMPLING or is_sealed


def is_draw_due(round_: Round, node: Address, block: int) -> bool:
    """Whether it is this node's turn to draw what nobody has drawn, at block number `block`."""
    if not is_seed_missing(round_):
        return False
    place = [c.node for c in round_.contributions].index(node)
    wait = min(DRAW_AFTER_BLOCKS + place * DRAW_STEP_BLOCKS, LAST_DRAW_BLOCKS)
    return block >= round_.closing_block + wait


def draw_seed(ledger: Ledger, round_id: int) -> Receipt | None:
    """Draw the seed that the round waits for, for this account's gas. Anyone may.

    Where the block's hash has expired, this fixes another block instead, until the deadline.

    Returns:
        None when the seed is there, or another transaction to draw it came first. That one may
        not be mined yet, so the chain need not show it.
    """
    round_ = ledger.get_round(round_id)
    try:
        if round_.phase is Phase.SAMPLING:
            return ledger.draw_sample(round_id)
        if is_seed_missing(round_):
            return ledger.draw_challenge(round_id)
    except OVERTAKEN:
        pass
    return None
