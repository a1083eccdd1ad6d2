"""A schedule as the lines to paste into a training script."""

from __future__ import annotations

from clr.schedules import Schedule


def torch(schedule: Schedule, iterations: int) -> str:
    """Lines for plain torch; `optimizer` is the user's own. The rate of update i (0-based) is schedule(i)."""
    parameters = ", ".join(f"{name}={value!r}" for name, value in schedule.to_dict().items() if name != "family")
    return "\n".join(
        [
            "import clr",
            "",
            f'schedule = clr.schedules.make("{schedule.family}", {parameters})',
            "scheduler = clr.ScheduleLR(optimizer, schedule)",
            f"# {iterations} iterations: call scheduler.step() once after each optimizer.step()",
        ]
    )
