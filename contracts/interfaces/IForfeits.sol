// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Forfeited bonds
/// @notice What bonds have lost is kept apart, and anyone sends it on to where rewards are paid from.
/// @dev The owner names that place once, and never again.
interface IForfeits {
    /// @notice Forfeited bonds go to this contract, for good.
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
    /// Only the owner, once.
    function setBeneficiary(address payable beneficiary_) external;

    /// @notice Sends everything forfeited so far to the beneficiary. Anyone.
    function sweep() external;

    /// @notice Where forfeited bonds go; zero until the owner has named it.
    function beneficiary() external view returns (address payable);

    /// @notice Wei that are forfeited and not sent on yet.
    function forfeited() external view returns (uint256);
}
