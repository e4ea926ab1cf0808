"""Everything that zk0 raises on purpose.

    Zk0Error
    ├── ConfigError             settings contradict each other or are missing
    ├── UpdateError             an update file or upload breaks a rule (carries a reason code)
    ├── CheckpointError         a checkpoint file is damaged, foreign or stale
    ├── ChallengeError          a challenge differs from what the chain fixed
    ├── RoundError              the round's rules forbid this step now
    ├── DatasetError            a data set is missing, damaged or unusable
    ├── CircuitError            circuit artifacts, SRS or keys
    │   ├── ArtifactError       an artifact is missing or is not the one that the network uses
    │   ├── SrsRefusedError     a development SRS outside the devnet
    │   └── ProverError         no valid proof came out
    │       └── ProverTimeoutError
    ├── StorageError            content-addressed storage
    │   ├── BlobNotFoundError
    │   └── BlobMismatchError   content is not what its CID or digest says
    ├── ChainError              the chain and the node in front of it
    │   ├── RpcUnavailableError
    │   ├── WrongChainError
    │   ├── NoContractError     nothing, or something else, lives at that address
    │   ├── InsufficientFundsError
    │   ├── TransactionError    sent but not mined, or mined and failed
    │   └── ContractRevertError the contract refused; one subclass per custom error
    │       ├── ContributionRegistryError   rounds: WrongPhaseError, DeadlinePassedError …
    │       ├── NodeRegistryError           nodes and bonds: InsufficientBondError …
    │       ├── AlignmentVerifierError      proofs: InvalidProofError …
    │       ├── RewardVaultError            pay: ClaimsNotOpenError, NothingToClaimError …
    │       └── errors of the OpenZeppelin contracts behind them
    ├── WalletError             keystore missing, unreadable, wrong password
    ├── TransportError          Flower
    └── JournalError            this machine's own record of a round is unreadable

Every message says what was expected, what was found and what to do; a command line
prints it as one sentence and exits with `exit_code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class Zk0Error(Exception):
    """Base of all; `exit_code` is what a command line exits with."""

    exit_code = 1


class ConfigError(Zk0Error):
    exit_code = 2


class UpdateError(Zk0Error):
    """An update breaks a rule; `reason` is the code recorded for a missing upload."""

    def __init__(self, message: str, reason: int = 0) -> None:
        super().__init__(message)
        self.reason = reason


class CheckpointError(Zk0Error):
    pass


class ChallengeError(Zk0Error):
    pass


class RoundError(Zk0Error):
    pass


class DatasetError(Zk0Error):
    pass


class CircuitError(Zk0Error):
    pass


class ArtifactError(CircuitError):
    pass


class SrsRefusedError(CircuitError):
    pass


class ProverError(CircuitError):
    pass


class ProverTimeoutError(ProverError):
    pass


class StorageError(Zk0Error):
    pass


class BlobNotFoundError(StorageError):
    pass


class BlobMismatchError(StorageError):
    pass


class ChainError(Zk0Error):
    pass


class RpcUnavailableError(ChainError):
    pass


class WrongChainError(ChainError):
    pass


class NoContractError(ChainError):
    pass


class InsufficientFundsError(ChainError):
    pass


class TransactionError(ChainError):
    pass


class ContractRevertError(ChainError):
    """The contract refused; a class below for each custom error, named like it.

    `arguments` are the custom error's, by name: enums as their labels, bytes as `0x…`.
    """

    prefix: ClassVar[str] = ""
    """What the custom error's name has in front of the class's."""
    sentence: ClassVar[str] = "the contract refused"
    """For a person, with the arguments' names in braces."""

    def __init__(
        self, message: str | None = None, arguments: Mapping[str, object] | None = None
    ) -> None:
        self.arguments = dict(arguments or {})
        super().__init__(message or self._describe())

    @classmethod
    def custom_error(cls) -> str:
        """The name of the contract's custom error."""
        return cls.prefix + cls.__name__.removesuffix("Error")

    def _describe(self) -> str:
        if not self.arguments and "{" in self.sentence:
            return f"the contract refused ({self.custom_error()})"
        return f"{self.sentence.format_map(self.arguments)} ({self.custom_error()})"


class WalletError(Zk0Error):
    pass


class TransportError(Zk0Error):
    pass


class JournalError(Zk0Error):
    pass
