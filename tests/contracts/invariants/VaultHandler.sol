// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { VaultFixture } from "../VaultFixture.sol";
import { FakeCredits } from "../doubles/FakeCredits.sol";
import { RewardVault } from "contracts/RewardVault.sol";

/// @notice Funds, settles, claims and objects in any order, and remembers where the money must be.
contract VaultHandler is VaultFixture {
    // Ghosts.
    uint256 public paidIn; // fundings, donations and bonds
    uint256 public paidOut; // rewards and withdrawn bonds
    uint256 public streamed; // funded for rounds that are not settled
    mapping(uint256 roundId => uint256) public streamOf;
    mapping(uint256 roundId => uint256) public paid;
    mapping(uint256 roundId => uint256) public payout;
    mapping(uint256 roundId => uint256) public potAtSettlement; // with its stream and what is released
    mapping(uint256 roundId => uint256) public settledAt;
    mapping(uint256 roundId => bool) public returned; // by an upheld objection
    mapping(uint256 roundId => mapping(address node => uint256)) public claims;
    bool public paidEarly; // before the window, or against an open objection
    bool public paidShort; // another amount than was owed
    uint256 public claimed;
    uint256 public ruled;
    uint256 public expired;

    constructor() {
        setUp();
        vm.deal(auditor, 1e30);
    }

    function network() external view returns (RewardVault, FakeCredits) {
        return (vault, credits);
    }

    function node(uint256 who) public view returns (address) {
        return [alice, bob, carol, auditor][who % 4];
    }

    // ---------------------------------------------------------------- actions

    function fund(uint256 ahead, uint256 rounds, uint256 amount) public {
        uint256 first = vault.nextRound() + ahead % 4;
        rounds = 1 + rounds % 4;
        amount = _bound(amount, 1, 1 ether);
        _fund(first, rounds, amount);
        for (uint256 i; i < rounds; ++i) {
            streamOf[first + i] += amount;
        }
        streamed += rounds * amount;
        paidIn += rounds * amount;
    }

    function donate(uint256 amount) public {
        amount = _bound(amount, 1, 1 ether);
        vm.prank(funder);
        vault.donate{ value: amount }(amount);
        paidIn += amount;
    }

    function settle(uint120 a, uint120 b, uint120 c, uint64 drop) public {
        uint256 id = _end(a % 5 == 0 ? 0 : a, b % 3 == 0 ? 0 : b, c % 4 == 0 ? 0 : c, drop % 1e15);
        uint256 available = vault.pot() + streamOf[id] + (vault.held() + 15) / 16;
        vault.settle(id);
        streamed -= streamOf[id];
        potAtSettlement[id] = available;
        settledAt[id] = block.timestamp;
        payout[id] = vault.settlement(id).payout;
    }

    function claim(uint256 round, uint256 who) public {
        uint256 id = 1 + round % vault.nextRound();
        address to = node(who);
        uint256 owed = vault.owed(id, to);
        uint256 before = to.balance;
        uint256 deadline = vault.objection(id).rulingDeadline;
        try vault.claimFor(to, _list(id)) {
            uint256 amount = to.balance - before;
            if (amount != owed) paidShort = true;
            if (block.timestamp < vault.settlement(id).opensAt) paidEarly = true;
            if (deadline >= block.timestamp) paidEarly = true;
            ++claims[id][to];
            ++claimed;
            paid[id] += amount;
            paidOut += amount;
        } catch { }
    }

    function object(uint256 round) public {
        uint256 id = 1 + round % vault.nextRound();
        uint256 bond = BOND << vault.settlement(id).objections;
        vm.prank(auditor);
        try vault.object{ value: bond }(id, EVIDENCE, "cid") {
            paidIn += bond;
        } catch { }
    }

    function rule(uint256 round, bool upheld) public {
        uint256 id = 1 + round % vault.nextRound();
        uint256 number = vault.settlement(id).objections;
        vm.prank(judge);
        try vault.rule(id, number, upheld) {
            ++ruled;
            if (upheld) returned[id] = true;
        } catch {
            try vault.expireObjection(id) {
                ++expired;
            } catch { }
        }
    }

    function withdraw() public {
        uint256 amount = vault.freeBonds(auditor);
        vm.prank(auditor);
        try vault.withdraw() {
            paidOut += amount;
        } catch { }
    }

    function wait(uint32 seconds_) public {
        skip(seconds_ % 3 days);
    }
}
