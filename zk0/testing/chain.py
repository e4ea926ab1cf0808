"""A chain in memory: blocks, a clock, balances, the node registry, and what rounds leave behind.

Accounts share it through `zk0.testing.ledger.MemoryLedger`. Every transaction is one block,
one second after the last.
"""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from zk0.chain import refusals
from zk0.chain.reading import describe_parameters
from zk0.errors import ChainError, InsufficientFundsError
from zk0.ports import Block, Cid, Event, Network, PublishedChallenge, Receipt, Registration
from zk0.protocol import coordinators
from zk0.protocol.coordinators import CoordinatorRules, Coordinators, Seat
from zk0.protocol.credits import RoundCredits, credit_round
from zk0.protocol.faults import FaultHistory, FaultReason, FaultRules, add_fault, compute_forfeit
from zk0.protocol.nodes import compute_max_dataset_size, count_idle_rounds
from zk0.protocol.round import Parameters, Phase, Round, Rules
from zk0.protocol.statement import Address, CircuitId, Commitment, Digest, Statement

DEFAULT_BALANCE_WEI = 10_000 * 10**18
EXIT_DELAY_S = 7 * 86_400
KEPT_HASHES = 8191
MAX_NODE_KEY_BYTES = 256
START_S = 1_700_000_000
FIRST_BOND_WEI = 10**19
NOBODY = Address("0x" + "0" * 40)
ZERO = bytes(32)
Verify = Callable[[Statement, bytes], bool]


def refuse_proofs(statement: Statement, proof: bytes) -> bool:
    """The `verify` of a chain whose tests need no valid proof."""
    return False


def make_rules(
    parameters: Parameters, *, sample_size: int = 960, circuit_id: CircuitId | None = None
) -> Rules:
    """The rules of a network's first rounds."""
    circuit = circuit_id or CircuitId(hashlib.sha256(b"circuit").digest())
    return Rules(1, parameters, circuit, sample_size)


def make_network(
    parameters: Parameters,
    tasks: Sequence[str],
    coordinator: Address,
    *,
    genesis: Digest | None = None,
    genesis_cid: Cid | None = None,
    bond_per_example_wei: int = 10**12,
    min_bond_wei: int = 10**15,
    idle_rounds: int = 20,
    fault_rules: FaultRules | None = None,
) -> Network:
    """A network as a deployment would have fixed it."""

    def fill(name: str) -> bytes:
        return hashlib.sha256(name.encode()).digest()

    return Network(
        chain_id=31337,
        registry=Address("0x" + fill("registry").hex()[:40]),
        node_registry=Address("0x" + fill("node registry").hex()[:40]),
        network_parameters=Address("0x" + fill("network parameters").hex()[:40]),
        tasks=tuple(tasks),
        parameter_count=parameters.parameter_count,
        coordinator=coordinator,
        genesis=genesis or Digest(fill("genesis")),
        genesis_cid=genesis_cid or Cid("bafkgenesis"),
        manifest=Digest(fill("manifest")),
        manifest_cid=Cid("bafkmanifest"),
        bond_per_example_wei=bond_per_example_wei,
        min_bond_wei=min_bond_wei,
        max_dataset_size=compute_max_dataset_size(parameters.max_nodes),
        idle_rounds=idle_rounds,
        fault_rules=fault_rules or FaultRules(),
        first_block=0,
    )


@dataclass(slots=True)
class Transaction:
    """What a transaction sees and does while it runs."""

    sender: Address
    now: int
    block: int
    events: list[tuple[str, Address, dict[str, Any]]] = field(default_factory=list)


class MemoryChain:
    """The state that all accounts share. `verify` is the proof verifier."""

    def __init__(
        self,
        network: Network,
        rules: Rules,
        verify: Verify = refuse_proofs,
        exit_delay_s: int = EXIT_DELAY_S,
        seats: Coordinators | None = None,
    ) -> None:
        self.network = network
        self.rules = [rules]
        self.versions: dict[int, int] = {}
        """Round → version of its rules."""
        self.verify = verify
        self.exit_delay_s = exit_delay_s
        self.lock = threading.RLock()
        self.blocks = [Block(0, START_S, hashlib.sha256(b"block 0").digest())]
        self.balances: defaultdict[Address, int] = defaultdict(lambda: DEFAULT_BALANCE_WEI)
        self.nodes: dict[Address, Registration] = {}
        self.faults: dict[Address, FaultHistory] = {}
        self.forfeited_wei = 0
        self.coordinators = seats or Coordinators(
            CoordinatorRules(),
            (Seat(network.coordinator, FIRST_BOND_WEI),),
            network.coordinator,
            START_S,
        )
        self.coordinator_set = Address("0x" + hashlib.sha256(b"coordinators").hexdigest()[:40])
        self.penalties_wei = 0
        self.rounds: dict[int, Round] = {}
        self.samples: dict[tuple[int, Address], Commitment] = {}
        self.challenges: dict[int, PublishedChallenge] = {}
        self.checkpoints: dict[Digest, Cid] = {}
        self.credits: dict[int, RoundCredits] = {}
        """Of finalized rounds."""
        self.debt_nano: Mapping[Address, int] = {}
        self.head = Digest(ZERO)
        self.events: list[Event] = []
        self._deploy()

    def _deploy(self) -> None:
        net = self.network

        def create(tx: Transaction) -> None:
            router = Address("0x" + hashlib.sha256(b"router").hexdigest()[:40])
            verifier = Address("0x" + hashlib.sha256(b"verifier").hexdigest()[:40])
            circuit = {"circuitId": self.rules[0].circuit_id, "verifier": verifier}
            tx.events.append(("CircuitAdded", router, circuit))
            for position, name in enumerate(net.tasks):
                self.emit_node(tx, "TaskAdded", task=position, taskName=name)
            self._emit_rules(tx)
            self.emit_coordinators(tx, None)
            self.emit(
                tx, "NetworkCreated", genesisDigest=net.genesis, genesisCid=net.genesis_cid,
                manifestDigest=net.manifest, manifestCid=net.manifest_cid,
            )  # fmt: skip
            self.publish_checkpoint(tx, 0, net.genesis, net.genesis_cid)

        self.transact(net.coordinator, create)

    # ------------------------------------------------------------------ blocks

    def advance(self, seconds: int) -> None:
        """An empty block, `seconds` after the last."""
        with self.lock:
            self._mine(self.blocks[-1].timestamp + seconds)

    def _mine(self, timestamp: int) -> Block:
        number = len(self.blocks)
        digest = hashlib.sha256(f"block {number} {timestamp}".encode()).digest()
        block = Block(number, timestamp, digest)
        self.blocks.append(block)
        return block

    def get_hash(self, number: int) -> bytes | None:
        """A block's hash as a contract in the next block sees it; None when it has expired."""
        is_kept = len(self.blocks) - number <= KEPT_HASHES
        return self.blocks[number].hash if is_kept else None

    def transact(self, sender: Address, action: Callable[[Transaction], None]) -> Receipt:
        """Run `action` in a block of its own; when it raises, nothing has happened."""
        with self.lock:
            last = self.blocks[-1]
            tx = Transaction(sender, last.timestamp + 1, last.number + 1)
            action(tx)
            block = self._mine(tx.now)
            digest = hashlib.sha256(f"transaction {block.number}".encode()).digest()
            for index, (name, contract, args) in enumerate(tx.events):
                round_id, node = args.get("round"), args.get("node")
                self.events.append(
                    Event(name, contract, round_id, node, args, block.number, index, digest)
                )
            return Receipt(digest, block.number, block.hash, gas=0, fee_wei=0)

    def emit(self, tx: Transaction, name: str, **args: Any) -> None:
        """An event of the registry of rounds; `args` in the contract's order."""
        tx.events.append((name, self.network.registry, args))

    def emit_node(self, tx: Transaction, name: str, **args: Any) -> None:
        """An event of the registry of nodes."""
        tx.events.append((name, self.network.node_registry, args))

    # ------------------------------------------------------------------ rules

    def set_parameters(
        self,
        parameters: Parameters,
        *,
        circuit_id: CircuitId | None = None,
        sample_size: int | None = None,
    ) -> Receipt:
        """What the network's owner does on chain: rounds opened later follow these."""

        def change(tx: Transaction) -> None:
            last = self.rules[-1]
            if parameters.parameter_count != last.parameters.parameter_count:
                count = last.parameters.parameter_count
                arguments = {"expected": count, "actual": parameters.parameter_count}
                raise refusals.ParameterCountFixedError(arguments=arguments)
            circuit, size = circuit_id or last.circuit_id, sample_size or last.sample_size
            self.rules.append(Rules(last.version + 1, parameters, circuit, size))
            self._emit_rules(tx)

        return self.transact(self.network.coordinator, change)

    def get_rules(self, round_id: int) -> Rules:
        """A round's, whatever was set since it was opened. Raises ChainError."""
        if round_id not in self.versions:
            raise ChainError(f"there is no round {round_id}, so it has no rules")
        return self.rules[self.versions[round_id] - 1]

    def _emit_rules(self, tx: Transaction) -> None:
        rules = self.rules[-1]
        args = {
            "version": rules.version,
            "circuitId": rules.circuit_id,
            "parameters": describe_parameters(rules.parameters),
        }
        tx.events.append(("ParametersChanged", self.network.network_parameters, args))

    # ------------------------------------------------------------------ coordinators

    def emit_coordinators(self, tx: Transaction, previous: Address | None) -> None:
        """That another account drives rounds, if one does."""
        current = self.coordinators.current
        if current != previous:
            args = {"previous": previous or NOBODY, "current": current or NOBODY}
            tx.events.append(("CoordinatorChanged", self.coordinator_set, args))

    def bond_coordinator(self, tx: Transaction, account: Address, amount_wei: int) -> None:
        """The set of coordinators' `bond`."""
        if amount_wei > self.balances[tx.sender]:
            raise InsufficientFundsError(
                f"{tx.sender} has {self.balances[tx.sender]} of {amount_wei} wei"
            )
        before = self.coordinators
        seat = before.seat_of(account)
        if seat is None:
            raise refusals.NotApprovedError(arguments={"account": account})
        if seat.exit_at:
            raise refusals.LeavingError(arguments={"account": account})
        if not amount_wei:
            raise refusals.NothingToBondError
        self.balances[tx.sender] -= amount_wei
        self.coordinators = coordinators.bond(before, account, amount_wei, tx.now)
        args = {
            "coordinator": account, "from": tx.sender, "amount": amount_wei,
            "bond": seat.bond_wei + amount_wei,
        }  # fmt: skip
        tx.events.append(("CoordinatorBonded", self.coordinator_set, args))
        self.emit_coordinators(tx, before.current)

    def succeed_coordinator(self, tx: Transaction) -> None:
        """The set of coordinators' `succeed`."""
        last = self.get_round(len(self.rounds))
        if last.phase is not Phase.NONE and not last.phase.is_over:
            raise refusals.RoundRunningError(arguments={"round": last.round_id})
        before = self.coordinators
        idle_at = before.compute_idle_at(last.deadline)
        is_driven = before.current is not None and before.is_fit(before.current)
        if is_driven and tx.now <= idle_at:
            arguments = {"idleAt": idle_at, "timestamp": tx.now}
            raise refusals.NotIdleError(arguments=arguments)
        try:
            self.coordinators = coordinators.succeed(before, tx.now)
        except ValueError as error:
            raise refusals.NoStandbyError from error
        self.emit_coordinators(tx, before.current)

    def report_unclosed(self, tx: Transaction, round_id: int) -> None:
        """The set of coordinators' `reportUnclosed`, which the registry of rounds calls."""
        before = self.coordinators
        self.coordinators = coordinators.report_unclosed(before, round_id, tx.now)
        self.emit_coordinators(tx, before.current)

    def penalize(self, tx: Transaction, round_id: int, missed_deadline: bool) -> None:
        """The set of coordinators' `penalize`, which the registry of rounds calls."""
        before = self.coordinators
        self.coordinators, amount = coordinators.penalize(before, missed_deadline, tx.now)
        self.penalties_wei += amount
        args = {
            "round": round_id, "coordinator": before.current or NOBODY, "amount": amount,
            "missedDeadline": missed_deadline,
        }  # fmt: skip
        tx.events.append(("CoordinatorPenalized", self.coordinator_set, args))
        self.emit_coordinators(tx, before.current)

    # ------------------------------------------------------------------ rounds

    def get_round(self, round_id: int) -> Round:
        """A round; phase NONE and zeros when there is none."""
        nothing = Round(round_id, Phase.NONE, Digest(ZERO), ZERO, opened_at=0, deadline=0)
        return self.rounds.get(round_id, nothing)

    def settle_round(self, tx: Transaction, round_: Round) -> None:
        """A finalized round's outcomes, credits and debts."""
        before, found = self.debt_nano, credit_round(round_, self.debt_nano)
        self.credits[round_.round_id], self.debt_nano = found, found.debt_nano
        for entry, credit in zip(round_.contributions, found.credit_nano, strict=True):
            of_node = {"round": round_.round_id, "node": entry.node}
            previous, current = before.get(entry.node, 0), found.debt_nano.get(entry.node, 0)
            if current != previous:
                self.emit(tx, "DebtChanged", **of_node, previousNano=previous, currentNano=current)
            self.emit(
                tx, "ContributionSettled", **of_node, outcome=int(entry.outcome),
                shareNano=entry.share_nano, creditNano=credit,
            )  # fmt: skip

    def publish_checkpoint(self, tx: Transaction, round_id: int, digest: Digest, cid: str) -> None:
        """The head moves to `digest`."""
        parent, self.head = self.head, digest
        self.checkpoints[digest] = Cid(cid)
        self.emit(tx, "CheckpointPublished", round=round_id, digest=digest, parent=parent, cid=cid)

    # ------------------------------------------------------------------ nodes

    def get_active(self) -> list[Registration]:
        return [entry for entry in self.nodes.values() if entry.is_active]

    def join(
        self, tx: Transaction, *, task: int, dataset_size: int, node_key: bytes, bond_wei: int
    ) -> None:
        """The node registry's `join`."""
        node = tx.sender
        if bond_wei > self.balances[node]:
            raise InsufficientFundsError(f"{node} has {self.balances[node]} of {bond_wei} wei")
        self._require_status(node, "None")
        count = len(self.network.tasks)
        if task >= count:
            raise refusals.UnknownTaskError(arguments={"taskCount": count, "actual": task})
        most = self.network.max_dataset_size
        if not 1 <= dataset_size <= most:
            raise refusals.DatasetSizeOutOfRangeError(
                arguments={"max": most, "actual": dataset_size}
            )
        if not 1 <= len(node_key) <= MAX_NODE_KEY_BYTES:
            raise refusals.NodeKeyLengthError(
                arguments={"max": MAX_NODE_KEY_BYTES, "actual": len(node_key)}
            )
        needed = self.network.compute_bond_wei(dataset_size)
        if bond_wei < needed:
            raise refusals.InsufficientBondError(arguments={"expected": needed, "actual": bond_wei})
        self._require_room()
        self.balances[node] -= bond_wei
        self.nodes[node] = Registration(
            node, task, dataset_size, bond_wei, True, node_key,
            faults=self.faults.get(node, FaultHistory()), joined_at=tx.now,
            key_since=self._find_key_since(tx, node_key),
        )  # fmt: skip
        self.emit_node(
            tx, "NodeJoined", node=node, task=task, taskName=self.network.tasks[task],
            datasetSize=dataset_size, bond=bond_wei, nodeKey=node_key,
        )  # fmt: skip

    def top_up(self, tx: Transaction, node: Address, amount_wei: int) -> None:
        """The node registry's `topUp`."""
        if amount_wei > self.balances[tx.sender]:
            raise InsufficientFundsError(
                f"{tx.sender} has {self.balances[tx.sender]} of {amount_wei} wei"
            )
        entry = self.nodes.get(node)
        if entry is None or not entry.is_suspended:
            self._require_status(node, "Active")
        if not amount_wei:
            raise refusals.NothingToAddError
        entry = self.nodes[node]
        bond = entry.bond_wei + amount_wei
        needed = self.network.compute_bond_wei(entry.dataset_size)
        returns = entry.is_suspended and bond >= needed
        if returns:
            self._require_room()
        self.balances[tx.sender] -= amount_wei
        self.nodes[node] = replace(
            entry, bond_wei=bond, is_active=entry.is_active or returns,
            is_suspended=entry.is_suspended and not returns,
            joined_at=tx.now if returns else entry.joined_at,
        )  # fmt: skip
        self.emit_node(
            tx, "BondToppedUp", node=node, amount=amount_wei, bond=bond, **{"from": tx.sender}
        )
        if returns:
            self.emit_node(tx, "NodeReinstated", node=node)

    def record_fault(
        self, tx: Transaction, round_id: int, node: Address, reason: FaultReason
    ) -> None:
        """The node registry's `recordFault`, which the registry of rounds calls."""
        rules = self.network.fault_rules
        history, count = add_fault(self.faults.get(node, FaultHistory()), round_id, rules.window)
        is_at_limit = count >= rules.limit
        self.faults[node] = replace(history, recent=0) if is_at_limit else history
        self.emit_node(
            tx, "FaultRecorded", round=round_id, node=node, reason=int(reason), count=count
        )
        entry = self.nodes.get(node)
        if entry is None:
            return
        self.nodes[node] = replace(entry, faults=self.faults[node])
        if is_at_limit:
            self._take_from_bond(tx, round_id, self.nodes[node])

    def _take_from_bond(self, tx: Transaction, round_id: int, entry: Registration) -> None:
        needed = self.network.compute_bond_wei(entry.dataset_size)
        amount = compute_forfeit(entry.bond_wei, needed, self.network.fault_rules.forfeit_bps)
        if not amount:
            return
        bond = entry.bond_wei - amount
        suspends = entry.is_active and bond < needed
        self.forfeited_wei += amount
        self.nodes[entry.node] = replace(
            entry, bond_wei=bond, is_active=entry.is_active and not suspends,
            is_suspended=entry.is_suspended or suspends,
        )  # fmt: skip
        self.emit_node(tx, "BondForfeited", round=round_id, node=entry.node, amount=amount)
        if suspends:
            self.emit_node(
                tx, "NodeSuspended", round=round_id, node=entry.node, required=needed, bond=bond
            )

    def _require_room(self) -> None:
        limit = self.rules[0].parameters.max_nodes
        if len(self.get_active()) >= limit:
            raise refusals.FullError(arguments={"max": limit})

    def request_exit(self, tx: Transaction) -> None:
        """The node registry's `requestExit`."""
        entry = self.nodes.get(tx.sender)
        if entry is None or not entry.is_suspended:
            self._require_status(tx.sender, "Active")
        exit_at = self._start_exit(tx, tx.sender)
        self.emit_node(tx, "NodeExitRequested", node=tx.sender, exitAt=exit_at)

    def retire(self, tx: Transaction, node: Address) -> None:
        """The node registry's `retire`."""
        self._require_status(node, "Active")
        idle, needed = self.count_idle_rounds(node), self.network.idle_rounds
        if idle < needed:
            raise refusals.NodeNotIdleError(arguments={"expected": needed, "actual": idle})
        exit_at = self._start_exit(tx, node)
        self.emit_node(tx, "NodeRetired", node=node, by=tx.sender, exitAt=exit_at)

    def count_idle_rounds(self, node: Address) -> int:
        """The node registry's `idleRoundsOf`."""
        entry = self.nodes.get(node)
        if entry is None or not entry.is_active:
            return 0
        newest_first = (
            (self.rounds[i], self.get_rules(i).parameters.max_nodes)
            for i in range(len(self.rounds), 0, -1)
        )
        return count_idle_rounds(newest_first, node, entry.joined_at, self.network.idle_rounds)

    def _start_exit(self, tx: Transaction, node: Address) -> int:
        exit_at = tx.now + self.exit_delay_s
        self.nodes[node] = replace(
            self.nodes[node], is_active=False, is_suspended=False, exit_at=exit_at
        )
        return exit_at

    def _find_key_since(self, tx: Transaction, node_key: bytes) -> tuple[int, int]:
        """The event of the sender that had this key first; the one to come if there is none."""
        for event in self.events:
            if event.name != "NodeJoined" or event.node != tx.sender:
                continue
            if event.args["nodeKey"] == node_key:
                return event.block, event.log_index
        return tx.block, len(tx.events)

    def withdraw_bond(self, tx: Transaction) -> None:
        """The node registry's `withdrawBond`."""
        self._require_status(tx.sender, "Exiting")
        entry = self.nodes[tx.sender]
        if tx.now < entry.exit_at:
            raise refusals.ExitPendingError(
                arguments={"exitAt": entry.exit_at, "timestamp": tx.now}
            )
        del self.nodes[tx.sender]
        self.balances[tx.sender] += entry.bond_wei
        self.emit_node(tx, "BondWithdrawn", node=tx.sender, amount=entry.bond_wei)

    def _require_status(self, node: Address, expected: str) -> None:
        entry = self.nodes.get(node)
        actual = "None"
        if entry is not None:
            inactive = "Suspended" if entry.is_suspended else "Exiting"
            actual = "Active" if entry.is_active else inactive
        if actual != expected:
            raise refusals.WrongStatusError(arguments={"expected": expected, "actual": actual})
