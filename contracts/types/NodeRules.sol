// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The rules of a registry of nodes, fixed when it is deployed.
struct NodeRules {
    uint256 bondPerExampleWei; // wei to bond for each registered example
    uint96 minBondWei; // wei to bond at least, however few examples: the price of a seat
    uint16 maxNodes; // most nodes that can be active, at most 256
    uint32 exitDelay; // seconds from the request to exit to the free bond
    uint8 faultLimit; // faults within the window that cost part of the bond
    uint8 faultWindow; // rounds, the one of the newest fault included, at most 64
    uint16 forfeitBps; // of the required bond, in basis points, at most 5000
    uint8 idleRounds; // rounds in a row without a commitment, after which anyone may retire a node
}
