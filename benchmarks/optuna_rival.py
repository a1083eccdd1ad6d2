"""The demo study with Optuna and a plain torch loop: two processes on one SQLite storage.

Usage: python benchmarks/optuna_rival.py FOLDER [--loader tensors|dataloader] [--curves kept|dropped]
    [--families 7] [--trials 12] [--seeds 10]

Each schedule is an Optuna study; the processes share its trials. `--curves dropped` stores the final values alone.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import optuna
import plain_training
import torch

PROCESSES = 2


@dataclass(frozen=True)
class Setting:
    """Where studies are stored, and what of a run is."""

    storage: str
    loader: str
    curves: bool

    def study(self, name: str) -> optuna.Study:
        return optuna.load_study(study_name=name, storage=self.storage)


def prepare() -> None:
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def trained(setting: Setting, trial: optuna.Trial, family: str, params: plain_training.Params, seed: int) -> float:
    """A run whose curve goes to the trial; returns the test accuracy, the last validation accuracy as its attribute."""
    last = [0.0]

    def evaluated(step: int, accuracy: float) -> None:
        last[0] = accuracy
        if setting.curves:
            trial.report(accuracy, step)

    test = plain_training.train(family, params, seed, evaluated, loader=setting.loader)
    return last[0] if seed == 0 else test


def suggest(trial: optuna.Trial, family: str) -> plain_training.Params:
    params = {"peak_lr": trial.suggest_float("peak_lr", plain_training.LOW, plain_training.HIGH, log=True)}
    if family != "fixed":
        params["ratio"] = trial.suggest_float("ratio", *plain_training.RATIOS, log=True)
    if family in plain_training.CYCLIC:
        params["cycles"] = trial.suggest_int("cycles", *plain_training.CYCLES)
    return params


def ramp(setting: Setting, seed: int) -> None:
    """One seed of a range test."""
    study = setting.study("range-test")
    trial = study.ask()
    params = {"peak_lr": plain_training.RAMP_LOW}
    study.tell(trial, trained(setting, trial, "ramp", params, seed))


def search(setting: Setting, family: str, trials: int) -> None:
    """A process's share of a schedule's search."""
    setting.study(family).optimize(
        lambda trial: trained(setting, trial, family, suggest(trial, family), 0), n_trials=trials
    )


def confirm(setting: Setting, family: str, params: plain_training.Params, seed: int) -> None:
    """The best parameters on a fresh seed; the value is the test accuracy."""
    study = setting.study(f"{family}/confirm")
    trial = study.ask()
    trial.set_user_attr("seed", seed)
    study.tell(trial, trained(setting, trial, family, params, seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--loader", choices=["tensors", "dataloader"], default="tensors")
    parser.add_argument("--curves", choices=["kept", "dropped"], default="kept")
    plain_training.Size.arguments(parser)
    asked = parser.parse_args()
    size = plain_training.Size.of(asked)
    prepare()
    setting = Setting(f"sqlite:///{asked.folder}/optuna.db", asked.loader, asked.curves == "kept")
    families = size.names
    for name in ("range-test", *families, *(f"{family}/confirm" for family in families)):
        optuna.create_study(study_name=name, storage=setting.storage, direction="maximize")
    with ProcessPoolExecutor(PROCESSES, get_context("spawn"), initializer=prepare) as pool:
        for run in [pool.submit(ramp, setting, 1 + seed) for seed in range(plain_training.RAMPS)]:
            run.result()
        share = size.trials // PROCESSES
        for run in [pool.submit(search, setting, family, share) for family in families for _ in range(PROCESSES)]:
            run.result()
        best = {family: setting.study(family).best_params for family in families}
        seeds = range(1, size.seeds + 1)
        for run in [pool.submit(confirm, setting, family, best[family], seed) for family in families for seed in seeds]:
            run.result()
    names = optuna.get_all_study_names(setting.storage)
    stored = {name: setting.study(name).get_trials(states=[optuna.trial.TrialState.COMPLETE]) for name in names}
    means = {f: sum(t.value or 0.0 for t in stored[f"{f}/confirm"]) / size.seeds for f in families}
    print(json.dumps({"trials": sum(map(len, stored.values())), "accuracy": max(means.values())}))


if __name__ == "__main__":
    main()
