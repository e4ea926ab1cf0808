"""What a node bonds and registers, and when anyone may retire it: the registry of nodes, pure.

`docs/contracts.md`, "Seats". A seat has a price however small the data set is, and a node that lets
too many rounds pass can be made to leave it.
"""

from __future__ import annotations

from collections.abc import Iterable

from zk0.protocol.contribution import MAX_TOTAL_WEIGHT
from zk0.protocol.round import Phase, Round
from zk0.protocol.statement import Address

MAX_DATASET_SIZE = 1 << 24


def compute_required_bond(dataset_size: int, bond_per_example_wei: int, min_bond_wei: int) -> int:
    """Wei to bond for a data set: for each example, and at least the price of a seat."""
    return max(min_bond_wei, dataset_size * bond_per_example_wei)


def compute_max_dataset_size(max_nodes: int) -> int:
    """Most examples that a node can register, so that the weights of a full round stay exact."""
    return min(MAX_DATASET_SIZE, (MAX_TOTAL_WEIGHT - 1) // max_nodes)


def counts_as_idle(round_: Round, max_nodes: int) -> bool:
    """Whether every node had its time and its place to commit to a round that is over.

    A round that a coordinator can throw away before, or whose end it decides alone, does not count.
    """
    has_new_checkpoint = round_.phase is Phase.FINALIZED and round_.checkpoint != round_.base
    is_full = len(round_.contributions) >= max_nodes
    return round_.lapsed or (has_new_checkpoint and not is_full)


def count_idle_rounds(
    newest_first: Iterable[tuple[Round, int]], node: Address, since: int, limit: int
) -> int:
    """Rounds that counted since a node's last commitment, up to `limit`.

    Args:
        newest_first: the network's rounds, each with the most commitments that it took; as many
            are read as it takes.
        since: when the node joined or came back, in seconds: it could commit to later rounds only.
    """
    idle = 0
    for round_, max_nodes in newest_first:
        if idle >= limit or round_.opened_at <= since or round_.contribution_of(node) is not None:
            break
        idle += counts_as_idle(round_, max_nodes)
    return idle
