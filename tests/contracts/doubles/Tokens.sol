// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token that behaves, until it is told not to.
contract MoodyToken is ERC20("Moody", "MOO") {
    bool public returnsFalse;
    uint256 public feeBps;
    address public callee;
    bytes public call;
    bool public reentered;
    bytes public refusal;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function beFalse() external {
        returnsFalse = true;
    }

    function takeFee(uint256 bps) external {
        feeBps = bps;
    }

    /// Calls into `callee_` during each transfer, and remembers how that ended.
    function reenter(address callee_, bytes calldata call_) external {
        callee = callee_;
        call = call_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (returnsFalse) return false;
        _hook();
        return super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (returnsFalse) return false;
        _hook();
        super.transferFrom(from, to, amount);
        uint256 fee = amount * feeBps / 10_000;
        if (fee != 0) _burn(to, fee);
        return true;
    }

    function _hook() private {
        if (callee == address(0)) return;
        (reentered, refusal) = callee.call(call);
    }
}
