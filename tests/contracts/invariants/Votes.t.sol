// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { FakeCredits } from "../doubles/FakeCredits.sol";
import { VotesHandler } from "./VotesHandler.sol";
import { ContributionVotes } from "contracts/governance/ContributionVotes.sol";
import { Test } from "forge-std/Test.sol";

/// @notice The laws of the votes, whatever anybody does.
contract VotesInvariants is Test {
    VotesHandler internal handler;
    ContributionVotes internal votes;
    FakeCredits internal credits;

    function setUp() public {
        handler = new VotesHandler();
        (votes, credits) = (handler.votes(), handler.credits());
        bytes4[] memory selectors = new bytes4[](4);
        selectors[0] = VotesHandler.end.selector;
        selectors[1] = VotesHandler.open.selector;
        selectors[2] = VotesHandler.mint.selector;
        selectors[3] = VotesHandler.delegate.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector({ addr: address(handler), selectors: selectors }));
    }

    function invariant_VotesAreWhatWasMinted() public {
        uint256 held;
        uint256 delegated;
        for (uint256 i; i < 4; ++i) {
            address node = handler.nodes(i);
            assertEq(votes.votesOf(node), handler.earned(node), "nobody has another's votes");
            held += votes.votesOf(node);
            delegated += votes.getVotes(node);
        }
        assertEq(held, handler.mintedVotes(), "held is minted");
        assertEq(delegated, held, "and all of it can vote");
        skip(1);
        assertEq(votes.getPastTotalSupply(block.timestamp - 1), held, "and is the total");
    }

    function invariant_AContributionCountsAtMostOnceAndARoundAsMuchAsAnother() public view {
        for (uint256 id = 1; id <= credits.roundCount(); ++id) {
            assertLe(handler.mintedOf(id), 1e18, "a round gives at most its votes");
            (, uint256 credited,,) = credits.roundCredit(id);
            assertEq(votes.minted(id) & ~credited, 0, "only credits give votes");
            for (uint256 i; i < 4; ++i) {
                assertLe(handler.mints(id, handler.nodes(i)), 1, "at most once");
            }
        }
    }

    function test_HandlerMintsAndDelegates() public {
        handler.end(5, 1, 6, 1);
        handler.mint(0, 0);
        handler.delegate(0, 1);
        handler.mint(0, 2);
        handler.mint(0, 2);
        assertEq(votes.getVotes(handler.nodes(1)), 1e18 * uint256(5) / 13);
        assertEq(handler.mints(1, handler.nodes(2)), 1);
        invariant_VotesAreWhatWasMinted();
    }
}
