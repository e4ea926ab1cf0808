"""Saves a policy as a folder that LeRobot loads, with its pre- and post-processors.

policy = SmolVLAPolicy.from_pretrained(folder)
preprocess, postprocess = make_pre_post_processors(policy.config, pretrained_path=folder)
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from zk0.errors import StorageError
from zk0.learning.normalization import write_statistics
from zk0.learning.policy import BACKBONE_FOLDER, STATISTICS_FILE, Policy
from zk0.learning.robot import ACTION_KEY, STATE_KEY

PREPROCESSOR_FILE = "policy_preprocessor.json"
MOMENTS = ("mean", "std")


def export_policy(policy: Policy, folder: Path, final: Path | None = None) -> None:
    """Write `policy` into the existing `folder`, which will be renamed to `final`.

    A backbone that is a folder on this machine is copied beside it; LeRobot wants its absolute
    path, so a folder that is moved later is loaded with `zk0.learning.policy.load_policy`,
    which finds the copy.

    Raises:
        StorageError: it cannot be written (disk full, no permission).
    """
    try:
        policy.module.save_pretrained(folder)
        policy.preprocess.save_pretrained(folder)
        policy.postprocess.save_pretrained(folder)
        _write_statistics(policy, folder)
        _copy_backbone(Path(policy.module.config.vlm_model_name), folder, final or folder)
    except (OSError, SafetensorError) as error:
        raise StorageError(
            f"cannot write the model folder {final or folder}: {error}; free some space or choose "
            "another folder (nothing half-written stays)"
        ) from error


def _write_statistics(policy: Policy, folder: Path) -> None:
    """The network's statistics file again, byte for byte, from what the normaliser holds."""
    for step in policy.preprocess.steps:
        stats = getattr(step, "stats", None)
        if stats:
            write_statistics(
                folder / STATISTICS_FILE,
                {
                    key: {name: np.asarray(stats[key][name], np.float32) for name in MOMENTS}
                    for key in (STATE_KEY, ACTION_KEY)
                },
            )


def _copy_backbone(backbone: Path, folder: Path, final: Path) -> None:
    """Nothing for a backbone that is a hub id: LeRobot fetches it by name."""
    if not backbone.is_dir():
        return
    shutil.copytree(backbone, folder / BACKBONE_FOLDER)
    named = str(final.resolve() / BACKBONE_FOLDER)
    _edit_json(folder / "config.json", lambda config: config.update(vlm_model_name=named))
    _edit_json(folder / PREPROCESSOR_FILE, lambda config: _set_tokenizer(config, named))


def _set_tokenizer(processor: dict[str, Any], named: str) -> None:
    for step in processor["steps"]:
        if step.get("registry_name") == "tokenizer_processor":
            step["config"]["tokenizer_name"] = named


def _edit_json(file: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(file.read_bytes())
    edit(content)
    file.write_text(json.dumps(content, indent=2) + "\n")
