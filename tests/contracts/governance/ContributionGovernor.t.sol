// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { IAccessControl } from "@openzeppelin/contracts/access/IAccessControl.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";
import { IGovernor } from "@openzeppelin/contracts/governance/IGovernor.sol";
import { TimelockController } from "@openzeppelin/contracts/governance/TimelockController.sol";
import { NetworkParameters } from "contracts/NetworkParameters.sol";
import { ContributionGovernor } from "contracts/governance/ContributionGovernor.sol";
import { ContributionVotes } from "contracts/governance/ContributionVotes.sol";
import { AllowList } from "contracts/participation/AllowList.sol";
import { Parameters } from "contracts/types/Parameters.sol";
import { DeployGovernor } from "scripts/deploy/DeployGovernor.s.sol";

/// @notice From contributions to a changed parameter: the real registry, timelock and governor.
contract ContributionGovernorTest is RegistryFixture {
    uint256 internal constant DELAY = 2 days;
    uint48 internal constant VOTING_DELAY = 1 days;
    uint32 internal constant VOTING_PERIOD = 7 days;

    string internal constant THRESHOLD = "100000000000000000";
    string internal constant QUORUM = "1000000000000000001";

    TimelockController internal timelock;
    ContributionVotes internal votes;
    ContributionGovernor internal governor;
    NetworkParameters internal rules;
    DeployGovernor internal script;
    address[] internal targets; // of the proposal
    bytes[] internal calls;

    function setUp() public override {
        super.setUp();
        address[] memory proposers = new address[](1);
        proposers[0] = owner;
        timelock = new TimelockController(DELAY, proposers, new address[](1), address(0));
        rules = NetworkParameters(address(registry.networkParameters()));
        _passOn(address(rules));
        _passOn(address(nodes));
        _passOn(address(registry.verifierRouter()));
        _passOn(address(coordinators));
        script = new DeployGovernor();
        (votes, governor) = script.deploy(_config(THRESHOLD, QUORUM, ""));
        _earn();
        _handOver();
        Parameters memory p = rules.parameters();
        p.zMin = 5;
        targets.push(address(rules));
        calls.push(abi.encodeCall(NetworkParameters.setParameters, (p, rules.circuitId())));
    }

    function _passOn(address owned) internal {
        vm.prank(owner);
        Ownable2Step(owned).transferOwnership(address(timelock));
        vm.prank(address(timelock));
        Ownable2Step(owned).acceptOwnership();
    }

    function _config(string memory threshold, string memory minimumQuorum, string memory more)
        internal
        view
        returns (string memory)
    {
        return string.concat(
            '{"contributionRegistry":"',
            vm.toString(address(registry)),
            '","timelock":"',
            vm.toString(address(timelock)),
            '","timelockDelay":172800,"votingDelay":86400,"votingPeriod":604800,"proposalThreshold":"',
            threshold,
            '","quorumPercent":20,"minimumQuorum":"',
            minimumQuorum,
            '"',
            more,
            "}"
        );
    }

    function _handOver() internal {
        string memory config = _config(THRESHOLD, QUORUM, "");
        (address[] memory roles, bytes[] memory payloads) = script.handover(config, governor, owner);
        uint256[] memory values = new uint256[](roles.length);
        vm.prank(owner);
        timelock.scheduleBatch(roles, values, payloads, 0, 0, DELAY);
        skip(DELAY);
        // Anyone could; the votes of one round are a few short of 10^18, as they are rounded down.
        bytes memory refusal = abi.encodeWithSelector(
            ContributionGovernor.ContributionGovernor_TooFewVotes.selector, 1e18 + 1, 0
        );
        vm.expectRevert(refusal);
        timelock.executeBatch(roles, values, payloads, 0, 0);
        _mint(1, alice);
        _mint(1, bob);
        _mint(1, carol);
        skip(1);
        vm.expectPartialRevert(ContributionGovernor.ContributionGovernor_TooFewVotes.selector);
        timelock.executeBatch(roles, values, payloads, 0, 0);
        _mint(2, alice);
        skip(1);
        _expectRefusals(roles, values, payloads);
        vm.prank(address(timelock));
        timelock.grantRole(bytes32(0), owner);
        timelock.executeBatch(roles, values, payloads, 0, 0);
    }

    /// What the owner may have had the timelock do before, whoever executes the handover.
    function _expectRefusals(address[] memory roles, uint256[] memory values, bytes[] memory payloads)
        internal
    {
        address[4] memory owned =
            [address(rules), address(nodes), address(registry.verifierRouter()), address(coordinators)];
        for (uint256 i; i < owned.length; ++i) {
            uint256 state = vm.snapshotState();
            vm.prank(address(timelock));
            Ownable2Step(owned[i]).transferOwnership(owner);
            vm.expectRevert(
                abi.encodeWithSelector(
                    ContributionGovernor.ContributionGovernor_PendingOwner.selector, owned[i], owner
                )
            );
            timelock.executeBatch(roles, values, payloads, 0, 0);
            vm.prank(owner);
            Ownable2Step(owned[i]).acceptOwnership();
            vm.expectRevert(
                abi.encodeWithSelector(
                    ContributionGovernor.ContributionGovernor_NotOwned.selector, owned[i], owner
                )
            );
            timelock.executeBatch(roles, values, payloads, 0, 0);
            vm.revertToState(state);
        }
        uint256 before = vm.snapshotState();
        vm.prank(address(timelock));
        timelock.updateDelay(DELAY - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ContributionGovernor.ContributionGovernor_DelayTooShort.selector, DELAY, DELAY - 1
            )
        );
        timelock.executeBatch(roles, values, payloads, 0, 0);
        vm.revertToState(before);
    }

    function _mint(uint256 roundId, address node) internal {
        votes.mint(roundId, node);
    }

    /// Two rounds: the first is Alice's, Bob's and Carol's (5 : 4 : 3), the second Alice's and Carol's (5 : 3).
    function _earn() internal {
        _toProving();
        _prove(alice, 50_000);
        _prove(bob, 40_000);
        _prove(carol, 30_000);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        _toProving();
        _prove(alice, 50_000);
        _proveNoise(bob);
        _prove(carol, 30_000);
        _finalize(_result(keccak256("second"), BASE_LOSS, BASE_LOSS, 0));
    }

    /// All votes of both rounds are there, and time has passed since.
    function _mintAll() internal {
        _mint(2, carol);
        skip(1);
    }

    function _propose(address by) internal returns (uint256 proposal) {
        vm.prank(by);
        proposal = governor.propose(targets, new uint256[](1), calls, "zMin 5");
    }

    function _vote(uint256 proposal, address by, uint8 support) internal {
        vm.prank(by);
        governor.castVote(proposal, support);
    }

    function _queue() internal {
        governor.queue(targets, new uint256[](1), calls, keccak256("zMin 5"));
    }

    function _execute() internal {
        governor.execute(targets, new uint256[](1), calls, keccak256("zMin 5"));
    }

    function _expectState(uint256 proposal, IGovernor.ProposalState state) internal view {
        assertEq(uint8(governor.state(proposal)), uint8(state));
    }

    function test_Construction() public view {
        assertEq(governor.votingDelay(), VOTING_DELAY);
        assertEq(governor.votingPeriod(), VOTING_PERIOD);
        assertEq(governor.proposalThreshold(), 0.1e18);
        assertEq(governor.quorumNumerator(), 20);
        assertEq(governor.minimumQuorum(), 1e18 + 1);
        assertEq(address(governor.token()), address(votes));
        assertEq(governor.timelock(), address(timelock));
        assertEq(governor.clock(), block.timestamp);
        assertEq(governor.CLOCK_MODE(), "mode=timestamp");
    }

    function test_RevertWhen_AFloorOfTheQuorumIsNone() public {
        // Which the first contributor has, if it is alone in its round.
        vm.expectRevert(bytes(".minimumQuorum is not above a round's votes, 10^18"));
        script.deploy(_config("1", "1000000000000000000", ""));
    }

    /// Cut off, they would be 0 and 1.
    function test_RevertWhen_ATimeDoesNotFit() public {
        string memory config = _config(THRESHOLD, QUORUM, "");
        vm.expectRevert(bytes(".votingDelay is too large"));
        script.deploy(vm.replace(config, '"votingDelay":86400', '"votingDelay":281474976710656'));
        vm.expectRevert(bytes(".votingPeriod is too large"));
        script.deploy(vm.replace(config, '"votingPeriod":604800', '"votingPeriod":4294967297'));
    }

    function test_RevertWhen_NobodyMayPropose() public {
        script.deploy(_config("1000000000000000001", "1000000000000000001", ""));
        vm.expectRevert(bytes(".proposalThreshold is above .minimumQuorum"));
        script.deploy(_config("1000000000000000002", "1000000000000000001", ""));
        // Whoever deploys without the script finds out at the handover, before the timelock is lost.
        ContributionGovernor closed = new ContributionGovernor(votes, timelock, 1, 1, 100e18, 20, 1);
        vm.expectPartialRevert(ContributionGovernor.ContributionGovernor_TooFewVotes.selector);
        closed.requireDecisive();
    }

    function test_RevertWhen_TheTimelockIsFasterThanTheConfigurationSays() public {
        vm.prank(address(timelock));
        timelock.updateDelay(DELAY - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ContributionGovernor.ContributionGovernor_DelayTooShort.selector, DELAY, DELAY - 1
            )
        );
        script.deploy(_config(THRESHOLD, QUORUM, ""));
    }

    function test_RevertWhen_AnybodyCouldPropose() public {
        vm.expectRevert(bytes(".proposalThreshold is zero: anybody could propose"));
        script.deploy(_config("0", "1000000000000000001", ""));
    }

    function test_RevertWhen_TheTimelockDoesNotOwnTheNetwork() public {
        address[4] memory owned =
            [address(rules), address(nodes), address(registry.verifierRouter()), address(coordinators)];
        for (uint256 i; i < owned.length; ++i) {
            _assertOwnershipIsMissed(owned[i], "");
        }
        AllowList list = new AllowList(address(timelock));
        string memory more = string.concat(',"owned":["', vm.toString(address(list)), '"]');
        script.deploy(_config("1", "1000000000000000001", more));
        _assertOwnershipIsMissed(address(list), more);
    }

    function _assertOwnershipIsMissed(address owned, string memory more) internal {
        uint256 state = vm.snapshotState();
        vm.prank(address(timelock));
        Ownable2Step(owned).transferOwnership(owner);
        string memory config = _config("1", "1000000000000000001", more);
        vm.expectRevert(
            abi.encodeWithSelector(
                ContributionGovernor.ContributionGovernor_PendingOwner.selector, owned, owner
            )
        );
        script.deploy(config);
        vm.prank(owner);
        Ownable2Step(owned).acceptOwnership();
        vm.expectRevert(
            abi.encodeWithSelector(ContributionGovernor.ContributionGovernor_NotOwned.selector, owned, owner)
        );
        script.deploy(config);
        vm.revertToState(state);
    }

    function test_ContributorsChangeAParameter() public {
        _mintAll();
        uint256 proposal = _propose(carol);
        skip(VOTING_DELAY + 1);
        _vote(proposal, alice, 1);
        _vote(proposal, bob, 1);
        _vote(proposal, carol, 1);
        skip(VOTING_PERIOD);
        assertTrue(governor.proposalNeedsQueuing(proposal));
        _queue();
        _expectState(proposal, IGovernor.ProposalState.Queued);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        _execute();
        skip(DELAY);
        _execute();
        assertEq(rules.parameters().zMin, 5);
        _open();
        assertEq(registry.round(id).parametersVersion, 2);
    }

    function test_AMajorityAgainstDecidesToo() public {
        _mintAll();
        uint256 proposal = _propose(alice);
        skip(VOTING_DELAY + 1);
        _vote(proposal, alice, 0);
        _vote(proposal, bob, 2);
        _vote(proposal, carol, 1);
        skip(VOTING_PERIOD);
        _expectState(proposal, IGovernor.ProposalState.Defeated);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        _queue();
    }

    /// 15/48 of the votes are above 20 %, and below the fixed number.
    function test_NobodyDecidesWhileFewVotesAreThere() public {
        _mintAll();
        assertEq(governor.quorum(block.timestamp - 1), 1e18 + 1);
        uint256 proposal = _propose(alice);
        skip(VOTING_DELAY + 1);
        _vote(proposal, carol, 1);
        skip(VOTING_PERIOD);
        _expectState(proposal, IGovernor.ProposalState.Defeated);
    }

    function test_TheFractionCountsOnceThereAreMore() public {
        vm.mockCall(
            address(votes),
            abi.encodeCall(votes.getPastTotalSupply, (block.timestamp - 1)),
            abi.encode(uint256(100e18))
        );
        assertEq(governor.quorum(block.timestamp - 1), 20e18);
    }

    function test_VotesMintedAfterTheStartDoNotCount() public {
        uint256 before = votes.votesOf(carol);
        uint256 proposal = _propose(alice);
        skip(VOTING_DELAY + 1);
        _mint(2, carol);
        assertGt(votes.votesOf(carol), before);
        _vote(proposal, carol, 1);
        (, uint256 inFavour,) = governor.proposalVotes(proposal);
        assertEq(inFavour, before);
    }

    function test_RevertWhen_TheProposerHasTooFewVotes() public {
        _mintAll();
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorInsufficientProposerVotes.selector, stranger, 0, 0.1e18)
        );
        vm.prank(stranger);
        governor.propose(targets, new uint256[](1), calls, "zMin 5");
    }

    function test_AProposerCancelsBeforeTheVote() public {
        _mintAll();
        uint256 proposal = _propose(alice);
        vm.prank(alice);
        governor.cancel(targets, new uint256[](1), calls, keccak256("zMin 5"));
        _expectState(proposal, IGovernor.ProposalState.Canceled);
    }

    function test_RevertWhen_ThePreviousOwnerAnnouncesAChange() public {
        bytes32 proposer = timelock.PROPOSER_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, owner, proposer)
        );
        vm.prank(owner);
        timelock.schedule(targets[0], 0, calls[0], 0, 0, DELAY);
        assertFalse(timelock.hasRole(timelock.CANCELLER_ROLE(), owner));
        assertFalse(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), owner), "which it had given itself");
        assertTrue(timelock.hasRole(timelock.CANCELLER_ROLE(), address(governor)));
    }

    function test_RevertWhen_TheVotingRulesAreChangedWithoutAVote() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, owner));
        vm.prank(owner);
        governor.setVotingPeriod(1);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, owner));
        vm.prank(owner);
        governor.updateQuorumNumerator(1);
    }
}
