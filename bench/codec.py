#!/usr/bin/env python3
"""What a video codec does to the simulator's pictures: the same episodes as video and losslessly.

    uv run --group simulator bench/codec.py [--task touch-wide] [--episodes 60]

Prints how far decoded pictures are from the simulator's own, of 255, and the room both take.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("MUJOCO_GL", "egl")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from zk0.learning.datasets import load_dataset
from zk0.learning.simulator.meshes import use_light_meshes
from zk0.learning.simulator.recording import record_dataset


def count_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="touch-wide")
    parser.add_argument("--episodes", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        use_light_meshes(root / "so101")
        images = {}
        for name in ("video", "lossless"):
            record_dataset(
                root / name, options.task, options.episodes, 0, lossless=name == "lossless"
            )
            dataset = load_dataset(f"local:{root / name}")
            images[name] = dataset.train.join(dataset.held_out).images
            print(f"{name}: {count_bytes(root / name):,} bytes")
    for camera, exact in images["lossless"].items():
        off = np.abs(exact.astype(np.int16) - images["video"][camera])
        print(
            f"{camera}: {len(off)} pictures off by {off.mean():.2f} on average, at most {off.max()}"
        )


if __name__ == "__main__":
    main()
