"""Each family's formula as the source of a Python function of the update.

They are written for `torch.optim.lr_scheduler.LambdaLR`, and compute what `clr.schedules` does in NumPy by the same
operations in the same order: the rates are the same to the last bit. Powers and logarithms come from NumPy, which
rounds them otherwise than the standard library does.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import singledispatch

from clr import schedules as s

_SCALES = {
    "constant": "1.0",
    "halving": "math.ldexp(2.0, -int(min(x, 2000.0)))",
    "inverse": "1.0 / x",
    "sine": "0.5 * (1.0 + math.sin(math.fmod(x, 4.0) * math.pi / 2.0))",
}
_WINDOWS = {"welch": "height * (2.0 - height)", "hann": "(1.0 - math.cos(math.pi * height)) / 2.0"}
Cyclical = s.Triangular | s.Triangular2 | s.ExpRange | s.Custom

_HALF_COSINE = "(1.0 + math.cos(math.pi * done)) / 2.0"
_LEFT = {"linear": "1.0 - done", "cosine": _HALF_COSINE, "1-sqrt": "1.0 - math.sqrt(done)"}
_USED = {
    "between": """\
def between(low, high, weight):  # from the nearer end: exact at both
    return low + (high - low) * weight if weight < 0.5 else high - (high - low) * (1.0 - weight)
""",
    "power": """\
def power(base, exponent):  # as NumPy rounds it in an array, which one number alone would not be
    return float(np.power(base, [exponent, exponent])[0])
""",
}
"""Functions that formulas call, by name."""


def definitions(schedule: s.Schedule) -> str:
    """The function `rate(i)` with the functions that it calls in front of it.

    Raises:
        NotImplementedError: the family has no formula here.
    """
    text = source(schedule)
    return "\n\n".join([*(function for name, function in _USED.items() if f"{name}(" in text), text])


def source(schedule: s.Schedule, name: str = "rate") -> str:
    """The function `name(i)`: the rate of update i; the schedules within it get functions of their own before it."""
    parts = [source(part, f"{name}_{n}") for n, part in enumerate(_parts(schedule))]
    lines = _body(schedule) if not parts else _BODIES_OF_PARTS[type(schedule)](schedule, name)
    return "\n\n\n".join([*parts, "\n".join([f"def {name}(i):", *(f"    {line}" for line in lines)])])


def scale(function: str) -> str:
    """The expression in x of a custom schedule's scale function."""
    return _SCALES[function] if function in _SCALES else f"{function.partition(':')[2]}(float(x))"


def imports(text: str, schedule: s.Schedule) -> list[str]:
    """The import lines that the source of this schedule needs, those of the standard library first."""
    modules = ["import math"] if "math." in text else []
    modules += ["from fractions import Fraction"] if "Fraction(" in text else []
    return [*modules, *(["import numpy as np"] if "np." in text else []), *sorted(_scale_imports(schedule))]


def _scale_imports(schedule: s.Schedule) -> set[str]:
    found = {line for part in _parts(schedule) for line in _scale_imports(part)}
    if isinstance(schedule, s.Custom) and ":" in schedule.scale_fn:
        module, _, attribute = schedule.scale_fn.partition(":")
        found.add(f"from {module} import {attribute.partition('.')[0]}")
    return found


def _parts(schedule: s.Schedule) -> tuple[s.Schedule, ...]:
    if isinstance(schedule, s.Piecewise):
        return schedule.schedules
    return (schedule.schedule,) if isinstance(schedule, s.Warmup) else ()


@singledispatch
def _body(schedule: s.Schedule) -> list[str]:
    """The lines of a function of i."""
    raise NotImplementedError(f"clr.snippets.formulas has no formula of {schedule.family}.")


@_body.register
def _fixed(it: s.Fixed) -> list[str]:
    return [f"return {it.lr!r}"]


@_body.register
def _step(it: s.Step) -> list[str]:
    return [f"return {it.lr!r} * power({it.gamma!r}, i // {it.step_size})"]


@_body.register
def _multi_step(it: s.MultiStep) -> list[str]:
    return [f"return {it.lr!r} * power({it.gamma!r}, sum(i >= milestone for milestone in {it.milestones}))"]


@_body.register
def _exponential(it: s.Exponential) -> list[str]:
    return [f"return {it.lr!r} * power({it.gamma!r}, i)"]


@_body.register
def _inverse(it: s.Inverse) -> list[str]:
    return [f"return {it.lr!r} * float(np.exp({-it.power!r} * np.log1p({it.gamma!r} * i)))"]


@_body.register
def _linear(it: s.Linear) -> list[str]:
    return [f"return between({it.lr!r}, {it.end_lr!r}, min(i, {it.iterations}) / {it.iterations})"]


@_body.register
def _polynomial(it: s.Polynomial) -> list[str]:
    n = it.iterations
    return [
        f"i = min(i, {n})",
        f"if i / {n} < 0.5:",
        f"    left = np.exp({it.power!r} * np.log1p(-(i / {n})))",
        "else:",
        f"    left = np.power(({n} - i) / {n}, {it.power!r})",
        f"return between({it.end_lr!r}, {it.lr!r}, float(left))",
    ]


@_body.register
def _decay(it: s.Decay) -> list[str]:
    return [f"return between({it.max_lr!r}, {it.base_lr!r}, min(i / {it.step_size!r}, 1.0))"]


@_body.register
def _cosine(it: s.Cosine) -> list[str]:
    return [
        f"done = min(i, {it.iterations}) / {it.iterations}",
        f"return between({it.end_lr!r}, {it.lr!r}, {_HALF_COSINE})",
    ]


@_body.register
def _cosine_restarts(it: s.CosineRestarts) -> list[str]:
    rate = f"return between({it.end_lr!r}, {it.lr!r}, {_HALF_COSINE})"
    if it.period_multiplier == 1:
        return [f"done = math.fmod(i, {it.period!r}) / {it.period!r}", rate]
    return [
        f"start, period = Fraction(0), Fraction({it.period!r})  # exact: the rate jumps at a restart",
        "while start + period <= i:",
        f"    start, period = start + period, period * {it.period_multiplier}",
        "done = (i - math.ceil(start) + float(math.ceil(start) - start)) / float(period)",
        rate,
    ]


@_body.register
def _triangular(it: s.Triangular) -> list[str]:
    return [*_height(it), f"return between({it.base_lr!r}, {it.max_lr!r}, height)"]


@_body.register
def _triangular2(it: s.Triangular2) -> list[str]:
    halved = "math.ldexp(height, -int(cycle))  # halved after each cycle"
    return [*_height(it, cycle=True), f"height = {halved}", f"return between({it.base_lr!r}, {it.max_lr!r}, height)"]


@_body.register
def _exp_range(it: s.ExpRange) -> list[str]:
    if it.decay_bounds:
        return [*_height(it), f"return power({it.gamma!r}, i) * between({it.base_lr!r}, {it.max_lr!r}, height)"]
    return [*_height(it), f"return between({it.base_lr!r}, {it.max_lr!r}, height * power({it.gamma!r}, i))"]


@_body.register
def _custom(it: s.Custom) -> list[str]:
    by_cycle = it.scale_mode == "cycle"
    rate = f"return {it.base_lr!r} + {it.max_lr - it.base_lr!r} * height * ({scale(it.scale_fn)})"
    return [*_height(it, cycle=by_cycle), f"x = {'cycle + 1.0' if by_cycle else 'i'}", rate]


@_body.register
def _one_cycle(it: s.OneCycle) -> list[str]:
    last = it.iterations - 1.0
    first, rise = it.max_lr / it.div_factor, it.pct_start * it.iterations
    ends = [rise - 1, 2 * rise - 2, last] if it.three_phase else [rise - 1, last]
    rates = [first, it.max_lr, *([first] if it.three_phase else []), first / it.final_div_factor]
    lines, start = [f"i = min(i, {last!r})"], 0.0
    for n, end in enumerate(min(max(end, 0.0), last) for end in ends):
        done = f"(i - {start!r}) / {end - start!r}" if end > start else "1.0"
        word = "if" if n == 0 else "elif"
        head = f"{word} i <= {end!r}:" if n < len(ends) - 1 else "else:"
        lines += [head, f"    start, end, done = {rates[n]!r}, {rates[n + 1]!r}, {done}"]
        start = end
    bent = [f"done = 1.0 - {_HALF_COSINE}"] if it.anneal == "cosine" else []
    return [*lines, *bent, "return between(start, end, done)"]


@_body.register
def _warmup_stable_decay(it: s.WarmupStableDecay) -> list[str]:
    rise = [f"if i < {it.warmup}:", f"    return {it.lr!r} * i / {it.warmup}"] if it.warmup else []
    if not it.decay:
        return [*rise, f"return {it.lr!r}"]
    done = f"done = min(max(i - {it.iterations - it.decay}, 0), {it.decay}) / {it.decay}"
    return [*rise, done, f"return between({it.end_lr!r}, {it.lr!r}, {_LEFT[it.shape]})"]


def _warmup(it: s.Warmup, name: str) -> list[str]:
    peak, f, n = it.schedule(0), it.start_factor, it.iterations
    linear = f"between({f * peak!r}, {peak!r}, i / {n})"
    rise = linear if it.shape == "linear" else f"{peak!r} * power({f!r}, ({n} - i) / {n})"
    return [f"if i < {n}:", f"    return {rise}", f"return {name}_0(i - {n})"]


def _piecewise(it: s.Piecewise, name: str) -> list[str]:
    starts = (0, *it.milestones)
    heads = [line for n, end in enumerate(it.milestones) for line in (f"if i < {end}:", _call(name, n, starts[n]))]
    return [*heads, _call(name, len(it.milestones), starts[-1]).strip()]


_BODIES_OF_PARTS: dict[type[s.Schedule], Callable[..., list[str]]] = {s.Warmup: _warmup, s.Piecewise: _piecewise}


def _call(name: str, part: int, start: int) -> str:
    return f"    return {name}_{part}(i - {start})" if start else f"    return {name}_{part}(i)"


def cycle_length(it: Cyclical) -> float:
    """Iterations of one cycle, rounded."""
    return it.step_size + _down(it)


def _down(it: Cyclical) -> float:
    down: float | None = getattr(it, "step_size_down", None)
    return it.step_size if down is None else down


def _height(it: Cyclical, cycle: bool = False) -> list[str]:
    """The lines that find the height in the cycle, 0 to 1, and, if asked, the cycle, from 0."""
    up, down = it.step_size, _down(it)
    window = getattr(it, "window", "triangular")
    bent = [f"height = {_WINDOWS[window]}"] if window in _WINDOWS else []
    period, rest = up + down, float(Fraction(up) + Fraction(down) - Fraction(up + down))
    if rest == 0.0:
        count = [f"cycle = i // {period!r}"] if cycle else []
        height = f"height = at / {up!r} if at <= {up!r} else ({period!r} - at) / {down!r}"
        return [f"at = math.fmod(i, {period!r})", *count, height, *bent]
    return [
        f"at = math.fmod(i, {period!r})",
        f"cycle = round((i - at) / {period!r})",
        f"at -= cycle * {rest!r}  # what the period's rounding dropped, or every cycle would be shifted",
        f"over = math.floor(at / {period!r})",
        f"at, cycle = at - over * {period!r}, cycle + over",
        f"height = at / {up!r} if at <= {up!r} else ({period!r} - at + {rest!r}) / {down!r}",
        "height = min(max(height, 0.0), 1.0)",
        *bent,
    ]
