"""What a search varies in each schedule family, and how the coordinates make a schedule.

Coordinates mean the same in every family, so that arms are searched alike (science: nested spaces decide rankings):

    peak_lr   the highest rate of the run; every arm searches it in the study's interval, log scale
    ratio     lowest rate / peak_lr (base_lr / max_lr of a cycle, last / first rate of a decay, first rate of a
              one_cycle), log scale
    cycles    whole cycles in the run: step_size = iterations / (2 cycles), so that every run ends at a cycle's end
    drops     equal drops of a step schedule
    decay     height of exp_range's triangles at the run's end / at its start

A coordinate is replaced where a study fixes the family's own parameter that it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clr import schedules
from clr.spec import Interval, Range

RATIO = Range(low=1e-3, high=0.5, log=True)
MIN_STEP_EPOCHS, MAX_STEP_EPOCHS = 2, 10  # Smith 2017, section 3.2
SHORT_RUN_CYCLES = (1, 4)

Params = Mapping[str, float]
Own = Mapping[str, Any]
Parameters = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """What values a coordinate may take: a closed interval, or whole numbers in it."""

    low: float
    high: float
    whole: bool = False

    def fault(self, value: object) -> str:
        """What is wrong with a value, in words; "" for nothing."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"must be a number, got {value!r}"
        if self.whole and value != int(value):
            return f"must be a whole number, got {value!r}"
        if not self.low <= value <= self.high:
            return f"must lie in {self.low:g} to {self.high:g}, got {value!r}"
        return ""


def rule(coordinate: str, iterations: int) -> Rule:
    """The rule of a coordinate in a run of so many iterations."""
    return {
        "peak_lr": Rule(1e-12, 1e6),
        "ratio": Rule(1e-12, 1.0),
        "cycles": Rule(1, max(1, iterations // 2), whole=True),
        "drops": Rule(1, max(1, iterations - 1), whole=True),
        "decay": Rule(1e-12, 1.0),
    }[coordinate]


@dataclass(frozen=True)
class Coordinates:
    """How one family is spanned.

    Attributes:
        parameters: (coordinates, own parameters that are fixed, iterations of the run) -> the family's own parameters.
        stands_for: coordinate -> the family's own parameter that it sets.
        constants: coordinates that have a value unless a study searches them.
    """

    parameters: Callable[[Params, Own, int], Parameters]
    stands_for: Mapping[str, str]
    constants: Mapping[str, float] = field(default_factory=dict)

    @property
    def searched(self) -> tuple[str, ...]:
        return tuple(name for name in self.stands_for if name not in self.constants)


def _fixed(at: Params, own: Own, iterations: int) -> Parameters:
    return {"lr": at["peak_lr"]}


def _step(at: Params, own: Own, iterations: int) -> Parameters:
    step_size = int(own.get("step_size", math.ceil(iterations / (at["drops"] + 1))))
    drops = (iterations - 1) // step_size
    return {"lr": at["peak_lr"], "gamma": at["ratio"] ** (1 / max(1, drops)), "step_size": step_size}


def _exponential(at: Params, own: Own, iterations: int) -> Parameters:
    return {"lr": at["peak_lr"], "gamma": at["ratio"] ** (1 / max(1, iterations - 1))}


def _to_end(at: Params, own: Own, iterations: int) -> Parameters:
    return {"lr": at["peak_lr"], "end_lr": at["peak_lr"] * at["ratio"], "iterations": iterations}


def _cyclic(at: Params, own: Own, iterations: int) -> Parameters:
    step_size = own.get("step_size", iterations / (2 * at["cycles"]))
    return {"base_lr": at["peak_lr"] * at["ratio"], "max_lr": at["peak_lr"], "step_size": float(step_size)}


def _exp_range(at: Params, own: Own, iterations: int) -> Parameters:
    """max_lr lies above the peak: by the first peak, at step_size, the height has shrunk already."""
    cycle = _cyclic(at, own, iterations)
    gamma = float(own.get("gamma", at["decay"] ** (1 / iterations)))
    base = float(own.get("base_lr", cycle["base_lr"]))
    return {**cycle, "max_lr": base + (at["peak_lr"] - base) / gamma ** cycle["step_size"], "gamma": gamma}


def _inverse(at: Params, own: Own, iterations: int) -> Parameters:
    """gamma such that the last rate is ratio x peak: (1 + gamma (n - 1))^-power = ratio."""
    power = float(own.get("power", INVERSE_POWER))
    gamma = (at["ratio"] ** (-1 / power) - 1) / max(1, iterations - 1)
    return {"lr": at["peak_lr"], "gamma": gamma, "power": power}


def _polynomial(at: Params, own: Own, iterations: int) -> Parameters:
    return {**_to_end(at, own, iterations), "power": POLYNOMIAL_POWER}


def _decay(at: Params, own: Own, iterations: int) -> Parameters:
    return {"base_lr": at["peak_lr"] * at["ratio"], "max_lr": at["peak_lr"], "step_size": iterations / 2}


def _cosine_restarts(at: Params, own: Own, iterations: int) -> Parameters:
    return {"lr": at["peak_lr"], "end_lr": at["peak_lr"] * at["ratio"], "period": iterations / at["cycles"]}


def _one_cycle(at: Params, own: Own, iterations: int) -> Parameters:
    return {"max_lr": at["peak_lr"], "div_factor": 1 / at["ratio"], "iterations": iterations}


def _warmup_stable_decay(at: Params, own: Own, iterations: int) -> Parameters:
    warmup, decay = math.ceil(WSD_WARMUP * iterations), math.ceil(WSD_DECAY * iterations)
    return {**_to_end(at, own, iterations), "warmup": min(warmup, iterations - decay), "decay": decay}


INVERSE_POWER, POLYNOMIAL_POWER = 0.75, 2.0  # Caffe's examples
WSD_WARMUP, WSD_DECAY = 0.05, 0.2  # shares of the run; Haegele et al. 2024: a decay of 10-20 % suffices

_CYCLE = {"peak_lr": "max_lr", "ratio": "base_lr", "cycles": "step_size"}
_DECAY = {"peak_lr": "lr", "ratio": "end_lr"}

COORDINATES: Mapping[str, Coordinates] = {
    "fixed": Coordinates(_fixed, {"peak_lr": "lr"}),
    "step": Coordinates(_step, {"peak_lr": "lr", "ratio": "gamma", "drops": "step_size"}, {"drops": 2}),
    "exponential": Coordinates(_exponential, {"peak_lr": "lr", "ratio": "gamma"}),
    "inverse": Coordinates(_inverse, {"peak_lr": "lr", "ratio": "gamma"}),
    "linear": Coordinates(_to_end, _DECAY),
    "polynomial": Coordinates(_polynomial, _DECAY),
    "decay": Coordinates(_decay, {"peak_lr": "max_lr", "ratio": "base_lr"}),
    "cosine": Coordinates(_to_end, _DECAY),
    "cosine_restarts": Coordinates(_cosine_restarts, {**_DECAY, "cycles": "period"}),
    "warmup_stable_decay": Coordinates(_warmup_stable_decay, _DECAY),
    "one_cycle": Coordinates(_one_cycle, {"peak_lr": "max_lr", "ratio": "div_factor"}),
    "triangular": Coordinates(_cyclic, _CYCLE),
    "triangular2": Coordinates(_cyclic, _CYCLE),
    "exp_range": Coordinates(_exp_range, {**_CYCLE, "decay": "gamma"}, {"decay": 0.1}),
}


def coordinates(family: str) -> tuple[str, ...]:
    """The coordinates of a family; () for one that takes its own parameters only."""
    return tuple(COORDINATES[family].stands_for) if family in COORDINATES else ()


def searched(family: str) -> tuple[str, ...]:
    """What a search varies by default."""
    return COORDINATES[family].searched if family in COORDINATES else ()


def replaced(family: str, parameters: Mapping[str, object]) -> frozenset[str]:
    """Coordinates that fixed own parameters stand in for."""
    known = COORDINATES.get(family)
    return frozenset(c for c, own in known.stands_for.items() if own in parameters) if known else frozenset()


def space(
    family: str,
    constants: Params,
    parameters: Mapping[str, object],
    ranges: Mapping[str, Range],
    interval: Interval,
    cycles: tuple[int, int],
) -> dict[str, Range]:
    """What a search of this arm varies, in a fixed order.

    Args:
        constants: coordinates that the study fixes. parameters: the family's own parameters that it fixes.
        ranges: the study's own ranges. interval: of every arm's peak rate. cycles: lowest and highest number.
    """
    known = COORDINATES.get(family)
    if known is None:
        return {}
    defaults = {
        "peak_lr": _peak(interval, parameters),
        "ratio": RATIO,
        "cycles": Range(low=cycles[0], high=cycles[1], integer=True),
    }
    gone = replaced(family, parameters) | set(constants)
    names = [name for name in known.stands_for if name not in gone]
    varied = [name for name in names if name in ranges or name not in known.constants]
    return {name: _of_kind(name, ranges[name]) if name in ranges else defaults[name] for name in varied}


def _of_kind(name: str, asked: Range) -> Range:
    """A user's range of a whole coordinate holds whole numbers, said or not."""
    whole = name in ("cycles", "drops") and asked.choices is None
    return asked.model_copy(update={"integer": True}) if whole else asked


def _peak(interval: Interval, parameters: Mapping[str, object]) -> Range:
    """The study's interval, above a fixed lowest rate: a peak can't lie below its base."""
    base = parameters.get("base_lr", parameters.get("end_lr", 0.0))
    low = max(interval.low, float(base)) if isinstance(base, int | float) else interval.low
    return Range(low=low, high=max(low, interval.high), log=True)


def schedule(family: str, constants: Params, parameters: Own, at: Params, iterations: int) -> schedules.Schedule:
    """The schedule at a point of the search space.

    Raises:
        InvalidSchedule: the point breaks a rule of the family.
    """
    known = COORDINATES.get(family)
    if known is None:
        return schedules.make(family, **parameters)
    point = {**known.constants, **constants, **at}
    for name in known.stands_for:
        point.setdefault(name, _stand_in(known, name, parameters))
    return schedules.make(family, **{**known.parameters(point, parameters, iterations), **parameters})


def _stand_in(known: Coordinates, name: str, parameters: Mapping[str, object]) -> float:
    """A value where a parameter is fixed: the peak's own one, which ratio scales; else one that is overwritten."""
    value = parameters.get(known.stands_for[name], 1.0)
    return float(value) if name == "peak_lr" and isinstance(value, int | float) else 1.0


def cycle_range(iterations: int, epoch_iterations: int) -> tuple[tuple[int, int], bool]:
    """Lowest and highest number of cycles with a step_size of 2 to 10 epochs; whether the run is long enough for it.

    Source: Smith 2017, section 3.2; a run too short for that gets 1 to 4 cycles.
    """
    high = iterations // (2 * MIN_STEP_EPOCHS * epoch_iterations)
    if high < 1:
        low, high = SHORT_RUN_CYCLES
        return (low, max(low, min(high, iterations // 2))), False
    return (max(1, math.ceil(iterations / (2 * MAX_STEP_EPOCHS * epoch_iterations))), high), True
