"""The demo study with Ray Tune, OptunaSearch and a plain torch loop, on two CPUs.

Usage: python benchmarks/ray_rival.py FOLDER [--actors reused|fresh]
    [--families 7] [--trials 12] [--seeds 10]

One Tuner per schedule's search, one for all confirm runs, one for the range test. `--actors fresh` is Ray's default: a
process for every trial; `reused` keeps them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import plain_training
import ray
import torch
from ray import tune
from ray.tune.search.optuna import OptunaSearch

CPUS = 2


def objective(config: dict[str, Any]) -> None:
    """One run; every evaluation is reported, the last one with the test accuracy."""
    torch.set_num_threads(1)
    config = config.get("run", config)
    params = {name: config[name] for name in ("peak_lr", "ratio", "cycles") if name in config}
    seen: list[tuple[int, float]] = []

    def evaluated(step: int, accuracy: float) -> None:
        if seen:
            tune.report({"accuracy": seen[-1][1], "step": seen[-1][0]})
        seen[:] = [(step, accuracy)]

    test = plain_training.train(config["family"], params, config["seed"], evaluated)
    tune.report({"accuracy": seen[-1][1], "step": seen[-1][0], "test": test})


def space(family: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "family": family, "seed": 0, "peak_lr": tune.loguniform(plain_training.LOW, plain_training.HIGH)
    }  # fmt: skip
    if family != "fixed":
        found["ratio"] = tune.loguniform(*plain_training.RATIOS)
    if family in plain_training.CYCLIC:
        found["cycles"] = tune.randint(plain_training.CYCLES[0], plain_training.CYCLES[1] + 1)
    return found


def fitted(folder: Path, name: str, param_space: dict[str, Any], reuse: bool, **config: Any) -> tune.ResultGrid:
    tuner = tune.Tuner(
        tune.with_resources(objective, {"cpu": 1}),
        param_space=param_space,
        tune_config=tune.TuneConfig(metric="accuracy", mode="max", reuse_actors=reuse, **config),
        run_config=tune.RunConfig(name=name, storage_path=str(folder), verbose=0),
    )
    found = tuner.fit()
    if found.errors:
        raise SystemExit(f"Ray Tune: {len(found.errors)} trials of {name} failed: {found.errors[0]}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--actors", choices=["reused", "fresh"], default="fresh")
    plain_training.Size.arguments(parser)
    asked = parser.parse_args()
    size = plain_training.Size.of(asked)
    reuse, folder = asked.actors == "reused", asked.folder.absolute()
    here = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}}
    ray.init(num_cpus=CPUS, include_dashboard=False, log_to_driver=False, logging_level="ERROR", runtime_env=here)
    ramps = tune.grid_search(list(range(1, plain_training.RAMPS + 1)))
    grids = [fitted(folder, "ramp", {"family": "ramp", "peak_lr": plain_training.RAMP_LOW, "seed": ramps}, reuse)]
    best = []
    for family in size.names:
        searched = fitted(
            folder, family, space(family), reuse,
            num_samples=size.trials, search_alg=OptunaSearch(), max_concurrent_trials=CPUS,
        )  # fmt: skip
        best.append(searched.get_best_result().config)
        grids.append(searched)
    runs = [{**config, "seed": seed} for config in best for seed in range(1, size.seeds + 1)]
    grids.append(fitted(folder, "confirm", {"run": tune.grid_search(runs)}, reuse))
    tests: dict[str, list[float]] = {}
    for result in grids[-1]:
        tests.setdefault(result.config["run"]["family"], []).append(result.metrics["test"])
    means = [sum(values) / len(values) for values in tests.values()]
    print(json.dumps({"trials": sum(map(len, grids)), "accuracy": max(means)}))


if __name__ == "__main__":
    main()
