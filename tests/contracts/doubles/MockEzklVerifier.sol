// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IEzklVerifier } from "contracts/interfaces/IEzklVerifier.sol";

/// @notice Answers as told, as the generated verifier can.
contract MockEzklVerifier is IEzklVerifier {
    enum Answer {
        Valid,
        Invalid,
        Revert
    }

    Answer private _answer;

    function set(Answer answer) external {
        _answer = answer;
    }

    function verifyProof(bytes calldata, uint256[] calldata) external view override returns (bool) {
        // solhint-disable-next-line reason-string, gas-custom-errors
        if (_answer == Answer.Revert) revert();
        return _answer == Answer.Valid;
    }
}
