"""The EZKL rules: every one is a condition for the proofs to mean anything.

`docs/circuits.md` says what a prover could do if one of them were broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from zk0.errors import CircuitError

EZKL_VERSION = "23.0.5"
NUM_OUTPUTS = 5

RUN_ARGS: Mapping[str, object] = MappingProxyType(
    {
        "input_visibility": "polycommit",
        "output_visibility": "public",
        "param_visibility": "fixed",
        "input_scale": 0,
        "param_scale": 0,
        "scale_rebase_multiplier": 10,
        "num_inner_cols": 2,
        "decomp_base": 128,
        "decomp_legs": 1,
        "ignore_range_check_inputs_outputs": True,
        "disable_freivalds": True,
        "check_mode": "unsafe",
    }
)
"""What `ezkl.PyRunArgs` is given. Everything but the check mode is a soundness condition
or fixes the layout; the check mode only decides how much the prover checks on itself."""

_SETTINGS_SPELLING = {"polycommit": "KZGCommit", "public": "Public", "fixed": "Fixed"}
_DIGIT_RANGES = [[-1, 1], [0, 127]]
"""Sign and one digit in base 128: together |d| < 128, enforced only where `abs` is taken."""


def validate_settings(settings: Mapping[str, Any], sample_size: int, k: int) -> None:
    """Refuse EZKL settings that break a rule.

    Raises:
        CircuitError: naming every broken rule with expected and found values.
    """
    broken = [
        f"{name}: expected {expected!r}, found {found!r}"
        for name, expected, found in _list_rules(settings, sample_size, k)
        if expected != found
    ]
    if broken:
        raise CircuitError(
            "unsound circuit settings, rebuild with scripts/build-circuits: " + "; ".join(broken)
        )


def _list_rules(
    settings: Mapping[str, Any], sample_size: int, k: int
) -> Iterator[tuple[str, object, object]]:
    run_args = settings.get("run_args", {})
    for name, value in RUN_ARGS.items():
        if name != "check_mode":
            spelled = _SETTINGS_SPELLING.get(value, value) if isinstance(value, str) else value
            yield f"run_args.{name}", spelled, run_args.get(name)
    yield "run_args.logrows", k, run_args.get("logrows")
    # Non-zero means that some matrix product is left to Freivalds' check.
    einsum = settings.get("einsum_params", {})
    yield "einsum_params.total_einsum_col_size", 0, einsum.get("total_einsum_col_size")
    # Empty when `abs` is missing from the model.
    ranges = sorted(settings.get("required_range_checks", []))
    yield "required_range_checks (abs of the sample)", _DIGIT_RANGES, ranges
    yield "required_lookups", [], settings.get("required_lookups")
    committed = settings.get("module_sizes", {}).get("polycommit")
    yield "module_sizes.polycommit", [sample_size] * 3 + [1], committed
    yield "model_instance_shapes", [[1]] * NUM_OUTPUTS, settings.get("model_instance_shapes")
    yield "model_input_scales", [0] * 4, settings.get("model_input_scales")
    yield "model_output_scales", [0] * NUM_OUTPUTS, settings.get("model_output_scales")
    yield "version", EZKL_VERSION, settings.get("version")
