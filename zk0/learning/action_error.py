"""How far predicted actions are from recorded ones, joint by joint, in the robot's units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from zk0.learning.draws import draw_noise
from zk0.learning.frames import Frames, build_batch
from zk0.learning.policy import Policy

MICROBATCH = 32
"""Frames in one forward pass; a fixed number, since it changes the last bits."""
GRIPPER_UNIT = "percent"
JOINT_UNIT = "deg"


def name_error(joint: str) -> str:
    """What the squared error of a joint is called: `shoulder_pan.pos` → `shoulder_pan.pos_deg2`.

    LeRobot's SO-100/101 data sets hold degrees, and 0 to 100 for the gripper.
    """
    unit = GRIPPER_UNIT if joint.partition(".")[0] == "gripper" else JOINT_UNIT
    return f"{joint}_{unit}2"


def predict_actions(
    policy: Policy, frames: Frames, indices: Sequence[int], task: str, seed: bytes
) -> NDArray[np.float32]:
    """The chunk that the policy would send to the robot at each frame, in its units.

    Noise comes from `seed`, task and frame, so that the same model always predicts the same.

    Returns:
        float32[len(indices), chunk_size, joints].
    """
    parts = []
    for start in range(0, len(indices), MICROBATCH):
        part = list(indices[start : start + MICROBATCH])
        noise = np.stack(
            [draw_noise(seed, task, i, policy.chunk_size, policy.max_action_dim) for i in part]
        )
        batch = policy.preprocess(build_batch(frames, part, policy.chunk_size))
        device = policy.module.config.device
        chunk = policy.module.predict_action_chunk(batch, noise=torch.from_numpy(noise).to(device))
        parts.append(policy.postprocess(chunk).float().numpy())
    policy.module.reset()
    return np.concatenate(parts)


def compute_action_mse(
    policy: Policy, frames: Frames, indices: Sequence[int], task: str, seed: bytes
) -> NDArray[np.float64]:
    """Mean squared error of each joint, float64[joints], in the data set's units squared.

    Over the actions that the robot executes before the policy looks again (`n_action_steps`),
    those beyond an episode's end left out.
    """
    horizon = int(policy.module.config.n_action_steps)
    predicted = predict_actions(policy, frames, indices, task, seed)[:, :horizon]
    recorded, is_pad = frames.get_chunks(indices, horizon)
    squares = (predicted.astype(np.float64) - recorded) ** 2
    return np.asarray(squares[~is_pad].mean(axis=0))
