// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { PermanentlyOwned } from "./PermanentlyOwned.sol";
import { INetworkParameters } from "./interfaces/INetworkParameters.sol";
import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IVerifierRouter } from "./interfaces/IVerifierRouter.sol";
import { ParameterRules } from "./libraries/ParameterRules.sol";
import { Parameters } from "./types/Parameters.sol";
import { Rules } from "./types/Rules.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";

/// @title NetworkParameters
/// @notice Keeps the rules of a network, version by version.
contract NetworkParameters is INetworkParameters, PermanentlyOwned {
    /// @inheritdoc INetworkParameters
    INodeRegistry public immutable override nodeRegistry;

    /// @inheritdoc INetworkParameters
    IVerifierRouter public immutable override verifierRouter;

    /// @inheritdoc INetworkParameters
    uint32 public override version;

    mapping(uint256 number => Rules) private _rules;

    /// @notice Sets the first rules.
    /// @param owner_ Who may add versions.
    /// @param nodeRegistry_ The nodes.
    /// @param verifierRouter_ The verifiers.
    /// @param parameters_ The parameters of the first rounds.
    /// @param circuitId_ The circuit that their proofs are of.
    constructor(
        address owner_,
        INodeRegistry nodeRegistry_,
        IVerifierRouter verifierRouter_,
        Parameters memory parameters_,
        bytes32 circuitId_
    ) Ownable(owner_) {
        nodeRegistry = nodeRegistry_;
        verifierRouter = verifierRouter_;
        _add(parameters_, circuitId_);
    }

    /// @inheritdoc INetworkParameters
    function setParameters(Parameters calldata parameters_, bytes32 circuitId_) external override onlyOwner {
        // The checkpoint has as many parameters as it has.
        uint256 count = _rules[version].parameters.parameterCount;
        require(
            parameters_.parameterCount == count,
            NetworkParameters_ParameterCountFixed(count, parameters_.parameterCount)
        );
        _add(parameters_, circuitId_);
    }

    /// @inheritdoc INetworkParameters
    function parameters() external view override returns (Parameters memory) {
        return _rules[version].parameters;
    }

    /// @inheritdoc INetworkParameters
    function circuitId() external view override returns (bytes32) {
        return _rules[version].circuitId;
    }

    /// @inheritdoc INetworkParameters
    function rules(uint256 number) external view override returns (Rules memory) {
        return _rules[number];
    }

    function _add(Parameters memory p, bytes32 circuit) private {
        // Refuses a circuit that is unknown or frozen.
        uint32 sampleSize = verifierRouter.verifierOf(circuit).sampleSize();
        ParameterRules.validate(p, sampleSize, nodeRegistry.exitDelay(), nodeRegistry.maxNodes());
        uint32 number = ++version;
        _rules[number] = Rules({ parameters: p, circuitId: circuit });
        emit ParametersChanged(number, circuit, p);
    }
}
