// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IParticipation } from "./interfaces/IParticipation.sol";
import { Node } from "./types/Node.sol";
import { NodeStatus } from "./types/NodeStatus.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";
import { Address } from "@openzeppelin/contracts/utils/Address.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title NodeRegistry
/// @notice Keeps the nodes, their bonds and the tasks.
contract NodeRegistry is INodeRegistry, Ownable2Step, ReentrancyGuardTransient {
    /// A task is a uint8.
    uint256 internal constant MAX_TASKS = 255;

    /// A round's outcome bitmap has one bit for each node.
    uint256 internal constant MAX_NODES = 256;

    /// Keeps a round's weights inside the sums that stay exact (2^30).
    uint256 internal constant MAX_DATASET_SIZE = 1 << 24;

    /// A DER public key on a 384-bit curve has 120 bytes.
    uint256 internal constant MAX_NODE_KEY_LENGTH = 256;

    /// @inheritdoc INodeRegistry
    IParticipation public immutable override participation;

    /// @inheritdoc INodeRegistry
    uint256 public immutable override bondPerExampleWei;

    /// @inheritdoc INodeRegistry
    uint16 public immutable override maxNodes;

    /// @inheritdoc INodeRegistry
    uint32 public immutable override exitDelay;

    string[] private _tasks;
    mapping(bytes32 nameKey => bool) private _isTask;
    mapping(address account => Node) private _nodes;
    /// In no order. A node's place is in its record, where an EnumerableSet would need a slot for each.
    address[] private _active;

    /// @notice Fixes the rules and the first tasks.
    /// @param owner_ Who may add tasks.
    /// @param participation_ Who may join.
    /// @param tasks_ Names of the first tasks.
    /// @param bondPerExampleWei_ Wei to bond for each registered example.
    /// @param maxNodes_ Most nodes that can be active, at most 256.
    /// @param exitDelay_ Seconds from the request to exit to the free bond.
    constructor(
        address owner_,
        IParticipation participation_,
        string[] memory tasks_,
        uint256 bondPerExampleWei_,
        uint16 maxNodes_,
        uint32 exitDelay_
    ) Ownable(owner_) {
        require(tasks_.length != 0, NodeRegistry_NoTask());
        require(
            maxNodes_ != 0 && maxNodes_ <= MAX_NODES, NodeRegistry_MaxNodesOutOfRange(MAX_NODES, maxNodes_)
        );
        participation = participation_;
        bondPerExampleWei = bondPerExampleWei_;
        maxNodes = maxNodes_;
        exitDelay = exitDelay_;
        for (uint256 i; i < tasks_.length; ++i) {
            _addTask(tasks_[i]);
        }
    }

    /// @inheritdoc INodeRegistry
    function join(uint8 task, uint32 datasetSize, bytes calldata nodeKey) external payable override {
        Node storage record = _nodes[msg.sender];
        _requireStatus(record, NodeStatus.None);
        require(task < _tasks.length, NodeRegistry_UnknownTask(_tasks.length, task));
        require(
            datasetSize != 0 && datasetSize <= MAX_DATASET_SIZE,
            NodeRegistry_DatasetSizeOutOfRange(MAX_DATASET_SIZE, datasetSize)
        );
        require(
            nodeKey.length != 0 && nodeKey.length <= MAX_NODE_KEY_LENGTH,
            NodeRegistry_NodeKeyLength(MAX_NODE_KEY_LENGTH, nodeKey.length)
        );
        uint256 required = datasetSize * bondPerExampleWei;
        require(msg.value >= required, NodeRegistry_InsufficientBond(required, msg.value));
        require(_active.length < maxNodes, NodeRegistry_Full(maxNodes));
        require(participation.isAdmitted(msg.sender, task, datasetSize), NodeRegistry_NotAdmitted(msg.sender));

        // At most 256 places; no chain has 2^96 wei, nor 2^40 seconds.
        // forge-lint: disable-next-item(unsafe-typecast)
        _nodes[msg.sender] = Node({
            status: NodeStatus.Active,
            task: task,
            datasetSize: datasetSize,
            joinedAt: uint40(block.timestamp),
            exitAt: 0,
            place: uint16(_active.length),
            bond: uint96(msg.value)
        });
        _active.push(msg.sender);
        emit NodeJoined(msg.sender, task, _tasks[task], datasetSize, msg.value, nodeKey);
    }

    /// @inheritdoc INodeRegistry
    function requestExit() external override {
        Node storage record = _nodes[msg.sender];
        _requireStatus(record, NodeStatus.Active);

        // forge-lint: disable-next-line(unsafe-typecast)
        uint40 exitAt = uint40(block.timestamp) + exitDelay;
        record.status = NodeStatus.Exiting;
        record.exitAt = exitAt;
        _removeActive(record.place);
        emit NodeExitRequested(msg.sender, exitAt);
    }

    /// @inheritdoc INodeRegistry
    function withdrawBond() external override nonReentrant {
        Node storage record = _nodes[msg.sender];
        _requireStatus(record, NodeStatus.Exiting);
        require(block.timestamp >= record.exitAt, NodeRegistry_ExitPending(record.exitAt, block.timestamp));

        uint256 amount = record.bond;
        delete _nodes[msg.sender];
        emit BondWithdrawn(msg.sender, amount);
        Address.sendValue(payable(msg.sender), amount);
    }

    /// @inheritdoc INodeRegistry
    function addTask(string calldata taskName) external override onlyOwner {
        _addTask(taskName);
    }

    /// @inheritdoc INodeRegistry
    function activeCount() external view override returns (uint256) {
        return _active.length;
    }

    /// @inheritdoc INodeRegistry
    function isActive(address account) external view override returns (bool) {
        return _nodes[account].status == NodeStatus.Active;
    }

    /// @inheritdoc INodeRegistry
    function registration(address account)
        external
        view
        override
        returns (bool active, uint8 task, uint32 datasetSize)
    {
        Node storage record = _nodes[account];
        return (record.status == NodeStatus.Active, record.task, record.datasetSize);
    }

    /// @inheritdoc INodeRegistry
    function node(address account) external view override returns (Node memory) {
        return _nodes[account];
    }

    /// @inheritdoc INodeRegistry
    function nodes(uint256 offset, uint256 limit) external view override returns (address[] memory) {
        uint256 count = _active.length;
        uint256 start = Math.min(offset, count);
        address[] memory page = new address[](Math.min(limit, count - start));
        for (uint256 i; i < page.length; ++i) {
            page[i] = _active[start + i];
        }
        return page;
    }

    /// @inheritdoc INodeRegistry
    function tasks() external view override returns (string[] memory) {
        return _tasks;
    }

    /// @inheritdoc INodeRegistry
    function taskCount() external view override returns (uint256) {
        return _tasks.length;
    }

    function _addTask(string memory taskName) private {
        require(bytes(taskName).length != 0, NodeRegistry_EmptyTask());
        bytes32 nameKey = keccak256(bytes(taskName));
        require(!_isTask[nameKey], NodeRegistry_TaskExists(taskName));
        require(_tasks.length < MAX_TASKS, NodeRegistry_TooManyTasks(MAX_TASKS));

        _isTask[nameKey] = true;
        _tasks.push(taskName);
        emit TaskAdded(uint8(_tasks.length - 1), taskName);
    }

    function _removeActive(uint16 place) private {
        address last = _active[_active.length - 1];
        _active[place] = last;
        _nodes[last].place = place;
        _active.pop();
    }

    function _requireStatus(Node storage record, NodeStatus expected) private view {
        require(record.status == expected, NodeRegistry_WrongStatus(expected, record.status));
    }
}
