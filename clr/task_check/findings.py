"""What three short runs show of a task: pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from clr.protocol import Message
from clr.schedules import Schedule
from clr.scripts.files import Reported

TOLERANCE = 1e-5
"""Relative difference of a reported rate from the schedule's that single precision explains."""

End = Literal["done", "diverged", "failed"]

SHARE = 0.01
"""Identical examples in two splits, as a share of the smaller split, that a data set's own doubles explain."""


class Finding(Message):
    """One thing that was looked at. problem: a study's numbers could not be trusted; warning: they may mislead."""

    level: Literal["ok", "warning", "problem"]
    about: str
    text: str


class Measured(Message):
    """What a run took. Seconds of an update and of an evaluation, of a start; peak memory of a process [bytes].

    evaluation_seconds: None for a script: its evaluations are in its updates' time.
    """

    iteration_seconds: float | None = None
    evaluation_seconds: float | None = None
    start_seconds: float | None = None
    peak_bytes: int | None = None


class CheckReport(Message):
    """What was found, in the order in which to mend it."""

    task: str
    iterations: int
    findings: tuple[Finding, ...]
    measured: Measured

    @property
    def passed(self) -> bool:
        """No problem was found; there may be warnings."""
        return not any(finding.level == "problem" for finding in self.findings)


class TriedRun(Message):
    """One short run: what it reported, and how it ended.

    end: "done", "diverged" or "failed", with the reason.
    """

    seed: int
    reports: tuple[tuple[int, dict[str, float]], ...] = ()
    rates: tuple[tuple[int, float | None, int | None], ...] = Field(
        default=(), description="per report: update, rate of the last one, updates that the scheduler counted"
    )
    test: dict[str, float] = Field(default_factory=dict)
    end: End
    reason: str = ""


def of_ends(runs: Sequence[TriedRun], metric: str) -> Iterator[Finding]:
    """Whether each run came to its end."""
    bad = [run for run in runs if run.end != "done"]
    if bad:
        first = bad[0]
        verb = "diverged" if first.end == "diverged" else "failed"
        text = f"{len(bad)} of {len(runs)} runs {verb}. Seed {first.seed}: {first.reason}"
        yield Finding(level="problem", about="run", text=text)
        return
    last = ", ".join(f"{run.reports[-1][1][metric]:.4g}" for run in runs)
    text = f"every run came to its end, with finite metrics; last {metric}: {last}"
    yield Finding(level="ok", about="run", text=text)


def of_seeds(first: TriedRun, again: TriedRun, other: TriedRun) -> Iterator[Finding]:
    """Whether one seed gives one result, and another seed another."""
    if first.reports != again.reports or first.test != again.test:
        yield Finding(
            level="problem",
            about="seed",
            text=f"not seeded: two runs of seed {first.seed} differ ({_first_difference(first, again)}). Seed weights, "
            "order and dropout from run.seed, the cut of the data from run.split_seed; on a GPU some kernels differ "
            "from run to run: then this is a warning",
        )
    elif first.reports == other.reports and first.test == other.test:
        yield Finding(
            level="problem",
            about="seed",
            text=f"seeds {first.seed} and {other.seed} give the same numbers: the seed is not used, so that seeds "
            "would count one run many times",
        )
    else:
        yield Finding(level="ok", about="seed", text="the same seed gives the same numbers, another seed others")


def _first_difference(first: TriedRun, again: TriedRun) -> str:
    for (at, one), (_, two) in zip(first.reports, again.reports, strict=False):
        for name in one:
            if one[name] != two.get(name):
                return f"{name} after update {at}: {one[name]:.6g} and {two.get(name, math.nan):.6g}"
    return "in their reports' number or test metrics"


def of_rates(run: TriedRun, schedule: Schedule) -> Iterator[Finding]:
    """Whether the rates that a script used are the schedule's, and its updates those that it counts."""
    said = [(at, rate) for at, rate, _ in run.rates if rate is not None]
    miscounted = [(at, counted) for at, _, counted in run.rates if counted is not None and counted != at]
    if miscounted:
        at, counted = miscounted[0]
        yield Finding(
            level="problem",
            about="updates",
            text=f"the script reported update {at} when its scheduler had counted {counted}: report "
            "scheduler.iteration, the optimizer updates made: not batches, nor updates that GradScaler skipped",
        )
    if not said:
        yield Finding(
            level="warning",
            about="learning rate",
            text="not seen: the script does not say which rate it used. Use run.scheduler(optimizer), or "
            "run.report(..., lr=rate of the last update)",
        )
        return
    wrong = [(at, rate) for at, rate in said if not math.isclose(rate, schedule(at - 1), rel_tol=TOLERANCE)]
    if wrong:
        at, rate = wrong[0]
        yield Finding(
            level="problem",
            about="learning rate",
            text=f"not applied: update {at} ran at {rate:.6g}, the schedule has {schedule(at - 1):.6g}"
            f"{_shifted(at, rate, schedule)}. Build the optimizer first, run.scheduler(optimizer) on it, and step it "
            "once per update; no other scheduler beside it",
        )
    else:
        yield Finding(level="ok", about="learning rate", text=f"applied: {len(said)} reported rates are the schedule's")


def _shifted(at: int, rate: float, schedule: Schedule) -> str:
    """Which other update's rate it is, where that is near."""
    near = [k for k in range(max(1, at - 2), at + 3) if k != at]
    found = [k for k in near if math.isclose(rate, schedule(k - 1), rel_tol=TOLERANCE)]
    return f", and has this rate for update {found[0]}" if found else ""


def of_reports(run: TriedRun, expected: Sequence[int]) -> Iterator[Finding]:
    """Whether reports came when they were due."""
    missing = [at for at in expected if at not in {at for at, _ in run.reports}]
    if missing:
        yield Finding(
            level="warning",
            about="reports",
            text=f"no report at update {missing[0]}{' and others' if len(missing) > 1 else ''}, where one was due: "
            "report where run.due(...) is true, or a range test is not read and no trial is pruned",
        )


def of_test(run: TriedRun, metric: str, test_size: int) -> Iterator[Finding]:
    """Whether the test split was measured."""
    if not test_size:
        yield Finding(
            level="warning", about="test", text="no test split: a confirmed value is the last validation metric"
        )
    elif metric not in run.test and run.end == "done":
        yield Finding(level="problem", about="test", text=f"the run's test metrics lack {metric!r}")


def of_splits(shared: Mapping[tuple[str, str], int], sizes: Mapping[str, int]) -> Iterator[Finding]:
    """Whether an example stands in two splits.

    Args:
        shared: identical examples of each two splits. sizes: examples of each split.
    """
    found = {pair: count for pair, count in shared.items() if count}
    for (one, two), count in found.items():
        many = count > SHARE * min(sizes[one], sizes[two])
        text = f"{count} examples stand in {one} and in {two}"
        more = ": the splits overlap, and the metric flatters" if many else ": a few, maybe doubles of the data set"
        yield Finding(level="problem" if many else "warning", about="splits", text=text + more)
    if not found:
        parts = ", ".join(f"{name} {size}" for name, size in sizes.items())
        yield Finding(level="ok", about="splits", text=f"no example stands in two splits ({parts})")


def reported(run: Sequence[Reported]) -> tuple[tuple[int, float | None, int | None], ...]:
    """The rates of a script's reports."""
    return tuple((one.iteration, one.lr, one.updates) for one in run)
