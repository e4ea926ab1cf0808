// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "./RegistryFixture.sol";
import { MockVerifier } from "./doubles/MockVerifier.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { ContributionRegistry } from "contracts/ContributionRegistry.sol";
import { NetworkParameters } from "contracts/NetworkParameters.sol";
import { NodeRegistry } from "contracts/NodeRegistry.sol";
import { INodeRegistry } from "contracts/interfaces/INodeRegistry.sol";
import { IProofVerifier } from "contracts/interfaces/IProofVerifier.sol";
import { IRandomness } from "contracts/interfaces/IRandomness.sol";
import { IVerifierRouter as R } from "contracts/interfaces/IVerifierRouter.sol";
import { AllowList } from "contracts/participation/AllowList.sol";
import { MinimumDataset } from "contracts/participation/MinimumDataset.sol";
import { BlockHashRandomness } from "contracts/randomness/BlockHashRandomness.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Outcome } from "contracts/types/Outcome.sol";
import { Parts } from "contracts/types/Parts.sol";
import { Phase } from "contracts/types/Phase.sol";
import { Statement } from "contracts/types/Statement.sol";
import { VerifierRouter } from "contracts/verifiers/VerifierRouter.sol";

/// @notice Another proof system: a proof is the statement's hash behind the three commitments.
contract HashVerifier is IProofVerifier {
    error HashVerifier_InvalidProof();

    bytes32 public constant override circuitId = keccak256("another proof system");
    uint32 public constant override sampleSize = 960;

    function verify(Statement calldata s, bytes calldata proof) external pure override {
        require(bytes32(proof) == keccak256(abi.encode(s)), HashVerifier_InvalidProof());
    }
}

/// @notice Randomness that a test sets.
contract SetRandomness is IRandomness {
    mapping(uint256 blockNumber => bytes32) public override entropy;

    function set(uint256 blockNumber, bytes32 value) external {
        entropy[blockNumber] = value;
    }
}

    /// @notice What can be exchanged when a network is deployed: verifiers, randomness, participation.
    contract SeamsTest is RegistryFixture {
        VerifierRouter internal router;
        HashVerifier internal second;

        function setUp() public override {
            super.setUp();
            router = VerifierRouter(address(registry.verifierRouter()));
            second = new HashVerifier();
        }

        // ---------------------------------------------------------------- router

        function _seal2() internal {
            _open();
            _commit(alice, 100, -10);
            _commit(bob, 100, -10);
            skip(11);
            _close();
            _drawSample();
            _sample(alice);
            _sample(bob);
            _seal(new uint8[](2), new MissingReason[](2));
            _drawChallenge();
            _publish();
        }

        function test_AnotherProofSystemNeedsNoOtherRegistryCode() public {
            vm.prank(owner);
            router.add(second);
            Parts memory parts = _partsOfNext(
                router, registry.randomness(), second.circuitId(), _parameters()
            );
            registry = new ContributionRegistry(coordinators, parts, GENESIS, "g", keccak256("manifest"), "m");
            _joinAll();
            _seal2();
            Statement memory s = Statement({
                commonKey: registry.round(id).commonKey,
                taskKey: registry.taskKey(id, 0),
                sampleKey: keccak256(_sampleCommitment(alice)),
                common: 5,
                task: 4000,
                square: 900,
                absolute: 800,
                context: registry.context(id, alice)
            });
            vm.startPrank(alice);
            vm.expectRevert(HashVerifier.HashVerifier_InvalidProof.selector);
            registry.proveContribution(id, 6, 4000, 900, 800, abi.encode(keccak256(abi.encode(s))));
            registry.proveContribution(id, 5, 4000, 900, 800, abi.encode(keccak256(abi.encode(s))));
            assertEq(uint8(registry.contribution(id, alice).outcome), uint8(Outcome.Accepted));
        }

        function test_AFrozenCircuitProvesNothingMore() public {
            _seal2();
            _prove(alice, 50_000);
            bytes32 circuit = registry.networkParameters().circuitId();
            vm.expectEmit();
            emit R.CircuitFrozen(circuit);
            vm.prank(owner);
            router.freeze(circuit);
            vm.expectRevert(abi.encodeWithSelector(R.VerifierRouter_CircuitIsFrozen.selector, circuit));
            _prove(bob, 50_000);
            vm.expectRevert(abi.encodeWithSelector(R.VerifierRouter_CircuitIsFrozen.selector, circuit));
            router.verifierOf(circuit);
            assertTrue(router.isFrozen(circuit));
            assertEq(router.addedVerifier(circuit).circuitId(), circuit, "readable still");
        }

        function _freeze() internal returns (bytes memory refusal) {
            bytes32 circuit = registry.networkParameters().circuitId();
            vm.prank(owner);
            router.freeze(circuit);
            return abi.encodeWithSelector(R.VerifierRouter_CircuitIsFrozen.selector, circuit);
        }

        function test_RevertWhen_ARoundIsOpenedWithAFrozenCircuit() public {
            bytes memory refusal = _freeze();
            vm.expectRevert(refusal);
            _open();
        }

        /// Else whoever proves just before the freeze would have the round's whole payout.
        function test_AFrozenCircuitsRoundCannotBeFinalized() public {
            _seal2();
            _prove(alice, 50_000);
            _prove(bob, 50_000);
            bytes memory refusal = _freeze();
            vm.expectRevert(refusal);
            _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        }

        function test_AnyoneAbortsARoundOfAFrozenCircuitAndItCostsNothing() public {
            _seal2();
            _freeze();
            uint256 bond = coordinators.seat(coordinator).bond;
            vm.prank(stranger);
            registry.abortRound(id);
            _assertPhase(Phase.Aborted);
            assertEq(coordinators.seat(coordinator).bond, bond);
            assertEq(coordinators.current(), coordinator);
        }

        function test_ACircuitIsAddedOnce() public {
            vm.expectEmit();
            emit R.CircuitAdded(second.circuitId(), address(second));
            vm.prank(owner);
            router.add(second);
            assertEq(address(router.verifierOf(second.circuitId())), address(second));
            HashVerifier other = new HashVerifier();
            vm.expectRevert(
                abi.encodeWithSelector(R.VerifierRouter_CircuitExists.selector, second.circuitId())
            );
            vm.prank(owner);
            router.add(other);
        }

        function test_AFrozenCircuitNeverComesBack() public {
            vm.startPrank(owner);
            router.add(second);
            bytes32 circuit = second.circuitId();
            router.freeze(circuit);
            HashVerifier other = new HashVerifier();
            vm.expectRevert(abi.encodeWithSelector(R.VerifierRouter_CircuitExists.selector, circuit));
            router.add(other);
            vm.expectRevert(abi.encodeWithSelector(R.VerifierRouter_CircuitIsFrozen.selector, circuit));
            router.freeze(circuit);
        }

        function test_RevertWhen_TheCircuitIsUnknown() public {
            vm.expectRevert(abi.encodeWithSelector(R.VerifierRouter_UnknownCircuit.selector, bytes32("x")));
            router.verifierOf("x");
            vm.expectRevert(abi.encodeWithSelector(R.VerifierRouter_UnknownCircuit.selector, bytes32("x")));
            vm.prank(owner);
            router.freeze("x");
        }

        function test_RevertWhen_TheCircuitHasNoIdentifier() public {
            vm.mockCall(address(second), abi.encodeCall(IProofVerifier.circuitId, ()), abi.encode(bytes32(0)));
            vm.expectRevert(R.VerifierRouter_ZeroCircuit.selector);
            vm.prank(owner);
            router.add(second);
        }

        function test_RevertWhen_AStrangerChangesTheRouter() public {
            bytes32 circuit = registry.networkParameters().circuitId();
            vm.startPrank(stranger);
            vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
            router.add(second);
            vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
            router.freeze(circuit);
        }

        // ---------------------------------------------------------------- randomness

        function test_BlockHashesAreTheDefault() public {
            BlockHashRandomness hashes = new BlockHashRandomness();
            vm.roll(500);
            vm.setBlockhash(499, keccak256("hash"));
            assertEq(hashes.entropy(499), keccak256("hash"));
            assertEq(hashes.entropy(500), 0, "not complete");
        }

        function test_AnotherSourceDrawsTheSeeds() public {
            SetRandomness source = new SetRandomness();
            bytes32 circuit = registry.networkParameters().circuitId();
            Parts memory parts = _partsOfNext(router, source, circuit, _parameters());
            registry = new ContributionRegistry(coordinators, parts, GENESIS, "g", keccak256("manifest"), "m");
            _joinAll();
            _open();
            _commit(alice, 100, -10);
            _commit(bob, 100, -10);
            skip(11);
            _close();
            uint256 closing = block.number;
            vm.roll(closing + 1);
            registry.drawSample(id);
            assertEq(registry.round(id).sampleSeed, 0, "armed again: the source has nothing");
            source.set(closing + 1, keccak256("value"));
            vm.roll(closing + 2);
            registry.drawSample(id);
            assertEq(
                registry.round(id).sampleSeed,
                keccak256(abi.encode("sample", keccak256("value"), block.chainid, address(registry), id))
            );
        }

        // ---------------------------------------------------------------- participation

        function test_AnAllowListAdmitsWhomTheOwnerNamed() public {
            AllowList list = new AllowList(owner);
            _deployNodes(address(registry), list);
            vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistry_NotAdmitted.selector, alice));
            _join(alice, 0);
            vm.expectEmit();
            emit AllowList.Allowed(alice, true);
            vm.prank(owner);
            list.allow(alice, true);
            _join(alice, 0);
            assertTrue(nodes.isActive(alice));
            vm.prank(owner);
            list.allow(bob, false);
            vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistry_NotAdmitted.selector, bob));
            _join(bob, 0);
            vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
            vm.prank(stranger);
            list.allow(stranger, true);
        }

        function test_AMinimumKeepsSmallDataSetsOut() public {
            MinimumDataset rule = new MinimumDataset(DATASET_SIZE);
            _deployNodes(address(registry), rule);
            _join(alice, 0);
            vm.deal(bob, 1 ether);
            vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistry_NotAdmitted.selector, bob));
            vm.prank(bob);
            nodes.join{ value: DATASET_SIZE * BOND }(0, DATASET_SIZE - 1, "key");
        }
    }
