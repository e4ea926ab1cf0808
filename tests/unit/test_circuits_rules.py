"""Every EZKL rule is checked on the settings, and the shipped settings keep them all."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from circuits.catalog import CATALOG, CatalogEntry, get_circuit
from circuits.rules import validate_settings
from zk0.errors import CircuitError

BREAKS: dict[str, tuple[tuple[str, ...], object]] = {
    "Freivalds on": (("run_args", "disable_freivalds"), False),
    "a matrix product left to Freivalds": (("einsum_params", "total_einsum_col_size"), 78),
    "no abs, so no range check": (("required_range_checks",), []),
    "a digit too many": (("run_args", "decomp_legs"), 2),
    "a larger digit": (("run_args", "decomp_base"), 16384),
    "digits with another range": (("required_range_checks",), [[-1, 1], [0, 16383]]),
    "private inputs": (("run_args", "input_visibility"), "Private"),
    "hashed inputs": (("run_args", "input_visibility"), "Hashed"),
    "private outputs": (("run_args", "output_visibility"), "Private"),
    "private parameters": (("run_args", "param_visibility"), "Private"),
    "another number of columns": (("run_args", "num_inner_cols"), 1),
    "inputs with fractions": (("run_args", "input_scale"), 7),
    "parameters with fractions": (("run_args", "param_scale"), 7),
    "rebased early": (("run_args", "scale_rebase_multiplier"), 1),
    "range-checked instances": (("run_args", "ignore_range_check_inputs_outputs"), False),
    "other rows": (("run_args", "logrows"), 12),
    "another sample size": (("module_sizes", "polycommit"), [960, 960, 961, 1]),
    "an output missing": (("model_instance_shapes",), [[1]] * 4),
    "scaled outputs": (("model_output_scales",), [0, 0, 1, 0, 0]),
    "lookups": (("required_lookups",), [{"Sigmoid": {"scale": 1.0}}]),
    "another EZKL": (("version",), "22.0.0"),
}


def read_settings(name: str) -> dict[str, Any]:
    return json.loads(get_circuit(name).settings.read_text())


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)
def test_shipped_settings_keep_every_rule(entry: CatalogEntry) -> None:
    validate_settings(read_settings(entry.name), entry.sample_size, entry.k)


@pytest.mark.parametrize("name", BREAKS)
def test_settings_that_break_a_rule_are_refused(name: str) -> None:
    path, value = BREAKS[name]
    settings = copy.deepcopy(read_settings("alignment-960"))
    target: Any = settings
    for key in path[:-1]:
        target = target[key]
    assert target[path[-1]] != value
    target[path[-1]] = value
    with pytest.raises(CircuitError, match=path[-1]):
        validate_settings(settings, 960, 13)


@pytest.mark.parametrize("path", [("run_args", "disable_freivalds"), ("einsum_params",)])
def test_settings_that_do_not_mention_a_rule_are_refused(path: tuple[str, ...]) -> None:
    settings = read_settings("alignment-960")
    target: Any = settings
    for key in path[:-1]:
        target = target[key]
    del target[path[-1]]
    with pytest.raises(CircuitError, match="expected"):
        validate_settings(settings, 960, 13)
