"""What a person sees of a study."""

import io
from datetime import UTC, datetime

from rich.console import Console

from clr.cli import render
from clr.resources import (
    Answer,
    ArmAnswer,
    BestSchedule,
    Bounds,
    Confounds,
    Counts,
    Difference,
    PhaseProgress,
    StudyResource,
)


def shown(value, width=140) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(value, crop=False)
    return console.export_text()


def an_arm(rank=1, arm="triangular2", mean=0.9712, **changes) -> ArmAnswer:
    fields = dict(
        rank=rank, arm=arm, family=arm, status="confirmed", params={}, search_value=0.99, search_trials=12,
        schedule={"family": arm, "base_lr": 0.001, "max_lr": 0.25, "step_size": 75.0}, search_failed=1,
        confounds=Confounds(peak=0.25, end=0.001, mean=0.1, decay=0.0, momentum=0.9, warmup=75, updates=300),
        search_diverged=2, mean=mean, interval=Bounds(low=0.961, high=0.981), prediction=None,
        values={"1": 0.97, "2": 0.972}, confirm_failed=0, confirm_diverged=1,
        difference=Difference(mean=0.0103, interval=Bounds(low=-0.002, high=0.0226), pairs=2), to_target=None,
        seconds=3,
    )  # fmt: skip
    return ArmAnswer(**{**fields, **changes})


def an_answer(*arms, **changes) -> Answer:
    fields = dict(
        study="s1", status="confirmed", metric="accuracy", direction="maximize", baseline="fixed",
        sentence="No difference to fixed is shown.", arms=arms, target=None, iterations=300, notes=("two seeds",),
        best=BestSchedule(arm="triangular2", schedule={"family": "triangular2", "base_lr": 0.001, "max_lr": 0.25},
                          snippet="from clr import ScheduleLR\n"),
    )  # fmt: skip
    return Answer(**{**fields, **changes})


def test_the_verdict_comes_first_and_the_snippet_last():
    lines = [line.strip() for line in shown(render.answer(an_answer(an_arm()))).splitlines() if line.strip()]

    assert lines[0] == "No difference to fixed is shown."
    assert lines[-1] == "from clr import ScheduleLR"
    assert "Best schedule: triangular2 = triangular2(base_lr=0.001, max_lr=0.25)" in lines


def test_a_schedule_of_another_arm_than_the_first_is_not_called_the_best():
    text = shown(render.answer(an_answer(an_arm(arm="cosine"), an_arm(2, "triangular2"))))

    assert "Schedule to take: triangular2" in text and "Best schedule" not in text


def test_an_arm_s_row_holds_its_evidence():
    row = next(line for line in shown(render.answer(an_answer(an_arm()))).splitlines() if line.startswith("1"))

    assert row.split() == [
        "1", "triangular2", "97.12", "[96.10,", "98.10]", "+1.03", "[-0.20,", "+2.26]", "2", "4", "0.25",
    ]  # fmt: skip


def test_a_provisional_answer_says_not_confirmed_and_brackets_its_values():
    arm = an_arm(status="not confirmed", mean=None, interval=None, difference=None, values={})
    text = shown(render.answer(an_answer(arm, status="provisional", best=None)))

    assert "not confirmed" in text and "(99.00)" in text


def test_a_failed_arm_without_figures_is_shown_without_them():
    arm = an_arm(
        status="failed", mean=None, interval=None, difference=None, values={}, search_value=None, schedule=None
    )

    assert "triangular2 (failed)" in shown(render.answer(an_answer(arm)))


def test_another_metric_is_shown_as_it_is():
    row = next(
        line for line in shown(render.answer(an_answer(an_arm(), metric="loss"))).splitlines() if line.startswith("1")
    )

    assert row.split()[2:7] == ["0.9712", "[0.961,", "0.981]", "+0.0103", "[-0.002,"]


def test_identical_arms_are_said_to_be():
    arm = an_arm(difference=Difference(mean=0.0, interval=None, pairs=2, identical=True))

    assert "identical" in shown(render.answer(an_answer(arm)))


def test_its_figures_stand_in_one_line_each_on_eighty_columns():
    text = shown(render.answer(an_answer(an_arm(), an_arm(2, "exp_range"))), width=80)

    assert "97.12 [96.10, 98.10] +1.03 [-0.20, +2.26]" in text and "exp_range" in text and "triangular2 " in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_snippet_is_never_broken_into_lines():
    snippet = 'schedule = clr.schedules.make("cosine", ' + "lr=0.27978338801004143, " * 6 + ")"
    answer = an_answer(an_arm())
    answer = answer.model_copy(update={"best": answer.best.model_copy(update={"snippet": snippet})})

    assert f"    {snippet}\n" in shown(render.answer(answer), width=80)


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


def test_one_line_says_state_phase_and_time_left():
    assert render.line(a_study()) == "s1: running (search), 4 of 10 trials over, about 3 min left"


def test_a_cancelled_study_s_line_and_bars_say_how_many_trials_were_given_up():
    counts = dict(planned=10, waiting=0, running=0, done=3, diverged=1, failed=0, cancelled=6)
    parts = (PhaseProgress(phase="search", arm="fixed", **counts),)
    study = a_study(state="cancelled", phase=None, slots=Counts(**counts), progress=parts)

    assert render.line(study) == "s1: cancelled, 4 of 10 trials over, 6 cancelled"
    assert "4/10" in shown(render.progress(study)) and "1 diverged, 6 cancelled" in shown(render.progress(study))
