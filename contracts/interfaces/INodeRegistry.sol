// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Node } from "../types/Node.sol";
import { NodeStatus } from "../types/NodeStatus.sol";
import { IParticipation } from "./IParticipation.sol";

/// @title The nodes of the network and their bonds
/// @notice A node joins with one task and a bond in proportion to the examples that it claims to have,
/// and takes the bond back some time after it asked to exit.
/// @dev The owner can add tasks, and nothing else.
interface INodeRegistry {
    /// @notice A node joined, or joined again.
    event NodeJoined(
        address indexed node,
        uint8 indexed task,
        string taskName,
        uint32 datasetSize,
        uint256 bond,
        bytes nodeKey
    );

    /// @notice A node will take part in no further round; its bond is free at `exitAt`.
    event NodeExitRequested(address indexed node, uint64 exitAt);

    /// @notice A node that exited has its bond back.
    event BondWithdrawn(address indexed node, uint256 amount);

    /// @notice The network has one more task.
    event TaskAdded(uint8 indexed task, string taskName);

    /// @notice The network needs at least one task.
    error NodeRegistry_NoTask();

    /// @notice A task needs a name.
    error NodeRegistry_EmptyTask();

    /// @notice There is a task of this name already.
    error NodeRegistry_TaskExists(string taskName);

    /// @notice The network has as many tasks as it can.
    error NodeRegistry_TooManyTasks(uint256 max);

    /// @notice The network must allow between 1 and `max` nodes.
    error NodeRegistry_MaxNodesOutOfRange(uint256 max, uint256 actual);

    /// @notice There is no such task.
    error NodeRegistry_UnknownTask(uint256 taskCount, uint256 actual);

    /// @notice The data set must have between 1 and `max` examples.
    error NodeRegistry_DatasetSizeOutOfRange(uint256 max, uint256 actual);

    /// @notice The node key must have between 1 and `max` bytes.
    error NodeRegistry_NodeKeyLength(uint256 max, uint256 actual);

    /// @notice The bond does not cover the registered examples.
    error NodeRegistry_InsufficientBond(uint256 expected, uint256 actual);

    /// @notice The network's rule of participation does not admit this node.
    error NodeRegistry_NotAdmitted(address node);

    /// @notice The network has as many active nodes as it allows.
    error NodeRegistry_Full(uint256 max);

    /// @notice The node's status does not allow this.
    error NodeRegistry_WrongStatus(NodeStatus expected, NodeStatus actual);

    /// @notice The bond is not free yet.
    error NodeRegistry_ExitPending(uint256 exitAt, uint256 timestamp);

    /// @notice Registers the caller, with its bond as the call's value.
    /// @param task Position of its task in the list of tasks.
    /// @param datasetSize Training examples that it has, the upper bound of its weight in a round.
    /// @param nodeKey DER public key with which it logs in to the SuperLink.
    function join(uint8 task, uint32 datasetSize, bytes calldata nodeKey) external payable;

    /// @notice Makes the caller inactive at once, and starts the delay after which its bond is free.
    function requestExit() external;

    /// @notice Pays the caller's bond back after the delay; it may join again afterwards.
    function withdrawBond() external;

    /// @notice Adds a task. Only the owner.
    function addTask(string calldata taskName) external;

    /// @notice Number of active nodes.
    function activeCount() external view returns (uint256);

    /// @notice Whether an address is an active node.
    function isActive(address account) external view returns (bool);

    /// @notice What a commitment needs to know about a node; zeros unless it is registered.
    function registration(address account) external view returns (bool active, uint8 task, uint32 datasetSize);

    /// @notice A node's record; zeros unless it is registered.
    function node(address account) external view returns (Node memory);

    /// @notice Active nodes from position `offset` on, at most `limit`. The order changes when one exits.
    function nodes(uint256 offset, uint256 limit) external view returns (address[] memory);

    /// @notice Names of all tasks; a task is its position here.
    function tasks() external view returns (string[] memory);

    /// @notice Number of tasks.
    function taskCount() external view returns (uint256);

    /// @notice Who may join.
    function participation() external view returns (IParticipation);

    /// @notice Wei to bond for each registered example.
    function bondPerExampleWei() external view returns (uint256);

    /// @notice Most nodes that can be active.
    function maxNodes() external view returns (uint16);

    /// @notice Seconds from the request to exit to the free bond.
    function exitDelay() external view returns (uint32);
}
