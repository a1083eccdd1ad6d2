"""What a snippet is, and what is refused."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from schedules.test_contract import PLAIN  # a document of every family

from clr import schedules, snippets
from clr.errors import InvalidSchedule, UnknownName
from clr.schedules import Cosine, Custom, Exponential, Fixed, OneCycle, Piecewise, Schedule, Triangular, Triangular2
from clr.snippets import formulas

every_family = pytest.mark.parametrize("family", schedules.names())


def example(family: str) -> Schedule:
    return schedules.from_dict(PLAIN[family])


@every_family
def test_json_is_the_document_that_makes_the_schedule_again(family: str) -> None:
    schedule = example(family)

    assert schedules.from_dict(json.loads(snippets.snippet(schedule, "json"))) == schedule


@every_family
def test_torch_native_names_no_package_but_torch(family: str) -> None:
    text = snippets.snippet(example(family), "torch-native")

    imported = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= {"torch", "numpy", "math", "fractions"}
    assert "clr" not in text


@every_family
def test_the_formula_holds_far_into_the_run_to_the_last_bit(family: str) -> None:
    schedule = example(family)
    text = formulas.definitions(schedule)
    scope: dict = {}

    exec("\n".join([*formulas.imports(text, schedule), text]), scope)

    late = [0, 1, 99, 100, 101, 9_999, 123_457, 1_000_000]
    assert [scope["rate"](i) for i in late] == schedule(np.array(late)).tolist()


def test_torchs_class_is_taken_where_it_has_the_family() -> None:
    classes = {
        family: snippets.snippet(example(family), "torch-class").partition("lr_scheduler.")[2].partition("(")[0]
        for family in schedules.names()
    }

    own = {family: name for family, name in classes.items() if name != "LambdaLR"}
    assert own == {
        "fixed": "ConstantLR",
        "step": "StepLR",
        "multi_step": "MultiStepLR",
        "exponential": "ExponentialLR",
        "linear": "LinearLR",
        "polynomial": "PolynomialLR",
        "decay": "LinearLR",
        "triangular": "CyclicLR",
        "triangular2": "CyclicLR",
        "exp_range": "CyclicLR",
        "custom": "CyclicLR",
        "one_cycle": "OneCycleLR",
    }


def test_a_run_longer_than_one_cycle_holds_its_last_rate_and_does_not_crash() -> None:  # torch's OneCycleLR raises
    text = snippets.snippet(OneCycle(max_lr=0.4, iterations=100), "torch-class", iterations=101)

    assert "OneCycleLR" not in text and "LambdaLR" in text


def test_after_a_thousand_cycles_torchs_own_is_left() -> None:  # its triangular2 overflows after 1024
    schedule = Triangular2(base_lr=0.1, max_lr=0.4, step_size=1000)

    assert "CyclicLR" in snippets.snippet(schedule, "torch-class", iterations=2_000_000)
    assert "CyclicLR" not in snippets.snippet(schedule, "torch-class", iterations=2_000_001)


@pytest.mark.parametrize("family", [Triangular, Triangular2])
def test_a_formula_keeps_time_over_millions_of_cycles_of_uneven_length(family: type[Schedule]) -> None:
    schedule = family.make(base_lr=0.0, max_lr=0.4, step_size=0.7, step_size_down=1.9)
    text, late = formulas.definitions(schedule), np.array([*range(20), *range(9_999_990, 10_000_000)])
    scope: dict = {}

    exec("\n".join([*formulas.imports(text, schedule), text]), scope)

    assert [scope["rate"](int(i)) for i in late] == schedule(late).tolist()


def test_the_lines_around_the_schedule_are_those_of_the_setup() -> None:
    setup = snippets.Setup((snippets.TorchOptimizer("AdamW", {"betas": (0.9, 0.95), "weight_decay": 0.1}),), ("mine",))

    for kind in snippets.KINDS:
        text = snippets.snippet(Cosine(lr=0.1, end_lr=0.0, iterations=70), kind, setup=setup)
        assert kind == "json" or text.startswith("# mine\n\n")
        if kind in ("torch", "torch-native", "torch-class", "lightning", "timm", "accelerate"):
            assert "torch.optim.AdamW(" in text and "betas=(0.9, 0.95), weight_decay=0.1)" in text


@pytest.mark.parametrize("kind", ["torch", "torch-native", "torch-class"])
def test_two_optimizers_get_a_scheduler_each(kind: str) -> None:
    both = (snippets.TorchOptimizer("Muon", {}, "matrices"), snippets.TorchOptimizer("AdamW", {}, "others"))
    scope: dict = {}

    exec(snippets.snippet(Cosine(lr=0.1, end_lr=0.05, iterations=5), kind, setup=snippets.Setup(both)), scope)

    rates = [one.param_groups[0]["lr"] for one in scope["optimizers"]]
    assert [type(one).__name__ for one in scope["optimizers"]] == ["Muon", "AdamW"]
    assert rates == [0.05, 0.05]


def test_the_run_is_as_long_as_the_schedule_unless_said_otherwise() -> None:
    assert "range(70)" in snippets.snippet(Cosine(lr=0.1, end_lr=0.0, iterations=70), "torch")
    assert "range(80)" in snippets.snippet(Cosine(lr=0.1, end_lr=0.0, iterations=70), "torch", iterations=80)
    assert "range(1000)" in snippets.snippet(Fixed(lr=0.1), "torch")


def test_a_torch_loop_that_steps_per_epoch_is_warned_of_it() -> None:
    text = snippets.snippet(Exponential(lr=0.1, gamma=0.99), "torch", iterations=150)
    per_epoch = text.replace("    scheduler.step()", "scheduler.step()")

    with pytest.warns(UserWarning, match="made 150 updates, but .* counted 1: .* of a run of 150"):
        exec(per_epoch + "scheduler.state_dict()\n", {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(text + "scheduler.state_dict()\n", {})


def test_a_long_schedule_is_broken_into_lines_and_is_still_the_same() -> None:
    part = Triangular2(base_lr=0.123456789012345, max_lr=0.98765432109876, step_size=1234.56789)
    schedule = Piecewise(schedules=(part, part, Fixed(lr=0.1)), milestones=(10_000, 20_000))

    text = snippets.snippet(schedule, "torch", iterations=1)
    scope: dict = {}
    exec(text, scope)

    assert max(map(len, text.splitlines())) <= 120
    assert scope["schedule"] == schedule


def test_a_scale_function_of_ones_own_is_imported_from_where_it_stands() -> None:
    schedule = Custom(base_lr=0.1, max_lr=0.4, step_size=5, scale_fn=np.emath.sqrt)

    ours = snippets.snippet(schedule, "torch")
    torchs = snippets.snippet(schedule, "torch-native")

    assert f'trust("{np.emath.sqrt.__module__}")' in ours
    assert f"from {np.emath.sqrt.__module__} import sqrt" in torchs


@pytest.mark.parametrize("kind", snippets.KINDS)
def test_a_scale_function_of_the_running_script_is_refused(tmp_path: Path, kind: str) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "from clr.schedules import Custom, Warmup\n"
        "def grow(x): return x\n"
        "schedule = Warmup(schedule=Custom(base_lr=0.1, max_lr=0.4, step_size=5, scale_fn=grow), iterations=9)\n"
        "assert schedule(0) >= 0\n"
        f"schedule.snippet({kind!r})\n"
    )

    said = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False).stderr

    assert "InvalidSchedule: scale_fn of custom must stand in a module" in said
    assert "move the function into a file of its own" in said and "got '__main__:grow'" in said


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "10"])
def test_a_length_that_is_no_count_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidSchedule, match="iterations of a snippet must be a whole number above 0"):
        snippets.snippet(Fixed(lr=0.1), "torch", iterations=wrong)  # type: ignore[arg-type]


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"no kind of snippet 'jax'.*torch-native.*optax"):
        snippets.snippet(Fixed(lr=0.1), "jax")


def test_a_schedule_gives_its_own_snippet() -> None:
    schedule = Cosine(lr=0.1, end_lr=0.0, iterations=70)

    assert schedule.snippet("optax", 80) == snippets.snippet(schedule, "optax", iterations=80)
