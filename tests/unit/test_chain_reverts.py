"""Every custom error of the contracts is one of our errors, with a sentence."""

from __future__ import annotations

from importlib.resources import files
from string import Formatter, ascii_lowercase

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from zk0.chain.interfaces import CONTRACTS, compute_abi_digest, compute_signature, load_abi
from zk0.chain.refusals import (
    AlreadyCommittedError,
    InvalidProofError,
    NodeRegistryError,
    WrongPhaseError,
)
from zk0.chain.reverts import decode_revert, list_revert_classes
from zk0.errors import ChainError, ContractRevertError

CUSTOM_ERRORS = {
    entry["name"]: entry
    for contract in CONTRACTS
    for entry in load_abi(contract)
    if entry["type"] == "error"
}
NODE = "0x" + "ab" * 20


def encode_error(name: str, *values: object) -> bytes:
    entry = CUSTOM_ERRORS[name]
    types = [i["type"] for i in entry["inputs"]]
    return keccak(compute_signature(entry).encode())[:4] + encode(types, values)


def test_every_custom_error_has_exactly_one_class_and_no_class_is_left_over() -> None:
    assert list_revert_classes().keys() == CUSTOM_ERRORS.keys()


@pytest.mark.parametrize("name", CUSTOM_ERRORS)
def test_a_sentence_uses_only_arguments_that_the_custom_error_has(name: str) -> None:
    sentence = list_revert_classes()[name].sentence
    used = {field for _, field, _, _ in Formatter().parse(sentence) if field}
    assert sentence
    assert used <= {i["name"] for i in CUSTOM_ERRORS[name]["inputs"]}


@pytest.mark.parametrize("name", CUSTOM_ERRORS)
def test_a_sentence_ends_with_what_to_do(name: str) -> None:
    what_is_wrong, colon, next_step = list_revert_classes()[name].sentence.partition(": ")
    assert what_is_wrong
    assert colon
    assert next_step[0] in "`{" + ascii_lowercase


def test_a_custom_error_is_decoded_with_its_arguments_and_enums_by_name() -> None:
    error = decode_revert(encode_error("ContributionRegistry_WrongPhase", 5, 1))
    assert type(error) is WrongPhaseError
    assert error.arguments == {"expected": "Proving", "actual": "Committing"}
    assert str(error) == (
        "the round must be in phase Proving, and is in phase Committing: wait for that phase, "
        "here or in the next round (ContributionRegistry_WrongPhase)"
    )


def test_addresses_and_bytes_are_shown_as_a_person_writes_them() -> None:
    error = decode_revert(encode_error("ContributionRegistry_AlreadyCommitted", 3, NODE))
    assert type(error) is AlreadyCommittedError
    assert error.arguments == {"round": 3, "node": NODE}
    mismatch = decode_revert(
        encode_error("AlignmentVerifier_SampleMismatch", bytes([1]) * 32, bytes([2]) * 32)
    )
    assert mismatch.arguments == {"expected": "0x" + "01" * 32, "actual": "0x" + "02" * 32}


def test_the_same_error_name_in_two_contracts_stays_apart() -> None:
    of_nodes = decode_revert(encode_error("NodeRegistry_MaxNodesOutOfRange", 256, 300))
    of_rules = decode_revert(encode_error("NetworkParameters_MaxNodesOutOfRange", 256, 300))
    assert isinstance(of_nodes, NodeRegistryError)
    assert not isinstance(of_rules, NodeRegistryError)


def test_an_error_without_arguments_is_its_sentence() -> None:
    assert type(decode_revert(encode_error("AlignmentVerifier_InvalidProof"))) is InvalidProofError
    assert str(InvalidProofError()) == (
        "the proof does not show the statement: make it again, with the round's circuit "
        "(AlignmentVerifier_InvalidProof)"
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "without saying why"),
        (keccak(b"Error(string)")[:4] + encode(["string"], ["no money"]), "no money"),
        (keccak(b"Panic(uint256)")[:4] + encode(["uint256"], [0x11]), "panic code 0x11"),
        (b"\xde\xad\xbe\xef" + bytes(32), "0xdeadbeef"),
        (keccak(b"Error(string)")[:4] + b"\x01", "damaged data"),
    ],
)
def test_other_reverts_still_say_what_is_known(data: bytes, said: str) -> None:
    error = decode_revert(data)
    assert type(error) is ContractRevertError
    assert said in str(error)


def test_refusals_are_chain_errors_that_end_a_command_line_with_one() -> None:
    assert issubclass(WrongPhaseError, ChainError)
    assert WrongPhaseError.exit_code == 1


def test_the_abi_digest_is_the_one_that_the_export_wrote() -> None:
    written = (files("zk0.chain") / "abi" / "DIGEST").read_text().strip()
    assert compute_abi_digest() == written
