"""Simulated rounds on a devnet: what the contracts then hold."""

from __future__ import annotations

import pytest

from circuits.catalog import get_circuit
from circuits.prover import EzklProver
from zk0.chain.batch import BatchedCall
from zk0.errors import TransactionError
from zk0.experiments.chain import open_notary
from zk0.experiments.setting import make_setting
from zk0.experiments.simulation import Simulation
from zk0.protocol.contribution import Outcome
from zk0.protocol.round import Phase

CIRCUIT = get_circuit("alignment-960")


def open_network(nodes: int, poisoned: int, prover: EzklProver | None):
    setting = make_setting("toy", nodes=nodes, poisoned=poisoned)
    genesis = Simulation(setting, 0).digest
    notary = open_notary(
        setting, genesis, circuit="alignment-960", circuit_id=CIRCUIT.circuit_id, prover=prover
    )
    return setting, notary


def test_commitments_are_on_chain_before_the_sample_is_drawn() -> None:
    setting, network = open_network(4, 0, None)
    with network as notary:
        simulation = Simulation(setting, 3, notary)
        committed, commit = [], notary.commit

        def watch(round_id, submissions):
            committed.append([(s.node, s.digest, s.num_examples, s.exponent) for s in submissions])
            return commit(round_id, submissions)

        notary.commit = watch  # type: ignore[method-assign]
        simulation.run(2)
        for round_id, expected in enumerate(committed, 1):
            round_ = notary.coordinator.get_round(round_id)
            found = [(c.node, c.digest, c.num_examples, c.exponent) for c in round_.contributions]
            assert sorted(found) == sorted(expected)
            assert round_.phase is Phase.ABORTED
            assert round_.sample_seed != bytes(32)
        twice = BatchedCall(committed[0][0][0], "commitUpdate", (2, b"\x01" * 32, 1, -9))
        with pytest.raises(TransactionError, match="commitUpdate"):
            notary.batch.send([twice])


def test_the_coordinators_bond_lasts_for_a_long_simulation() -> None:
    """Every round without proofs is given up after its commits were closed, which costs."""
    setting, network = open_network(2, 0, None)
    with network as notary:
        Simulation(setting, 3, notary).run(1)
        coordinators = notary.coordinator.get_coordinators()
        (seat,) = coordinators.seats
        spare = seat.bond_wei - coordinators.rules.bond_wei
        assert spare // coordinators.rules.penalty_wei > 10_000


def test_with_proofs_the_contract_judges_and_the_checkpoints_are_on_chain() -> None:
    setting, network = open_network(3, 1, EzklProver(CIRCUIT, 31337))
    with network as notary:
        record = Simulation(setting, 3, notary).run_round()
        round_ = notary.coordinator.get_round(1)
        assert round_.phase is Phase.FINALIZED
        assert notary.coordinator.get_head().hex() == record.checkpoint
        outcomes = [c.outcome for c in sorted(round_.contributions, key=lambda c: c.task)]
        assert outcomes == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.BELOW_THRESHOLD]
        assert record.accepted == ("lift-0", "place-1")
        proven = {notary.get_address(i): m.name for i, m in enumerate(setting.members)}
        for c in round_.contributions:
            if c.outcome is Outcome.ACCEPTED:
                exact = record.shares[proven[c.node]]
                assert c.share_nano / 1e9 == pytest.approx(exact, rel=0.25)
