"""What an answer says of a study whose script trains itself."""

from __future__ import annotations

import io

import simulated
from rich.console import Console

from clr.analysis.answer import answer
from clr.cli.sheet import Sheet
from clr.plan import Plan


def shown(plan: Plan) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(Sheet(answer("s00064ca1f2f3d03ab12cd34ef5678", plan, simulated.run(plan))), crop=False)
    return console.export_text()


def a_plan(**facts: object) -> Plan:
    made = simulated.a_plan(arms=["fixed", "cosine"], trials=2, confirm_seeds=4)
    return made.model_copy(update={"facts": made.facts.model_copy(update=facts)})


def test_a_validation_metric_is_never_called_a_test_metric() -> None:
    said = shown(a_plan(updates_per_epoch=17, test_size=0))

    assert "mean validation accuracy" in said
    assert "validation accuracy in percent" in said
    assert "test accuracy" not in said


def test_a_script_s_own_optimizer_and_batch_are_not_claimed() -> None:
    said = shown(a_plan(updates_per_epoch=17))

    assert "the script of digits, its own optimizer" in said
    assert "batch 64" not in said
    assert "test accuracy in percent" in said
