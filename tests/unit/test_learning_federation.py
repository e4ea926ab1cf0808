"""`[tool.zk0.datasets]`: what it says, and every contradiction by its key's path."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zk0.errors import ConfigError
from zk0.learning.federation import Federation, choose_dataset, load_federation

EXAMPLES = Path(__file__).parents[2] / "examples"
CLIENTS = """
[[tool.zk0.datasets.clients]]
name = "lift"
address = "sim:lift"
description = "Pick up the red cube."
eval_episodes = 3
rename = { overhead = "camera1" }

[[tool.zk0.datasets.clients]]
name = "touch"
address = "touch"
"""


def load(text: str, folder: Path) -> Federation:
    file = folder / "federation.toml"
    file.write_text(text)
    return load_federation(file)


def test_what_is_set_for_all_holds_where_a_client_sets_nothing(tmp_path: Path) -> None:
    head = """
        [tool.zk0.datasets]
        model = "tiny"
        eval_episodes = 5
        tolerance_s = 0.02
        rename = { wrist = "camera2" }
        image_transforms = { max_num_transforms = 2 }
        delta_timestamps = { action = [0.0, 0.1] }
    """
    tail = """
        [[tool.zk0.datasets.evaluation]]
        name = "stack"
        address = "sim:stack"
    """
    federation = load(head + CLIENTS + tail, tmp_path)
    lift, touch, stack = *federation.clients, *federation.evaluation
    assert federation.model == "tiny"
    assert (lift.eval_episodes, touch.eval_episodes, stack.eval_episodes) == (3, 5, None)
    assert lift.rename == {"overhead": "camera1"}
    assert touch.rename == stack.rename == {"wrist": "camera2"}
    assert lift.image_transforms == touch.image_transforms
    assert lift.image_transforms is not None
    assert stack.image_transforms is None
    assert stack.tolerance_s == 0.02
    assert stack.delta_timestamps == {"action": [0.0, 0.1]}


def test_client_is_found_by_its_name(tmp_path: Path) -> None:
    load(CLIENTS, tmp_path)
    file = tmp_path / "federation.toml"
    assert choose_dataset("lift", file).eval_episodes == 3
    assert choose_dataset("lift").eval_episodes is None
    with pytest.raises(ConfigError, match=r"\['lift', 'touch'\], found 'stack'"):
        choose_dataset("stack", file)


def test_one_data_set_may_be_split_among_clients(tmp_path: Path) -> None:
    halves = """
        [[tool.zk0.datasets.clients]]
        name = "a"
        address = "sim:lift"
        episodes = [0, 10]
        [[tool.zk0.datasets.clients]]
        name = "b"
        address = "lift"
        episodes = [10, 20]
    """
    assert len(load(halves, tmp_path).clients) == 2


ENTRY = "[[tool.zk0.datasets.{kind}]]\nname = '{name}'\naddress = '{address}'\n{more}\n"


def entry(name: str, address: str, more: str = "", kind: str = "clients") -> str:
    return ENTRY.format(kind=kind, name=name, address=address, more=more)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected [tool.zk0.datasets]"),
        ("[tool]\nzk0 = 3", "expected [tool.zk0.datasets]"),
        ("[tool.zk0.datasets", "cannot be read"),
        ("[tool.zk0.datasets]", "tool.zk0.datasets.clients: Field required"),
        ("[tool.zk0.datasets]\nclients = []", "tool.zk0.datasets.clients: List should have"),
        ("[tool.zk0.datasets]\nclient = []", "tool.zk0.datasets.client: Extra inputs"),
        ("[tool.zk0.datasets]\nround = 1\n" + CLIENTS, "tool.zk0.datasets.round: Extra inputs"),
        (entry("a", "touch", "folder = 'x'"), "tool.zk0.datasets.clients[0].folder: Extra inputs"),
        (entry("a", "juggle"), "tool.zk0.datasets.clients[0].address: expected a data set as"),
        (entry("a b", "touch"), "tool.zk0.datasets.clients[0].name: String should match"),
        (
            "[[tool.zk0.datasets.clients]]\naddress = 'touch'",
            "tool.zk0.datasets.clients[0].name: expected a name",
        ),
        (
            entry("a", "touch") + entry("a", "lift"),
            "tool.zk0.datasets.clients[1].name: expected a name of its own, found 'a'",
        ),
        (
            entry("a", "touch") + entry("a", "lift", kind="evaluation"),
            "tool.zk0.datasets.evaluation[0].name: expected a name of its own",
        ),
        (
            entry("a", "touch") + entry("b", "sim:touch"),
            "tool.zk0.datasets.clients[1].address: expected episodes that no other data set has",
        ),
        (
            entry("a", "touch") + entry("b", "touch", kind="evaluation"),
            "tool.zk0.datasets.evaluation[0].address: expected episodes that no other",
        ),
        (
            entry("a", "touch", "episodes = [0, 11]") + entry("b", "touch", "episodes = [10, 20]"),
            "tool.zk0.datasets.clients[1].address: expected episodes that no other",
        ),
        (entry("a", "touch", "episodes = [4, 4]"), "clients[0]: episodes: expected [first, last"),
        (entry("a", "touch", "episodes = [4]"), "clients[0].episodes: List should have"),
        (
            entry("a", "touch", "episodes = [0, 4]\neval_episodes = 4"),
            "clients[0]: eval_episodes: 4 of 4 episodes are held out",
        ),
        (entry("a", "touch", "eval_episodes = 0"), "clients[0].eval_episodes: Input should be"),
        (entry("a", "touch", "eval_episodes = '4'"), "clients[0].eval_episodes: Input should be"),
        (entry("a", "touch", "tolerance_s = 0"), "clients[0].tolerance_s: Input should be"),
        (entry("a", "touch", "rename = { top = 3 }"), "clients[0].rename.top: Input should be"),
        (
            entry("a", "touch", "delta_timestamps = { action = [] }"),
            "clients[0].delta_timestamps.action: List should have",
        ),
        (
            entry("a", "touch", "image_transforms = { tfs = { x = { kind = 'y' } } }"),
            "clients[0].image_transforms.tfs.x.kind: Extra inputs are not permitted (and 1 more)",
        ),
        (
            entry("a", "touch") + entry("b", "lift", "eval_episodes = 2", kind="evaluation"),
            "tool.zk0.datasets.evaluation[0]: eval_episodes and image_transforms are for clients",
        ),
    ],
)
def test_contradiction_is_refused_with_the_keys_path(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as refused:
        load(text, tmp_path)
    assert "federation.toml" in str(refused.value)
    assert refused.value.exit_code == 2


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a TOML file with"):
        load_federation(tmp_path / "nothing.toml")


def test_shipped_examples_are_valid() -> None:
    original = load_federation(EXAMPLES / "svla.toml")
    assert [client.address for client in original.clients] == [
        "hf:lerobot/svla_so100_pickplace",
        "hf:lerobot/svla_so100_stacking",
        "hf:lerobot/svla_so100_sorting",
        "hf:lerobot/svla_so101_pickplace",
    ]
    assert all(client.description for client in original.clients)
    embedded = load_federation(EXAMPLES / "embedded.toml")
    assert [client.name for client in embedded.clients] == ["lift", "place", "touch"]
    assert [unseen.name for unseen in embedded.evaluation] == ["stack"]
