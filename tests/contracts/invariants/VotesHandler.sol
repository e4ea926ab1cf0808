// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { FakeCredits } from "../doubles/FakeCredits.sol";
import { ContributionVotes } from "contracts/governance/ContributionVotes.sol";
import { Test } from "forge-std/Test.sol";

/// @notice Ends rounds, mints and delegates in any order, and remembers what was minted.
contract VotesHandler is Test {
    FakeCredits public credits = new FakeCredits();
    ContributionVotes public votes = new ContributionVotes(credits);
    address[4] public nodes = [makeAddr("a"), makeAddr("b"), makeAddr("c"), makeAddr("d")];

    // Ghosts.
    uint256 public mintedVotes;
    mapping(uint256 roundId => uint256) public mintedOf;
    mapping(uint256 roundId => mapping(address node => uint256)) public mints;
    mapping(address node => uint256) public earned;

    function end(uint120 a, uint120 b, uint120 c, uint120 d) public {
        uint256 id = credits.open();
        address[] memory all = new address[](4);
        uint256[] memory amounts = new uint256[](4);
        for (uint256 i; i < 4; ++i) {
            all[i] = nodes[i];
        }
        (amounts[0], amounts[1], amounts[2], amounts[3]) = (a, b % 3, c, d % 2);
        credits.end(id, all, amounts, 1);
    }

    function open() public {
        credits.open();
    }

    function mint(uint256 round, uint256 who) public {
        uint256 id = 1 + round % (credits.roundCount() + 1);
        address node = nodes[who % 4];
        uint256 before = votes.votesOf(node);
        try votes.mint(id, node) {
            uint256 more = votes.votesOf(node) - before;
            mintedVotes += more;
            mintedOf[id] += more;
            earned[node] += more;
            ++mints[id][node];
        } catch { }
    }

    function delegate(uint256 from, uint256 to) public {
        vm.prank(nodes[from % 4]);
        votes.delegate(nodes[to % 4]);
    }
}
