"""What a script has reported so far, and what that means for its trial: pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from clr.analysis.ramp import has_fallen
from clr.errors import InvalidReport, ScriptDied
from clr.protocol import Direction, TrialConfig
from clr.results import Diverged, Evaluated, Evaluation, Event, Finished, Pruned
from clr.scripts.files import FinalReport, Reported

MOST_BETWEEN = 1000
"""Reports between the planned ones that are kept; a script may report every update."""


class Account:
    """A trial as its script's reports tell it.

    Args:
        config: the trial's. metric, direction: the task's.
        tested: whether the script has a test split. Else the last validation metrics stand for the test's.

    Attributes:
        iteration: of the last report [optimizer updates].
    """

    def __init__(self, config: TrialConfig, metric: str, direction: Direction, *, tested: bool) -> None:
        self._config, self._metric, self._direction = config, metric, direction
        self._wants_test = config.test and tested
        self._test: Mapping[str, float] | None = None
        self._last: Mapping[str, float] = {}
        self._values: list[float] = []
        self._between = 0
        self._thresholds = {rung.iteration: rung.threshold for rung in config.rungs}
        self.iteration = 0

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for has been reported."""
        return self.iteration == self._config.iterations and (self._test is not None or not self._wants_test)

    def take(self, report: Reported | FinalReport) -> Iterator[Event]:
        """What a report means; a final event among it ends the trial.

        Raises:
            InvalidReport: it contradicts an earlier one, goes beyond the run, or lacks the task's metric.
        """
        if isinstance(report, FinalReport):
            yield from self._take_test(report)
            return
        if report.iteration > self._config.iterations and self._in_range_test and self.iteration:
            yield self.finished()  # a ramp's end is nobody's epoch
        elif self._is_new(report):
            yield from self._take_new(report)

    def ended(self, code: int) -> Event:
        """How the trial ended, given that the script did.

        Raises:
            ScriptDied: it did not end in order.
            InvalidReport: it did, before its run was over.
        """
        if self.complete:
            return self.finished()
        if code != 0:
            how = f"exited with code {code}" if code > 0 else f"was killed by signal {-code}"
            raise ScriptDied(f"The script {how} after update {self.iteration} of {self._config.iterations}.")
        if self._in_range_test and self.iteration:
            return self.finished()
        if self.iteration == self._config.iterations:
            raise InvalidReport(
                "The script ended without test metrics: call run.report_test(...) where run.test is true, or "
                "leave test_size out of the task file."
            )
        raise InvalidReport(
            f"The script ended after a report at update {self.iteration} of {self._config.iterations}: train for "
            "run.iterations updates and report the last one."
        )

    def finished(self) -> Finished:
        """The end of a run that has reported what it had to."""
        test = (self._test or self._last) if self._config.test else {}
        return Finished(self.iteration, self._last[self._metric], dict(test))

    @property
    def _in_range_test(self) -> bool:
        return self._config.phase == "range-test"

    def _is_new(self, report: Reported) -> bool:
        """Whether it says something new; the same again is nothing new."""
        if report.iteration > self._config.iterations:
            raise InvalidReport(
                f"The script reported update {report.iteration}, but the run has {self._config.iterations}: leave the "
                "loop where run.report(...) returns True."
            )
        if report.iteration < self.iteration:
            raise InvalidReport(f"The script reported update {report.iteration} after update {self.iteration}.")
        if self._metric not in report.metrics:
            raise InvalidReport(
                f"The report of update {report.iteration} lacks the task's metric {self._metric!r}; it has: "
                f"{', '.join(report.metrics)}."
            )
        if report.iteration == self.iteration and report.metrics != self._last:
            raise InvalidReport(f"The script reported update {report.iteration} twice, with different metrics.")
        return report.iteration > self.iteration

    def _take_new(self, report: Reported) -> Iterator[Event]:
        if (wrong := _not_finite(report.metrics)) is not None:
            yield Diverged(report.iteration, f"the script reported {wrong} as {report.metrics[wrong]}")
            return
        self.iteration, self._last = report.iteration, report.metrics
        value = report.metrics[self._metric]
        _check_fraction(self._metric, value)
        if not self._is_kept(report.iteration):
            return
        yield Evaluated(Evaluation(report.iteration, dict(report.metrics)))
        if self._is_worse(report.iteration, value):
            yield Pruned(report.iteration, value)
        elif self._has_fallen(report.iteration, value):
            yield self.finished()

    def _take_test(self, report: FinalReport) -> Iterator[Event]:
        if (wrong := _not_finite(report.metrics)) is not None:
            yield Diverged(self.iteration, f"the script reported the test {wrong} as {report.metrics[wrong]}")
        elif self._wants_test:
            if self._metric not in report.metrics:
                raise InvalidReport(f"The test metrics lack the task's metric {self._metric!r}.")
            _check_fraction(self._metric, report.metrics[self._metric])
            self._test = report.metrics

    def _is_kept(self, iteration: int) -> bool:
        config = self._config
        planned = iteration % config.evaluate_every == 0 or iteration == config.iterations
        if planned or iteration in self._thresholds:
            return True
        self._between += 1
        return self._between <= MOST_BETWEEN

    def _is_worse(self, iteration: int, value: float) -> bool:
        threshold = self._thresholds.get(iteration)
        if threshold is None:
            return False
        return value < threshold if self._direction == "maximize" else value > threshold

    def _has_fallen(self, iteration: int, value: float) -> bool:
        """The range test's own stop rule, on planned reports."""
        config = self._config
        if not self._in_range_test or self._direction != "maximize" or iteration % config.evaluate_every:
            return False
        self._values.append(value)
        return has_fallen(self._values, -(-config.iterations // config.evaluate_every))


def _check_fraction(metric: str, value: float) -> None:
    """Every figure of an accuracy is printed in percent, and its margin counts examples: 93.2 would be neither."""
    if metric == "accuracy" and not 0 <= value <= 1:
        raise InvalidReport(
            f"accuracy is a fraction: it must lie in 0 to 1, got {value:g}. Divide percent by 100, or give the metric "
            "another name in the task file."
        )


def _not_finite(metrics: Mapping[str, float]) -> str | None:
    return next((name for name, value in metrics.items() if not math.isfinite(value)), None)
