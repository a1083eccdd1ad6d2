"""What a person sees of a study."""

import io
from datetime import UTC, datetime

from rich.console import Console

from clr.cli import render
from clr.resources import Counts, PhaseProgress, StudyResource, TaskResource


def shown(value, width=140) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(value, crop=False)
    return console.export_text()


def a_study(**changes) -> StudyResource:
    counts = dict(planned=10, waiting=4, running=2, done=3, diverged=1, failed=0)
    fields = dict(
        id="s1", name="", task="digits", state="running", phase="search", priority=0, ended_at=None, spec={}, plan=None,
        created_at=datetime(2026, 1, 1, tzinfo=UTC), started_at=None, slots=Counts(**counts), seconds_left=200.0,
        progress=tuple(PhaseProgress(phase="search", arm=arm, **counts) for arm in ("fixed", "cosine")),
    )  # fmt: skip
    return StudyResource(**{**fields, **changes})


def test_progress_sums_a_phase_over_its_arms():
    text = shown(render.progress(a_study()))

    assert "8/20" in text and "4 running, 2 diverged" in text


def test_pruned_trials_are_over_and_said():
    counts = dict(planned=10, waiting=4, running=0, done=3, diverged=0, failed=0, pruned=3)
    study = a_study(slots=Counts(**counts), progress=(PhaseProgress(phase="search", arm="fixed", **counts),))

    text = shown(render.progress(study))

    assert "6 of 10 trials over" in text and "6/10" in text and "3 pruned" in text


def test_one_line_says_state_phase_and_time_left():
    assert render.line(a_study()) == "s1: running (search), 4 of 10 trials over, about 3 min left"


def test_a_cancelled_study_s_line_and_bars_say_how_many_trials_were_given_up():
    counts = dict(planned=10, waiting=0, running=0, done=3, diverged=1, failed=0, cancelled=6)
    parts = (PhaseProgress(phase="search", arm="fixed", **counts),)
    study = a_study(state="cancelled", phase=None, slots=Counts(**counts), progress=parts)

    assert render.line(study) == "s1: cancelled, 4 of 10 trials over, 6 cancelled"
    assert "4/10" in shown(render.progress(study)) and "1 diverged, 6 cancelled" in shown(render.progress(study))


def test_on_eighty_columns_no_name_and_no_number_of_a_task_is_cut():
    images = TaskResource(
        name="fashion-mnist", metric="accuracy", direction="maximize", train_size=65931, validation_size=7326,
        test_size=26032, models=("alexnet", "caffe-cifar10-full", "mlp"), default_model="mlp", live=2,
        input_shape=(1, 28, 28), classes=10,
        options_schema={"properties": {key: {} for key in ("path", "size", "max_images", "augment")}},
    )  # fmt: skip

    lines = shown(render.tasks([images]), width=80).splitlines()

    assert all(len(line.rstrip()) <= 80 for line in lines)
    assert all(
        any(word in line for line in lines)
        for word in ("fashion-mnist", "65931/7326/26032", "caffe-cifar10-full", "max_images")
    )
