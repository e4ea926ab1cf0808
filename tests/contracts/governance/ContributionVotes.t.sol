// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { FakeCredits } from "../doubles/FakeCredits.sol";
import { ContributionVotes } from "contracts/governance/ContributionVotes.sol";
import { IContributionVotes as I } from "contracts/interfaces/IContributionVotes.sol";
import { Test } from "forge-std/Test.sol";

contract ContributionVotesTest is Test {
    FakeCredits internal credits;
    ContributionVotes internal votes;
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal carol = makeAddr("carol");

    function setUp() public {
        vm.warp(1_700_000_000);
        credits = new FakeCredits();
        votes = new ContributionVotes(credits);
    }

    function _round(uint256 ofAlice, uint256 ofBob, uint256 ofCarol) internal returns (uint256 id) {
        id = credits.open();
        address[] memory nodes = new address[](3);
        (nodes[0], nodes[1], nodes[2]) = (alice, bob, carol);
        uint256[] memory earned = new uint256[](3);
        (earned[0], earned[1], earned[2]) = (ofAlice, ofBob, ofCarol);
        credits.end(id, nodes, earned, 1);
    }

    function test_AContributionGivesItsPartOfTheRoundsVotes() public {
        uint256 id = _round(300, 100, 0);
        vm.expectEmit();
        emit I.VotesMinted(id, alice, 0.75e18);
        votes.mint(id, alice);
        assertEq(votes.votesOf(alice), 0.75e18);
        assertEq(votes.getVotes(alice), 0.75e18, "delegated to itself");
        assertEq(votes.delegates(alice), alice);
        votes.mint(id, bob);
        assertEq(votes.votesOf(bob), 0.25e18);
        assertEq(votes.minted(id), 3);
        assertEq(address(votes.credits()), address(credits));
    }

    function test_VotesOfManyRoundsAddUp() public {
        votes.mint(_round(300, 100, 0), alice);
        votes.mint(_round(1, 1, 2), alice);
        assertEq(votes.votesOf(alice), 1e18);
        assertEq(votes.getVotes(alice), 1e18);
    }

    /// What a coordinator could do by making up the unit of a round: nothing that outweighs the others.
    function test_ARoundOfAbsurdCreditsWeighsNoMoreThanAnother() public {
        votes.mint(_round(100, 0, 0), alice);
        votes.mint(_round(0, 0, 2 ** 120 - 1), carol);
        assertEq(votes.votesOf(carol), votes.votesOf(alice));
    }

    function test_DelegatedVotesStayDelegated() public {
        vm.prank(alice);
        votes.delegate(bob);
        votes.mint(_round(1, 0, 0), alice);
        assertEq(votes.getVotes(alice), 0);
        assertEq(votes.getVotes(bob), 1e18);
        assertEq(votes.votesOf(bob), 0);
        vm.prank(alice);
        votes.delegate(carol);
        assertEq(votes.getVotes(bob), 0);
        assertEq(votes.getVotes(carol), 1e18);
    }

    function test_PastVotesDoNotGrow() public {
        votes.mint(_round(1, 0, 0), alice);
        skip(10);
        votes.mint(_round(1, 0, 0), alice);
        skip(1);
        assertEq(votes.getPastVotes(alice, block.timestamp - 2), 1e18);
        assertEq(votes.getPastTotalSupply(block.timestamp - 2), 1e18);
        assertEq(votes.getPastTotalSupply(block.timestamp - 1), 2e18);
    }

    function test_TheClockShowsSeconds() public view {
        assertEq(votes.clock(), block.timestamp);
        assertEq(votes.CLOCK_MODE(), "mode=timestamp");
    }

    function test_RevertGiven_TheVotesAreMinted() public {
        uint256 id = _round(300, 100, 0);
        votes.mint(id, alice);
        vm.expectRevert(abi.encodeWithSelector(I.ContributionVotes_AlreadyMinted.selector, id, alice));
        votes.mint(id, alice);
    }

    function test_RevertGiven_TheRoundIsNotOver() public {
        uint256 id = credits.open();
        vm.expectRevert(abi.encodeWithSelector(I.ContributionVotes_NotOver.selector, id));
        votes.mint(id, alice);
    }

    function test_RevertWhen_NothingWasEarned() public {
        uint256 id = _round(300, 100, 0);
        vm.expectRevert(abi.encodeWithSelector(I.ContributionVotes_NoCredit.selector, id, carol));
        votes.mint(id, carol);
    }

    /// No function of a token is there, whatever the arguments.
    function test_NothingTransfersVotes() public {
        votes.mint(_round(1, 0, 0), alice);
        bytes[5] memory calls = [
            abi.encodeWithSignature("transfer(address,uint256)", bob, 1),
            abi.encodeWithSignature("transferFrom(address,address,uint256)", alice, bob, 1),
            abi.encodeWithSignature("safeTransferFrom(address,address,uint256)", alice, bob, 1),
            abi.encodeWithSignature("approve(address,uint256)", bob, 1),
            abi.encodeWithSignature("burn(uint256)", 1)
        ];
        vm.startPrank(alice);
        for (uint256 i; i < calls.length; ++i) {
            (bool ok,) = address(votes).call(calls[i]);
            assertFalse(ok);
        }
        assertEq(votes.votesOf(alice), 1e18);
    }

    function testFuzz_ARoundNeverGivesMoreThanItsVotes(uint120 a, uint120 b, uint120 c) public {
        uint256 id = _round(a, b, c);
        address[3] memory nodes = [alice, bob, carol];
        uint256[3] memory earned = [uint256(a), b, c];
        uint256 sum;
        for (uint256 i; i < 3; ++i) {
            if (earned[i] == 0) continue;
            votes.mint(id, nodes[i]);
            assertEq(votes.votesOf(nodes[i]), 1e18 * earned[i] / (uint256(a) + b + c));
            sum += votes.votesOf(nodes[i]);
        }
        assertLe(sum, 1e18);
        if (sum != 0) assertGe(sum, 1e18 - 3, "all but the rounding");
    }
}
