"""Checks of what updates were measured against: the challenge, and the examples behind it."""

from __future__ import annotations

from auditor.case import Case
from auditor.findings import Refutation
from zk0.protocol.challenge import compute_mean_nano, pack_directions, read_challenge
from zk0.protocol.randomness import draw_frames, draw_sample


def check_challenge(case: Case) -> str:
    """The challenge file, its directions in calldata and their commitments belong together."""
    round_, network = case.round_, case.ledger.network
    published = case.ledger.get_published_challenge(round_.round_id)
    if published is None:
        raise Refutation("the chain has no challenge of this round")
    path = case.home.challenge_file(round_.round_id)
    case.fetch(published.cid, path, "the challenge")
    case.challenge = challenge = read_challenge(path, published.digest)
    prover = case.tools.provers.get(case.rules.circuit_id)
    directions = challenge.directions
    indices = draw_sample(round_.sample_seed, prover.sample_size, network.parameter_count)
    agreeing = {
        "round and seeds": (challenge.round_id, challenge.sample_seed, challenge.challenge_seed)
        == (round_.round_id, round_.sample_seed, round_.challenge_seed),
        "base and candidate": (challenge.base, challenge.candidate)
        == (round_.base, round_.candidate),
        "pool": challenge.pool_root == round_.pool_root,
        "sample": challenge.indices.tolist() == indices.tolist(),
        "unit": directions.unit == published.unit == round_.unit,
        "losses": (
            compute_mean_nano(challenge.base_loss_nano),
            compute_mean_nano(challenge.candidate_loss_nano),
        )
        == (round_.base_loss_nano, round_.candidate_loss_nano),
        "directions": pack_directions(directions, network.tasks) == published.directions,
        "common commitment": prover.compute_commitment(directions.common) == published.common,
        "task commitments": published.tasks
        == tuple(prover.compute_commitment(directions.tasks[task]) for task in network.tasks),
    }
    wrong = [name for name, agrees in agreeing.items() if not agrees]
    if wrong:
        raise Refutation(f"the challenge file is not what the chain says: {wrong}")
    return f"SHA-256 {published.digest.hex()}, {len(network.tasks) + 1} commitments"


def check_examples(case: Case) -> str:
    """The examples are those that the seed draws from the pool, and they were published."""
    if case.frames is None:
        raise Refutation("no frames were published")
    seed, wanted = case.round_.challenge_seed, case.rules.parameters.frames_per_task
    times = case.workspace.count_draws(case.round_.round_id)
    for task in case.ledger.network.tasks:
        if task not in times:
            raise Refutation(f"no frame of task {task} was published")
        drawn = draw_frames(seed, task, times[task], wanted)
        if list(case.challenge.frames.get(task, ())) != drawn:
            raise Refutation(f"the examples of {task} are not those that the seed draws")
        if set(drawn) != set(case.frames.frames[task]):
            raise Refutation(f"other frames of {task} were published than drawn")
    if set(case.challenge.frames) != set(case.ledger.network.tasks):
        raise Refutation("the challenge has examples of tasks that the network has not")
    return f"{len(case.frames)} frames as drawn"
