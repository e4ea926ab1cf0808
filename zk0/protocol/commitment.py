"""Signed statements between node and coordinator: EIP-712 digests. `docs/encodings.md`."""

from __future__ import annotations

from eth_abi.abi import encode
from eth_hash.auto import keccak

from zk0.protocol.statement import Address, Digest

DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
UPLOAD_TYPE = "Upload(uint256 round,address node,bytes32 digest)"
RECEIPT_TYPE = "Receipt(uint256 round,address node,bytes32 digest,bytes32 sampleKey)"
NAME, VERSION = "zk0", "1"


def _compute_domain(chain_id: int, registry: Address) -> bytes:
    return keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(DOMAIN_TYPE.encode()),
                keccak(NAME.encode()),
                keccak(VERSION.encode()),
                chain_id,
                registry,
            ],
        )
    )


def _compute_signing_hash(chain_id: int, registry: Address, struct: bytes) -> bytes:
    return keccak(b"\x19\x01" + _compute_domain(chain_id, registry) + keccak(struct))


def compute_upload_hash(
    chain_id: int, registry: Address, round_id: int, node: Address, digest: Digest
) -> bytes:
    """What the node's wallet signs to say "this file is mine" (32 bytes)."""
    struct = encode(
        ["bytes32", "uint256", "address", "bytes32"],
        [keccak(UPLOAD_TYPE.encode()), round_id, node, digest],
    )
    return _compute_signing_hash(chain_id, registry, struct)


def compute_receipt_hash(
    chain_id: int,
    registry: Address,
    round_id: int,
    node: Address,
    digest: Digest,
    sample_key: bytes,
) -> bytes:
    """What the coordinator signs to say "this file reached me" (32 bytes).

    Args:
        sample_key: keccak256 of C_d as on chain.
    """
    struct = encode(
        ["bytes32", "uint256", "address", "bytes32", "bytes32"],
        [keccak(RECEIPT_TYPE.encode()), round_id, node, digest, sample_key],
    )
    return _compute_signing_hash(chain_id, registry, struct)
