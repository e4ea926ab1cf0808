"""Write `strategies.json`: two rounds of every strategy, bit by bit.

`python tests/vectors/make_strategies.py`. `tests/unit/test_protocol_strategies.py` computes
them again without numpy.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.strategies import Strategy
from zk0.protocol.strategies.combination import Terms
from zk0.recipes import CombinationRule, FedAvgRule, MeanCombination, ServerRule
from zk0.strategy_names import PRESETS

SIZE = 12
WEIGHTS = [3, 5, 2, 4, 5]
EXPONENTS = [-9, -11, -8, -9, -12]


def make_round(rng: np.random.Generator) -> list[np.ndarray]:
    rounds = [rng.integers(-127, 128, SIZE).astype(np.int8) for _ in WEIGHTS]
    for digits in rounds:
        digits[0] = 0
        digits[1] = 5
    return rounds


def run(combination: CombinationRule, rule: ServerRule, seed: int) -> dict[str, Any]:
    strategy = Strategy(combination.make(), rule.make())
    rng = np.random.default_rng(seed)
    base = {"a": rng.standard_normal(SIZE).astype(np.float32)}
    state = strategy.make_initial_state(ParameterLayout.of(base))
    rounds: list[dict[str, Any]] = []
    value: dict[str, Any] = {
        "combination": combination.model_dump(),
        "serverRule": rule.model_dump(),
        "weights": WEIGHTS,
        "exponents": EXPONENTS,
        "base": base["a"].tobytes().hex(),
        "rounds": rounds,
    }
    for _ in range(2):
        updates = make_round(rng)
        terms = Terms([{"a": u} for u in updates], WEIGHTS, EXPONENTS)
        base, state = strategy.advance(base, terms, state)
        gain = np.broadcast_to(np.float64(strategy.compute_gain("a", state)), (SIZE,))
        rounds.append(
            {
                "updates": [u.tobytes().hex() for u in updates],
                "parameters": base["a"].tobytes().hex(),
                "state": {s: state.slots[s]["a"].tobytes().hex() for s in strategy.rule.slots},
                "gain": gain.tobytes().hex(),
            }
        )
    return value


def main() -> None:
    chosen = [PRESETS[name] for name in sorted(PRESETS)]
    pairs = [(p.combination, p.server_rule) for p in chosen]
    pairs.append((PRESETS["median"].combination, PRESETS["fedyogi"].server_rule))
    assert (MeanCombination(), FedAvgRule()) in pairs
    unique = [pair for i, pair in enumerate(pairs) if pair not in pairs[:i]]
    vectors = [run(combination, rule, i) for i, (combination, rule) in enumerate(unique)]
    path = Path(__file__).with_name("strategies.json")
    path.write_text(json.dumps({"strategies": vectors}, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
