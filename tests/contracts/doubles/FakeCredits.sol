// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ICreditSource } from "contracts/interfaces/ICreditSource.sol";

/// @notice Rounds with any credits, for the vault's tests.
contract FakeCredits is ICreditSource {
    struct Earned {
        uint256 total;
        uint256 bitmap;
        uint256 drop;
        bool over;
    }

    uint256 public roundCount;
    mapping(address => uint256) public debtNano;
    mapping(uint256 roundId => Earned) public roundCredit;
    mapping(uint256 roundId => mapping(address node => uint256)) private _credits;
    mapping(uint256 roundId => mapping(address node => uint256)) private _indices;

    function open() external returns (uint256) {
        return ++roundCount;
    }

    function end(uint256 roundId, address[] memory nodes, uint256[] memory credits, uint256 drop) external {
        Earned storage e = roundCredit[roundId];
        e.over = true;
        e.drop = drop;
        for (uint256 i; i < nodes.length; ++i) {
            _credits[roundId][nodes[i]] = credits[i];
            _indices[roundId][nodes[i]] = i;
            e.total += credits[i];
            if (credits[i] != 0) e.bitmap |= 1 << i;
        }
    }

    function credit(uint256 roundId, address node) external view returns (uint256, uint256) {
        return (_credits[roundId][node], _indices[roundId][node]);
    }
}
