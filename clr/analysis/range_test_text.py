"""A range test in words: its numbers, how sure they are, and why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clr.analysis.bounds import BASE_LR_BELOW_MAX, MAX_LR_BELOW_EDGE, SEARCH_WIDTH, Landmark, Reading


def lines(reading: Reading, *, low: float, high: float, notes: Sequence[str] = ()) -> tuple[str, ...]:
    """What a person wants to know, a line each: verdict, rates, reasons, notes.

    Args:
        low, high: ends of the ramp that was read.
        notes: what else has to be said.
    """
    return tuple(_lines(reading, low, high, notes))


def _lines(reading: Reading, low: float, high: float, notes: Sequence[str]) -> Iterator[str]:
    yield (
        f"LR range test: {_verdict(reading)} ({reading.ramp} ramp from {low:.3g} to {high:.3g} over "
        f"{reading.iterations:,} iterations, {len(reading.per_seed)} seeds)"
    )
    yield _line("max_lr", reading.max_lr, f"edge / {MAX_LR_BELOW_EDGE:g}")
    yield _line("base_lr", reading.base_lr, f"max_lr / {BASE_LR_BELOW_MAX:g}")
    yield _line("edge", reading.edge, f"{reading.edge_verdict}{_over_seeds(reading, 'edge')}")
    seen = f"{reading.rise_verdict}{_over_seeds(reading, 'rise')}"
    yield _line("rise", reading.rise, f"{seen}; it depends on the ramp's {reading.iterations:,} iterations")
    if reading.interval is not None:
        low_peak, high_peak = reading.interval
        yield f"  search a peak rate from {low_peak:.3g} to {high_peak:.3g} (edge / {SEARCH_WIDTH:g} to edge)"
    for reason in reading.reasons:
        subject = "rise and edge" if reason.bound == "both" else reason.bound
        yield f"  {subject} unclear, {reason.reason}: {reason.detail}"
    yield from (f"  note: {note}" for note in notes)


def _verdict(reading: Reading) -> str:
    if reading.rise_verdict == reading.edge_verdict:
        return reading.verdict
    return f"edge {reading.edge_verdict}, rise {reading.rise_verdict}"


def _line(name: str, rate: float | None, remark: str) -> str:
    return f"  {name:<8} {'-' if rate is None else format(rate, '.3g'):<9} {remark}"


def _over_seeds(reading: Reading, landmark: Landmark) -> str:
    values = [value for seed in reading.per_seed if (value := getattr(seed, landmark)) is not None]
    return f", {min(values):.3g} to {max(values):.3g} over the seeds" if values else ""
