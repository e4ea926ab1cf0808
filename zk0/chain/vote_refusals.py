"""What votes and governor refuse, one class per custom error, named as in `zk0.chain.refusals`.

The timelock carries the handover to a governor out, so `zk0 execute-parameters` can meet them.
"""

from __future__ import annotations

from zk0.errors import ContractRevertError


class ContributionGovernorError(ContractRevertError):
    """The handover to the governor refused."""

    prefix = "ContributionGovernor_"


class DelayTooShortError(ContributionGovernorError):
    sentence = (
        "the timelock's delay must be at least {minimum} s, found {actual}: announce the handover "
        "again once it is"
    )


class NotOwnedError(ContributionGovernorError):
    sentence = (
        "the timelock must own {owned}, and its owner is {owner}: pass it on to the timelock first"
    )


class PendingOwnerError(ContributionGovernorError):
    sentence = (
        "{owned} is offered to {pending}, who could take it without a vote: have the timelock "
        "withdraw the offer first (transferOwnership to the zero address)"
    )


class TooFewVotesError(ContributionGovernorError):
    sentence = "a decision needs {minimum} votes, all together are {actual}: let nodes mint theirs"


class ContributionVotesError(ContractRevertError):
    """The votes refused."""

    prefix = "ContributionVotes_"


class AlreadyMintedError(ContributionVotesError):
    sentence = "{node} has its votes of round {round}: nothing has to be done"


class NoCreditError(ContributionVotesError):
    sentence = "{node} earned nothing in round {round}: mint the votes of a round that credited it"


class VotesNotOverError(ContributionVotesError):
    sentence = "round {round} is not over: mint its votes once it is finalized"

    @classmethod
    def custom_error(cls) -> str:
        """Spelled out: the vault has an error of this name too."""
        return "ContributionVotes_NotOver"


class GovernorAlreadyCastVoteError(ContractRevertError):
    sentence = "{voter} has voted on this proposal: a vote cannot be changed, wait for the end"


class GovernorAlreadyQueuedProposalError(ContractRevertError):
    sentence = "proposal {proposalId} is in the timelock: execute it once its delay has passed"


class GovernorDisabledDepositError(ContractRevertError):
    sentence = "the governor takes no coins: send them to the timelock"


class GovernorInsufficientProposerVotesError(ContractRevertError):
    sentence = (
        "a proposal needs {threshold} votes, {proposer} has {votes}: let others delegate theirs"
    )


class GovernorInvalidProposalLengthError(ContractRevertError):
    sentence = (
        "a proposal needs as many calls ({calldatas}) and values ({values}) as targets "
        "({targets}), and at least one: give as many of each"
    )


class GovernorInvalidQuorumFractionError(ContractRevertError):
    sentence = (
        "the quorum must be at most {quorumDenominator} percent, found {quorumNumerator}: choose "
        "within that"
    )


class GovernorInvalidSignatureError(ContractRevertError):
    sentence = "this is not a signature of {voter}: sign the vote with its wallet"


class GovernorInvalidVoteParamsError(ContractRevertError):
    sentence = "a vote carries no parameters here: vote without them"


class GovernorInvalidVoteTypeError(ContractRevertError):
    sentence = "there is no such vote: give 0 (against), 1 (for) or 2 (abstain)"


class GovernorInvalidVotingPeriodError(ContractRevertError):
    sentence = "a vote cannot last {votingPeriod} s: choose at least 1"


class GovernorNonexistentProposalError(ContractRevertError):
    sentence = "there is no proposal {proposalId}: check targets, values, calls and description"


class GovernorOnlyExecutorError(ContractRevertError):
    sentence = "only the timelock may do this, found {account}: propose it and put it to the vote"


class GovernorProposalQueueingFailedError(ContractRevertError):
    sentence = "the timelock did not take proposal {proposalId}: check that its calls are allowed"


class GovernorProposalQueueingNotRequiredError(ContractRevertError):
    sentence = "proposal {proposalId} needs no timelock: execute it at once"


class GovernorRestrictedProposerError(ContractRevertError):
    sentence = "the description names another proposer than {proposer}: use that one's wallet"


class GovernorUnableToCancelError(ContractRevertError):
    sentence = (
        "{account} cannot cancel proposal {proposalId}: only its proposer can, before the vote"
    )


class GovernorUnexpectedProposalStateError(ContractRevertError):
    sentence = (
        "proposal {proposalId} is in state {current} (0 pending, 1 active, 2 canceled, 3 defeated, "
        "4 succeeded, 5 queued, 6 expired, 7 executed): wait for the state that this needs"
    )


class ERC5805FutureLookupError(ContractRevertError):
    sentence = "the votes at {timepoint} are not fixed before then, it is {clock}: ask later"


class ERC6372InconsistentClockError(ContractRevertError):
    sentence = "the votes' clock is not the chain's: deploy votes and governor anew"


class ECDSAInvalidSignatureError(ContractRevertError):
    sentence = "the signature is of nobody: sign again"


class ECDSAInvalidSignatureLengthError(ContractRevertError):
    sentence = "a signature has 65 bytes, found {length}: sign again"


class ECDSAInvalidSignatureSError(ContractRevertError):
    sentence = "the signature's s is in the upper half of the field ({s}): sign again"


class VotesExpiredSignatureError(ContractRevertError):
    sentence = "the signature was good until {expiry}: sign again"


class InvalidAccountNonceError(ContractRevertError):
    sentence = "the next nonce of {account} is {currentNonce}: sign again with that one"


class InvalidShortStringError(ContractRevertError):
    sentence = "a name in the contract is damaged: deploy it anew"


class StringTooLongError(ContractRevertError):
    sentence = "the name {str} is too long: choose a shorter one"


class SafeCastOverflowedUintDowncastError(ContractRevertError):
    sentence = "the value {value} does not fit {bits} bits: give a smaller one"
