// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { PermanentlyOwned } from "./PermanentlyOwned.sol";
import { IForfeits } from "./interfaces/IForfeits.sol";
import { Address } from "@openzeppelin/contracts/utils/Address.sol";

/// @title Forfeits
/// @notice Keeps what bonds have lost until somebody sends it on.
abstract contract Forfeits is IForfeits, PermanentlyOwned {
    /// @inheritdoc IForfeits
    address payable public override beneficiary;

    /// @inheritdoc IForfeits
    uint256 public override forfeited;

    /// @notice Says where forfeits go.
    /// @param beneficiary_ Where the vault will be; zero if the owner is to name one later.
    constructor(address payable beneficiary_) {
        if (beneficiary_ == address(0)) return;
        beneficiary = beneficiary_;
        emit BeneficiarySet(beneficiary_);
    }

    /// @inheritdoc IForfeits
    function setBeneficiary(address payable beneficiary_) external override onlyOwner {
        require(beneficiary.code.length == 0, Forfeits_BeneficiaryIsSet(beneficiary));
        require(beneficiary_.code.length != 0, Forfeits_NoContract(beneficiary_));

        beneficiary = beneficiary_;
        emit BeneficiarySet(beneficiary_);
        // For good: so one that takes no coins, such as a vault of tokens, must not get the place.
        Address.sendValue(beneficiary_, 0);
    }

    /// @inheritdoc IForfeits
    function sweep() external override {
        address payable to = beneficiary;
        require(to != address(0), Forfeits_NoBeneficiary());
        require(to.code.length != 0, Forfeits_NoContract(to));
        uint256 amount = forfeited;
        require(amount != 0, Forfeits_NothingToSweep());

        forfeited = 0;
        emit ForfeitsSwept(to, amount);
        Address.sendValue(to, amount);
    }

    /// Moves an amount from the bonds, from which the caller has taken it, to what is to be sent on.
    function _forfeit(uint256 amount) internal {
        forfeited += amount;
    }
}
