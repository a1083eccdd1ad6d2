"""Runs a task three times, shortly, and says what is wrong with it."""

from __future__ import annotations

import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from clr import plan as plans
from clr import schedules
from clr.errors import ClrError, InvalidSpec
from clr.plan import task_options
from clr.protocol import TaskFacts, TrialConfig
from clr.results import Diverged, Evaluated, Event, Finished
from clr.scripts.command import TICK, CommandTask
from clr.scripts.files import Reported
from clr.scripts.functions import TrainFunction
from clr.spec import parse
from clr.task_check import findings
from clr.task_check.findings import CheckReport, End, Finding, Measured, TriedRun
from clr.task_check.memory import PeakMemory
from clr.tasks import registry

if TYPE_CHECKING:
    from clr.tasks.base import Task

DEFAULT_ITERATIONS = 100
SEEDS = (11, 11, 12)
PEAK = 0.01
_EVALUATIONS = 5


def check(
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    iterations: int = DEFAULT_ITERATIONS,
    peak_lr: float = PEAK,
    batch_size: int = 64,
    device: str = "cpu",
    progress: Callable[[str], None] = lambda _: None,
) -> CheckReport:
    """Tries a registered task out.

    Args:
        name: of a task that this process knows (`clr.tasks.registry`). options: the task's.
        iterations: length of each run [optimizer updates], >= 5. peak_lr: of the triangular schedule that is trained.
        batch_size: of a `Task`. device: "cpu", "cuda:0".
        progress: takes a line before each step.

    Raises:
        UnknownName: no such task.
        InvalidSpec: an option is wrong, by field.
    """
    announced = {facts.name: facts for facts in registry.all_facts()}
    if name in announced and (wrong := list(task_options.check(options or {}, announced[name]))):
        raise InvalidSpec(wrong)
    itself = registry.self_trained(name)
    facts = itself.announced() if itself is not None else registry.make(name, options).facts()
    config = _config(facts, dict(options or {}), iterations, peak_lr, batch_size)
    if itself is None:
        return _built(registry.make(name, options), facts, config, device, progress)
    command = itself if isinstance(itself, CommandTask) else _of_function(itself)
    return _script(command, facts, config, device, progress)


def _of_function(found: object) -> CommandTask:
    assert isinstance(found, TrainFunction)
    return found.as_command()


def _config(facts: TaskFacts, options: dict[str, Any], iterations: int, peak: float, batch: int) -> TrialConfig:
    """A confirm run under one cycle from a tenth of the peak rate, which no optimizer has by itself."""
    spec = parse(
        {
            "task": {"name": facts.name, "options": options},
            "arms": [{"family": "triangular", "fixed": {"peak_lr": peak, "ratio": 0.1, "cycles": 1}}],
            "bounds": {"low": peak / 10, "high": peak},
            "budget": {"iterations": iterations},
            "batch_size": batch,
            "evaluate_every": max(1, iterations // _EVALUATIONS),
        }
    )
    base = plans.make(spec, facts).base
    schedule = schedules.make("triangular", base_lr=peak / 10, max_lr=peak, step_size=iterations / 2)
    return base.model_copy(update={"phase": "confirm", "schedule": schedule.to_dict(), "test": True})


def _tries(
    tried: Callable[[TrialConfig], tuple[TriedRun, Measured]], config: TrialConfig, progress: Callable[[str], None]
) -> Iterator[tuple[TriedRun, Measured]]:
    """The three runs, one after the other, and what each took."""
    for number, seed in enumerate(SEEDS, start=1):
        progress(f"run {number} of {len(SEEDS)}: {config.iterations} updates, seed {seed}")
        yield tried(config.model_copy(update={"seed": seed, "split_seed": seed}))


# -- scripts and functions ---------------------------------------------------------------------------------------------


def _script(
    command: CommandTask, facts: TaskFacts, config: TrialConfig, device: str, progress: Callable[[str], None]
) -> CheckReport:
    runs, times = [], []
    for run, took in _tries(lambda seeded: _tried_script(command, seeded, device), config, progress):
        runs.append(run)
        times.append(took)
        if run.end != "done":
            break
    found = [*findings.of_ends(runs, facts.metric)]
    first = runs[0]
    if first.end == "done":
        expected = range(config.evaluate_every, config.iterations + 1, config.evaluate_every)
        found += [*findings.of_rates(first, schedules.from_dict(config.schedule))]
        found += [*findings.of_reports(first, expected), *findings.of_test(first, facts.metric, facts.test_size)]
    if len(runs) == len(SEEDS) and all(run.end == "done" for run in runs):
        found += findings.of_seeds(*runs)
    return _report(facts, config, found, times[0])


def _tried_script(command: CommandTask, config: TrialConfig, device: str) -> tuple[TriedRun, Measured]:
    heard: list[tuple[float, Reported]] = []

    def hear(report: object) -> None:
        if isinstance(report, Reported):
            heard.append((time.monotonic(), report))

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clr-check-") as folder, PeakMemory() as memory:
        events = command.events(
            config, device=device, checkpoints=folder, key="check/f000001", interrupt=threading.Event(), heard=hear
        )
        reports, test, end, reason = _followed(events)
    run = TriedRun(
        seed=config.seed,
        reports=reports,
        rates=findings.reported([report for _, report in heard]),
        test=test,
        end=end,
        reason=reason,
    )
    return run, _script_times(began, heard, memory.bytes or None)


def _script_times(began: float, heard: list[tuple[float, Reported]], peak: int | None) -> Measured:
    """Between the first report and the last, so that the start is not counted as training.

    Reports are heard up to `command.TICK` late: what takes less than ten of these is too short to be timed.
    """
    if len(heard) < 2 or heard[-1][0] - heard[0][0] < 10 * TICK:
        return Measured(peak_bytes=peak)
    (first_at, first), (last_at, last) = heard[0], heard[-1]
    each = (last_at - first_at) / (last.iteration - first.iteration)
    start = max(0.0, first_at - began - each * first.iteration)
    return Measured(iteration_seconds=each, start_seconds=start, peak_bytes=peak)


# -- tasks that give data and model ------------------------------------------------------------------------------------


def _built(
    task: Task, facts: TaskFacts, config: TrialConfig, device: str, progress: Callable[[str], None]
) -> CheckReport:
    from clr.task_check import splits

    progress("looking for examples that stand in two splits")
    shared, sizes = splits.shared(task.splits(SEEDS[0]))
    found = [*findings.of_splits(shared, sizes), *_sizes(facts, sizes)]
    runs, times = zip(*_tries(lambda seeded: _tried_task(task, seeded, device), config, progress), strict=True)
    found += [*findings.of_ends(runs, facts.metric), *findings.of_test(runs[0], facts.metric, facts.test_size)]
    if all(run.end == "done" for run in runs):
        found += findings.of_seeds(*runs)
    return _report(facts, config, found, times[-1])


def _sizes(facts: TaskFacts, sizes: Mapping[str, int]) -> Iterator[Finding]:
    for name, size in sizes.items():
        if (said := getattr(facts, f"{name}_size")) != size:
            yield Finding(level="problem", about="facts", text=f"facts() says {said} {name} examples, there are {size}")


def _tried_task(task: Task, config: TrialConfig, device: str) -> tuple[TriedRun, Measured]:
    from clr.training.loop import train
    from clr.training.stopwatch import Stopwatch

    watch, began = Stopwatch(), time.monotonic()
    reports, test, end, reason = _followed(train(config, task=task, device=device, stopwatch=watch))
    pace = watch.pace
    measured = Measured(
        iteration_seconds=pace.iteration_seconds if pace else (time.monotonic() - began) / config.iterations,
        evaluation_seconds=pace.evaluation_seconds if pace else None,
        peak_bytes=_device_peak(device),
    )
    run = TriedRun(seed=config.seed, reports=reports, test=test, end=end, reason=reason)
    return run, measured


# -- both --------------------------------------------------------------------------------------------------------------


def _followed(
    events: Iterator[Event],
) -> tuple[tuple[tuple[int, dict[str, float]], ...], dict[str, float], End, str]:
    """A run's reports, its test metrics, how it ended and why."""
    reports: list[tuple[int, dict[str, float]]] = []
    try:
        for event in events:
            match event:
                case Evaluated(evaluation):
                    reports.append((evaluation.iteration, dict(evaluation.metrics)))
                case Diverged(iteration, reason):
                    return tuple(reports), {}, "diverged", f"at update {iteration} {reason}"
                case Finished(test=test):
                    return tuple(reports), dict(test), "done", ""
    except ClrError as error:
        return tuple(reports), {}, "failed", str(error)
    except Exception as error:  # a task's own code may raise anything
        return tuple(reports), {}, "failed", f"{type(error).__name__}: {error}"
    return tuple(reports), {}, "failed", "the run ended without a word"


def _report(facts: TaskFacts, config: TrialConfig, found: list[Finding], measured: Measured) -> CheckReport:
    order = ("problem", "warning", "ok")
    ranked = sorted(found, key=lambda finding: order.index(finding.level))
    return CheckReport(task=facts.name, iterations=config.iterations, findings=tuple(ranked), measured=measured)


def _device_peak(device: str) -> int | None:
    if device == "cpu":
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    import torch

    return int(torch.cuda.max_memory_allocated(device))
