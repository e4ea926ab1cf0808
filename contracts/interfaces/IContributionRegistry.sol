// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Challenge } from "../types/Challenge.sol";
import { Contribution } from "../types/Contribution.sol";
import { Finalization } from "../types/Finalization.sol";
import { MissingReason } from "../types/MissingReason.sol";
import { Outcome } from "../types/Outcome.sol";
import { Phase } from "../types/Phase.sol";
import { Round } from "../types/Round.sol";
import { ICoordinatorSet } from "./ICoordinatorSet.sol";
import { ICreditSource } from "./ICreditSource.sol";
import { INetworkParameters } from "./INetworkParameters.sol";
import { INodeRegistry } from "./INodeRegistry.sol";
import { IRandomness } from "./IRandomness.sol";
import { IVerifierRouter } from "./IVerifierRouter.sol";

/// @title Rounds, contributions and checkpoints
/// @notice One round after another: nodes commit updates, commit them again at a drawn sample, and prove
/// what they are worth against a challenge that was unknown by then. The contract judges the proofs; the
/// coordinator moves rounds on, and anyone can after a deadline.
/// @dev A round follows the rules and the circuit that the network had when it was opened. There is no owner. The
/// current coordinator may open a round, close commitments once the quorum's window has passed, seal, publish
/// the challenge, finalize, and abort a round that is not over; it has no say in
/// whether a proven contribution is accepted, but measures the losses that the gate goes by.
interface IContributionRegistry is ICreditSource {
    /// @notice The network exists; `genesisDigest` is its first checkpoint.
    event NetworkCreated(
        bytes32 indexed genesisDigest, string genesisCid, bytes32 manifestDigest, string manifestCid
    );

    /// @notice Nodes may commit updates to a checkpoint.
    event RoundOpened(uint256 indexed round, bytes32 baseDigest, bytes32 poolRoot, uint64 commitDeadline);

    /// @notice A node committed its update.
    event UpdateCommitted(
        uint256 indexed round,
        address indexed node,
        uint8 task,
        bytes32 digest,
        uint32 numExamples,
        int8 exponent
    );

    /// @notice No further commitments; the hash of `closingBlock` draws the sample.
    event CommitsClosed(uint256 indexed round, uint256 closingBlock, uint16 count);

    /// @notice The hash that should have drawn the sample is gone; that of `closingBlock` will.
    event SampleRearmed(uint256 indexed round, uint256 closingBlock);

    /// @notice The sample is known.
    event SampleDrawn(uint256 indexed round, bytes32 sampleSeed, uint64 collectDeadline);

    /// @notice A node committed its update at the sample.
    event SampleCommitted(uint256 indexed round, address indexed node, bytes sampleCommitment);

    /// @notice A contribution is not in the candidate.
    event ContributionMissing(uint256 indexed round, address indexed node, MissingReason reason);

    /// @notice The candidate is fixed; the hash of `sealBlock` draws the challenge.
    event RoundSealed(
        uint256 indexed round,
        bytes32 candidateDigest,
        uint256 sealBlock,
        uint64 totalWeight,
        uint8[] clipShifts,
        MissingReason[] missing
    );

    /// @notice The hash that should have drawn the challenge is gone; that of `sealBlock` will.
    event ChallengeRearmed(uint256 indexed round, uint256 sealBlock);

    /// @notice The challenge is determined.
    event ChallengeDrawn(uint256 indexed round, bytes32 challengeSeed);

    /// @notice Everything that a proof needs is known.
    event ChallengePublished(
        uint256 indexed round,
        bytes32 digest,
        string cid,
        uint128 unit,
        uint64 baseLossNano,
        uint64 candidateLossNano,
        bytes commonCommitment,
        bytes[] taskCommitments,
        bytes directions
    );

    /// @notice A contribution is proven and admitted.
    event ContributionProven(
        uint256 indexed round,
        address indexed node,
        int256 shareNano,
        uint16 alignmentBps,
        int256 common,
        int256 task,
        uint256 square,
        uint256 absolute
    );

    /// @notice A contribution is proven, and not admitted: it is no better than noise.
    event ContributionBelowThreshold(
        uint256 indexed round,
        address indexed node,
        int256 alignmentBps,
        int256 common,
        int256 task,
        uint256 square,
        uint256 absolute
    );

    /// @notice The outcome of a contribution is final.
    /// @param round The round.
    /// @param node Whose contribution it is.
    /// @param outcome What became of it.
    /// @param shareNano Its share, at most the loss that the round started from; 0 unless it was accepted.
    /// @param creditNano What it earned, its part of the round's total: a positive share less what that paid off of
    /// the node's debt. 0 if the base was kept.
    event ContributionSettled(
        uint256 indexed round, address indexed node, Outcome outcome, int256 shareNano, uint256 creditNano
    );

    /// @notice There is a new checkpoint.
    event CheckpointPublished(uint256 indexed round, bytes32 indexed digest, bytes32 parent, string cid);

    /// @notice A round is over.
    event RoundFinalized(
        uint256 indexed round,
        bytes32 reportDigest,
        string reportCid,
        uint64 baseLossNano,
        uint64 aggregateLossNano,
        uint64 finalLossNano,
        bool baseKept
    );

    /// @notice A round is over without a result; the next one starts from the same base.
    event RoundAborted(uint256 indexed round, Phase phase, address by);

    /// @notice A digest, root or key that must be given is zero.
    error ContributionRegistry_ZeroDigest();

    /// @notice A content identifier that must be given is empty.
    error ContributionRegistry_EmptyCid();

    /// @notice There is no contract at the address that seeds are to come from.
    error ContributionRegistry_NoRandomness(address actual);

    /// @notice The node joined after the round was opened: it can take part in the next one.
    error ContributionRegistry_JoinedTooLate(uint256 openedAt, uint256 joinedAt);

    /// @notice The registry of nodes, or the set of coordinators, takes reports from another address.
    error ContributionRegistry_NotServed(address expected, address actual);

    /// @notice Only the coordinator may do this, or may do it now.
    error ContributionRegistry_NotCoordinator(address expected, address actual);

    /// @notice The coordinator left, was removed, or its bond is not complete: it opens no further round.
    error ContributionRegistry_NotFit(address coordinator);

    /// @notice The round is in another phase.
    error ContributionRegistry_WrongPhase(Phase expected, Phase actual);

    /// @notice The round before is not over.
    error ContributionRegistry_RoundNotOver(uint256 round, Phase phase);

    /// @notice There is no such round, or it is over.
    error ContributionRegistry_RoundOver(Phase phase);

    /// @notice It is too late.
    error ContributionRegistry_DeadlinePassed(uint256 deadline, uint256 timestamp);

    /// @notice It is too early.
    error ContributionRegistry_DeadlineNotPassed(uint256 deadline, uint256 timestamp);

    /// @notice The address is not an active node.
    error ContributionRegistry_NotActive(address node);

    /// @notice The node has committed an update in this round.
    error ContributionRegistry_AlreadyCommitted(uint256 round, address node);

    /// @notice Another node has committed this digest in this round.
    error ContributionRegistry_DigestTaken(bytes32 digest);

    /// @notice The examples must be between 1 and the registered size of the node's data set.
    error ContributionRegistry_NumExamplesOutOfRange(uint256 max, uint256 actual);

    /// @notice The exponent is not one that the network allows.
    error ContributionRegistry_ExponentOutOfRange(int256 min, int256 max, int256 actual);

    /// @notice The round has as many contributions as it allows.
    error ContributionRegistry_RoundFull(uint256 max);

    /// @notice There are not enough commitments.
    error ContributionRegistry_QuorumNotReached(uint256 expected, uint256 actual);

    /// @notice There are enough commitments: the round can be closed, and need not be aborted.
    error ContributionRegistry_QuorumReached(uint256 quorum, uint256 actual);

    /// @notice The block whose hash is needed is not complete.
    error ContributionRegistry_BlockNotComplete(uint256 needed, uint256 current);

    /// @notice The node has no contribution in this round.
    error ContributionRegistry_NotCommitted(uint256 round, address node);

    /// @notice The node has committed its sample in this round.
    error ContributionRegistry_SampleAlreadyCommitted(uint256 round, address node);

    /// @notice The sample is about another seed than the round's, as after a reorganisation.
    error ContributionRegistry_WrongSampleSeed(bytes32 expected, bytes32 actual);

    /// @notice A commitment to a vector has 64 bytes.
    error ContributionRegistry_CommitmentLength(uint256 expected, uint256 actual);

    /// @notice The commitment is to nothing but zeros.
    error ContributionRegistry_ZeroCommitment();

    /// @notice A list has not one entry for each contribution.
    error ContributionRegistry_ListLength(uint256 expected, uint256 actual);

    /// @notice Not every node has committed its sample, and there is still time.
    error ContributionRegistry_SamplesPending(uint256 expected, uint256 actual);

    /// @notice The node's sample is on chain, so it cannot be the reason for which it is missing.
    error ContributionRegistry_SampleExists(address node);

    /// @notice A missing contribution has no clip shift.
    error ContributionRegistry_ShiftOfMissing(address node, uint256 clipShift);

    /// @notice No contribution is available.
    error ContributionRegistry_NoneAvailable();

    /// @notice The weights add up to more than sums stay exact for.
    error ContributionRegistry_TotalWeightTooLarge(uint256 max, uint256 actual);

    /// @notice The challenge is drawn.
    error ContributionRegistry_ChallengeAlreadyDrawn(bytes32 challengeSeed);

    /// @notice The challenge is not drawn yet.
    error ContributionRegistry_ChallengeNotDrawn();

    /// @notice Not one commitment for each task.
    error ContributionRegistry_TaskCommitmentCount(uint256 expected, uint256 actual);

    /// @notice The packed directions have another length.
    error ContributionRegistry_DirectionsLength(uint256 expected, uint256 actual);

    /// @notice The contribution is missing.
    error ContributionRegistry_NotAvailable(address node, MissingReason reason);

    /// @notice The contribution is proven.
    error ContributionRegistry_AlreadyProven(uint256 round, address node);

    /// @notice Not every available contribution is proven, and there is still time.
    error ContributionRegistry_ProofsPending(uint256 expected, uint256 actual);

    /// @notice The rules leave only one checkpoint.
    error ContributionRegistry_WrongCheckpoint(bytes32 expected, bytes32 actual);

    /// @notice The rules do not let the base be kept.
    error ContributionRegistry_BaseNotKept(bytes32 baseDigest);

    /// @notice The candidate is the checkpoint that the round started from, so there is nothing to measure.
    error ContributionRegistry_CandidateIsBase(bytes32 digest);

    /// @notice The rules leave only one loss.
    error ContributionRegistry_WrongLoss(uint256 expected, uint256 actual);

    /// @notice The gate was not hit, so nobody may be left out.
    error ContributionRegistry_GateNotHit(uint256 maxLossNano, uint256 aggregateLossNano);

    /// @notice The gate was hit, so somebody is to be left out, or the base to be kept.
    error ContributionRegistry_GateHit(uint256 maxLossNano, uint256 aggregateLossNano);

    /// @notice The new checkpoint's loss is above what the gate lets pass.
    error ContributionRegistry_LossTooHigh(uint256 max, uint256 actual);

    /// @notice Only accepted contributions can be left out by the gate.
    error ContributionRegistry_HarmfulNotAccepted(uint256 acceptedBitmap, uint256 harmfulBitmap);

    /// @notice With everybody left out there is nothing to aggregate.
    error ContributionRegistry_NoneLeft();

    /// @notice Opens the next round from the head checkpoint. Only the coordinator.
    /// @param poolRoot Merkle root of the frames that the challenge will be drawn from.
    /// @return roundId Its number; rounds count from 1.
    function openRound(bytes32 poolRoot) external returns (uint256 roundId);

    /// @notice Commits the caller's update: once in a round, before the deadline.
    /// @param roundId The round.
    /// @param digest SHA-256 of the update file.
    /// @param numExamples Examples that it was trained on, at most the registered size.
    /// @param exponent Of the update's power-of-two scale.
    function commitUpdate(uint256 roundId, bytes32 digest, uint32 numExamples, int8 exponent) external;

    /// @notice Closes commitments. The coordinator once there is a quorum and every active node has committed, or
    /// the quorum's window has passed; anyone after the deadline, when too few commitments abort the round.
    function closeCommits(uint256 roundId) external;

    /// @notice Draws the sample from the hash of the closing block, in a later block. Anyone.
    /// @dev If that hash is gone, the current block takes its place until the deadline, and the draw is to be
    /// repeated; after it, the round can only be aborted.
    function drawSample(uint256 roundId) external;

    /// @notice Commits the caller's update at the sample: once, before the deadline.
    /// @param roundId The round.
    /// @param sampleSeed The seed that it was made for.
    /// @param sampleCommitment KZG commitment to the sampled values, 64 bytes.
    function commitSample(uint256 roundId, bytes32 sampleSeed, bytes calldata sampleCommitment) external;

    /// @notice Fixes the candidate. Only the coordinator, once every sample is on chain or the deadline has
    /// passed. A contribution without a sample is missing whatever the list says. `NotUploaded` can only be said after
    /// the deadline, which is also that of uploads.
    /// @param roundId The round.
    /// @param candidateDigest SHA-256 of the exact aggregate of the available updates; not the base.
    /// @param clipShifts For each contribution, the powers of two by which its exponent is lowered.
    /// @param missing For each contribution, why it is missing, or None.
    function sealRound(
        uint256 roundId,
        bytes32 candidateDigest,
        uint8[] calldata clipShifts,
        MissingReason[] calldata missing
    ) external;

    /// @notice Draws the challenge from the hash of the seal's block, in a later block. Anyone.
    /// @dev If that hash is gone, the current block takes its place until the deadline, and the draw is to be
    /// repeated; after it, the round can only be aborted.
    function drawChallenge(uint256 roundId) external;

    /// @notice Publishes what contributions are measured against, and starts the proving time. Only the
    /// coordinator, before the deadline.
    function publishChallenge(uint256 roundId, Challenge calldata challenge) external;

    /// @notice Proves the caller's contribution: once, before the deadline. An invalid proof reverts; a
    /// valid one is recorded, as accepted or as below the threshold.
    /// @param roundId The round.
    /// @param common Sum of the products with the common direction (A).
    /// @param task Sum of the products with the direction of the node's task (T).
    /// @param square Sum of squares (Q).
    /// @param absolute Sum of absolute values (L).
    /// @param proof The proof of these four about the committed sample.
    function proveContribution(
        uint256 roundId,
        int256 common,
        int256 task,
        uint256 square,
        uint256 absolute,
        bytes calldata proof
    ) external;

    /// @notice Settles every contribution and publishes the checkpoint. Only the coordinator, once every
    /// available contribution is proven or the deadline has passed, and not if the round's circuit is frozen. If nobody
    /// proved anything it costs the coordinator the penalty of an abort.
    function finalizeRound(uint256 roundId, Finalization calldata result) external;

    /// @notice Ends a round without a result. The coordinator as long as it is not over; anyone once its
    /// phase has lasted too long. Costs the coordinator a penalty, unless commits were not closed yet, or no sample
    /// was on chain at the collect deadline; having missed a deadline also costs it its turn, and so does the second
    /// round in a row that ends before commits are closed. Once the round's circuit is frozen anyone may, at any time,
    /// and it costs nobody anything.
    function abortRound(uint256 roundId) external;

    /// @notice A round; zeros if there is none of this number.
    function round(uint256 roundId) external view returns (Round memory);

    /// @notice Digest of the checkpoint that the next round starts from.
    function head() external view returns (bytes32);

    /// @notice What a round says about a node's idleness.
    /// @return openedAt When it was opened, in seconds.
    /// @return committed Whether the node has a commitment in it.
    /// @return counts Whether every node had its time and its place to commit: the round brought a new checkpoint and
    /// was not full, or its commit window went by below the quorum.
    function attendance(uint256 roundId, address node)
        external
        view
        returns (uint40 openedAt, bool committed, bool counts);

    /// @notice What a node has in a round; zeros if nothing.
    function contribution(uint256 roundId, address node) external view returns (Contribution memory);

    /// @notice Contributions of a round in the order of their commitments, from position `offset` on, at
    /// most `limit`.
    function contributionsOf(uint256 roundId, uint256 offset, uint256 limit)
        external
        view
        returns (Contribution[] memory);

    /// @notice keccak256 of the commitment to a task's direction; 0 before the challenge is published.
    function taskKey(uint256 roundId, uint8 task) external view returns (bytes32);

    /// @notice The field element that ties a proof to this chain and registry, a round and a node.
    function context(uint256 roundId, address node) external view returns (uint256);

    /// @notice The rules of the next round, and of every version that there was.
    function networkParameters() external view returns (INetworkParameters);

    /// @notice Who drives the rounds: the current one of the coordinators; zero if none is fit.
    function coordinator() external view returns (address);

    /// @notice The coordinators and their bonds.
    function coordinators() external view returns (ICoordinatorSet);

    /// @notice The nodes.
    function nodeRegistry() external view returns (INodeRegistry);

    /// @notice Who knows the verifier of each circuit.
    function verifierRouter() external view returns (IVerifierRouter);

    /// @notice Where seeds come from.
    function randomness() external view returns (IRandomness);

    /// @notice SHA-256 of the network's manifest.
    function manifestDigest() external view returns (bytes32);

    /// @notice Content identifier of the network's manifest.
    function manifestCid() external view returns (string memory);
}
