"""A study's record as one file of Optuna's: its journal, a line of JSON an operation.

Optuna reads it by `JournalStorage(JournalFileBackend(path))`, optuna-dashboard by its path.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from clr.analysis import peak_interval
from clr.plan import Plan
from clr.resources import Answer
from clr.results import Trial
from service.store import optuna_trials


class _Lines(BaseJournalBackend):
    """A journal in memory: a file's would be locked and synced to disk for each trial."""

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        return iter(self.logs[log_number_from:])

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.logs += logs

    def content(self) -> bytes:
        return "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in self.logs).encode()


def written(study: str, plan: Plan, trials: Sequence[Trial], answer: Answer) -> bytes:
    """The file: what the record holds of a study (`service.store.optuna_trials`), of slots that have ended.

    Args:
        plan, trials: with every curve. answer: of the same study.
    """
    lines = _Lines()
    storage = JournalStorage(lines)
    create = partial(optuna.create_study, storage=storage, direction=plan.facts.direction)
    create(study_name=study).add_trials(optuna_trials.of_arms(answer) if answer.arms else [])
    settled = peak_interval.settle(plan, peak_interval.ramp_rounds(plan, trials))
    for phase in optuna_trials.PHASES if settled is not None else ():
        for arm in plan.arms:
            varied = optuna_trials.distributions(plan, arm.name, settled.interval) if settled else {}
            found = [
                optuna_trials.of_slot(trial, plan.facts.metric, varied)
                for trial in trials
                if (trial.phase, trial.arm) == (phase, arm.name) and trial.outcome not in (None, "cancelled")
            ]
            if found:
                create(study_name=optuna_trials.name(study, phase, arm.name)).add_trials(found)
    return lines.content()
