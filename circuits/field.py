"""Field elements as EZKL writes them: 32 bytes, little-endian, hexadecimal, no prefix."""

from __future__ import annotations

from collections.abc import Iterable

FIELD_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""Order of the BN254 scalar field."""


def encode_felt(value: int) -> str:
    """`value` modulo the field: −1 becomes the modulus minus one."""
    return (value % FIELD_MODULUS).to_bytes(32, "little").hex()


def encode_felts(values: Iterable[int]) -> list[str]:
    return [encode_felt(int(value)) for value in values]
