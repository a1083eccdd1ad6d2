"""What `clr best` shows: a study's answer on one screen."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest
import simulated
from rich.console import Console

from clr.analysis.answer import answer
from clr.cli.findings_list import FindingsList
from clr.cli.sheet import LINES, Sheet
from clr.findings import Finding
from clr.plan import Plan
from clr.resources import Answer, ArmAnswer, BestSchedule, Bounds, Confounds, Difference
from clr.results import Evaluation, Trial

FAMILIES = (
    "fixed", "step", "exponential", "cosine", "triangular", "triangular2", "exp_range", "linear", "one_cycle",
    "polynomial", "inverse", "cosine_restarts",
)  # fmt: skip
STUDY = "s00064ca1f2f3d03ab12cd34ef5678"


def shown(found: Answer, width: int = 100) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(Sheet(found), crop=False)
    return console.export_text()


def arms(count: int) -> list[dict]:
    return [
        {"family": FAMILIES[k % 12], "name": FAMILIES[k % 12] + (f"_{k // 12}" if k >= 12 else "")}
        for k in range(count)
    ]


@cache
def studied(count: int, **spec) -> tuple[Plan, tuple[Trial, ...]]:
    plan = simulated.a_plan(arms=arms(count), trials=2, **{"confirm_seeds": 4, **spec})
    return plan, tuple(simulated.run(plan))


def an_answer(count: int, **spec) -> Answer:
    return answer(STUDY, *studied(max(count, 2) if spec else count, **spec))


def with_a_target(count: int) -> Answer:
    plan, trials = studied(max(count, 2), target=0.5)
    curve = tuple(Evaluation(17 * k, {"accuracy": 0.04 * k}) for k in range(1, 21))
    return answer(STUDY, plan, [replace(t, curve=curve) if t.phase == "confirm" else t for t in trials])


def with_lost_runs(count: int) -> Answer:
    """Every arm but the baseline lost a run, so that every arm has notes."""
    plan, trials = studied(count)
    last = max(t.number for t in trials)
    lost = [replace(t, outcome="diverged", value=None) if t.number > last - count + 1 else t for t in trials]
    return answer(STUDY, plan, lost)


ANSWERS = {
    "plain": an_answer,
    "in_search": lambda n: answer(STUDY, studied(n)[0], [t for t in studied(n)[1] if t.phase != "confirm"]),
    "over_unconfirmed": lambda n: answer(
        STUDY, studied(n)[0], [t for t in studied(n)[1] if t.phase != "confirm"], ended=True
    ),
    "nothing_yet": lambda n: answer(STUDY, studied(n)[0], []),
    "looks": lambda n: an_answer(n, looks=(2, 3, 4)),
    "final_seeds": lambda n: an_answer(n, final_seeds=3),
    "lengths": lambda n: an_answer(n, lengths=(0.5, 1.0)),
    "replicates": lambda n: an_answer(n, replicates=2, confirm_seeds=2),
    "finalists": lambda n: an_answer(n, confirm="finalists"),
    "target": with_a_target,
    "lost_runs": with_lost_runs,
    "long_notes": lambda n: an_answer(n).model_copy(update={"notes": tuple("a long note " * 40 for _ in range(9))}),
    "long_names": lambda n: an_answer(n).model_copy(
        update={"arms": tuple(arm.model_copy(update={"arm": arm.arm + "x" * 40}) for arm in an_answer(n).arms)}
    ),
    "hours": lambda n: an_answer(n).model_copy(
        update={"arms": tuple(arm.model_copy(update={"seconds": 123_456.0}) for arm in an_answer(n).arms)}
    ),
    "loss": lambda n: an_answer(n).model_copy(update={"metric": "loss"}),
}


@pytest.mark.parametrize("case", ANSWERS)
@pytest.mark.parametrize("count", [1, 2, 7, 12, 40])
def test_an_answer_fits_on_one_screen_with_all_that_it_must_show(case: str, count: int) -> None:
    found = ANSWERS[case](count)

    for width in (80, 100, 132):
        text = shown(found, width)
        lines = text.splitlines()
        assert len(lines) <= LINES, text
        assert max(map(len, lines)) <= width, text
        assert " ".join(" ".join(lines).split()).startswith(" ".join(found.sentence.split())), "whole, and first"
        assert any(line.startswith("arm ") for line in lines)
        if found.best is not None:
            assert f"clr snippet {found.study}" in text
        if count <= 12:
            named = [line for line in lines if re.match(r"\S+ +(\(failed\) +)?(\(not confirmed\) +)?[(\d–]", line)]
            assert len(named) >= min(count, 6), text
        if case not in ("nothing_yet", "long_notes") and count <= 7:
            for label in ("trained", "tuned", "figures", *(["more"] if found.price else [])):
                assert any(line.startswith(label) for line in lines), (label, text)


def test_of_many_arms_the_best_the_baseline_and_the_recommended_are_shown_and_the_rest_counted() -> None:
    found = an_answer(40, margin=0.0)
    reordered = tuple(arm.model_copy(update={"rank": k}) for k, arm in enumerate(reversed(found.arms), start=1))
    text = shown(found.model_copy(update={"arms": reordered}))

    rows = [line.split()[0] for line in text.splitlines() if line]
    assert {reordered[0].arm, found.baseline, found.recommended} <= set(rows)
    (more,) = re.findall(r"^and (\d+) more: clr report", text, flags=re.M)
    assert int(more) == 40 - sum(name in {arm.arm for arm in found.arms} for name in rows)


def test_on_a_terminal_the_action_and_the_recommended_arm_are_bold() -> None:
    console = Console(width=100, force_terminal=True, color_system="standard", file=io.StringIO(), record=True)
    console.print(Sheet(an_answer(2)))
    text = console.export_text(styles=True)

    assert re.match(r"\x1b\[1m(Equivalent: take the simplest, fixed|Undecided: take the highest confirmed mean)", text)
    assert re.search(r"\x1b\[1m(fixed|step) +[\d.]+ \[", text)


def an_arm(rank=1, arm="triangular2", mean=0.9712, **changes) -> ArmAnswer:
    fields = dict(
        rank=rank, arm=arm, family=arm, status="confirmed", params={}, search_value=0.99, search_trials=12,
        schedule={"family": arm, "base_lr": 0.001, "max_lr": 0.25, "step_size": 75.0}, search_failed=1,
        confounds=Confounds(peak=0.25, end=0.001, mean=0.1, decay=0.0, momentum=0.9, warmup=75, updates=300),
        search_diverged=2, mean=mean, interval=Bounds(low=0.961, high=0.981), prediction=None,
        values={"1": 0.97, "2": 0.972}, confirm_failed=0, confirm_diverged=1,
        difference=Difference(mean=0.0103, interval=Bounds(low=-0.002, high=0.0226), pairs=2), to_target=None,
        seconds=300,
    )  # fmt: skip
    return ArmAnswer(**{**fields, **changes})


def of_arms(*arms, **changes) -> Answer:
    fields = dict(
        study="s1", status="confirmed", metric="accuracy", direction="maximize", baseline="fixed",
        sentence="No difference to fixed is shown.", arms=arms, target=None, iterations=300, notes=("two seeds",),
        best=BestSchedule(arm="triangular2", schedule={"family": "fixed", "lr": 0.25}, snippet="import torch\n"),
    )  # fmt: skip
    return Answer(**{**fields, **changes})


def row(text: str, arm: str = "triangular2") -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(arm)).split()


def test_an_arm_s_row_holds_its_evidence_and_its_device_time():
    assert row(shown(of_arms(an_arm()))) == [
        "triangular2", "97.12", "[96.10,", "98.10]", "+1.03", "[-0.20,", "+2.26]", "2", "4", "5", "min", "0.25",
    ]  # fmt: skip


def test_on_eighty_columns_intervals_are_written_by_their_reach():
    assert row(shown(of_arms(an_arm(), an_arm(2, "exp_range")), width=80))[:5] == [
        "triangular2", "97.12", "±1.02", "+1.03", "±1.23",
    ]  # fmt: skip


def test_numbers_stand_below_each_other():
    arms = (an_arm(), an_arm(2, "step", 0.0512, interval=Bounds(low=0.041, high=0.06)), an_arm(3, "fixed", 1.0))

    for width in (80, 100):
        lines = [
            line for line in shown(of_arms(*arms), width).splitlines() if re.match(r"triangular2|step|fixed ", line)
        ]
        assert len({tuple(m.start() for m in re.finditer(r"\.", line))[:1] for line in lines}) == 1


def test_the_arm_of_the_snippet_is_named_where_it_is_not_the_first():
    text = shown(of_arms(an_arm(arm="cosine"), an_arm(2, "triangular2")))

    assert "clr snippet s1   (of triangular2)" in text


def test_an_answer_that_is_not_confirmed_says_so_and_brackets_its_values():
    arm = an_arm(status="not confirmed", mean=None, interval=None, difference=None, values={})

    for status in ("provisional", "screen-only"):
        text = shown(of_arms(arm, status=status, best=None))
        assert "not confirmed" in text and "(99.00)" in text


def test_a_failed_arm_without_figures_is_shown_without_them():
    arm = an_arm(
        status="failed", mean=None, interval=None, difference=None, values={}, search_value=None, schedule=None
    )

    assert "triangular2 (failed)" in shown(of_arms(arm))


def test_another_metric_is_shown_as_it_is():
    assert row(shown(of_arms(an_arm(), metric="loss")))[1:5] == ["0.9712", "[0.9610,", "0.9810]", "+0.0103"]


def test_identical_arms_are_said_to_be():
    arm = an_arm(difference=Difference(mean=0.0, interval=None, pairs=2, identical=True))

    assert "identical" in shown(of_arms(arm))


def a_finding(study: str, setting: str = "a", **changes) -> Finding:
    fields = dict(
        study=study, name="", ended_at=datetime(2026, 1, 31, tzinfo=UTC), setting=setting, metric="accuracy",
        settings=an_answer(2).settings, direction="maximize", action="undecided: take the highest confirmed mean",
        baseline="fixed", arm="warmup_stable_decay", family="fixed", schedule={"family": "fixed", "lr": 0.1}, mean=0.9,
        interval=Bounds(low=0.85, high=0.95), seeds=5, fresh=False, sentence="-",
    )  # fmt: skip
    return Finding(**{**fields, **changes})


def test_the_list_of_findings_fits_and_keeps_every_study_s_id_whole():
    found = (a_finding(STUDY), a_finding("s2", arm="x" * 64), a_finding("s3", "b", interval=None))

    for width in (80, 100, 140):
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(FindingsList(found), crop=False)
        lines = console.export_text().splitlines()
        assert max(map(len, lines)) <= width
        assert any(line.endswith(STUDY) for line in lines)
        assert sum(line.startswith("mlp on digits") for line in lines) == 2, "one head a setting"
        assert any(re.match(r"warmup_stable_decay +90.00 \[85.00, 95.00\] +5  2026-01-31  undecided", x) for x in lines)


def test_an_answer_before_the_plan_is_its_sentence_alone():
    assert (
        shown(of_arms(status="provisional", best=None, notes=())).split("\n")[0] == "No difference to fixed is shown."
    )
