// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Forfeits } from "./Forfeits.sol";
import { IContributionRegistry } from "./interfaces/IContributionRegistry.sol";
import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IParticipation } from "./interfaces/IParticipation.sol";
import { Faults } from "./libraries/Faults.sol";
import { Idleness } from "./libraries/Idleness.sol";
import { FaultHistory } from "./types/FaultHistory.sol";
import { FaultReason } from "./types/FaultReason.sol";
import { Node } from "./types/Node.sol";
import { NodeRules } from "./types/NodeRules.sol";
import { NodeStatus } from "./types/NodeStatus.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Address } from "@openzeppelin/contracts/utils/Address.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title NodeRegistry
/// @notice Keeps the nodes, their bonds and the tasks.
contract NodeRegistry is INodeRegistry, Forfeits, ReentrancyGuardTransient {
    /// Each adds sampleSize / 4 + 128 bytes to the challenge, and common nodes refuse a transaction above 128 KiB.
    uint256 internal constant MAX_TASKS = 64;

    /// A round's outcome bitmap has one bit for each node.
    uint256 internal constant MAX_NODES = 256;

    /// For networks of up to 63 nodes; with more, as much less as keeps all weights of a round together within
    /// MAX_TOTAL_WEIGHT.
    uint256 internal constant MAX_DATASET_SIZE = 1 << 24;

    /// The registry of rounds refuses to seal a round that weighs more: sums up to here stay exact.
    uint256 internal constant MAX_TOTAL_WEIGHT = (1 << 30) - 1;

    /// A bond that nobody could ever take back would not be one.
    uint256 internal constant MAX_EXIT_DELAY = 365 days;

    /// A single round can pass anybody by.
    uint256 internal constant MIN_IDLE_ROUNDS = 2;

    uint256 internal constant MAX_IDLE_ROUNDS = type(uint8).max;

    /// A DER public key on a 384-bit curve has 120 bytes.
    uint256 internal constant MAX_NODE_KEY_LENGTH = 256;

    /// @inheritdoc INodeRegistry
    address public immutable override registry;

    /// @inheritdoc INodeRegistry
    IParticipation public immutable override participation;

    /// @inheritdoc INodeRegistry
    uint256 public immutable override bondPerExampleWei;

    /// @inheritdoc INodeRegistry
    uint96 public immutable override minBondWei;

    /// @inheritdoc INodeRegistry
    uint32 public immutable override maxDatasetSize;

    /// @inheritdoc INodeRegistry
    uint16 public immutable override maxNodes;

    /// @inheritdoc INodeRegistry
    uint32 public immutable override exitDelay;

    /// @inheritdoc INodeRegistry
    uint8 public immutable override faultLimit;

    /// @inheritdoc INodeRegistry
    uint8 public immutable override faultWindow;

    /// @inheritdoc INodeRegistry
    uint16 public immutable override forfeitBps;

    /// @inheritdoc INodeRegistry
    uint8 public immutable override idleRounds;

    string[] private _tasks;
    mapping(bytes32 nameKey => bool) private _isTask;
    mapping(address account => Node) private _nodes;
    /// In no order. A node's place is in its record, where an EnumerableSet would need a slot for each.
    address[] private _active;
    mapping(address account => FaultHistory) private _faults;

    /// @notice Fixes the rules and the first tasks.
    /// @param owner_ Who may add tasks, and names the beneficiary.
    /// @param registry_ Where the registry of rounds will be: its constructor refuses another one.
    /// @param beneficiary_ Where forfeited bonds go; zero if the owner is to name it.
    /// @param participation_ Who may join.
    /// @param tasks_ Names of the first tasks.
    /// @param rules_ Everything that is a number.
    constructor(
        address owner_,
        address registry_,
        address payable beneficiary_,
        IParticipation participation_,
        string[] memory tasks_,
        NodeRules memory rules_
    ) Ownable(owner_) Forfeits(beneficiary_) {
        require(tasks_.length != 0, NodeRegistry_NoTask());
        require(
            address(participation_).code.length != 0, NodeRegistry_NoParticipation(address(participation_))
        );
        _validate(rules_);
        Faults.validate(rules_);
        registry = registry_;
        participation = participation_;
        bondPerExampleWei = rules_.bondPerExampleWei;
        minBondWei = rules_.minBondWei;
        maxNodes = rules_.maxNodes;
        exitDelay = rules_.exitDelay;
        faultLimit = rules_.faultLimit;
        faultWindow = rules_.faultWindow;
        forfeitBps = rules_.forfeitBps;
        idleRounds = rules_.idleRounds;
        // At most 2^24.
        // forge-lint: disable-next-line(unsafe-typecast)
        maxDatasetSize = uint32(Math.min(MAX_DATASET_SIZE, MAX_TOTAL_WEIGHT / rules_.maxNodes));
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
            datasetSize != 0 && datasetSize <= maxDatasetSize,
            NodeRegistry_DatasetSizeOutOfRange(maxDatasetSize, datasetSize)
        );
        require(
            nodeKey.length != 0 && nodeKey.length <= MAX_NODE_KEY_LENGTH,
            NodeRegistry_NodeKeyLength(MAX_NODE_KEY_LENGTH, nodeKey.length)
        );
        uint256 required = requiredBond(datasetSize);
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
    function topUp(address account) external payable override {
        Node storage record = _nodes[account];
        bool suspended = record.status == NodeStatus.Suspended;
        if (!suspended) _requireStatus(record, NodeStatus.Active);
        require(msg.value != 0, NodeRegistry_NothingToAdd());

        // No chain has 2^96 wei.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint96 bond = record.bond + uint96(msg.value);
        record.bond = bond;
        emit BondToppedUp(account, msg.sender, msg.value, bond);
        if (!suspended || bond < requiredBond(record.datasetSize)) return;
        require(_active.length < maxNodes, NodeRegistry_Full(maxNodes));
        record.status = NodeStatus.Active;
        // It could not commit to what was opened before, and nobody may count that as idle.
        // forge-lint: disable-next-line(unsafe-typecast)
        record.joinedAt = uint40(block.timestamp);
        // At most 256 places.
        // forge-lint: disable-next-line(unsafe-typecast)
        record.place = uint16(_active.length);
        _active.push(account);
        emit NodeReinstated(account);
    }

    /// @inheritdoc INodeRegistry
    function recordFault(uint256 round, address account, FaultReason reason) external override {
        require(msg.sender == registry, NodeRegistry_NotRegistry(registry, msg.sender));
        (FaultHistory memory history, uint256 count) = Faults.add(_faults[account], round, faultWindow);
        bool atLimit = count >= faultLimit;
        if (atLimit) history.recent = 0;
        _faults[account] = history;
        emit FaultRecorded(round, account, reason, count);
        if (atLimit) _takeFromBond(round, account);
    }

    /// @inheritdoc INodeRegistry
    function requestExit() external override {
        Node storage record = _nodes[msg.sender];
        bool suspended = record.status == NodeStatus.Suspended;
        if (!suspended) _requireStatus(record, NodeStatus.Active);

        emit NodeExitRequested(msg.sender, _startExit(record, suspended));
    }

    /// @inheritdoc INodeRegistry
    function retire(address account) external override {
        Node storage record = _nodes[account];
        _requireStatus(record, NodeStatus.Active);
        uint256 idle = idleRoundsOf(account);
        require(idle >= idleRounds, NodeRegistry_NotIdle(idleRounds, idle));

        emit NodeRetired(account, msg.sender, _startExit(record, false));
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
        returns (bool active, uint8 task, uint32 datasetSize, uint40 joinedAt)
    {
        Node storage record = _nodes[account];
        return (record.status == NodeStatus.Active, record.task, record.datasetSize, record.joinedAt);
    }

    /// @inheritdoc INodeRegistry
    function faults(address account) external view override returns (FaultHistory memory) {
        return _faults[account];
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

    /// @inheritdoc INodeRegistry
    function requiredBond(uint32 datasetSize) public view override returns (uint256) {
        return Math.max(minBondWei, datasetSize * bondPerExampleWei);
    }

    /// @inheritdoc INodeRegistry
    function idleRoundsOf(address account) public view override returns (uint256) {
        Node storage record = _nodes[account];
        if (record.status != NodeStatus.Active) return 0;
        return Idleness.count(IContributionRegistry(registry), account, record.joinedAt, idleRounds);
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

    function _takeFromBond(uint256 round, address account) private {
        Node storage record = _nodes[account];
        uint256 required = requiredBond(record.datasetSize);
        uint256 bond = record.bond;
        uint256 amount = Faults.forfeit(bond, required, forfeitBps);
        if (amount == 0) return;

        bond -= amount;
        // Less than it was.
        // forge-lint: disable-next-line(unsafe-typecast)
        record.bond = uint96(bond);
        _forfeit(amount);
        emit BondForfeited(round, account, amount);
        if (bond >= required || record.status != NodeStatus.Active) return;
        record.status = NodeStatus.Suspended;
        _removeActive(record.place);
        emit NodeSuspended(round, account, required, bond);
    }

    /// From now on the node takes part in no further round, and after the delay its bond is free.
    function _startExit(Node storage record, bool suspended) private returns (uint40 exitAt) {
        // forge-lint: disable-next-line(unsafe-typecast)
        exitAt = uint40(block.timestamp) + exitDelay;
        record.status = NodeStatus.Exiting;
        record.exitAt = exitAt;
        if (!suspended) _removeActive(record.place);
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

    function _validate(NodeRules memory r) private pure {
        require(
            r.maxNodes != 0 && r.maxNodes <= MAX_NODES, NodeRegistry_MaxNodesOutOfRange(MAX_NODES, r.maxNodes)
        );
        // A bond of more wei than a uint96 holds could not be paid for a single example.
        require(
            r.bondPerExampleWei != 0 && r.bondPerExampleWei <= type(uint96).max,
            NodeRegistry_BondOutOfRange(type(uint96).max, r.bondPerExampleWei)
        );
        require(r.minBondWei != 0, NodeRegistry_BondOutOfRange(type(uint96).max, r.minBondWei));
        require(r.exitDelay <= MAX_EXIT_DELAY, NodeRegistry_ExitDelayTooLong(MAX_EXIT_DELAY, r.exitDelay));
        require(
            r.idleRounds >= MIN_IDLE_ROUNDS,
            NodeRegistry_IdleRoundsOutOfRange(MIN_IDLE_ROUNDS, MAX_IDLE_ROUNDS, r.idleRounds)
        );
    }
}
