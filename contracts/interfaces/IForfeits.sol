// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Forfeited bonds
/// @notice What bonds have lost is kept apart, and anyone sends it on to where rewards are paid from.
/// @dev The place is told at deployment, before there is a contract, or named by the owner. Once there is a contract
/// it never changes.
interface IForfeits {
    /// @notice Forfeited bonds go to this address, for good if there is a contract.
    event BeneficiarySet(address indexed beneficiary);

    /// @notice What was forfeited has been sent on.
    event ForfeitsSwept(address indexed beneficiary, uint256 amount);

    /// @notice The beneficiary is named, for good.
    error Forfeits_BeneficiaryIsSet(address beneficiary);

    /// @notice There is no contract at this address, so coins sent there would be lost.
    error Forfeits_NoContract(address actual);

    /// @notice The owner has not named a beneficiary yet; what was forfeited waits here.
    error Forfeits_NoBeneficiary();

    /// @notice Nothing is forfeited that has not been sent on.
    error Forfeits_NothingToSweep();

    /// @notice Names the contract that forfeited bonds are sent to: a reward vault, whose pot they add to.
    /// Only the owner, and only while there is no contract at the one that is named. It must take coins: it is sent
    /// none now, and what it says to that counts.
    function setBeneficiary(address payable beneficiary_) external;

    /// @notice Sends everything forfeited so far to the beneficiary. Anyone.
    function sweep() external;

    /// @notice Where forfeited bonds go; zero until it is named.
    function beneficiary() external view returns (address payable);

    /// @notice Wei that are forfeited and not sent on yet.
    function forfeited() external view returns (uint256);
}
