"""A script that needs torch alone, with the scheduler class that torch has of the family; else as "torch-native".

The class is taken where it gives the family's rates over the whole run, but for rounding. CosineAnnealingLR is not
(past its end it swings back up), nor are LinearLR from 0, CyclicLR after a thousand cycles, and chains of schedulers
with rates of their own.
"""

from __future__ import annotations

from functools import singledispatch
from itertools import pairwise

from clr import schedules as s
from clr.snippets import formulas, torch_native
from clr.snippets.setup import Setup

_MOST_CYCLES = 1000

Native = tuple[float, str]
"""The learning rate that the optimizer is made with, and the scheduler's constructor."""


def script(schedule: s.Schedule, iterations: int, setup: Setup) -> str:
    """The script."""
    native = _native(schedule, iterations)
    if native is None:
        return torch_native.script(schedule, iterations, setup)
    lr, scheduler = native
    made = setup.lines(lr, "with this lr", f"torch.optim.lr_scheduler.{scheduler}")
    loop = setup.loop(iterations, torch_native.PER_UPDATE)
    return torch_native.assembled(setup, torch_native.imports(scheduler, schedule), "", made, loop)


@singledispatch
def _native(schedule: s.Schedule, iterations: int) -> Native | None:
    """What torch has of it; None where that is not exactly the family."""
    return None


@_native.register
def _fixed(it: s.Fixed, iterations: int) -> Native:
    return it.lr, "ConstantLR(optimizer, factor=1.0)"


@_native.register
def _step(it: s.Step, iterations: int) -> Native:
    return it.lr, f"StepLR(optimizer, step_size={it.step_size}, gamma={it.gamma!r})"


@_native.register
def _multi_step(it: s.MultiStep, iterations: int) -> Native:
    return it.lr, f"MultiStepLR(optimizer, milestones={list(it.milestones)}, gamma={it.gamma!r})"


@_native.register
def _exponential(it: s.Exponential, iterations: int) -> Native:
    return it.lr, f"ExponentialLR(optimizer, gamma={it.gamma!r})"


@_native.register
def _linear(it: s.Linear, iterations: int) -> Native | None:
    return _line(it.lr, it.end_lr, it.iterations)


@_native.register
def _decay(it: s.Decay, iterations: int) -> Native | None:
    return _line(it.max_lr, it.base_lr, int(it.step_size)) if it.step_size.is_integer() else None


def _line(start: float, end: float, iterations: int) -> Native | None:
    """LinearLR's factors go from above 0 to at most 1."""
    if start == 0.0:
        return None
    top = max(start, end)
    factors = f"start_factor={start / top!r}, end_factor={end / top!r}"
    return top, f"LinearLR(optimizer, {factors}, total_iters={iterations})"


@_native.register
def _polynomial(it: s.Polynomial, iterations: int) -> Native | None:
    if it.end_lr != 0.0:
        return None
    return it.lr, f"PolynomialLR(optimizer, total_iters={it.iterations}, power={it.power!r})"


@_native.register
def _cosine_restarts(it: s.CosineRestarts, iterations: int) -> Native | None:
    if not it.period.is_integer():
        return None
    periods = f"T_0={int(it.period)}, T_mult={it.period_multiplier}"
    return it.lr, f"CosineAnnealingWarmRestarts(optimizer, {periods}, eta_min={it.end_lr!r})"


@_native.register
def _triangular(it: s.Triangular, iterations: int) -> Native | None:
    return _cyclic(it, iterations, 'mode="triangular"') if it.window == "triangular" else None


@_native.register
def _triangular2(it: s.Triangular2, iterations: int) -> Native | None:
    return _cyclic(it, iterations, 'mode="triangular2"') if it.window == "triangular" else None


@_native.register
def _exp_range(it: s.ExpRange, iterations: int) -> Native | None:
    exactly = it.window == "triangular" and not it.decay_bounds
    return _cyclic(it, iterations, f'mode="exp_range", gamma={it.gamma!r}') if exactly else None


@_native.register
def _custom(it: s.Custom, iterations: int) -> Native | None:
    return _cyclic(it, iterations, f'scale_fn=lambda x: {formulas.scale(it.scale_fn)}, scale_mode="{it.scale_mode}"')


def _cyclic(it: formulas.Cyclical, iterations: int, mode: str) -> Native | None:
    """CyclicLR, for as many cycles as it is exact for; its triangular2 raises OverflowError after 1024 of them."""
    down = getattr(it, "step_size_down", None)
    shortest = min(it.step_size, it.step_size if down is None else down)
    if iterations > _MOST_CYCLES * formulas.cycle_length(it) or shortest < 1:
        return None
    lines = [
        f"base_lr={it.base_lr!r}, max_lr={it.max_lr!r}, step_size_up={it.step_size!r},"
        + (f" step_size_down={down!r}," if down is not None else ""),
        f"{mode}, cycle_momentum=False,",
    ]
    return 1.0, "\n    ".join(["CyclicLR(", "optimizer,", *lines]) + "\n)"


@_native.register
def _one_cycle(it: s.OneCycle, iterations: int) -> Native | None:
    """OneCycleLR refuses to go past its end, and divides by zero where a phase has no length."""
    rise = it.pct_start * it.iterations - 1
    ends = [0.0, rise, *([2 * rise] if it.three_phase else []), it.iterations - 1.0]
    if iterations > it.iterations or any(end <= start for start, end in pairwise(ends)):
        return None
    anneal = "cos" if it.anneal == "cosine" else "linear"
    lines = [
        f"max_lr={it.max_lr!r}, total_steps={it.iterations}, pct_start={it.pct_start!r},",
        f'anneal_strategy="{anneal}", cycle_momentum=False, three_phase={it.three_phase},',
        f"div_factor={it.div_factor!r}, final_div_factor={it.final_div_factor!r},",
    ]
    return 1.0, "\n    ".join(["OneCycleLR(", "optimizer,", *lines]) + "\n)"
