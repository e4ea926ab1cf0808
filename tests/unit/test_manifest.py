"""What a network's manifest accepts, and that its bytes are one."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.doubles.world import MANIFEST
from zk0.config import NetworkManifest, parse_manifest
from zk0.errors import ConfigError
from zk0.protocol.canonical import encode_canonical
from zk0.protocol.statement import Digest
from zk0.protocol.strategies import FEDAVG
from zk0.strategy_names import PRESETS, apply_preset


def change(**values: Any) -> bytes:
    return encode_canonical(json.loads(MANIFEST.to_bytes()) | values)


def change_training(**values: Any) -> bytes:
    training = json.loads(MANIFEST.to_bytes())["training"]
    return change(training=training | values)


def test_plain_fedavg_has_the_bytes_of_the_first_release() -> None:
    assert MANIFEST.to_bytes() == (
        b'{"circuit":"sample","clip_factor":2,"copy_rounds":3,"max_norm":"100","model":"linear",'
        b'"near_copy_bps":9500,"own_copy_bps":9990,"scope":"all","statistics":"' + b"0" * 64 + b'",'
        b'"tensor_factor":8,"training":{"batch_size":128,"learning_rate":"0.2","steps":20},'
        b'"version":1}'
    )
    assert MANIFEST.strategy == FEDAVG


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_named_strategy_survives_its_manifest(name: str) -> None:
    manifest = apply_preset(MANIFEST, name)
    found = parse_manifest(manifest.to_bytes(), manifest.digest)
    assert found == manifest
    assert found.strategy == manifest.strategy
    assert (manifest.digest == MANIFEST.digest) is (name == "fedavg")


def test_an_unknown_strategy_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"expected one of the strategies fedavg, .* 'fedsgd'"):
        apply_preset(MANIFEST, "fedsgd")


def test_a_manifest_with_another_strategy_than_the_registry_fixes_is_refused() -> None:
    other = apply_preset(MANIFEST, "fedadam")
    with pytest.raises(ConfigError, match="the registry fixes digest"):
        parse_manifest(other.to_bytes(), MANIFEST.digest)


def test_a_default_that_is_written_out_is_refused() -> None:
    """Else one network would have two manifests."""
    data = change(server_rule={"name": "fedavg"})
    with pytest.raises(ConfigError, match="left out at their defaults"):
        parse_manifest(data, Digest(hashlib.sha256(data).digest()))


@pytest.mark.parametrize(
    "data",
    [
        change(server_rule={"name": "fedavg", "momentum": "0.9"}),
        change(server_rule={"name": "fedavgm", "learning_rate": "1"}),
        change(server_rule={"name": "fedavgm", "learning_rate": "1", "momentum": "1"}),
        change(server_rule={"name": "fedavgm", "learning_rate": "NaN", "momentum": "0.9"}),
        change(server_rule={"name": "fedavgm", "learning_rate": "-1", "momentum": "0.9"}),
        change(server_rule={"name": "fedavgm", "learning_rate": "0", "momentum": "0.9"}),
        change(
            server_rule={
                "name": "fedadam", "learning_rate": "1", "beta1": "0.9", "beta2": "1", "tau": "1",
            }
        ),
        change(
            server_rule={
                "name": "fedyogi", "learning_rate": "1", "beta1": "0", "beta2": "0", "tau": "0",
            }
        ),
        change(server_rule={"name": "scaffold"}),
        change(combination={"name": "median", "trim_bps": 1000}),
        change(combination={"name": "trimmed-mean"}),
        change(combination={"name": "trimmed-mean", "trim_bps": 5000}),
        change_training(proximal_mu="-0.1"),
        change_training(proximal_mu="nan"),
        change_training(learning_rate="0"),
        change_training(scheduler="exponential"),
        change_training(scheduler="constant", warmup_steps=5),
        change_training(warmup_steps=0),
        change_training(round_rate={"name": "constant", "rounds": 3}),
        change_training(round_rate={"name": "cosine", "rounds": 1, "final_share": "0.1"}),
        change_training(round_rate={"name": "cosine", "rounds": 9, "final_share": "0"}),
        change_training(round_rate={"name": "cosine", "rounds": 9, "final_share": "1.1"}),
        change_training(round_rate={"name": "decay", "factor": "1", "every": 1}),
        change_training(round_rate={"name": "decay", "factor": "0", "every": 1}),
    ],
)  # fmt: skip
def test_contradictions_and_values_out_of_range_are_refused(data: bytes) -> None:
    with pytest.raises(ConfigError, match="not valid"):
        parse_manifest(data)


def test_rates_from_round_to_round() -> None:
    def shares(rule: dict[str, Any]) -> list[float]:
        manifest = NetworkManifest.model_validate(json.loads(change_training(round_rate=rule)))
        return [manifest.training.round_rate.compute_share(r) for r in (1, 2, 3, 4, 9)]

    cosine = shares({"name": "cosine", "rounds": 5, "final_share": "0.2"})
    assert cosine[0] == 1
    assert cosine[2] == pytest.approx(0.6)
    assert cosine[4] == pytest.approx(0.2)
    decay = shares({"name": "decay", "factor": "0.5", "every": 2})
    assert decay == [1, 1, 0.5, 0.5, 0.0625]
    assert MANIFEST.training.round_rate.compute_share(7) == 1
