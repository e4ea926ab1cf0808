// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Parameters } from "../types/Parameters.sol";
import { Rules } from "../types/Rules.sol";
import { INodeRegistry } from "./INodeRegistry.sol";
import { IVerifierRouter } from "./IVerifierRouter.sol";

/// @title The rules of a network
/// @notice Version by version, counted from 1: a round follows the newest one when it is opened, to its end.
/// @dev The owner can add a version, within the bounds that the first one had to keep, and nothing else. No
/// version ever changes.
interface INetworkParameters {
    /// @notice The rounds opened from now on follow these rules, and their proofs are of this circuit.
    event ParametersChanged(uint256 indexed version, bytes32 circuitId, Parameters parameters);

    /// @notice A window must last between one second and `max`.
    error NetworkParameters_WindowOutOfRange(uint256 max, uint256 actual);

    /// @notice The window of all is shorter than the window of a quorum.
    error NetworkParameters_CommitWindowTooShort(uint256 min, uint256 actual);

    /// @notice A round must allow between 1 and `max` nodes, and not more than can be active.
    error NetworkParameters_MaxNodesOutOfRange(uint256 max, uint256 actual);

    /// @notice The quorum must be between 1 and the most nodes that a round allows.
    error NetworkParameters_QuorumOutOfRange(uint256 max, uint256 actual);

    /// @notice Exponents must lie in [-64, 0], at most 16 apart.
    error NetworkParameters_ExponentBoundsOutOfRange(int8 minExponent, int8 maxExponent);

    /// @notice The largest share of the weight must be between 1 and `max` basis points.
    error NetworkParameters_MaxWeightShareOutOfRange(uint256 max, uint256 actual);

    /// @notice The threshold must be positive.
    error NetworkParameters_ZeroThreshold();

    /// @notice A challenge needs examples.
    error NetworkParameters_ZeroFrames();

    /// @notice There are fewer parameters than coordinates in a sample.
    error NetworkParameters_ParameterCountTooSmall(uint256 min, uint256 actual);

    /// @notice The number of trainable parameters belongs to the checkpoint, and does not change.
    error NetworkParameters_ParameterCountFixed(uint256 expected, uint256 actual);

    /// @notice A node could withdraw its bond before a round that it has committed to can be over.
    error NetworkParameters_ExitDelayTooShort(uint256 min, uint256 actual);

    /// @notice Changes the rules of the rounds that are opened from now on; a round that is open keeps the
    /// rules and the circuit that it was opened with. Only the owner.
    /// @param parameters_ The new rules, within the same bounds as the first ones.
    /// @param circuitId_ The circuit that proofs will be of; its verifier is in the router, and not frozen.
    function setParameters(Parameters calldata parameters_, bytes32 circuitId_) external;

    /// @notice The newest version: how often the rules were set.
    function version() external view returns (uint32);

    /// @notice The parameters of the next round.
    function parameters() external view returns (Parameters memory);

    /// @notice The circuit that the next round's proofs are of.
    function circuitId() external view returns (bytes32);

    /// @notice A version; zeros if there is none of this number.
    function rules(uint256 number) external view returns (Rules memory);

    /// @notice The nodes, who bound how many a round allows and how long it takes.
    function nodeRegistry() external view returns (INodeRegistry);

    /// @notice Who knows the verifier of each circuit.
    function verifierRouter() external view returns (IVerifierRouter);
}
