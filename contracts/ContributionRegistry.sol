// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IContributionRegistry } from "./interfaces/IContributionRegistry.sol";
import { ICoordinatorSet } from "./interfaces/ICoordinatorSet.sol";
import { ICreditSource } from "./interfaces/ICreditSource.sol";
import { INetworkParameters } from "./interfaces/INetworkParameters.sol";
import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IProofVerifier } from "./interfaces/IProofVerifier.sol";
import { IRandomness } from "./interfaces/IRandomness.sol";
import { IVerifierRouter } from "./interfaces/IVerifierRouter.sol";
import { Credits } from "./libraries/Credits.sol";
import { Gate } from "./libraries/Gate.sol";
import { Seeds } from "./libraries/Seeds.sol";
import { Shares } from "./libraries/Shares.sol";
import { Challenge } from "./types/Challenge.sol";
import { Contribution } from "./types/Contribution.sol";
import { FaultReason } from "./types/FaultReason.sol";
import { Finalization } from "./types/Finalization.sol";
import { MissingReason } from "./types/MissingReason.sol";
import { Outcome } from "./types/Outcome.sol";
import { Parameters } from "./types/Parameters.sol";
import { Parts } from "./types/Parts.sol";
import { Phase } from "./types/Phase.sol";
import { Record } from "./types/Record.sol";
import { Round } from "./types/Round.sol";
import { Rules } from "./types/Rules.sol";
import { Statement } from "./types/Statement.sol";
import { Tally } from "./types/Tally.sol";
import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import { SignedMath } from "@openzeppelin/contracts/utils/math/SignedMath.sol";

/// @title ContributionRegistry
/// @notice Keeps rounds, contributions and checkpoints, and judges the proofs.
contract ContributionRegistry is IContributionRegistry {
    using SafeCast for int256;

    uint256 internal constant COMMITMENT_LENGTH = 64;

    /// keccak256 of a commitment to zeros: the point at infinity.
    bytes32 internal constant ZERO_COMMITMENT_KEY = keccak256(abi.encode(0, 0));

    /// Weighted sums of int8 values over 16 exponents stay below 2^53, where float64 is exact.
    uint256 internal constant MAX_TOTAL_WEIGHT = (1 << 30) - 1;

    /// Coordinates of a task's direction (-1, 0 or 1) in one byte.
    uint256 internal constant TERNARIES_PER_BYTE = 4;

    /// @inheritdoc IContributionRegistry
    ICoordinatorSet public immutable override coordinators;

    /// @inheritdoc IContributionRegistry
    INetworkParameters public immutable override networkParameters;

    /// @inheritdoc IContributionRegistry
    INodeRegistry public immutable override nodeRegistry;

    /// @inheritdoc IContributionRegistry
    IVerifierRouter public immutable override verifierRouter;

    /// @inheritdoc IContributionRegistry
    IRandomness public immutable override randomness;

    /// @inheritdoc IContributionRegistry
    bytes32 public immutable override manifestDigest;

    /// @inheritdoc IContributionRegistry
    string public override manifestCid;

    /// @inheritdoc IContributionRegistry
    bytes32 public override head;

    /// @inheritdoc ICreditSource
    uint256 public override roundCount;

    /// @inheritdoc ICreditSource
    mapping(address node => uint256) public override debtNano;

    mapping(uint256 roundId => Round) private _rounds;
    /// Copies of the versions that rounds were opened with: every step reads its round's.
    mapping(uint256 version => Rules) private _rules;
    /// Contributions by digest, and their digests by node and in order of commitment: three slots for a
    /// commit, where records by index would need four to refuse a second one of a node and a copied digest.
    mapping(uint256 roundId => mapping(bytes32 digest => Record)) private _records;
    mapping(uint256 roundId => mapping(address node => bytes32)) private _digestOf;
    mapping(uint256 roundId => mapping(uint256 index => bytes32)) private _digests;
    mapping(uint256 roundId => mapping(uint256 task => bytes32)) private _taskKeys;
    /// What a share paid off; written only where there was a debt.
    mapping(uint256 roundId => mapping(uint256 index => uint256 paidNano)) private _debtPaid;
    mapping(uint256 roundId => uint256 paidNano) private _debtPaidInRound;

    modifier onlyCoordinator() {
        _requireCoordinator();
        _;
    }

    /// @notice Puts the parts together and publishes the first checkpoint.
    /// @param coordinators_ Who drives the rounds.
    /// @param parts The rules, with the nodes and the verifiers, and the randomness.
    /// @param genesisDigest SHA-256 of the first checkpoint.
    /// @param genesisCid Its content identifier.
    /// @param manifestDigest_ SHA-256 of the network's manifest.
    /// @param manifestCid_ Its content identifier.
    constructor(
        ICoordinatorSet coordinators_,
        Parts memory parts,
        bytes32 genesisDigest,
        string memory genesisCid,
        bytes32 manifestDigest_,
        string memory manifestCid_
    ) {
        require(manifestDigest_ != 0, ContributionRegistry_ZeroDigest());
        require(bytes(manifestCid_).length != 0, ContributionRegistry_EmptyCid());
        coordinators = coordinators_;
        networkParameters = parts.networkParameters;
        nodeRegistry = parts.networkParameters.nodeRegistry();
        verifierRouter = parts.networkParameters.verifierRouter();
        _requireServed(nodeRegistry.registry());
        _requireServed(address(coordinators_.registry()));
        require(
            address(parts.randomness).code.length != 0,
            ContributionRegistry_NoRandomness(address(parts.randomness))
        );
        randomness = parts.randomness;
        manifestDigest = manifestDigest_;
        manifestCid = manifestCid_;
        emit NetworkCreated(genesisDigest, genesisCid, manifestDigest_, manifestCid_);
        _publishCheckpoint(0, genesisDigest, genesisCid);
    }

    // ---------------------------------------------------------------- open, commit, close

    /// @inheritdoc IContributionRegistry
    function openRound(bytes32 poolRoot) external override onlyCoordinator returns (uint256 roundId) {
        require(coordinators.isFit(msg.sender), ContributionRegistry_NotFit(msg.sender));
        require(poolRoot != 0, ContributionRegistry_ZeroDigest());
        Phase last = _rounds[roundCount].phase;
        require(
            last == Phase.None || last == Phase.Finalized || last == Phase.Aborted,
            ContributionRegistry_RoundNotOver(roundCount, last)
        );

        roundId = ++roundCount;
        Round storage r = _rounds[roundId];
        r.phase = Phase.Committing;
        r.taskCount = uint8(nodeRegistry.taskCount());
        uint32 version = _takeRules();
        r.parametersVersion = version;
        // Refuses a frozen circuit: nobody's work could be proven.
        _verifierOf(r);
        // No chain has 2^40 seconds.
        // forge-lint: disable-next-line(unsafe-typecast)
        r.openedAt = uint40(block.timestamp);
        r.deadline = _after(_rules[version].parameters.commitWindow);
        r.baseDigest = head;
        r.poolRoot = poolRoot;
        emit RoundOpened(roundId, head, poolRoot, r.deadline);
    }

    /// @inheritdoc IContributionRegistry
    function commitUpdate(uint256 roundId, bytes32 digest, uint32 numExamples, int8 exponent)
        external
        override
    {
        Round storage r = _inPhase(roundId, Phase.Committing);
        _requireInTime(r.deadline);
        (bool active, uint8 task, uint32 datasetSize, uint40 joinedAt) = nodeRegistry.registration(msg.sender);
        require(active, ContributionRegistry_NotActive(msg.sender));
        // Else one seat would be enough to fill a round: join, commit, exit, and again under another address.
        require(joinedAt < r.openedAt, ContributionRegistry_JoinedTooLate(r.openedAt, joinedAt));
        require(digest != 0, ContributionRegistry_ZeroDigest());
        require(
            numExamples != 0 && numExamples <= datasetSize,
            ContributionRegistry_NumExamplesOutOfRange(datasetSize, numExamples)
        );
        Parameters storage p = _parametersOf(r);
        _requireExponent(exponent, p);
        uint16 index = r.count;
        require(index < p.maxNodes, ContributionRegistry_RoundFull(p.maxNodes));
        require(
            _digestOf[roundId][msg.sender] == 0, ContributionRegistry_AlreadyCommitted(roundId, msg.sender)
        );
        Record storage c = _records[roundId][digest];
        require(c.node == address(0), ContributionRegistry_DigestTaken(digest));

        r.count = index + 1;
        _digestOf[roundId][msg.sender] = digest;
        _digests[roundId][index] = digest;
        c.node = msg.sender;
        c.numExamples = numExamples;
        c.exponent = exponent;
        c.task = task;
        // Below maxNodes, at most 256.
        // forge-lint: disable-next-line(unsafe-typecast)
        c.index = uint8(index);
        emit UpdateCommitted(roundId, msg.sender, task, digest, numExamples, exponent);
    }

    /// @inheritdoc IContributionRegistry
    function closeCommits(uint256 roundId) external override {
        Round storage r = _inPhase(roundId, Phase.Committing);
        Parameters storage p = _parametersOf(r);
        uint256 quorum = p.quorum;
        if (block.timestamp > r.deadline) {
            if (r.count < quorum) {
                _abort(roundId, r);
                _reportUnclosed(roundId, r, true);
                return;
            }
        } else {
            _requireCoordinator();
            require(r.count >= quorum, ContributionRegistry_QuorumNotReached(quorum, r.count));
            uint256 quorumDeadline = uint256(r.openedAt) + p.minCommitWindow;
            require(
                block.timestamp >= quorumDeadline || _everyActiveNodeCommitted(roundId, r.count),
                ContributionRegistry_DeadlineNotPassed(quorumDeadline, block.timestamp)
            );
        }
        r.phase = Phase.Sampling;
        r.closingBlock = uint64(block.number);
        r.deadline = _after(p.collectWindow);
        emit CommitsClosed(roundId, block.number, r.count);
    }

    // ---------------------------------------------------------------- sample, seal

    /// @inheritdoc IContributionRegistry
    function drawSample(uint256 roundId) external override {
        Round storage r = _inPhase(roundId, Phase.Sampling);
        bytes32 seed = _draw("sample", r.closingBlock, roundId);
        if (seed == Seeds.NONE) {
            _requireInTime(r.deadline);
            r.closingBlock = uint64(block.number);
            emit SampleRearmed(roundId, block.number);
            return;
        }
        r.phase = Phase.Collecting;
        r.sampleSeed = seed;
        r.deadline = _after(_parametersOf(r).collectWindow);
        emit SampleDrawn(roundId, seed, r.deadline);
    }

    /// @inheritdoc IContributionRegistry
    function commitSample(uint256 roundId, bytes32 sampleSeed, bytes calldata sampleCommitment)
        external
        override
    {
        Round storage r = _inPhase(roundId, Phase.Collecting);
        _requireInTime(r.deadline);
        require(sampleSeed == r.sampleSeed, ContributionRegistry_WrongSampleSeed(r.sampleSeed, sampleSeed));
        Record storage c = _recordOf(roundId, msg.sender);
        require(c.sampleKey == 0, ContributionRegistry_SampleAlreadyCommitted(roundId, msg.sender));

        c.sampleKey = _commitmentKey(sampleCommitment);
        ++r.samples;
        emit SampleCommitted(roundId, msg.sender, sampleCommitment);
    }

    /// @inheritdoc IContributionRegistry
    function sealRound(
        uint256 roundId,
        bytes32 candidateDigest,
        uint8[] calldata clipShifts,
        MissingReason[] calldata missing
    ) external override onlyCoordinator {
        Round storage r = _inPhase(roundId, Phase.Collecting);
        require(candidateDigest != 0, ContributionRegistry_ZeroDigest());
        require(candidateDigest != r.baseDigest, ContributionRegistry_CandidateIsBase(candidateDigest));
        require(clipShifts.length == r.count, ContributionRegistry_ListLength(r.count, clipShifts.length));
        require(missing.length == r.count, ContributionRegistry_ListLength(r.count, missing.length));
        require(
            r.samples == r.count || block.timestamp > r.deadline,
            ContributionRegistry_SamplesPending(r.count, r.samples)
        );

        Parameters storage p = _parametersOf(r);
        MissingReason[] memory reasons = new MissingReason[](missing.length);
        for (uint256 i; i < reasons.length; ++i) {
            // Uploading has the same deadline as the sample, which is committed first.
            if (missing[i] == MissingReason.NotUploaded) _requireOver(r.deadline);
            reasons[i] = _sealContribution(roundId, i, clipShifts[i], missing[i], p);
        }
        _fixWeights(roundId, r, reasons, p.maxWeightShareBps);
        r.phase = Phase.Sealed;
        r.sealBlock = uint64(block.number);
        r.candidateDigest = candidateDigest;
        r.deadline = _after(p.challengeWindow);
        emit RoundSealed(roundId, candidateDigest, block.number, r.totalWeight, clipShifts, reasons);
    }

    // ---------------------------------------------------------------- challenge, prove

    /// @inheritdoc IContributionRegistry
    function drawChallenge(uint256 roundId) external override {
        Round storage r = _inPhase(roundId, Phase.Sealed);
        require(r.challengeSeed == 0, ContributionRegistry_ChallengeAlreadyDrawn(r.challengeSeed));
        bytes32 seed = _draw("challenge", r.sealBlock, roundId);
        if (seed == Seeds.NONE) {
            _requireInTime(r.deadline);
            r.sealBlock = uint64(block.number);
            emit ChallengeRearmed(roundId, block.number);
            return;
        }
        r.challengeSeed = seed;
        r.deadline = _after(_parametersOf(r).challengeWindow);
        emit ChallengeDrawn(roundId, seed);
    }

    /// @inheritdoc IContributionRegistry
    function publishChallenge(uint256 roundId, Challenge calldata challenge)
        external
        override
        onlyCoordinator
    {
        Round storage r = _inPhase(roundId, Phase.Sealed);
        require(r.challengeSeed != 0, ContributionRegistry_ChallengeNotDrawn());
        _requireInTime(r.deadline);
        require(challenge.digest != 0, ContributionRegistry_ZeroDigest());
        require(bytes(challenge.cid).length != 0, ContributionRegistry_EmptyCid());
        _requireDirectionsLength(challenge.directions.length, r.taskCount, _verifierOf(r).sampleSize());

        r.commonKey = _directionKey(challenge.commonCommitment);
        _storeTaskKeys(roundId, r.taskCount, challenge.taskCommitments);
        r.phase = Phase.Proving;
        r.challengeDigest = challenge.digest;
        r.unit = challenge.unit;
        r.baseLossNano = challenge.baseLossNano;
        r.candidateLossNano = challenge.candidateLossNano;
        r.deadline = _after(_parametersOf(r).provingWindow);
        emit ChallengePublished(
            roundId,
            challenge.digest,
            challenge.cid,
            challenge.unit,
            challenge.baseLossNano,
            challenge.candidateLossNano,
            challenge.commonCommitment,
            challenge.taskCommitments,
            challenge.directions
        );
    }

    /// @inheritdoc IContributionRegistry
    function proveContribution(
        uint256 roundId,
        int256 common,
        int256 task,
        uint256 square,
        uint256 absolute,
        bytes calldata proof
    ) external override {
        Round storage r = _inPhase(roundId, Phase.Proving);
        _requireInTime(r.deadline);
        Record storage c = _recordOf(roundId, msg.sender);
        require(c.outcome != Outcome.Missing, ContributionRegistry_NotAvailable(msg.sender, c.missing));
        require(c.outcome == Outcome.None, ContributionRegistry_AlreadyProven(roundId, msg.sender));
        // The public values come from this contract's state; of the caller's numbers only the proven sums.
        Statement memory statement = Statement({
            commonKey: r.commonKey,
            taskKey: _taskKeys[roundId][c.task],
            sampleKey: c.sampleKey,
            common: common,
            task: task,
            square: square,
            absolute: absolute,
            context: context(roundId, msg.sender)
        });
        IProofVerifier checker = _verifierOf(r);
        checker.verify(statement, proof);
        _recordProof(roundId, r, c, statement, checker.sampleSize());
    }

    // ---------------------------------------------------------------- finalize, abort

    /// @inheritdoc IContributionRegistry
    function finalizeRound(uint256 roundId, Finalization calldata result) external override onlyCoordinator {
        Round storage r = _inPhase(roundId, Phase.Proving);
        require(
            r.proven == r.available || block.timestamp > r.deadline,
            ContributionRegistry_ProofsPending(r.available, r.proven)
        );
        require(result.reportDigest != 0, ContributionRegistry_ZeroDigest());
        require(bytes(result.reportCid).length != 0, ContributionRegistry_EmptyCid());
        // Refuses a frozen circuit: what was proven with it may be worth nothing, and others could not prove.
        _verifierOf(r);
        // The same as !baseKept: the gate refuses the base where it is not kept, and anything else where it is.
        bool isCredited = result.checkpointDigest != r.baseDigest;
        uint256 acceptedBitmap = _settle(roundId, r, result.harmfulBitmap, isCredited);
        bool baseKept = Gate.validate(r, result, acceptedBitmap, _parametersOf(r).maxRegressionNano);

        r.phase = Phase.Finalized;
        r.baseKept = baseKept;
        r.aggregateLossNano = result.aggregateLossNano;
        r.finalLossNano = result.finalLossNano;
        if (!baseKept) _publishCheckpoint(roundId, result.checkpointDigest, result.checkpointCid);
        emit RoundFinalized(
            roundId,
            result.reportDigest,
            result.reportCid,
            r.baseLossNano,
            result.aggregateLossNano,
            result.finalLossNano,
            baseKept
        );
        // Else a challenge that nobody can prove would be a way around the penalty of an abort.
        if (r.proven == 0) coordinators.penalize(roundId, false);
    }

    /// @inheritdoc IContributionRegistry
    function abortRound(uint256 roundId) external override {
        Round storage r = _rounds[roundId];
        Phase phase = r.phase;
        require(
            phase != Phase.None && phase != Phase.Finalized && phase != Phase.Aborted,
            ContributionRegistry_RoundOver(phase)
        );
        uint256 deadline = _abortDeadline(r, phase);
        bool missed = block.timestamp > deadline;
        bool frozen = verifierRouter.isFrozen(_rules[r.parametersVersion].circuitId);
        if (!frozen && msg.sender != coordinator()) {
            _requireOver(deadline);
            // Else whoever is first after the deadline could abort what others have a right to close.
            uint256 quorum = _parametersOf(r).quorum;
            require(
                phase != Phase.Committing || r.count < quorum,
                ContributionRegistry_QuorumReached(quorum, r.count)
            );
        }
        _abort(roundId, r);
        if (frozen) return;
        if (phase == Phase.Committing) {
            _reportUnclosed(roundId, r, missed && r.count < _parametersOf(r).quorum);
        } else if (_isCoordinatorsDoing(r, phase)) {
            coordinators.penalize(roundId, missed);
        }
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc IContributionRegistry
    function round(uint256 roundId) external view override returns (Round memory r) {
        r = _rounds[roundId];
        if (r.phase == Phase.Finalized) {
            // What the next round started from, so that no slot is spent on it.
            r.checkpointDigest = roundId == roundCount ? head : _rounds[roundId + 1].baseDigest;
            r.commonKey = 0;
        }
    }

    /// @inheritdoc IContributionRegistry
    function contribution(uint256 roundId, address node)
        external
        view
        override
        returns (Contribution memory found)
    {
        bytes32 digest = _digestOf[roundId][node];
        if (digest != 0) found = _records[roundId][digest].toContribution(digest);
    }

    /// @inheritdoc IContributionRegistry
    function contributionsOf(uint256 roundId, uint256 offset, uint256 limit)
        external
        view
        override
        returns (Contribution[] memory page)
    {
        uint256 count = _rounds[roundId].count;
        uint256 start = Math.min(offset, count);
        page = new Contribution[](Math.min(limit, count - start));
        for (uint256 i; i < page.length; ++i) {
            bytes32 digest = _digests[roundId][start + i];
            page[i] = _records[roundId][digest].toContribution(digest);
        }
    }

    /// @inheritdoc IContributionRegistry
    function attendance(uint256 roundId, address node)
        external
        view
        override
        returns (uint40 openedAt, bool committed, bool counts)
    {
        Round storage r = _rounds[roundId];
        openedAt = r.openedAt;
        committed = _digestOf[roundId][node] != 0;
        bool improved = r.phase == Phase.Finalized && !r.baseKept;
        counts = r.lapsed || (improved && r.count < _parametersOf(r).maxNodes);
    }

    /// @inheritdoc ICreditSource
    function credit(uint256 roundId, address node)
        external
        view
        override
        returns (uint256 creditNano, uint256 index)
    {
        bytes32 digest = _digestOf[roundId][node];
        if (digest == 0) return (0, 0);
        Record storage c = _records[roundId][digest];
        index = c.index;
        Round storage r = _rounds[roundId];
        if (r.phase != Phase.Finalized || r.baseKept || c.outcome != Outcome.Accepted) return (0, index);
        int256 shareNano = c.shareNano;
        // forge-lint: disable-next-line(unsafe-typecast)
        if (shareNano > 0) creditNano = uint256(shareNano) - _debtPaid[roundId][index];
    }

    /// @inheritdoc ICreditSource
    function roundCredit(uint256 roundId)
        external
        view
        override
        returns (uint256 totalNano, uint256 bitmap, uint256 dropNano, bool over)
    {
        Round storage r = _rounds[roundId];
        if (r.phase == Phase.Aborted) return (0, 0, 0, true);
        if (r.phase != Phase.Finalized) return (0, 0, 0, false);
        // A kept base has the loss of the base, and nobody's credit.
        dropNano = Credits.dropNano(r.baseLossNano, r.finalLossNano);
        totalNano = r.creditNano;
        // From the slot that held the common key while there was anything to prove.
        if (totalNano != 0) bitmap = uint256(r.commonKey);
        dropNano = Credits.creditedDropNano(dropNano, totalNano, _debtPaidInRound[roundId]);
        return (totalNano, bitmap, dropNano, true);
    }

    /// @inheritdoc IContributionRegistry
    function coordinator() public view override returns (address) {
        return coordinators.current();
    }

    /// @inheritdoc IContributionRegistry
    function taskKey(uint256 roundId, uint8 task) external view override returns (bytes32) {
        return _taskKeys[roundId][task];
    }

    /// @inheritdoc IContributionRegistry
    function context(uint256 roundId, address node) public view override returns (uint256) {
        // 248 bits, so that it fits the scalar field.
        return uint256(keccak256(abi.encode(block.chainid, address(this), roundId, node))) >> 8;
    }

    // ---------------------------------------------------------------- steps of the opening

    /// The newest version of the rules, copied when the first round is opened with it.
    function _takeRules() private returns (uint32 version) {
        version = networkParameters.version();
        if (_rules[version].circuitId == 0) _rules[version] = networkParameters.rules(version);
    }

    // ---------------------------------------------------------------- steps of the seal

    function _sealContribution(
        uint256 roundId,
        uint256 index,
        uint8 clipShift,
        MissingReason claimed,
        Parameters storage p
    ) private returns (MissingReason reason) {
        Record storage c = _recordAt(roundId, index);
        bool hasSample = c.sampleKey != 0;
        require(!hasSample || claimed != MissingReason.NoSample, ContributionRegistry_SampleExists(c.node));
        reason = hasSample ? claimed : MissingReason.NoSample;
        if (reason == MissingReason.None) {
            _requireExponent(int256(c.exponent) - int256(uint256(clipShift)), p);
            c.clipShift = clipShift;
        } else {
            require(clipShift == 0, ContributionRegistry_ShiftOfMissing(c.node, clipShift));
            c.missing = reason;
            c.outcome = Outcome.Missing;
            emit ContributionMissing(roundId, c.node, reason);
            // What the coordinator claims costs nobody's bond.
            if (!hasSample) nodeRegistry.recordFault(roundId, c.node, FaultReason.NoSample);
        }
    }

    function _fixWeights(
        uint256 roundId,
        Round storage r,
        MissingReason[] memory reasons,
        uint256 maxWeightShareBps
    ) private {
        uint16 available;
        uint256 totalExamples;
        for (uint256 i; i < reasons.length; ++i) {
            if (reasons[i] != MissingReason.None) continue;
            ++available;
            totalExamples += _recordAt(roundId, i).numExamples;
        }
        require(available != 0, ContributionRegistry_NoneAvailable());

        uint256 cap = Shares.weightCap(totalExamples, maxWeightShareBps);
        uint256 totalWeight;
        for (uint256 i; i < reasons.length; ++i) {
            if (reasons[i] != MissingReason.None) continue;
            totalWeight += Math.min(_recordAt(roundId, i).numExamples, cap);
        }
        require(
            totalWeight <= MAX_TOTAL_WEIGHT,
            ContributionRegistry_TotalWeightTooLarge(MAX_TOTAL_WEIGHT, totalWeight)
        );
        r.available = available;
        // At most 256 contributions of 2^24 examples.
        // forge-lint: disable-next-line(unsafe-typecast)
        r.weightCap = uint64(cap);
        // forge-lint: disable-next-line(unsafe-typecast)
        r.totalWeight = uint64(totalWeight);
    }

    // ---------------------------------------------------------------- steps of the challenge and the proof

    function _storeTaskKeys(uint256 roundId, uint256 taskCount, bytes[] calldata commitments) private {
        require(
            commitments.length == taskCount,
            ContributionRegistry_TaskCommitmentCount(taskCount, commitments.length)
        );
        for (uint256 i; i < commitments.length; ++i) {
            _taskKeys[roundId][i] = _directionKey(commitments[i]);
        }
    }

    function _recordProof(
        uint256 roundId,
        Round storage r,
        Record storage c,
        Statement memory s,
        uint256 sampleSize
    ) private {
        int256 alignmentBps = Shares.alignmentBps(s.task, s.square, sampleSize);
        // No real vector is more than fully aligned (Cauchy-Schwarz); bounded, so that the type never refuses.
        alignmentBps = SignedMath.max(
            -Shares.FULL_ALIGNMENT_BPS, SignedMath.min(alignmentBps, Shares.FULL_ALIGNMENT_BPS)
        );
        ++r.proven;
        c.alignmentBps = alignmentBps.toInt16();
        if (!Shares.isAdmitted(s.task, s.square, _parametersOf(r).zMin)) {
            c.outcome = Outcome.BelowThreshold;
            emit ContributionBelowThreshold(
                roundId, msg.sender, alignmentBps, s.common, s.task, s.square, s.absolute
            );
            return;
        }
        int256 shareNano = Shares.shareNano(
            s.common,
            Math.min(c.numExamples, r.weightCap),
            r.totalWeight,
            r.unit,
            int256(c.exponent) - int256(uint256(c.clipShift))
        );
        ++r.accepted;
        c.outcome = Outcome.Accepted;
        c.shareNano = shareNano.toInt128();
        emit ContributionProven(
            roundId,
            msg.sender,
            shareNano,
            // Admitted, so positive, and at most 10000.
            // forge-lint: disable-next-line(unsafe-typecast)
            uint16(uint256(alignmentBps)),
            s.common,
            s.task,
            s.square,
            s.absolute
        );
    }

    // ---------------------------------------------------------------- steps of the end

    /// Gives every contribution its outcome and its credit, in one walk, and says which were accepted before the gate.
    function _settle(uint256 roundId, Round storage r, uint256 harmfulBitmap, bool isCredited)
        private
        returns (uint256 acceptedBitmap)
    {
        mapping(uint256 index => bytes32) storage digests = _digests[roundId];
        mapping(bytes32 digest => Record) storage records = _records[roundId];
        Tally memory tally;
        tally.harmful = harmfulBitmap;
        tally.isCredited = isCredited;
        tally.boundNano = int128(uint128(r.baseLossNano));
        uint256 count = r.count;
        for (uint256 i; i < count; ++i) {
            _settleOne(roundId, i, records[digests[i]], tally);
        }
        if (r.proven != r.available) _reportUnproven(roundId, count, tally.provenTasks);
        if (tally.totalNano != 0) {
            // At most 256 credits, each at most the base's loss.
            // forge-lint: disable-next-line(unsafe-typecast)
            r.creditNano = uint128(tally.totalNano);
            r.commonKey = bytes32(tally.credited);
        }
        return tally.accepted;
    }

    function _settleOne(uint256 roundId, uint256 index, Record storage c, Tally memory tally) private {
        // Next to each other, and the enum last, for the compiler to read their slot once.
        address node = c.node;
        uint8 task = c.task;
        Outcome outcome = c.outcome;
        int128 shareNano;
        uint256 creditNano;
        if (outcome == Outcome.Accepted) {
            uint256 bit = uint256(1) << index;
            tally.accepted |= bit;
            tally.provenTasks |= uint256(1) << task;
            shareNano = _boundShare(c, tally.boundNano);
            if (tally.harmful & bit != 0) {
                outcome = Outcome.Harmful;
                c.outcome = outcome;
            } else if (tally.isCredited) {
                creditNano = _creditOne(roundId, index, node, shareNano);
                if (creditNano != 0) {
                    tally.totalNano += creditNano;
                    tally.credited |= bit;
                }
            }
        } else if (outcome == Outcome.BelowThreshold) {
            tally.provenTasks |= uint256(1) << task;
        } else if (outcome == Outcome.None) {
            outcome = Outcome.NotProven;
            c.outcome = outcome;
        }
        emit ContributionSettled(roundId, node, outcome, shareNano, creditNano);
    }

    /// Nobody accounts for more than the whole loss, whatever unit the coordinator named: credits and debts last.
    function _boundShare(Record storage c, int128 boundNano) private returns (int128 shareNano) {
        shareNano = c.shareNano;
        if (shareNano > boundNano) c.shareNano = shareNano = boundNano;
        else if (shareNano < -boundNano) c.shareNano = shareNano = -boundNano;
    }

    /// A task of which nobody proved anything may have had a direction that nobody can prove anything
    /// about: the coordinator must not be able to cost its nodes their bonds.
    function _reportUnproven(uint256 roundId, uint256 count, uint256 provenTasks) private {
        for (uint256 i; i < count; ++i) {
            Record storage c = _recordAt(roundId, i);
            if (c.outcome != Outcome.NotProven || (provenTasks >> c.task) & 1 == 0) continue;
            nodeRegistry.recordFault(roundId, c.node, FaultReason.NotProven);
        }
    }

    /// Turns a share that the new checkpoint is made of into a credit or a debt.
    function _creditOne(uint256 roundId, uint256 index, address node, int128 shareNano)
        private
        returns (uint256 creditNano)
    {
        uint256 debtBefore = debtNano[node];
        // What most contributions are, and the same as below.
        // forge-lint: disable-next-line(unsafe-typecast)
        if (debtBefore == 0 && shareNano >= 0) return uint128(shareNano);
        uint256 debtAfter;
        (creditNano, debtAfter) = Credits.settle(shareNano, debtBefore);
        if (debtAfter == debtBefore) return creditNano;
        debtNano[node] = debtAfter;
        if (debtAfter < debtBefore) {
            _debtPaid[roundId][index] = debtBefore - debtAfter;
            _debtPaidInRound[roundId] += debtBefore - debtAfter;
        }
        emit DebtChanged(roundId, node, debtBefore, debtAfter);
    }

    function _publishCheckpoint(uint256 roundId, bytes32 digest, string memory cid) private {
        require(digest != 0, ContributionRegistry_ZeroDigest());
        require(bytes(cid).length != 0, ContributionRegistry_EmptyCid());

        emit CheckpointPublished(roundId, digest, head, cid);
        head = digest;
    }

    function _abort(uint256 roundId, Round storage r) private {
        Phase phase = r.phase;
        r.phase = Phase.Aborted;
        emit RoundAborted(roundId, phase, msg.sender);
    }

    /// A round of which nothing was drawn costs nobody money, but the coordinator its turn if it is the second in a
    /// row.
    function _reportUnclosed(uint256 roundId, Round storage r, bool lapsed) private {
        if (lapsed) r.lapsed = true;
        coordinators.reportUnclosed(roundId);
    }

    /// Whether the coordinator pays for an abort after the commits. Nodes that put no sample on chain are not its
    /// doing. Everything else is: it could have drawn itself, and a round that was free to abort would be a free
    /// choice among seeds.
    function _isCoordinatorsDoing(Round storage r, Phase phase) private view returns (bool) {
        return phase != Phase.Collecting || r.samples != 0 || block.timestamp <= r.deadline;
    }

    function _abortDeadline(Round storage r, Phase phase) private view returns (uint256) {
        uint256 deadline = r.deadline;
        if (phase == Phase.Collecting) return deadline + _parametersOf(r).sealWindow;
        if (phase == Phase.Proving) return deadline + _parametersOf(r).finalizeWindow;
        return deadline;
    }

    // ---------------------------------------------------------------- shared checks

    function _requireServed(address served) private view {
        require(served == address(this), ContributionRegistry_NotServed(address(this), served));
    }

    function _requireCoordinator() private view {
        address expected = coordinator();
        require(msg.sender == expected, ContributionRegistry_NotCoordinator(expected, msg.sender));
    }

    function _requireInTime(uint256 deadline) private view {
        require(block.timestamp <= deadline, ContributionRegistry_DeadlinePassed(deadline, block.timestamp));
    }

    function _requireOver(uint256 deadline) private view {
        require(block.timestamp > deadline, ContributionRegistry_DeadlineNotPassed(deadline, block.timestamp));
    }

    function _requireExponent(int256 exponent, Parameters storage p) private view {
        (int256 min, int256 max) = (p.minExponent, p.maxExponent);
        require(
            exponent >= min && exponent <= max, ContributionRegistry_ExponentOutOfRange(min, max, exponent)
        );
    }

    function _requireDirectionsLength(uint256 length, uint256 taskCount, uint256 sampleSize) private pure {
        uint256 expected = sampleSize + taskCount * Math.ceilDiv(sampleSize, TERNARIES_PER_BYTE);
        require(length == expected, ContributionRegistry_DirectionsLength(expected, length));
    }

    /// A node that committed and then exited no longer stands for one that is still active.
    function _everyActiveNodeCommitted(uint256 roundId, uint256 count) private view returns (bool) {
        uint256 active = nodeRegistry.activeCount();
        if (count < active) return false;
        uint256 committed;
        for (uint256 i; i < count; ++i) {
            if (nodeRegistry.isActive(_recordAt(roundId, i).node)) ++committed;
        }
        return committed == active;
    }

    function _inPhase(uint256 roundId, Phase expected) private view returns (Round storage r) {
        r = _rounds[roundId];
        require(r.phase == expected, ContributionRegistry_WrongPhase(expected, r.phase));
    }

    function _parametersOf(Round storage r) private view returns (Parameters storage) {
        return _rules[r.parametersVersion].parameters;
    }

    /// Of the round's own circuit, whatever the network has changed to since.
    function _verifierOf(Round storage r) private view returns (IProofVerifier) {
        return verifierRouter.verifierOf(_rules[r.parametersVersion].circuitId);
    }

    function _recordOf(uint256 roundId, address node) private view returns (Record storage) {
        bytes32 digest = _digestOf[roundId][node];
        require(digest != 0, ContributionRegistry_NotCommitted(roundId, node));
        return _records[roundId][digest];
    }

    function _recordAt(uint256 roundId, uint256 index) private view returns (Record storage) {
        return _records[roundId][_digests[roundId][index]];
    }

    function _draw(string memory label, uint256 blockNumber, uint256 roundId) private view returns (bytes32) {
        require(block.number > blockNumber, ContributionRegistry_BlockNotComplete(blockNumber, block.number));
        return Seeds.derive(label, randomness.entropy(blockNumber), roundId);
    }

    function _directionKey(bytes calldata commitment) private pure returns (bytes32 key) {
        key = _commitmentKey(commitment);
        require(key != ZERO_COMMITMENT_KEY, ContributionRegistry_ZeroCommitment());
    }

    function _commitmentKey(bytes calldata commitment) private pure returns (bytes32) {
        require(
            commitment.length == COMMITMENT_LENGTH,
            ContributionRegistry_CommitmentLength(COMMITMENT_LENGTH, commitment.length)
        );
        return keccak256(commitment);
    }

    function _after(uint32 window) private view returns (uint40) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint40(block.timestamp) + window;
    }
}
