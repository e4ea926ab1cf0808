// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { FaultHistory } from "../types/FaultHistory.sol";
import { FaultReason } from "../types/FaultReason.sol";
import { Node } from "../types/Node.sol";
import { NodeStatus } from "../types/NodeStatus.sol";
import { IForfeits } from "./IForfeits.sol";
import { IParticipation } from "./IParticipation.sol";

/// @title The nodes of the network and their bonds
/// @notice A node joins with one task and a bond in proportion to the examples that it claims to have, and at
/// least the price of a seat,
/// and takes the bond back some time after it asked to exit. A node that commits updates and then does not
/// follow up loses part of its bond; what is below the bond that its data set requires suspends it. A node that
/// lets too many rounds pass can be retired by anyone.
/// @dev The owner can add tasks, and name once where forfeited bonds go, and nothing else. Nobody judges a
/// fault: the registry of rounds reports what it sees itself, and never what somebody tells it.
interface INodeRegistry is IForfeits {
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

    /// @notice Somebody retired a node that let too many rounds pass; its bond is free at `exitAt`.
    event NodeRetired(address indexed node, address indexed by, uint64 exitAt);

    /// @notice A node that exited has its bond back.
    event BondWithdrawn(address indexed node, uint256 amount);

    /// @notice A node did not follow up on its commitment; `count` such faults are in the window.
    event FaultRecorded(uint256 indexed round, address indexed node, FaultReason reason, uint256 count);

    /// @notice A node reached the limit of faults, and lost part of its bond. Counting starts anew.
    event BondForfeited(uint256 indexed round, address indexed node, uint256 amount);

    /// @notice A node's bond no longer covers its data set: it is not active until it is topped up.
    event NodeSuspended(uint256 indexed round, address indexed node, uint256 required, uint256 bond);

    /// @notice Somebody added to a node's bond, which is now `bond`.
    event BondToppedUp(address indexed node, address indexed from, uint256 amount, uint256 bond);

    /// @notice A suspended node is active again.
    event NodeReinstated(address indexed node);

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

    /// @notice The window of faults must have between 1 and `max` rounds.
    error NodeRegistry_FaultWindowOutOfRange(uint256 max, uint256 actual);

    /// @notice The limit of faults must be between `min` and the rounds of the window.
    error NodeRegistry_FaultLimitOutOfRange(uint256 min, uint256 max, uint256 actual);

    /// @notice What is forfeited must be between 1 and `max` basis points.
    error NodeRegistry_ForfeitOutOfRange(uint256 max, uint256 actual);

    /// @notice The bonds must be between 1 and `max` wei.
    error NodeRegistry_BondOutOfRange(uint256 max, uint256 actual);

    /// @notice A bond must be free after at most `max` seconds.
    error NodeRegistry_ExitDelayTooLong(uint256 max, uint256 actual);

    /// @notice The rounds after which a node can be retired must be between `min` and `max`.
    error NodeRegistry_IdleRoundsOutOfRange(uint256 min, uint256 max, uint256 actual);

    /// @notice There is no contract that could say who may join.
    error NodeRegistry_NoParticipation(address actual);

    /// @notice The node has not let enough rounds pass to be retired.
    error NodeRegistry_NotIdle(uint256 expected, uint256 actual);

    /// @notice Only the registry of rounds reports faults.
    error NodeRegistry_NotRegistry(address expected, address actual);

    /// @notice A top-up must carry coins.
    error NodeRegistry_NothingToAdd();

    /// @notice Registers the caller, with its bond as the call's value.
    /// @param task Position of its task in the list of tasks.
    /// @param datasetSize Training examples that it has, the upper bound of its weight in a round.
    /// @param nodeKey DER public key with which it logs in to the SuperLink. It is public, and nothing keeps others
    /// from registering the same bytes: a coordinator goes by the first registration.
    function join(uint8 task, uint32 datasetSize, bytes calldata nodeKey) external payable;

    /// @notice Adds the call's value to a node's bond, and makes it active again if it is suspended, the
    /// bond covers its data set and there is room. Anyone may pay; the bond is the node's.
    function topUp(address account) external payable;

    /// @notice Counts a fault of a node, and takes part of its bond at the limit. Only the registry of
    /// rounds.
    /// @dev Never reverts for it: what becomes of a node must not stop a round.
    function recordFault(uint256 round, address account, FaultReason reason) external;

    /// @notice Makes the caller inactive at once, and starts the delay after which its bond is free.
    function requestExit() external;

    /// @notice Makes a node inactive that has committed to none of the last `idleRounds` rounds that count
    /// (`IContributionRegistry.attendance`), all of them opened after it joined: its seat is free, and its bond after
    /// the delay, whole. Anyone.
    /// @dev Reads each round since then, those that do not count too, for about 7,000 gas each.
    function retire(address account) external;

    /// @notice Pays the caller's bond back after the delay; it may join again afterwards.
    function withdrawBond() external;

    /// @notice Adds a task. Only the owner.
    function addTask(string calldata taskName) external;

    /// @notice Number of active nodes.
    function activeCount() external view returns (uint256);

    /// @notice Whether an address is an active node.
    function isActive(address account) external view returns (bool);

    /// @notice What a commitment needs to know about a node; zeros unless it is registered.
    /// @return active Whether it may commit.
    /// @return task Its task.
    /// @return datasetSize Its registered number of examples.
    /// @return joinedAt When it joined, or came back from a suspension, in seconds: in the round that is open by
    /// then it takes no part.
    function registration(address account)
        external
        view
        returns (bool active, uint8 task, uint32 datasetSize, uint40 joinedAt);

    /// @notice A node's newest faults. They stay with the address when it exits and joins again.
    function faults(address account) external view returns (FaultHistory memory);

    /// @notice A node's record; zeros unless it is registered.
    function node(address account) external view returns (Node memory);

    /// @notice Active nodes from position `offset` on, at most `limit`. The order changes when one exits.
    function nodes(uint256 offset, uint256 limit) external view returns (address[] memory);

    /// @notice Names of all tasks; a task is its position here.
    function tasks() external view returns (string[] memory);

    /// @notice Number of tasks.
    function taskCount() external view returns (uint256);

    /// @notice The registry of rounds, the only one that reports faults.
    function registry() external view returns (address);

    /// @notice Who may join.
    function participation() external view returns (IParticipation);

    /// @notice Wei to bond for each registered example.
    function bondPerExampleWei() external view returns (uint256);

    /// @notice Wei to bond at least.
    function minBondWei() external view returns (uint96);

    /// @notice Wei to bond for a data set of this size: for each example, and at least `minBondWei`.
    function requiredBond(uint32 datasetSize) external view returns (uint256);

    /// @notice Most examples that a node can register: so many that the weights of a full round stay exact.
    function maxDatasetSize() external view returns (uint32);

    /// @notice Rounds that count in a row without a commitment after which anyone may retire a node.
    function idleRounds() external view returns (uint8);

    /// @notice Such rounds of a node so far, counted up to `idleRounds`; 0 unless it is active.
    function idleRoundsOf(address account) external view returns (uint256);

    /// @notice Most nodes that can be active.
    function maxNodes() external view returns (uint16);

    /// @notice Seconds from the request to exit to the free bond.
    function exitDelay() external view returns (uint32);

    /// @notice Faults within the window that cost part of the bond.
    function faultLimit() external view returns (uint8);

    /// @notice Rounds within which faults are counted, the one of the newest fault included.
    function faultWindow() external view returns (uint8);

    /// @notice Part of the required bond that is forfeited at the limit, in basis points.
    function forfeitBps() external view returns (uint16);
}
