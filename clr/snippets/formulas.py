"""Each family's formula as the source of a Python function of the update, with the standard library alone.

They are written for `torch.optim.lr_scheduler.LambdaLR`, and say what `clr.schedules` computes in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import singledispatch

from clr import schedules as s

_SCALES = {
    "constant": "1.0",
    "halving": "2.0 ** (1.0 - x)",
    "inverse": "1.0 / x",
    "sine": "0.5 * (1.0 + math.sin(math.fmod(x, 4.0) * math.pi / 2.0))",
}
_WINDOWS = {"welch": "height * (2.0 - height)", "hann": "(1.0 - math.cos(math.pi * height)) / 2.0"}
Cyclical = s.Triangular | s.Triangular2 | s.ExpRange | s.Custom

_FALLS = {"linear": "1.0 - done", "cosine": "(1.0 + math.cos(math.pi * done)) / 2.0", "1-sqrt": "1.0 - math.sqrt(done)"}


def source(schedule: s.Schedule, name: str = "rate") -> str:
    """The function `name(i)`: the rate of update i; the schedules within it get functions of their own before it.

    Raises:
        NotImplementedError: the family has no formula here.
    """
    parts = [source(part, f"{name}_{n}") for n, part in enumerate(_parts(schedule))]
    lines = _body(schedule) if not parts else _BODIES_OF_PARTS[type(schedule)](schedule, name)
    return "\n\n\n".join([*parts, "\n".join([f"def {name}(i):", *(f"    {line}" for line in lines)])])


def scale(function: str) -> str:
    """The expression in x of a custom schedule's scale function."""
    return _SCALES[function] if function in _SCALES else f"{function.partition(':')[2]}(float(x))"


def imports(text: str, schedule: s.Schedule) -> list[str]:
    """The import lines that the source of this schedule needs."""
    modules = ["import math"] if "math." in text else []
    modules += ["from fractions import Fraction"] if "Fraction(" in text else []
    return modules + sorted(_scale_imports(schedule))


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
    return [f"return {it.lr!r} * {it.gamma!r} ** (i // {it.step_size})"]


@_body.register
def _multi_step(it: s.MultiStep) -> list[str]:
    return [f"return {it.lr!r} * {it.gamma!r} ** sum(i >= milestone for milestone in {it.milestones})"]


@_body.register
def _exponential(it: s.Exponential) -> list[str]:
    return [f"return {it.lr!r} * {it.gamma!r} ** i"]


@_body.register
def _inverse(it: s.Inverse) -> list[str]:
    return [f"return {it.lr!r} * math.exp(-{it.power!r} * math.log1p({it.gamma!r} * i))"]


@_body.register
def _linear(it: s.Linear) -> list[str]:
    return [f"return {_from(it.lr, it.end_lr)} * (min(i, {it.iterations}) / {it.iterations})"]


@_body.register
def _polynomial(it: s.Polynomial) -> list[str]:
    left = f"(({it.iterations} - min(i, {it.iterations})) / {it.iterations})"
    return [f"return {_from(it.end_lr, it.lr)} * {left} ** {it.power!r}"]


@_body.register
def _decay(it: s.Decay) -> list[str]:
    return [f"return {_from(it.max_lr, it.base_lr)} * min(i / {it.step_size!r}, 1.0)"]


@_body.register
def _cosine(it: s.Cosine) -> list[str]:
    done = f"min(i, {it.iterations}) / {it.iterations}"
    return [f"return {_from(it.end_lr, it.lr)} * (1.0 + math.cos(math.pi * ({done}))) / 2.0"]


@_body.register
def _cosine_restarts(it: s.CosineRestarts) -> list[str]:
    rate = f"return {_from(it.end_lr, it.lr)} * (1.0 + math.cos(math.pi * done)) / 2.0"
    if it.period_multiplier == 1:
        return [f"done = math.fmod(i, {it.period!r}) / {it.period!r}", rate]
    return [
        f"t, period = i, Fraction({it.period!r})  # exact: the rate jumps at a restart",
        "while t >= period:",
        f"    t, period = t - period, period * {it.period_multiplier}",
        "done = float(t / period)",
        rate,
    ]


@_body.register
def _triangular(it: s.Triangular) -> list[str]:
    return [*_height(it), f"return {_from(it.base_lr, it.max_lr)} * height"]


@_body.register
def _triangular2(it: s.Triangular2) -> list[str]:
    return [*_height(it), f"return {_from(it.base_lr, it.max_lr)} * height * 0.5 ** (i // period)"]


@_body.register
def _exp_range(it: s.ExpRange) -> list[str]:
    if it.decay_bounds:
        return [*_height(it), f"return ({_from(it.base_lr, it.max_lr)} * height) * {it.gamma!r} ** i"]
    return [*_height(it), f"return {_from(it.base_lr, it.max_lr)} * height * {it.gamma!r} ** i"]


@_body.register
def _custom(it: s.Custom) -> list[str]:
    x = "i // period + 1.0" if it.scale_mode == "cycle" else "i"
    return [*_height(it), f"x = {x}", f"return {_from(it.base_lr, it.max_lr)} * height * ({scale(it.scale_fn)})"]


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
    bent = ["done = (1.0 - math.cos(math.pi * done)) / 2.0"] if it.anneal == "cosine" else []
    return [*lines, *bent, "return start + (end - start) * done"]


@_body.register
def _warmup_stable_decay(it: s.WarmupStableDecay) -> list[str]:
    rise = [f"if i < {it.warmup}:", f"    return {it.lr!r} * i / {it.warmup}"] if it.warmup else []
    if not it.decay:
        return [*rise, f"return {it.lr!r}"]
    done = f"done = min(max(i - {it.iterations - it.decay}, 0), {it.decay}) / {it.decay}"
    return [*rise, done, f"return {_from(it.end_lr, it.lr)} * ({_FALLS[it.shape]})"]


def _warmup(it: s.Warmup, name: str) -> list[str]:
    peak, f, n = it.schedule(0), it.start_factor, it.iterations
    linear = f"{peak!r} * ({f!r} + {1.0 - f!r} * (i / {n}))"
    rise = linear if it.shape == "linear" else f"{peak!r} * {f!r} ** (({n} - i) / {n})"
    return [f"if i < {n}:", f"    return {rise}", f"return {name}_0(i - {n})"]


def _piecewise(it: s.Piecewise, name: str) -> list[str]:
    starts = (0, *it.milestones)
    heads = [line for n, end in enumerate(it.milestones) for line in (f"if i < {end}:", _call(name, n, starts[n]))]
    return [*heads, _call(name, len(it.milestones), starts[-1]).strip()]


_BODIES_OF_PARTS: dict[type[s.Schedule], Callable[..., list[str]]] = {s.Warmup: _warmup, s.Piecewise: _piecewise}


def _call(name: str, part: int, start: int) -> str:
    return f"    return {name}_{part}(i - {start})" if start else f"    return {name}_{part}(i)"


def _from(low: float, high: float) -> str:
    """`low + (high - low)`, to be multiplied by a weight."""
    if low == 0.0:
        return f"{high!r}"
    return f"{low!r} + {high - low!r}" if high >= low else f"{low!r} - {low - high!r}"


def cycle_length(it: Cyclical) -> float:
    """Iterations of one cycle, rounded."""
    return it.step_size + _down(it)


def _down(it: Cyclical) -> float:
    down: float | None = getattr(it, "step_size_down", None)
    return it.step_size if down is None else down


def _height(it: Cyclical) -> list[str]:
    """The lines that find `period`, and the height in the cycle, 0 to 1."""
    up, down = it.step_size, _down(it)
    window = getattr(it, "window", "triangular")
    bent = [f"height = {_WINDOWS[window]}"] if window in _WINDOWS else []
    if Fraction(up) + Fraction(down) == Fraction(up + down):
        return [
            f"period = {up + down!r}",
            "at = math.fmod(i, period)",
            f"height = at / {up!r} if at <= {up!r} else (period - at) / {down!r}",
            *bent,
        ]
    return [
        f"up, down = Fraction({up!r}), Fraction({down!r})  # exact: a rounded period would shift every cycle",
        "period = up + down",
        "at = i % period",
        "height = float(at / up if at <= up else (period - at) / down)",
        *bent,
    ]
