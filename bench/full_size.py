#!/usr/bin/env python3
"""SmolVLA's real architecture with random weights: one step, encode, sample, measure, prove.

    uv run bench/full_size.py               # 450 million parameters; wants an idle machine and 8 GB
    uv run bench/full_size.py --size tiny   # the same steps in seconds

Every step a node and its coordinator take with one update, with frames of the embedded
`touch` data set. Shows that the code carries the size; says nothing about quality.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SEED = bytes(31) + b"\x01"
EXPONENTS = (-24, -8)
CHAIN_ID = 31337
NODE = 1


@contextmanager
def measured(what: str) -> Iterator[None]:
    wall, cpu = time.monotonic(), time.process_time()
    yield
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what:36s} {time.monotonic() - wall:7.1f} s wall {time.process_time() - cpu:7.1f} s CPU "
        f"{peak_mb:6.0f} MB peak so far",
        flush=True,
    )


def build_full_policy(folder: Path) -> None:
    """SmolVLM2-500M's sizes and SmolVLA's defaults; random weights."""
    import torch
    from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
    from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

    from zk0.learning.policy import BACKBONE_FOLDER, describe_features
    from zk0.learning.robot import SO101
    from zk0.learning.tiny import BackboneSize, build_backbone

    size = BackboneSize(
        vocabulary=49_280,
        scale_factor=4,
        vision={
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "image_size": 512,
            "patch_size": 16,
        },
        text={
            "hidden_size": 960,
            "intermediate_size": 2560,
            "num_hidden_layers": 32,
            "num_attention_heads": 15,
            "num_key_value_heads": 5,
            "head_dim": 64,
            "max_position_embeddings": 8192,
            "rope_theta": 100000.0,
            "rms_norm_eps": 1e-5,
        },
    )
    build_backbone(folder / BACKBONE_FOLDER, size)
    torch.manual_seed(0)
    inputs, outputs = describe_features(SO101)
    config = SmolVLAConfig(
        input_features=inputs,
        output_features=outputs,
        vlm_model_name=str(folder / BACKBONE_FOLDER),
        load_vlm_weights=False,
        device="cpu",
        push_to_hub=False,
    )
    SmolVLAPolicy(config).save_pretrained(folder)


def take_frames(frames: Any, count: int) -> Any:
    """The first frames of a data set."""
    return dataclasses.replace(
        frames,
        images={key: pixels[:count] for key, pixels in frames.images.items()},
        state=frames.state[:count],
        action=frames.action[:count],
        episode=frames.episode[:count],
        instructions=frames.instructions[:count],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=["full", "tiny"], default="full")
    parser.add_argument("--circuit", default="alignment-3840")
    options = parser.parse_args()
    print(f"cpus={os.cpu_count()} load={os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="zk0-full-") as scratch:
        run(options.size, options.circuit, Path(scratch))


def run(size: str, circuit_name: str, scratch: Path) -> None:
    with measured("import"):
        from circuits.catalog import get_circuit
        from circuits.prover import EzklProver
        from zk0.learning.datasets import load_dataset
        from zk0.learning.examination import PoolExaminer
        from zk0.learning.policy import MODELS, STATISTICS_FILE, load_policy
        from zk0.learning.pool import Pool
        from zk0.learning.training import SmolVlaLearner, TrainingRecipe
        from zk0.protocol.challenge import compute_directions
        from zk0.protocol.randomness import draw_sample
        from zk0.protocol.tensorfile import write_tensor_file
        from zk0.protocol.update import quantise
    if size == "full":
        with measured("build with random weights, save"):
            build_full_policy(scratch / "model")
        shutil.copy(MODELS / "tiny" / STATISTICS_FILE, scratch / "model")
    with measured("load"):
        model = "tiny" if size == "tiny" else str(scratch / "model")
        policy = load_policy(model, "expert", device="cpu")
    total = sum(p.numel() for p in policy.module.parameters())
    count = policy.layout.parameter_count
    print(f"{total:,} parameters, {count:,} of them in {len(policy.trainable)} tensors train")
    dataset = load_dataset("touch")
    few = dataclasses.replace(dataset, held_out=take_frames(dataset.held_out, 1))
    base = policy.get_parameters()
    with measured("one training step on one frame"):
        recipe = TrainingRecipe(steps=1, batch_size=1, warmup_steps=1)
        result = SmolVlaLearner(policy, few, recipe).train(base, 0)
    print(f"held-out loss {result.loss_before:.4f} -> {result.loss_after:.4f}")
    with measured("encode to int8, write"):
        difference = {name: result.parameters[name] - base[name] for name in base}
        del result
        quantised = quantise(difference, *EXPONENTS)
        del difference
        write_tensor_file(scratch / "update", quantised.digits, {})
    print(f"update {(scratch / 'update').stat().st_size:,} bytes, 2^{quantised.exponent}")
    candidate = {
        name: (tensor + 2.0**quantised.exponent * quantised.digits[name]).astype(tensor.dtype)
        for name, tensor in base.items()
    }
    with measured("path gradient of one frame"):
        examiner = PoolExaminer(policy, Pool({"touch": take_frames(dataset.held_out, 1)}))
        path = examiner.compute_path_gradient(base, candidate, {"touch": [0]}, SEED)
    print(f"loss {path.base_loss['touch']:.4f} -> {path.candidate_loss['touch']:.4f}")
    circuit = get_circuit(circuit_name)
    prover = EzklProver(circuit, CHAIN_ID)
    with measured("derive the proving key"):
        prover.prepare()
    with measured("sample, directions"):
        sample = draw_sample(SEED, prover.sample_size, count)
        digits = policy.layout.gather(quantised.digits, sample)
        directions = compute_directions(path.gradients, sample, count)
    with measured("commit to the sample"):
        prover.compute_commitment(digits)
    with measured("prove (and verify)"):
        proven = prover.prove(directions.common, directions.tasks["touch"], digits, NODE)
    print(f"proof {len(proven.proof):,} bytes, agreement {proven.agreement}")


if __name__ == "__main__":
    main()
