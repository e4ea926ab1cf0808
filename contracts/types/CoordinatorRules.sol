// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The rules of a set of coordinators, fixed when it is deployed.
struct CoordinatorRules {
    uint96 bond; // wei that a coordinator must have put up to drive rounds
    uint96 penalty; // wei that an abort of its doing costs, at most the bond
    uint32 exitDelay; // seconds from leaving to the free bond
    uint32 idleWindow; // seconds without a round after which the next coordinator may take over
}
