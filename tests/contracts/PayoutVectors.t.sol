// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { VaultFixture } from "./VaultFixture.sol";

/// @notice The vault against what Python worked out: tests/vectors/payouts.json.
contract PayoutVectorsTest is VaultFixture {
    function test_EveryRoundPaysAndLeavesTheSame() public {
        string memory json = vm.readFile("tests/vectors/payouts.json");
        assertEq(vm.parseJsonUint(json, ".rateWeiPerNano"), RATE);
        uint256 id = 1;
        for (; vm.keyExistsJson(json, _at(id)); ++id) {
            uint256 stream = vm.parseJsonUint(json, string.concat(_at(id), ".stream"));
            if (stream != 0) _fund(id, 1, stream);
            uint256 total = vm.parseJsonUint(json, string.concat(_at(id), ".totalNano"));
            vault.settle(_end(total, 0, 0, vm.parseJsonUint(json, string.concat(_at(id), ".dropNano"))));
            assertEq(
                vault.settlement(id).payout,
                vm.parseJsonUint(json, string.concat(_at(id), ".payout")),
                "payout"
            );
            assertEq(vault.pot(), vm.parseJsonUint(json, string.concat(_at(id), ".pot")), "pot");
            assertEq(vault.held(), vm.parseJsonUint(json, string.concat(_at(id), ".held")), "held");
        }
        assertGt(id, 50);
    }

    function _at(uint256 id) private pure returns (string memory) {
        return string.concat(".rounds[", vm.toString(id - 1), "]");
    }
}
