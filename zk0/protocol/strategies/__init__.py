"""From base, updates and server state to the next checkpoint. `docs/strategies.md`.

A strategy is a pure function in plain numpy: a *combination* makes one aggregate of the
updates, exact on integers, and a *server rule* makes a step of the aggregate and of the server
state. Allowed in a rule, in float64: + − × ÷ and the square root, each its own numpy call
(correctly rounded by IEEE 754, never fused), and one rounding to float32 for what is kept.
"""

from zk0.protocol.strategies.combination import Combination, Mean, Median, TrimmedMean
from zk0.protocol.strategies.rules import FedAdam, FedAvg, FedAvgM, FedYogi, Rule
from zk0.protocol.strategies.state import ServerState, read_server_state
from zk0.protocol.strategies.strategy import FEDAVG, Strategy

__all__ = [
    "FEDAVG",
    "Combination",
    "FedAdam",
    "FedAvg",
    "FedAvgM",
    "FedYogi",
    "Mean",
    "Median",
    "Rule",
    "ServerState",
    "Strategy",
    "TrimmedMean",
    "read_server_state",
]
