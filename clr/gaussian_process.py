"""The helper process of the "gp" sampler: one round by Optuna's Gaussian process, which loads torch.

`python -m clr.gaussian_process` reads one JSON document from its standard input and writes the points to its output;
`clr.sampler_process` is its other end.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import optuna

from clr.search import distribution
from clr.spec import Range


def points(document: Mapping[str, Any]) -> list[dict[str, float | int]]:
    """The next points of a search: `size` of them in `space`, after `points` with their values."""
    distributions = {name: distribution(Range.model_validate(r)) for name, r in document["space"].items()}
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    sampler = optuna.samplers.GPSampler(seed=document["seed"], n_startup_trials=1)
    study = optuna.create_study(direction=document["direction"], sampler=sampler)
    for params, value in document["points"]:
        study.add_trial(optuna.trial.create_trial(params=params, distributions=dict(distributions), value=value))
    return [dict(study.ask(distributions).params) for _ in range(document["size"])]


if __name__ == "__main__":
    json.dump(points(json.load(sys.stdin)), sys.stdout)
