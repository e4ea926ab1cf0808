// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { FakeCredits } from "./doubles/FakeCredits.sol";
import { RewardVault } from "contracts/RewardVault.sol";
import { Test } from "forge-std/Test.sol";

/// @notice A vault of native coins over rounds with any credits.
abstract contract VaultFixture is Test {
    uint256 internal constant RATE = 1000;
    uint64 internal constant WINDOW = 1 days;
    uint64 internal constant RULING = 3 days;
    uint256 internal constant BOND = 5 ether;
    bytes32 internal constant EVIDENCE = keccak256("evidence");

    address internal owner = makeAddr("owner");
    address internal judge = makeAddr("judge");
    address internal funder = makeAddr("funder");
    address internal auditor = makeAddr("auditor");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal carol = makeAddr("carol");

    FakeCredits internal credits;
    RewardVault internal vault;

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        credits = new FakeCredits();
        vault = new RewardVault(owner, judge, credits, address(0), RATE, WINDOW, RULING, BOND);
        vm.deal(funder, 1e30);
        vm.deal(auditor, 1000 ether);
    }

    function _fund(uint256 first, uint256 rounds, uint256 amount) internal {
        vm.prank(funder);
        vault.fund{ value: rounds * amount }(first, rounds, amount);
    }

    /// Opens and ends a round in which Alice, Bob and Carol earn these.
    function _end(uint256 a, uint256 b, uint256 c, uint256 drop) internal returns (uint256 id) {
        id = credits.open();
        address[] memory nodes = new address[](3);
        (nodes[0], nodes[1], nodes[2]) = (alice, bob, carol);
        uint256[] memory earned = new uint256[](3);
        (earned[0], earned[1], earned[2]) = (a, b, c);
        credits.end(id, nodes, earned, drop);
    }

    /// Round 1 pays 1000 for credits 1, 1 and 1; the pot held 1500.
    function _toSettled() internal {
        _fund(1, 1, 1500);
        vault.settle(_end(1, 1, 1, 1));
    }

    function _toOpen() internal {
        _toSettled();
        skip(WINDOW);
    }

    function _toObjected() internal {
        _toSettled();
        _object(1);
    }

    function _object(uint256 roundId) internal {
        uint256 bond = BOND << vault.settlement(roundId).objections;
        vm.prank(auditor);
        vault.object{ value: bond }(roundId, EVIDENCE, "cid");
    }

    function _rule(bool upheld) internal {
        uint256 number = vault.settlement(1).objections;
        vm.prank(judge);
        vault.rule(1, number, upheld);
    }

    function _claim(address node, uint256 roundId) internal {
        vm.prank(node);
        vault.claim(_list(roundId));
    }

    function _list(uint256 roundId) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = roundId;
    }
}
