"""What the contracts refuse, one class per custom error.

A class is named like its custom error, without the contract in front and with `Error` behind; its
sentence uses the custom error's own arguments.
"""

from __future__ import annotations

from zk0.errors import ContractRevertError


class ContributionRegistryError(ContractRevertError):
    """The registry of rounds refused."""

    prefix = "ContributionRegistry_"


class AlreadyCommittedError(ContributionRegistryError):
    sentence = (
        "{node} has already committed an update in round {round}: that one counts, go on with it"
    )


class AlreadyProvenError(ContributionRegistryError):
    sentence = (
        "{node} has already proven its contribution to round {round}: nothing has to be sent again"
    )


class BaseNotKeptError(ContributionRegistryError):
    sentence = (
        "the aggregate passed the gate, so the base checkpoint {baseDigest} may not be kept: "
        "publish the aggregate"
    )


class BlockNotCompleteError(ContributionRegistryError):
    sentence = (
        "the draw needs the hash of block {needed}, and the chain is at block {current}: "
        "try again in the next one"
    )


class CandidateIsBaseError(ContributionRegistryError):
    sentence = (
        "the candidate {digest} is the round's own base, so the updates change nothing: "
        "there is nothing to measure, abort the round"
    )


class ChallengeAlreadyDrawnError(ContributionRegistryError):
    sentence = "the challenge is drawn, with seed {challengeSeed}: publish it"


class ChallengeNotDrawnError(ContributionRegistryError):
    sentence = "the challenge is not drawn yet: draw it first"


class CommitmentLengthError(ContributionRegistryError):
    sentence = (
        "a commitment has {expected} bytes, found {actual}: give both coordinates of the point"
    )


class DeadlineNotPassedError(ContributionRegistryError):
    sentence = "too early: possible after {deadline}, the chain's time is {timestamp}"


class DeadlinePassedError(ContributionRegistryError):
    sentence = "too late: the deadline was {deadline}, the chain's time is {timestamp}"


class DigestTakenError(ContributionRegistryError):
    sentence = (
        "another node has committed digest {digest} in this round: a copy counts for nobody, "
        "commit an update of your own"
    )


class DirectionsLengthError(ContributionRegistryError):
    sentence = (
        "the packed directions must have {expected} bytes, found {actual}: pack them as "
        "docs/encodings.md says"
    )


class EmptyCidError(ContributionRegistryError):
    sentence = "a content identifier is missing: publish the file first, and give its identifier"


class ExponentOutOfRangeError(ContributionRegistryError):
    sentence = (
        "the exponent must lie between {min} and {max}, found {actual}: choose a scale within that"
    )


class GateHitError(ContributionRegistryError):
    sentence = (
        "an aggregate with loss {aggregateLossNano} is above the gate's limit {maxLossNano} "
        "(in 1e-9): leave somebody out, or keep the base"
    )


class GateNotHitError(ContributionRegistryError):
    sentence = (
        "the loss {aggregateLossNano} is within the gate's limit {maxLossNano} (in 1e-9), so "
        "nobody may be left out: publish the aggregate of all accepted"
    )


class HarmfulNotAcceptedError(ContributionRegistryError):
    sentence = (
        "only accepted contributions (bitmap {acceptedBitmap}) can be left out, found "
        "{harmfulBitmap}: leave out some of those"
    )


class ListLengthError(ContributionRegistryError):
    sentence = (
        "expected one entry for each of {expected} contributions, found {actual}: give one for "
        "each, in the order of commitment"
    )


class LossTooHighError(ContributionRegistryError):
    sentence = (
        "the new checkpoint's loss {actual} is above the limit {max} (in 1e-9): leave somebody "
        "else out, or keep the base"
    )


class NoneAvailableError(ContributionRegistryError):
    sentence = "no contribution is available: abort the round"


class NoneLeftError(ContributionRegistryError):
    sentence = (
        "with every accepted contribution left out there is nothing to aggregate: keep the base"
    )


class NotActiveError(ContributionRegistryError):
    sentence = "{node} is not an active node: join first"


class NotAvailableError(ContributionRegistryError):
    sentence = (
        "the contribution of {node} is missing ({reason}), so it cannot be proven: take part "
        "in the next round"
    )


class NotCommittedError(ContributionRegistryError):
    sentence = "{node} has not committed an update in round {round}: commit in the next one"


class NotCoordinatorError(ContributionRegistryError):
    sentence = "only the coordinator {expected} may do this, found {actual}: use its wallet"


class NotFitError(ContributionRegistryError):
    sentence = (
        "coordinator {coordinator} opens no further round: it is leaving, was removed, or its bond "
        "is not complete; whoever is next takes over with `zk0-coordinator succeed`"
    )


class NumExamplesOutOfRangeError(ContributionRegistryError):
    sentence = (
        "the number of examples must be 1 to {max}, the registered data set size, found "
        "{actual}: commit with no more than that"
    )


class ProofsPendingError(ContributionRegistryError):
    sentence = (
        "{actual} of {expected} available contributions are proven, and there is still time: "
        "wait for the rest, or for the deadline"
    )


class QuorumNotReachedError(ContributionRegistryError):
    sentence = "{actual} nodes have committed, the quorum is {expected}: wait for more"


class QuorumReachedError(ContributionRegistryError):
    sentence = (
        "{actual} nodes have committed, enough for the quorum of {quorum}: close "
        "commitments instead"
    )


class RoundFullError(ContributionRegistryError):
    sentence = "the round has all the {max} contributions that it allows: take part in the next one"


class RoundNotOverError(ContributionRegistryError):
    sentence = "round {round} is in phase {phase}: finish or abort it first"


class RoundOverError(ContributionRegistryError):
    sentence = "the phase of this round is {phase}, so it is not running: look at the newest one"


class SampleAlreadyCommittedError(ContributionRegistryError):
    sentence = (
        "{node} has already committed its sample in round {round}: that one counts, go on with it"
    )


class SampleExistsError(ContributionRegistryError):
    sentence = (
        "the sample of {node} is on chain, so NoSample cannot be why it is missing: give "
        "another reason"
    )


class SamplesPendingError(ContributionRegistryError):
    sentence = (
        "{actual} of {expected} samples are on chain, and there is still time: wait for the "
        "rest, or for the deadline"
    )


class ShiftOfMissingError(ContributionRegistryError):
    sentence = (
        "the contribution of {node} is missing and cannot have clip shift {clipShift}: give 0"
    )


class TaskCommitmentCountError(ContributionRegistryError):
    sentence = (
        "expected one commitment for each of {expected} tasks, found {actual}: give one for each"
    )


class TotalWeightTooLargeError(ContributionRegistryError):
    sentence = "the weights may add up to {max}, found {actual}: abort the round"


class WrongCheckpointError(ContributionRegistryError):
    sentence = "the checkpoint must be {expected}, found {actual}: give that one"


class WrongLossError(ContributionRegistryError):
    sentence = "the loss must be {expected} (in 1e-9), found {actual}: give that one"


class WrongPhaseError(ContributionRegistryError):
    sentence = (
        "the round must be in phase {expected}, and is in phase {actual}: wait for that phase, "
        "here or in the next round"
    )


class WrongSampleSeedError(ContributionRegistryError):
    sentence = "the sample seed is {expected}, found {actual}: make the sample again"


class ZeroCommitmentError(ContributionRegistryError):
    sentence = "the commitment is to nothing but zeros: make the challenge again"


class ZeroDigestError(ContributionRegistryError):
    sentence = "a digest or root is missing: give one that is not zero"


class JoinedTooLateError(ContributionRegistryError):
    sentence = (
        "the node joined at {joinedAt}, the round was opened at {openedAt}: it takes part in the "
        "next round"
    )


class NoRandomnessError(ContributionRegistryError):
    sentence = "there is no contract at {actual}, where seeds are to come from: deploy one first"


class NotServedError(ContributionRegistryError):
    sentence = (
        "the registry of nodes, or the set of coordinators, serves {actual}, not {expected}: "
        "deploy them together, with no transaction of the deployer's in between"
    )


class NetworkParametersError(ContractRevertError):
    """The rules of the network refused."""

    prefix = "NetworkParameters_"


class CommitWindowTooShortError(NetworkParametersError):
    sentence = (
        "the commit window must be at least the quorum's {min} s, found {actual}: choose a "
        "longer one"
    )


class ExitDelayTooShortError(NetworkParametersError):
    sentence = (
        "the exit delay must be at least {min} s, the longest round, found {actual}: choose "
        "shorter windows, or a longer delay"
    )


class ExponentBoundsOutOfRangeError(NetworkParametersError):
    sentence = (
        "exponents must lie in [-64, 0], at most 16 apart, found {minExponent} to "
        "{maxExponent}: choose within that"
    )


class MaxNodesOutOfRangeError(NetworkParametersError):
    sentence = "a round must allow 1 to {max} nodes, found {actual}: choose within that"


class MaxWeightShareOutOfRangeError(NetworkParametersError):
    sentence = (
        "the largest weight share must be 1 to {max} basis points, found {actual}: choose "
        "within that"
    )


class ParameterCountFixedError(NetworkParametersError):
    sentence = (
        "the checkpoint has {expected} parameters and that never changes, found {actual}: "
        "another model needs another network"
    )


class ParameterCountTooSmallError(NetworkParametersError):
    sentence = (
        "the network needs at least {min} parameters, the size of a sample, found {actual}: "
        "take a circuit with a smaller sample"
    )


class QuorumOutOfRangeError(NetworkParametersError):
    sentence = "the quorum must be 1 to {max}, found {actual}: choose within that"


class WindowOutOfRangeError(NetworkParametersError):
    sentence = "a window must last 1 to {max} s, found {actual}: choose within that"


class ZeroFramesError(NetworkParametersError):
    sentence = "a challenge needs at least one frame for each task: choose at least 1"


class ZeroThresholdError(NetworkParametersError):
    sentence = "zMin must be positive: choose at least 1"


class NodeRegistryError(ContractRevertError):
    """The registry of nodes and bonds refused."""

    prefix = "NodeRegistry_"


class DatasetSizeOutOfRangeError(NodeRegistryError):
    sentence = (
        "the data set size must be 1 to {max} examples, found {actual}: register fewer with "
        "--examples"
    )


class EmptyTaskError(NodeRegistryError):
    sentence = "a task needs a name: give one"


class ExitPendingError(NodeRegistryError):
    sentence = "the bond is free at {exitAt}, the chain's time is {timestamp}: withdraw it then"


class NotAdmittedError(NodeRegistryError):
    sentence = (
        "the network's rule of participation does not admit {node}: ask who runs the network, or "
        "register more examples"
    )


class FaultLimitOutOfRangeError(NodeRegistryError):
    sentence = (
        "the limit of faults must be {min} to the window's {max} rounds, found {actual}: "
        "choose within that"
    )


class FaultWindowOutOfRangeError(NodeRegistryError):
    sentence = (
        "the window of faults must have 1 to {max} rounds, found {actual}: choose within that"
    )


class ForfeitOutOfRangeError(NodeRegistryError):
    sentence = (
        "what is forfeited must be 1 to {max} basis points, found {actual}: choose within that"
    )


class FullError(NodeRegistryError):
    sentence = (
        "the network already has the {max} active nodes that it allows: anyone can free the seat "
        "of an idle one with `zk0-node retire`"
    )


class InsufficientBondError(NodeRegistryError):
    sentence = (
        "the data set size needs a bond of {expected} wei, found {actual}: send at least that, "
        "or register fewer examples"
    )


class NodeRegistryMaxNodesOutOfRangeError(NodeRegistryError):
    sentence = "the network must allow 1 to {max} nodes, found {actual}: choose within that"

    @classmethod
    def custom_error(cls) -> str:
        """Spelled out: the registry of rounds has an error of this name too."""
        return "NodeRegistry_MaxNodesOutOfRange"


class NothingToAddError(NodeRegistryError):
    sentence = "a top-up must carry coins: give an amount above 0"


class NotRegistryError(NodeRegistryError):
    sentence = (
        "only the registry of rounds ({expected}) reports faults, found {actual}: it does so "
        "by itself"
    )


class NoTaskError(NodeRegistryError):
    sentence = "the network needs at least one task: name one"


class NodeKeyLengthError(NodeRegistryError):
    sentence = (
        "the node key must have 1 to {max} bytes, found {actual}: give the SuperNode's public key"
    )


class TaskExistsError(NodeRegistryError):
    sentence = "there is already a task named {taskName}: choose another name"


class TooManyTasksError(NodeRegistryError):
    sentence = (
        "the network already has the {max} tasks that it can have: another one needs another "
        "network"
    )


class UnknownTaskError(NodeRegistryError):
    sentence = (
        "there is no task {actual}: choose one of the {taskCount} that the network has, "
        "counted from 0"
    )


class WrongStatusError(NodeRegistryError):
    sentence = (
        "the node must be {expected} for this, and is {actual} (None: not registered): see "
        "`zk0-node status`"
    )


class CoordinatorSetError(ContractRevertError):
    """The set of coordinators refused."""

    prefix = "CoordinatorSet_"


class AlreadyApprovedError(CoordinatorSetError):
    sentence = "{account} is on the list of coordinators: it needs nothing but its bond"


class CoordinatorDurationOutOfRangeError(CoordinatorSetError):
    sentence = "a delay must last 1 to {max} s, found {actual}: choose within that"

    @classmethod
    def custom_error(cls) -> str:
        """Spelled out: the vault has an error of this name too."""
        return "CoordinatorSet_DurationOutOfRange"


class CoordinatorExitPendingError(CoordinatorSetError):
    sentence = "the bond is free at {exitAt}, the chain's time is {timestamp}: withdraw it then"

    @classmethod
    def custom_error(cls) -> str:
        """Spelled out: the registry of nodes has an error of this name too."""
        return "CoordinatorSet_ExitPending"


class CoordinatorSetFullError(CoordinatorSetError):
    sentence = "the list already has the {max} coordinators that it can have: remove one first"

    @classmethod
    def custom_error(cls) -> str:
        """Spelled out: the registry of nodes has an error of this name too."""
        return "CoordinatorSet_Full"


class CoordinatorNotRegistryError(CoordinatorSetError):
    sentence = (
        "only the registry of rounds ({expected}) reports aborts, found {actual}: it does so "
        "by itself"
    )

    @classmethod
    def custom_error(cls) -> str:
        """Spelled out: the registry of nodes has an error of this name too."""
        return "CoordinatorSet_NotRegistry"


class LeavingError(CoordinatorSetError):
    sentence = "{account} is leaving: it must withdraw its bond before it can bond again"


class NoStandbyError(CoordinatorSetError):
    sentence = "no other coordinator is on the list with its bond: nobody can take over"


class ZeroAddressError(CoordinatorSetError):
    sentence = "the zero address cannot be a coordinator: name an account"


class NotApprovedError(CoordinatorSetError):
    sentence = "{account} is not on the list of coordinators: ask the owner to approve it"


class NotIdleError(CoordinatorSetError):
    sentence = (
        "the coordinator has until {idleAt} to open a round, the chain's time is {timestamp}: try "
        "again later"
    )


class NotLeavingError(CoordinatorSetError):
    sentence = "{account} has not left: step down first"


class NothingToBondError(CoordinatorSetError):
    sentence = "a bond must carry coins: give an amount above 0"


class PenaltyOutOfRangeError(CoordinatorSetError):
    sentence = "the penalty must be 1 to the bond of {max} wei, found {actual}: choose within that"


class RoundRunningError(CoordinatorSetError):
    sentence = "round {round} is running: its coordinator stays until it is over"


class NodeBondOutOfRangeError(NodeRegistryError):
    sentence = "a node's bonds must be 1 to {max} wei, found {actual}: choose within that"

    @classmethod
    def custom_error(cls) -> str:
        """Spelled out: the vault has an error of this name too."""
        return "NodeRegistry_BondOutOfRange"


class ExitDelayTooLongError(NodeRegistryError):
    sentence = (
        "a node's bond must be free after at most {max} s, found {actual}: choose a shorter delay"
    )


class IdleRoundsOutOfRangeError(NodeRegistryError):
    sentence = (
        "a node can be retired after {min} to {max} idle rounds, found {actual}: choose within that"
    )


class NoParticipationError(NodeRegistryError):
    sentence = "there is no contract at {actual} that could say who may join: deploy one first"


class NodeNotIdleError(NodeRegistryError):
    sentence = (
        "the node can be retired after {expected} rounds in a row without a commitment of it, "
        "and has let {actual} pass: try again after more rounds"
    )

    @classmethod
    def custom_error(cls) -> str:
        """Spelled out: the set of coordinators has an error of this name too."""
        return "NodeRegistry_NotIdle"


class PermanentlyOwnedError(ContractRevertError):
    """A contract that always has an owner refused."""

    prefix = "PermanentlyOwned_"


class CannotRenounceError(PermanentlyOwnedError):
    sentence = "ownership cannot be given up: pass it on with transferOwnership"


class ForfeitsError(ContractRevertError):
    """The keeper of forfeited bonds refused."""

    prefix = "Forfeits_"


class BeneficiaryIsSetError(ForfeitsError):
    sentence = "forfeited bonds go to {beneficiary}, for good: send them there with `sweep`"


class NoBeneficiaryError(ForfeitsError):
    sentence = (
        "the owner has not named the contract that forfeited bonds go to: ask for setBeneficiary"
    )


class ForfeitsNoContractError(ForfeitsError):
    sentence = (
        "there is no contract at {actual}, so coins sent there would be lost: deploy it first, "
        "or name another one"
    )

    @classmethod
    def custom_error(cls) -> str:
        """Spelled out: the vault has an error of this name too."""
        return "Forfeits_NoContract"


class NothingToSweepError(ForfeitsError):
    sentence = "nothing is forfeited that has not been sent on: nothing has to be done"


class VerifierRouterError(ContractRevertError):
    """The router of verifiers refused."""

    prefix = "VerifierRouter_"


class CircuitExistsError(VerifierRouterError):
    sentence = (
        "circuit {circuitId} has a verifier, or had one, and never gets another: give this "
        "verifier a circuit of its own"
    )


class CircuitIsFrozenError(VerifierRouterError):
    sentence = (
        "circuit {circuitId} was frozen because it is not sound any more: nothing can be proven "
        "with it, move to a network with another circuit"
    )


class UnknownCircuitError(VerifierRouterError):
    sentence = "no verifier was ever added for circuit {circuitId}: have the owner add one first"


class ZeroCircuitError(VerifierRouterError):
    sentence = "a verifier must name the circuit that it is of: give its circuitId"


class AlignmentVerifierError(ContractRevertError):
    """The proof verifier refused."""

    prefix = "AlignmentVerifier_"


class AbsoluteOutOfRangeError(AlignmentVerifierError):
    sentence = (
        "the sum of absolute values must be at most {max}, found {actual}: make the proof again"
    )


class CommonMismatchError(AlignmentVerifierError):
    sentence = (
        "the proof is about another common direction ({actual}) than the round's ({expected}): "
        "make the proof again from what is on chain"
    )


class CommonOutOfRangeError(AlignmentVerifierError):
    sentence = "the common agreement must be within ±{max}, found {actual}: make the proof again"


class ContextOutOfRangeError(AlignmentVerifierError):
    sentence = (
        "the context must be at most {max}, found {actual}: take what the registry of rounds "
        "computes"
    )


class DevnetSrsError(AlignmentVerifierError):
    sentence = (
        "a development SRS is for chain {expectedChainId} only, this is chain {actualChainId}: "
        "take a circuit with the SRS of a ceremony"
    )


class InvalidProofError(AlignmentVerifierError):
    sentence = "the proof does not show the statement: make it again, with the round's circuit"


class NoCodeError(AlignmentVerifierError):
    sentence = "there is no verifier at {verifier}: deploy it first"


class ProofTooShortError(AlignmentVerifierError):
    sentence = "a proof has at least {min} bytes, found {actual}: make the proof again"


class SampleMismatchError(AlignmentVerifierError):
    sentence = (
        "the proof is about another sample ({actual}) than the one on chain ({expected}): make "
        "the proof again from what is on chain"
    )


class SampleSizeOutOfRangeError(AlignmentVerifierError):
    sentence = "the sample size must be 1 to {max}, found {actual}: choose within that"


class SquareOutOfRangeError(AlignmentVerifierError):
    sentence = "the sum of squares must be at most {max}, found {actual}: make the proof again"


class TaskMismatchError(AlignmentVerifierError):
    sentence = (
        "the proof is about another task's direction ({actual}) than the node's ({expected}): "
        "make the proof again from what is on chain"
    )


class TaskOutOfRangeError(AlignmentVerifierError):
    sentence = (
        "the agreement with the task's direction must be within ±{max}, found {actual}: make "
        "the proof again"
    )


class RewardVaultError(ContractRevertError):
    """The vault refused."""

    prefix = "RewardVault_"


class AlreadySettledError(RewardVaultError):
    sentence = "round {actual} is settled: fund round {next} or a later one"


class AmountOutOfRangeError(RewardVaultError):
    sentence = (
        "an amount must be 1 to {max} of the smallest units, found {actual}: choose within that"
    )


class BondOutOfRangeError(RewardVaultError):
    sentence = (
        "the objection bond must be 1 to {max} of the smallest units, found {actual}: choose "
        "within that"
    )


class ClaimsNotOpenError(RewardVaultError):
    sentence = (
        "claims of round {round} open at {opensAt}, the chain's time is {timestamp}: claim it then"
    )


class DurationOutOfRangeError(RewardVaultError):
    sentence = "a window must last 1 to {max} s, found {actual}: choose within that"


class EmptyListError(RewardVaultError):
    sentence = "no round is given: name at least one"


class FrozenError(RewardVaultError):
    sentence = (
        "there is an objection to round {round}: another one is possible after the ruling, or "
        "after {rulingDeadline}"
    )


class NoContractError(RewardVaultError):
    sentence = "there is no contract at {actual}: give the registry's and the token's addresses"


class NoJudgeError(RewardVaultError):
    sentence = "a vault needs a judge: give an account that rules on objections"


class NoMoreObjectionsError(RewardVaultError):
    sentence = (
        "round {round} has had {max} objections, and there can be no more: wait for the ruling "
        "on the last one"
    )


class NotJudgeError(RewardVaultError):
    sentence = "only the vault's judge {judge} rules on objections, found {account}: use its wallet"


class OtherObjectionError(RewardVaultError):
    sentence = (
        "the open objection to round {round} is number {open}, found {actual}: look at the "
        "evidence of that one before ruling on it"
    )


class NoEvidenceError(RewardVaultError):
    sentence = "an objection needs the digest and the content identifier of its evidence: give both"


class NoObjectionError(RewardVaultError):
    sentence = "there is no open objection to round {round}: check the round's number"


class NotNativeError(RewardVaultError):
    sentence = "the vault holds a token: use donate instead of sending coins"


class NotNextError(RewardVaultError):
    sentence = "rounds are settled in order: settle round {expected} first, found {actual}"


class NotOverError(RewardVaultError):
    sentence = "round {round} is not over: settle it once it is finalized or aborted"


class NotSettledError(RewardVaultError):
    sentence = "round {actual} is not settled in the vault: settle the rounds from {next} on first"


class NothingToClaimError(RewardVaultError):
    sentence = (
        "{node} has nothing to claim for round {round}, or has claimed it: `zk0-node status` "
        "lists what it is owed"
    )


class NothingToObjectError(RewardVaultError):
    sentence = (
        "round {round} pays nothing, so there is nothing to object to: check the round's number"
    )


class NothingToWithdrawError(RewardVaultError):
    sentence = (
        "{account} has no free bond to withdraw: a bond is free once its objection was upheld "
        "or has expired"
    )


class ObjectionTooLateError(RewardVaultError):
    sentence = (
        "objections were possible until {opensAt}, the chain's time is {timestamp}: the "
        "round's payout stays; check the next one in time"
    )


class RateOutOfRangeError(RewardVaultError):
    sentence = "the rate must be 1 to {max} for 1e-9 of loss, found {actual}: choose within that"


class RulingPendingError(RewardVaultError):
    sentence = (
        "a ruling is possible until {rulingDeadline}, the chain's time is {timestamp}: wait for it"
    )


class RulingTooLateError(RewardVaultError):
    sentence = (
        "a ruling was possible until {rulingDeadline}, the chain's time is {timestamp}: anyone can "
        "free the bond with `zk0 expire-objection`"
    )


class StreamOutOfRangeError(RewardVaultError):
    sentence = (
        "a stream has 1 to {max} rounds and starts at most as many ahead, found {actual}: "
        "choose within that"
    )


class WrongTransferError(RewardVaultError):
    sentence = (
        "the token moved {actual} instead of {expected}: tokens that take a fee cannot be used"
    )


class WrongValueError(RewardVaultError):
    sentence = "the call must carry {expected} wei, found {actual}: send exactly that"


class CheckpointUnorderedInsertionError(ContractRevertError):
    sentence = (
        "a value for an earlier time cannot follow one for a later: try again in the next block"
    )


class SafeERC20FailedOperationError(ContractRevertError):
    sentence = "the token {token} refused the transfer: check balance and allowance"


class AccessControlBadConfirmationError(ContractRevertError):
    sentence = "an account can renounce only its own role: use that account's wallet"


class AccessControlUnauthorizedAccountError(ContractRevertError):
    sentence = (
        "{account} may not do this: in the timelock only the configured owner, or the governor "
        "that took its place, announces changes (role {neededRole})"
    )


class TimelockInsufficientDelayError(ContractRevertError):
    sentence = (
        "a change must wait at least {minDelay} s, found {delay}: announce it with at least that"
    )


class TimelockInvalidOperationLengthError(ContractRevertError):
    sentence = (
        "a batch needs as many payloads ({payloads}) and values ({values}) as targets "
        "({targets}): give as many of each"
    )


class TimelockUnauthorizedCallerError(ContractRevertError):
    sentence = "only the timelock itself may do this, found {caller}: announce it as a change"


class TimelockUnexecutedPredecessorError(ContractRevertError):
    sentence = "the change {predecessorId} comes first: carry it out before this one"


class TimelockUnexpectedOperationStateError(ContractRevertError):
    sentence = (
        "the change {operationId} is announced already, or not announced, or its delay has not "
        "passed: see `zk0 parameters`"
    )


class FailedCallError(ContractRevertError):
    sentence = "a call from the contract failed: try that call by itself to see why"


class InsufficientBalanceError(ContractRevertError):
    sentence = "the contract holds {balance} wei and needs {needed}: send it the rest first"


class OwnableInvalidOwnerError(ContractRevertError):
    sentence = "{owner} cannot be the owner: name an account"


class OwnableUnauthorizedAccountError(ContractRevertError):
    sentence = (
        "only the owner may do this, found {account}: use the owner's wallet, or announce it "
        "as a change where the timelock owns"
    )


class ReentrancyGuardReentrantCallError(ContractRevertError):
    sentence = (
        "the contract was called from within its own call: make the second call in a "
        "transaction of its own"
    )


class SafeCastOverflowedIntDowncastError(ContractRevertError):
    sentence = "the value {value} does not fit {bits} bits: give a smaller one"
