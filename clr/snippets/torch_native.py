"""A script that needs torch alone: the schedule is a function of a few lines in torch's LambdaLR.

Its rates are the schedule's to the last bit, however long the run. It keeps no trace of clr-sweep; a custom scale
function is imported from where it stands.
"""

from __future__ import annotations

from clr import schedules as s
from clr.snippets import formulas
from clr.snippets.setup import Setup

PER_UPDATE = "once per update, not per epoch"
_ONE = "keep lr=1.0: rate(i) multiplies it"


def script(schedule: s.Schedule, iterations: int, setup: Setup) -> str:
    """The script; a fixed rate needs no scheduler."""
    if isinstance(schedule, s.Fixed):
        made = setup.lines(schedule.lr, "the fixed rate: no scheduler", "")
        return assembled(setup, ["import torch"], "", made, setup.loop(iterations, "", scheduled=False))
    text = formulas.definitions(schedule)
    made = setup.lines(1.0, _ONE, "torch.optim.lr_scheduler.LambdaLR(optimizer, rate)")
    return assembled(setup, imports(text, schedule), text, made, setup.loop(iterations, PER_UPDATE))


def imports(text: str, schedule: s.Schedule) -> list[str]:
    """Import lines, the standard library's apart from the others."""
    found = formulas.imports(text, schedule)
    standard = [line for line in found if line in ("import math", "from fractions import Fraction")]
    others = sorted([*(line for line in found if line not in standard), "import torch"], key=_plain_first)
    return [*standard, *([""] if standard else []), *others]


def _plain_first(line: str) -> tuple[bool, str]:
    return line.startswith("from"), line


def assembled(setup: Setup, imported: list[str], definitions: str, made: str, loop: str) -> str:
    """The parts of a script, in order."""
    between = f"\n\n{definitions}\n\n\n" if definitions else "\n"
    imported_lines = "\n".join(imported)
    return f"{setup.remarks}{imported_lines}\n{between}model = torch.nn.Linear(4, 1)  # yours\n{made}\n\n{loop}"
