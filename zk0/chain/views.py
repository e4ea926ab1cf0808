"""Reading a network's contracts: everything that costs no gas and needs no key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import TransactionNotFound

from zk0.chain.contracts import Contracts, call, to_address
from zk0.chain.events import get_logs, get_topic
from zk0.chain.reading import ZERO, NodeKey, to_coordinators, to_registration, to_round, to_rules
from zk0.chain.rpc import translate_errors
from zk0.errors import ChainError, NoContractError
from zk0.ports import Block, Cid, Event, Network, PublishedChallenge, Registration
from zk0.protocol.coordinators import Coordinators
from zk0.protocol.faults import FaultRules
from zk0.protocol.round import Round, Rules
from zk0.protocol.statement import Address, Commitment, Digest

PAGE = 64


class ChainViews:
    """The reading half of `zk0.ports.Ledger`."""

    def __init__(self, contracts: Contracts, first_block: int) -> None:
        self._contracts = contracts
        self._rpc = contracts.rpc
        self._node_keys: dict[tuple[Address, int], NodeKey] = {}
        self._sample_sizes: dict[bytes, int] = {}
        self._network = self._read_network(first_block)

    @property
    def network(self) -> Network:
        """As read when connecting: connect again to see a coordinator or task added since."""
        return self._network

    def get_block(self) -> Block:
        with translate_errors("the newest block"):
            block = self._rpc.eth.get_block("latest")
        return Block(int(block["number"]), int(block["timestamp"]), bytes(block["hash"]))

    def get_balance_wei(self, account: Address) -> int:
        with translate_errors("the balance"):
            return int(self._rpc.eth.get_balance(Web3.to_checksum_address(account)))

    def get_registration(self, node: Address) -> Registration | None:
        return self._get_registration(node, self.get_block().number)

    def get_active_nodes(self) -> Sequence[Registration]:
        block = self.get_block().number
        addresses = [to_address(a) for a in self._get_pages("NodeRegistry", "nodes", block)]
        found = (self._get_registration(address, block) for address in addresses)
        return [registration for registration in found if registration is not None]

    def get_idle_rounds(self, node: Address) -> int:
        registry = self._contracts.node_registry
        return int(call(registry, "idleRoundsOf", Web3.to_checksum_address(node)))

    def get_coordinators(self) -> Coordinators:
        block = self.get_block().number
        target = self._contracts.coordinators
        names = call(target, "coordinators", block=block)
        seats = [(name, call(target, "seat", name, block=block)) for name in names]
        return to_coordinators(
            call(target, "rules", block=block),
            seats,
            to_address(call(target, "current", block=block)),
            int(call(target, "since", block=block)),
        )

    def get_round_count(self) -> int:
        return int(call(self._contracts.registry, "roundCount"))

    def get_round(self, round_id: int) -> Round:
        """All of one block; phase NONE and zeros when there is no such round."""
        block = self.get_block().number
        raw = call(self._contracts.registry, "round", round_id, block=block)
        entries = self._get_pages("ContributionRegistry", "contributionsOf", block, round_id)
        keys = []
        if raw.challengeDigest != ZERO:
            registry = self._contracts.registry
            keys = [
                call(registry, "taskKey", round_id, i, block=block) for i in range(raw.taskCount)
            ]
        return to_round(round_id, raw, entries, keys)

    def get_rules(self, round_id: int) -> Rules:
        block = self.get_block().number
        raw = call(self._contracts.registry, "round", round_id, block=block)
        if raw.parametersVersion == 0:
            raise ChainError(f"there is no round {round_id}, so it has no rules")
        return self._get_version(raw.parametersVersion, block)

    def get_next_rules(self) -> Rules:
        block = self.get_block().number
        version = int(call(self._contracts.network_parameters, "version", block=block))
        return self._get_version(version, block)

    def get_head(self) -> Digest:
        return Digest(bytes(call(self._contracts.registry, "head")))

    def get_checkpoint_cid(self, digest: Digest) -> Cid:
        topics = [get_topic("CheckpointPublished"), None, digest]
        first = self._network.first_block
        event = next(self._get_logs([self._network.registry], topics, first), None)
        if event is None:
            raise ChainError(
                f"checkpoint {digest.hex()} was never published by registry "
                f"{self._network.registry}: check the digest and the network"
            )
        return Cid(event.args["cid"])

    def get_published_challenge(self, round_id: int) -> PublishedChallenge | None:
        raw = call(self._contracts.registry, "round", round_id)
        if raw.challengeDigest == ZERO:
            return None
        # It was published in a later block than the seal's.
        topics = [get_topic("ChallengePublished"), round_id.to_bytes(32, "big")]
        events = self._get_logs([self._network.registry], topics, int(raw.sealBlock))
        return next((_to_challenge(event) for event in events), None)

    def get_events(
        self, *, round_id: int | None = None, node: Address | None = None
    ) -> Sequence[Event]:
        topics = [] if round_id is None else [None, round_id.to_bytes(32, "big")]
        events = self._get_logs(self._contracts.event_sources, topics, self._network.first_block)
        return [
            event
            for event in events
            if (round_id is None or event.round_id == round_id)
            and (node is None or event.node == node)
        ]

    def get_gas(self, transaction: bytes) -> int:
        """What a mined transaction used. Raises ChainError when there is none."""
        with translate_errors("the receipt"):
            try:
                receipt = self._rpc.eth.get_transaction_receipt(HexBytes(transaction))
            except TransactionNotFound as error:
                raise ChainError(f"there is no transaction 0x{transaction.hex()}") from error
        return int(receipt["gasUsed"])

    # ------------------------------------------------------------------ parts

    def _get_version(self, version: int, block: int) -> Rules:
        raw = call(self._contracts.network_parameters, "rules", version, block=block)
        circuit = bytes(raw.circuitId)
        # A circuit names its verifier for good.
        if circuit not in self._sample_sizes:
            self._sample_sizes[circuit] = self._contracts.get_sample_size(circuit)
        return to_rules(version, raw, self._sample_sizes[circuit])

    def _get_registration(self, node: Address, block: int) -> Registration | None:
        registry = self._contracts.node_registry
        raw = call(registry, "node", Web3.to_checksum_address(node), block=block)
        if raw.status == 0:
            return None
        faults = call(registry, "faults", Web3.to_checksum_address(node), block=block)
        return to_registration(node, raw, faults, self._get_node_key(node, raw.joinedAt, block))

    def _get_node_key(self, node: Address, joined_at: int, block: int) -> NodeKey:
        """From the node's NodeJoined events, fetched once for each time it joined."""
        found = self._node_keys.get((node, joined_at))
        if found is None:
            _, node_registry, _ = self._contracts.addresses
            topics = [get_topic("NodeJoined"), bytes(12) + bytes.fromhex(node[2:])]
            events = list(
                get_logs(self._rpc, [node_registry], topics, self._network.first_block, block)
            )
            if not events:
                raise ChainError(
                    f"node {node} is registered, but the RPC serves no NodeJoined event of it "
                    f"from block {self._network.first_block} on: use one that keeps old events"
                )
            key = events[-1].args["nodeKey"]
            first = next(event for event in events if event.args["nodeKey"] == key)
            found = NodeKey(bytes(key), (first.block, first.log_index))
            self._node_keys[node, joined_at] = found
        return found

    def _get_pages(self, contract: str, view: str, block: int, *args: Any) -> list[Any]:
        """All pages of one block, so that nothing moves between two of them."""
        nodes = contract == "NodeRegistry"
        target = self._contracts.node_registry if nodes else self._contracts.registry
        found: list[Any] = []
        while True:
            page = call(target, view, *args, len(found), PAGE, block=block)
            found += page
            if len(page) < PAGE:
                return found

    def _get_logs(
        self, addresses: Sequence[Address], topics: Sequence[bytes | None], first_block: int
    ) -> Iterator[Event]:
        return get_logs(self._rpc, addresses, topics, first_block, self.get_block().number)

    def _read_network(self, first_block: int) -> Network:
        contracts = self._contracts
        registry, nodes = contracts.registry, contracts.node_registry
        address, node_registry, network_parameters = contracts.addresses
        created = self._find_creation(address, first_block)
        return Network(
            chain_id=contracts.chain_id,
            registry=address,
            node_registry=node_registry,
            network_parameters=network_parameters,
            tasks=tuple(call(nodes, "tasks")),
            parameter_count=self.get_next_rules().parameters.parameter_count,
            coordinator=to_address(call(registry, "coordinator")),
            genesis=Digest(created.args["genesisDigest"]),
            genesis_cid=Cid(created.args["genesisCid"]),
            manifest=Digest(created.args["manifestDigest"]),
            manifest_cid=Cid(created.args["manifestCid"]),
            bond_per_example_wei=int(call(nodes, "bondPerExampleWei")),
            min_bond_wei=int(call(nodes, "minBondWei")),
            max_dataset_size=int(call(nodes, "maxDatasetSize")),
            idle_rounds=int(call(nodes, "idleRounds")),
            fault_rules=FaultRules(
                limit=int(call(nodes, "faultLimit")),
                window=int(call(nodes, "faultWindow")),
                forfeit_bps=int(call(nodes, "forfeitBps")),
            ),
            first_block=first_block,
            vault=None if contracts.vault is None else to_address(contracts.vault.address),
        )

    def _find_creation(self, registry: Address, first_block: int) -> Event:
        created = next(self._get_logs([registry], [get_topic("NetworkCreated")], first_block), None)
        if created is None:
            raise NoContractError(
                f"registry {registry} has no NetworkCreated event from block {first_block} on: "
                "check `block` in the deployment file, and that the RPC serves old events"
            )
        return created


def _to_challenge(event: Event) -> PublishedChallenge:
    args = event.args
    return PublishedChallenge(
        round_id=args["round"],
        digest=Digest(args["digest"]),
        cid=Cid(args["cid"]),
        unit=args["unit"],
        base_loss_nano=args["baseLossNano"],
        candidate_loss_nano=args["candidateLossNano"],
        common=Commitment(args["commonCommitment"]),
        tasks=tuple(Commitment(point) for point in args["taskCommitments"]),
        directions=args["directions"],
    )
