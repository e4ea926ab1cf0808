"""What a running round asks of this node, read from the chain alone.

Whether its coordinator asks for it does not matter: one that keeps silent must not cost a node
its bond, nor get a sample seed or a challenge seed to its liking.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from node.drawing import is_draw_due
from zk0.ports import Block
from zk0.protocol.contribution import Outcome
from zk0.protocol.round import Phase, Round
from zk0.protocol.statement import Address


class Task(StrEnum):
    """A stage of `NodePipeline`, in words for the log."""

    DRAW = "draw the seed"
    SAMPLE = "commit the sample"
    PROVE = "prove"


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing to do for one state of a round: after a reorganisation it is another duty."""

    round_id: int
    task: Task
    of: bytes
    """The block (8 bytes), the sample seed or the challenge's digest that it is about."""


def find_duty(round_: Round, node: Address, block: Block) -> Duty | None:
    """What `node` has to do in the newest round at the newest block, if anything.

    Nothing in a round that it has not committed to, and nothing once it is called missing.
    """
    own = round_.contribution_of(node)
    if own is None or not own.is_available:
        return None
    is_in_time = block.timestamp < round_.deadline
    match round_.phase:
        case Phase.SAMPLING | Phase.SEALED if is_draw_due(round_, node, block.number):
            fixed = round_.closing_block.to_bytes(8, "big")
            return Duty(round_.round_id, Task.DRAW, fixed)
        case Phase.COLLECTING if own.sample_key is None and is_in_time:
            return Duty(round_.round_id, Task.SAMPLE, round_.sample_seed)
        case Phase.PROVING if own.outcome is Outcome.NONE and is_in_time:
            return Duty(round_.round_id, Task.PROVE, round_.challenge)
    return None
