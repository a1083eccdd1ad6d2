"""Every snippet is run as it is, and the rates of its updates are the schedule's: the trace is the receipt."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from schedules.test_contract import PLAIN  # a document of every family

from clr import schedules, snippets
from clr.schedules import (
    Cosine,
    CosineRestarts,
    Custom,
    Decay,
    ExpRange,
    Fixed,
    Linear,
    OneCycle,
    Piecewise,
    Polynomial,
    Schedule,
    Step,
    Triangular,
    Triangular2,
    Warmup,
    WarmupStableDecay,
)

UPDATES = 110  # ten more than the schedules of 100

OPTIONS = {
    "step_up": Step(lr=0.1, gamma=1.5, step_size=30),
    "linear_from_0": Linear(lr=0.0, end_lr=0.3, iterations=100),
    "linear_up": Linear(lr=0.1, end_lr=0.3, iterations=100),
    "polynomial_to_more_than_0": Polynomial(lr=0.5, end_lr=0.1, power=0.9, iterations=100),
    "polynomial_to_0": Polynomial(lr=0.5, end_lr=0.0, power=0.9, iterations=100),
    "decay_over_a_real_number": Decay(base_lr=0.1, max_lr=0.7, step_size=33.3),
    "cosine_up": Cosine(lr=0.1, end_lr=0.3, iterations=100),
    "restarts": CosineRestarts(lr=0.5, end_lr=0.1, period=10, period_multiplier=2),
    "restarts_after_real_numbers": CosineRestarts(lr=0.5, end_lr=0.1, period=50 / 3, period_multiplier=2),
    "long_way_down": Triangular(base_lr=0.1, max_lr=0.4, step_size=7.3, step_size_down=20.9),
    "welch": Triangular(base_lr=0.1, max_lr=0.4, step_size=12.5, window="welch"),
    "hann": Triangular2(base_lr=0.1, max_lr=0.4, step_size=9, step_size_down=30.5, window="hann"),
    "triangular2_long_way_down": Triangular2(base_lr=0.0, max_lr=0.4, step_size=7.3, step_size_down=20.9),
    "bounds_decline": ExpRange(base_lr=0.1, max_lr=0.4, step_size=12.5, gamma=0.99, decay_bounds=True),
    "exp_range_welch": ExpRange(base_lr=0.1, max_lr=0.4, step_size=12.5, gamma=0.99, window="welch"),
    "halving": Custom(base_lr=0.1, max_lr=0.4, step_size=12.5, scale_fn="halving"),
    "sine": Custom(base_lr=0.1, max_lr=0.4, step_size=12.5, scale_fn="sine", scale_mode="iterations"),
    "own_function": Custom(base_lr=0.1, max_lr=0.4, step_size=12.5, scale_fn=np.emath.sqrt),
    "one_cycle_in_lines": OneCycle(max_lr=0.4, iterations=100, anneal="linear", pct_start=0.45, div_factor=3.0),
    "one_cycle_as_long_as_the_run": OneCycle(max_lr=0.4, iterations=UPDATES),
    "one_cycle_in_three_phases": OneCycle(max_lr=0.4, iterations=UPDATES, three_phase=True, final_div_factor=50.0),
    "three_phases_and_more": OneCycle(max_lr=0.4, iterations=90, three_phase=True, anneal="linear"),
    "one_cycle_without_a_rise": OneCycle(max_lr=0.4, iterations=UPDATES, pct_start=0.0),
    "one_cycle_without_a_fall": OneCycle(max_lr=0.4, iterations=UPDATES, pct_start=1.0),
    "plateau_to_the_end": WarmupStableDecay(lr=0.3, end_lr=0.0, warmup=10, decay=0, iterations=100),
    "no_warmup": WarmupStableDecay(lr=0.3, end_lr=0.01, warmup=0, decay=30, iterations=100, shape="1-sqrt"),
    "cosine_fall": WarmupStableDecay(lr=0.3, end_lr=0.01, warmup=7, decay=30, iterations=100, shape="cosine"),
    "warm_one_cycle": Warmup(
        schedule=OneCycle(max_lr=0.4, iterations=80), iterations=20, shape="exponential", start_factor=0.1
    ),
    "all_in_a_row": Piecewise(
        schedules=(
            Warmup(schedule=Fixed(lr=0.4), iterations=10),
            CosineRestarts(lr=0.5, end_lr=0.1, period=50 / 3, period_multiplier=2),
            Custom(base_lr=0.1, max_lr=0.4, step_size=12.5, scale_fn="inverse"),
            Step(lr=0.1, gamma=0.5, step_size=3),
        ),
        milestones=(20, 50, 90),
    ),
}  # fmt: skip
FAMILIES: dict[str, Schedule] = {family: schedules.from_dict(PLAIN[family]) for family in schedules.names()}
COMPOSED = {case: OPTIONS[case] for case in ("own_function", "warm_one_cycle", "all_in_a_row")}
CASES = {kind: FAMILIES | COMPOSED for kind in snippets.KINDS if kind != "json"} | {
    "torch-native": FAMILIES | OPTIONS,  # these write formulas
    "torch-class": FAMILIES | OPTIONS,
}

LIBRARIES = {
    "torch": ("torch", "torch-native", "torch-class"),
    "lightning": ("lightning",),
    "transformers": ("transformers",),
    "keras": ("keras",),
    "optax": ("optax",),
    "timm": ("timm",),
    "accelerate": ("accelerate",),
}
"""library -> the kinds of snippet that run in its process."""
RUNS = [(library, kind, case) for library, kinds in LIBRARIES.items() for kind in kinds for case in CASES[kind]]
TOLERANCES = {"torch": 0.0, "torch-native": 0.0, "keras": 1e-6, "optax": 1e-6}
"""Of the highest rate; 1e-12 for the others. Keras and optax keep float32."""


@cache
def ran(library: str) -> dict:
    """All of a library's snippets, run in one process; the rates of every update by "kind/case"."""
    scripts = {
        f"{kind}/{case}": snippets.snippet(schedule, kind, UPDATES)
        for kind in LIBRARIES[library]
        for case, schedule in CASES[kind].items()
    }
    process = subprocess.run(
        [sys.executable, Path(__file__).with_name("record_rates.py")],
        input=json.dumps({"library": library, "scripts": scripts}),
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(process.stdout) if process.returncode == 0 else {"traces": {}, "failed": process.stderr[-3000:]}


def test_every_kind_is_run() -> None:
    assert {kind for _, kind, _ in RUNS} | {"json"} == set(snippets.KINDS)


@pytest.mark.parametrize(("library", "kind", "case"), RUNS)
def test_each_update_of_the_snippet_is_made_at_the_schedules_rate(library: str, kind: str, case: str) -> None:
    expected = CASES[kind][case].rates(UPDATES)

    found = ran(library)["traces"].get(f"{kind}/{case}")

    assert isinstance(found, list), found or ran(library)["failed"]
    trace = np.array(found)
    assert trace.shape == (UPDATES,)
    assert np.abs(trace - expected).max() <= TOLERANCES.get(kind, 1e-12) * expected.max()
