// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { VaultFixture } from "./VaultFixture.sol";
import { MoodyToken } from "./doubles/Tokens.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { RewardVault } from "contracts/RewardVault.sol";
import { IRewardVault as I } from "contracts/interfaces/IRewardVault.sol";

/// @notice The vault with tokens of every kind, and with a node that calls back.
contract RewardVaultTokenTest is VaultFixture {
    MoodyToken internal token;

    function setUp() public override {
        super.setUp();
        token = new MoodyToken();
        vault = new RewardVault(owner, judge, credits, address(token), RATE, WINDOW, RULING, BOND);
        token.mint(address(this), 100 ether);
        token.approve(address(vault), type(uint256).max);
    }

    function _settleOne() internal {
        vault.fund(1, 1, 1500);
        vault.settle(_end(1, 1, 1, 1));
        skip(WINDOW);
    }

    function test_ATokenIsPaidLikeACoin() public {
        vault.fund(1, 1, 1500);
        vault.settle(_end(1, 1, 1, 1));
        vault.object(1, EVIDENCE, "cid");
        assertEq(token.balanceOf(address(vault)), 1500 + BOND);
        _rule(false);
        skip(WINDOW);
        _claim(alice, 1);
        _claim(bob, 1);
        _claim(carol, 1);
        assertEq(token.balanceOf(carol), 334);
        assertEq(token.balanceOf(address(vault)), vault.pot());
    }

    function test_RevertWhen_ATokenTakesAFee() public {
        token.takeFee(100);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_WrongTransfer.selector, 1500, 1485));
        vault.fund(1, 1, 1500);
    }

    function test_RevertWhen_ATokenReturnsFalse() public {
        _settleOne();
        token.beFalse();
        bytes memory refusal =
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token));
        vm.expectRevert(refusal);
        vault.donate(1);
        vm.expectRevert(refusal);
        _claim(alice, 1);
        assertEq(vault.owed(1, alice), 333, "nothing is lost");
    }

    function test_RevertWhen_ATokenVaultGetsCoins() public {
        vm.deal(address(this), 2);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_WrongValue.selector, 0, 1));
        vault.donate{ value: 1 }(1);
        vm.expectRevert(I.RewardVault_NotNative.selector);
        payable(address(vault)).transfer(1);
    }

    function test_ATokenThatCallsBackGetsNowhere() public {
        _settleOne();
        token.reenter(address(vault), abi.encodeCall(I.claimFor, (alice, _list(1))));
        _claim(alice, 1);
        assertFalse(token.reentered());
        assertEq(
            token.refusal(), abi.encodePacked(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
        assertEq(token.balanceOf(alice), 333);
    }

    /// Each function that moves money or decides about it, entered while a claim is paid.
    function test_NothingCanBeDoneWhileAClaimIsPaid() public {
        bytes[7] memory calls = [
            abi.encodeCall(I.fund, (5, 1, 1)),
            abi.encodeCall(I.donate, (1)),
            abi.encodeCall(I.settle, (2)),
            abi.encodeCall(I.claim, (_list(1))),
            abi.encodeCall(I.claimFor, (bob, _list(1))),
            abi.encodeCall(I.object, (1, EVIDENCE, "cid")),
            abi.encodeCall(I.withdraw, ())
        ];
        _settleOne();
        uint256 clean = vm.snapshotState();
        for (uint256 i; i < calls.length; ++i) {
            token.reenter(address(vault), calls[i]);
            _claim(alice, 1);
            assertEq(
                token.refusal(),
                abi.encodePacked(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
                vm.toString(calls[i])
            );
            vm.revertToState(clean);
        }
    }
}

/// @notice A node that claims again while it is paid.
contract Greedy {
    function claim(RewardVault vault, uint256[] calldata rounds) external {
        vault.claim(rounds);
    }

    receive() external payable {
        uint256[] memory rounds = new uint256[](1);
        rounds[0] = 1;
        RewardVault(payable(msg.sender)).claim(rounds);
    }
}

contract RewardVaultReentrancyTest is VaultFixture {
    function test_RevertWhen_ANodeClaimsWhileItIsPaid() public {
        alice = address(new Greedy());
        _toOpen();
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        Greedy(payable(alice)).claim(vault, _list(1));
        _claim(bob, 1);
        assertEq(bob.balance, 333, "and holds up nobody else");
    }
}
