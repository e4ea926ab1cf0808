"""How a network learns, as its manifest says it: on the nodes and on the coordinator.

Numbers are decimal strings, so that the manifest's bytes are exact. What was added after the
first release is left out of the bytes at its default: older networks keep their digests.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from zk0.protocol.strategies import (
    Combination,
    FedAdam,
    FedAvg,
    FedAvgM,
    FedYogi,
    Mean,
    Median,
    Rule,
    TrimmedMean,
)

Decimal = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$", max_length=24)]


class Frozen(BaseModel):
    """Immutable, no unknown fields, no conversions; `later` fields vanish at their default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _leave_defaults_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        value: dict[str, Any] = handler(self)
        for name in self.later:
            field = type(self).model_fields[name]
            if getattr(self, name) == field.get_default(call_default_factory=True):
                value.pop(name, None)
        return value


# --- on the nodes ---------------------------------------------------------------------------


class ConstantRate(Frozen):
    """Every round trains at the full learning rate."""

    name: Literal["constant"] = "constant"

    def compute_share(self, round_id: int) -> float:
        return 1.0


class CosineRate(Frozen):
    """From the full rate in round 1 along a cosine to `final_share` in round `rounds`."""

    name: Literal["cosine"] = "cosine"
    rounds: Annotated[int, Field(ge=2)]
    final_share: Decimal

    @field_validator("final_share")
    @classmethod
    def _share(cls, value: str) -> str:
        if not 0 < float(value) <= 1:
            raise ValueError(f"final_share must lie in (0, 1], found {value}")
        return value

    def compute_share(self, round_id: int) -> float:
        passed = min(1.0, (round_id - 1) / (self.rounds - 1))
        final = float(self.final_share)
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * passed))


class DecayRate(Frozen):
    """Times `factor` after every `every` rounds."""

    name: Literal["decay"] = "decay"
    factor: Decimal
    every: Annotated[int, Field(ge=1)] = 1

    @field_validator("factor")
    @classmethod
    def _factor(cls, value: str) -> str:
        if not 0 < float(value) < 1:
            raise ValueError(f"factor must lie in (0, 1), found {value}")
        return value

    def compute_share(self, round_id: int) -> float:
        return float(float(self.factor) ** ((round_id - 1) // self.every))


RoundRate = Annotated[ConstantRate | CosineRate | DecayRate, Field(discriminator="name")]


class TrainingRecipe(Frozen):
    """How every node trains in one round."""

    later = frozenset({"scheduler", "warmup_steps", "round_rate", "proximal_mu"})

    steps: Annotated[int, Field(ge=1)]
    """Optimiser steps."""
    batch_size: Annotated[int, Field(ge=1)]
    """Frames a step."""
    learning_rate: Decimal
    """AdamW's peak learning rate, a decimal string so that the manifest stays exact."""
    scheduler: Literal[
        "warmup-cosine", "constant", "cosine", "linear", "one-cycle", "lerobot-cosine"
    ] = "warmup-cosine"
    """The learning rate within a round."""
    warmup_steps: Annotated[int, Field(ge=1)] = 20
    """Of `warmup-cosine` and `lerobot-cosine`."""
    round_rate: RoundRate = ConstantRate()
    """The learning rate from round to round."""
    proximal_mu: Decimal = "0"
    """FedProx's μ: the loss of a step gets μ/2·‖θ − θ_base‖² (Li et al. 2020); 0 is without."""

    @field_validator("learning_rate")
    @classmethod
    def _positive(cls, value: str) -> str:
        if float(value) <= 0:
            raise ValueError(f"learning_rate must be above zero, found {value}")
        return value

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        warms_up = self.scheduler in ("warmup-cosine", "lerobot-cosine")
        if not warms_up and "warmup_steps" in self.model_fields_set:
            raise ValueError(f"scheduler {self.scheduler} has no warm-up: leave warmup_steps out")
        return self


# --- on the coordinator ---------------------------------------------------------------------


class FedAvgRule(Frozen):
    """The aggregate is the step."""

    name: Literal["fedavg"] = "fedavg"

    def make(self) -> Rule:
        return FedAvg()


class FedAvgMRule(Frozen):
    """Momentum on the coordinator."""

    name: Literal["fedavgm"] = "fedavgm"
    learning_rate: Decimal
    momentum: Decimal

    def make(self) -> Rule:
        return FedAvgM(float(self.learning_rate), float(self.momentum))

    @model_validator(mode="after")
    def _usable(self) -> Self:
        self.make()
        return self


class _AdaptiveRule(Frozen):
    learning_rate: Decimal
    beta1: Decimal
    beta2: Decimal
    tau: Decimal

    def make(self) -> Rule:
        raise NotImplementedError

    @model_validator(mode="after")
    def _usable(self) -> Self:
        self.make()
        return self

    def _numbers(self) -> tuple[float, float, float, float]:
        return float(self.learning_rate), float(self.beta1), float(self.beta2), float(self.tau)


class FedAdamRule(_AdaptiveRule):
    """Adam on the coordinator."""

    name: Literal["fedadam"] = "fedadam"

    def make(self) -> Rule:
        return FedAdam(*self._numbers())


class FedYogiRule(_AdaptiveRule):
    """Yogi on the coordinator."""

    name: Literal["fedyogi"] = "fedyogi"

    def make(self) -> Rule:
        return FedYogi(*self._numbers())


class MeanCombination(Frozen):
    """The exact weighted mean."""

    name: Literal["mean"] = "mean"

    def make(self) -> Combination:
        return Mean()


class MedianCombination(Frozen):
    """The exact weighted coordinate-wise median."""

    name: Literal["median"] = "median"

    def make(self) -> Combination:
        return Median()


class TrimmedMeanCombination(Frozen):
    """The exact weighted coordinate-wise trimmed mean."""

    name: Literal["trimmed-mean"] = "trimmed-mean"
    trim_bps: Annotated[int, Field(ge=1, le=4_999)]
    """How much of the weight goes at either end, in basis points."""

    def make(self) -> Combination:
        return TrimmedMean(self.trim_bps)


ServerRule = Annotated[
    FedAvgRule | FedAvgMRule | FedAdamRule | FedYogiRule, Field(discriminator="name")
]
CombinationRule = Annotated[
    MeanCombination | MedianCombination | TrimmedMeanCombination, Field(discriminator="name")
]
