"""clr.sampler_process: the Gaussian process runs beside the service, which never loads torch."""

import json
import subprocess
import sys

import pytest

from clr import plan as plans
from clr import sampler_process
from clr.errors import MissingExtra, SamplerFailed
from clr.spec import Range, parse

SPACE = {"peak_lr": Range(low=1e-3, high=1.0, log=True), "cycles": Range(low=1, high=5, integer=True)}
POINTS = [({"peak_lr": 10 ** (-k / 2), "cycles": 1 + k % 5}, 0.5 - 0.1 * (k - 3) ** 2) for k in range(6)]
PROGRAM = """
import json, sys
from clr import search
from clr.spec import Range
space = {name: Range.model_validate(r) for name, r in json.loads(sys.argv[1]).items()}
history = [[(point, value) for point, value in json.loads(sys.argv[2])]]
points = search.suggest(space, history, 3, sampler="gp", seed=1, direction="maximize")
assert "torch" not in sys.modules
print(json.dumps(points))
"""


def test_a_round_loads_no_torch_here_and_is_the_same_each_time() -> None:
    space = json.dumps({name: r.model_dump() for name, r in SPACE.items()})
    command = [sys.executable, "-c", PROGRAM, space, json.dumps(POINTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr

    points = json.loads(done.stdout)

    assert len({tuple(point.values()) for point in points}) == 3
    assert all(1e-3 <= point["peak_lr"] <= 1.0 and point["cycles"] in range(1, 6) for point in points)
    seed = (1 + 1_000_003) % 2**32
    assert points == sampler_process.suggest(SPACE, POINTS, 3, seed=seed, direction="maximize")


def test_a_helper_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(SamplerFailed, match="took longer than"):
        sampler_process.suggest(SPACE, POINTS, 1, seed=1, direction="maximize", seconds=0.01)


def test_a_helper_that_dies_says_why() -> None:
    outside = [({"peak_lr": 5.0, "cycles": 1}, 0.1)]

    with pytest.raises(SamplerFailed, match=r"ended with 1: ValueError: .*5\.0"):
        sampler_process.suggest(SPACE, outside, 1, seed=1, direction="maximize")


def test_without_torch_both_the_check_and_the_round_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler_process, "available", lambda: False)
    facts = plans.check(parse({"task": "digits", "arms": ["fixed"], "sampler": "gp"}), None, ["digits"])

    assert [(error.pointer, "clr-sweep[train]" in error.detail) for error in facts] == [("/sampler", True)]
    with pytest.raises(MissingExtra, match=r"clr-sweep\[train\]"):
        sampler_process.suggest(SPACE, POINTS, 1, seed=1, direction="maximize")
