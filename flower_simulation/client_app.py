"""One simulated node: trains from the parameters that it is sent."""

from __future__ import annotations

import functools

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from flower_simulation.options import Options
from zk0.experiments.setting import Setting, make_setting
from zk0.learning.flower_parcel import pack_parcel, unpack_parcel
from zk0.ports import Parcel

app = ClientApp()


@functools.cache
def get_setting(policy: str, nodes: int, strategy: str, poisoned: int) -> Setting:
    """Once a worker process: loading a policy takes seconds."""
    return make_setting(policy, nodes=nodes, strategy=strategy, poisoned=poisoned)


@app.train()  # type: ignore[untyped-decorator]
def train(message: Message, context: Context) -> Message:
    """The member whose number is this node's partition."""
    order, options = unpack_parcel(message.content), Options.of(context.run_config)
    number, nodes = (int(context.node_config[k]) for k in ("partition-id", "num-partitions"))
    setting = get_setting(options.policy, nodes, options.strategy, options.poisoned)
    member = setting.members[number]
    seed = int(order.fields[f"seed/{member.name}"])
    result = member.learner.train(order.tensors, seed, float(order.fields["rate_share"]))
    fields = {
        "member": number,
        "num_examples": result.num_examples,
        "loss_before": result.loss_before,
        "loss_after": result.loss_after,
        "seconds": result.seconds,
    }
    return Message(pack_parcel(Parcel(fields, result.parameters)), reply_to=message)
