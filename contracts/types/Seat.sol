// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a coordinator has in the set, in one slot.
struct Seat {
    bool approved; // by the owner
    uint40 exitAt; // seconds: from then on the bond may be withdrawn; 0 unless leaving or removed
    uint96 bond; // wei
}
