"""Local training of every member, as int8 updates with a digest."""

from __future__ import annotations

from dataclasses import dataclass

from zk0.protocol.statement import Address, Digest
from zk0.protocol.tensorfile import compute_tensor_digest
from zk0.protocol.update import Digits, Quantised, UpdateMetadata, compute_square


@dataclass(frozen=True, slots=True)
class Submission:
    """What one member brings into a round."""

    name: str
    task: str
    node: Address
    digits: Digits
    exponent: int
    num_examples: int
    square: int
    digest: Digest
    """Of the update file that a node would write."""


def make_submission(
    name: str, task: str, quantised: Quantised, metadata: UpdateMetadata
) -> Submission:
    """The update as its canonical file fixes it, without writing the file."""
    return Submission(
        name=name,
        task=task,
        node=metadata.node,
        digits=quantised.digits,
        exponent=quantised.exponent,
        num_examples=metadata.num_examples,
        square=compute_square(quantised.digits),
        digest=compute_tensor_digest(quantised.digits, metadata.to_json()),
    )
