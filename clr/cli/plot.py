"""clr plot."""

from __future__ import annotations

import json as as_json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from clr import plots, schedules, search_space
from clr.cli import document, terminal
from clr.errors import FieldError, InvalidSpec
from clr.schedules import Schedule
from clr.spec import StudySpec, parse

SHAPE = {"peak_lr": 1.0, "ratio": 0.1, "cycles": 3, "drops": 2, "decay": 0.1}
"""Where nothing says a value, a family is drawn with these coordinates: its shape, no advice."""
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "multi_step": {"lr": 0.1, "gamma": 0.1, "milestones": [500, 750]},
    "custom": {"base_lr": 0.1, "max_lr": 0.4, "step_size": 100, "scale_fn": "halving"},
    "warmup": {"iterations": 100, "schedule": {"family": "cosine", "lr": 0.1, "end_lr": 0, "iterations": 900}},
    "piecewise": {"milestones": [500], "schedules": [{"family": "fixed", "lr": 0.1}, {"family": "fixed", "lr": 0.01}]},
}
"""Families that no coordinates describe have no shape to draw: what to write instead."""
DEFAULT_RUN = 1000
KINDS = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class _Asked:
    """One curve: a family with what is said of its parameters or coordinates; `whole`: nothing may be missing.

    Attributes:
        iterations: length of the run that it comes with [iterations], if any.
    """

    name: str
    family: str
    fixed: Mapping[str, Any]
    whole: bool = False
    iterations: int | None = None


def plot(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...",
            help="A family (cosine), a family with parameters (fixed:lr=0.1), a schedule as JSON, or a file that holds "
            "a schedule or a study's spec, whose arms are drawn (- is standard input).",
        ),
    ],
    iterations: Annotated[
        int | None, typer.Option("--iterations", min=1, help="Length of the run, in optimizer updates.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to draw (.png, .svg, .pdf).")
    ] = Path("schedules.png"),
    log: Annotated[bool, typer.Option("--log", help="Logarithmic learning rates.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Draw schedules over a run: families, schedules, or a spec's arms."""
    if output.suffix.lower() not in KINDS:
        raise typer.BadParameter(f"must end in one of {', '.join(KINDS)}, got {output}", param_hint="--output")
    asked = [curve for text in what for curve in _read(text)]
    run = iterations or _run(asked)
    drawn = _named([(curve.name, _schedule(curve, run)) for curve in asked])
    for name, schedule in drawn.items():
        terminal.talk(f"{name}: {schedule}")
    _write(drawn, run, output, log)
    if json:
        told = {"file": str(output), "iterations": run, "schedules": {n: s.to_dict() for n, s in drawn.items()}}
        typer.echo(as_json.dumps(told, indent=2))
    else:
        typer.echo(output)


def _read(text: str) -> Iterator[_Asked]:
    """What one argument asks for."""
    path = Path(text)
    if text.lstrip().startswith("{"):
        yield from _curves(_json(text), text)
    elif text == "-" or path.suffix in (".json", ".yaml", ".yml") or path.is_file():
        yield from _curves(document.read(path), path.stem)
    else:
        family, _, parameters = text.partition(":")
        yield _Asked(text, family, dict(_parameter(part) for part in _parts(parameters)))


def _curves(found: Any, name: str) -> Iterator[_Asked]:
    """A schedule's document as it is; of a study's spec, each arm."""
    if isinstance(found, Mapping) and "family" in found:
        schedule = schedules.from_dict(found)
        fixed = {key: value for key, value in found.items() if key != "family"}
        yield _Asked(schedule.family if name.startswith("{") else name, schedule.family, fixed, True, schedule.length)
    else:
        spec: StudySpec = parse(found)
        for arm in spec.arms:
            yield _Asked(arm.name, arm.family, arm.fixed, iterations=spec.budget.iterations)


def _json(text: str) -> Any:
    try:
        return as_json.loads(text)
    except ValueError as error:
        raise InvalidSpec([FieldError("", f"{text} is not JSON: {error}")]) from None


def _parts(parameters: str) -> Sequence[str]:
    """ "milestones=[10,20],gamma=0.5" at the commas between parameters."""
    return re.split(r",(?=\s*\w+\s*=)", parameters) if parameters else ()


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"parameters are NAME=VALUE, got {text!r}", param_hint="WHAT")
    try:
        return name.strip(), as_json.loads(value)
    except ValueError:
        return name.strip(), value.strip()


def _run(asked: Sequence[_Asked]) -> int:
    return max((curve.iterations for curve in asked if curve.iterations is not None), default=DEFAULT_RUN)


def _schedule(curve: _Asked, run: int) -> Schedule:
    """The schedule to draw; what it leaves open has the coordinates of `SHAPE`.

    Raises:
        UnknownName: no such family. InvalidSchedule: a parameter is wrong, or missing in a document.
        InvalidSpec: a coordinate is wrong, or a parameter is missing that none gives.
    """
    known = search_space.coordinates(curve.family)
    constants = {name: _coordinate(name, value, run) for name, value in curve.fixed.items() if name in known}
    own = {name: value for name, value in curve.fixed.items() if name not in known}
    required = schedules.json_schema(curve.family)["required"]
    if curve.whole or (not constants and set(required) <= set(own)):
        return schedules.make(curve.family, **own)
    if curve.family in EXAMPLES:
        raise InvalidSpec([FieldError(f"/{next(name for name in required if name not in own)}", _how(curve.family))])
    given = search_space.replaced(curve.family, own) | set(constants)
    shape = {name: SHAPE[name] for name in known if name not in given}
    return search_space.schedule(curve.family, constants, own, shape, run)


def _how(family: str) -> str:
    """What is to be written for a family that has no shape of its own."""
    example = EXAMPLES[family]
    written = (f"{name}={value if isinstance(value, str) else as_json.dumps(value)}" for name, value in example.items())
    return (
        f"is required, since {family} has no shape of its own to draw. Give its parameters, e.g.\n"
        f"  clr plot '{family}:{','.join(written)}'\nor the schedule as JSON, e.g.\n"
        f"  clr plot '{as_json.dumps({'family': family, **example})}'"
    )


def _coordinate(name: str, value: Any, run: int) -> float:
    if fault := search_space.rule(name, run).fault(value):
        raise InvalidSpec([FieldError(f"/{name}", fault)])
    return float(value)


def _named(curves: Sequence[tuple[str, Schedule]]) -> dict[str, Schedule]:
    """The schedules by name; a name that comes again is numbered."""
    named: dict[str, Schedule] = {}
    for name, schedule in curves:
        again = 2
        own = name
        while own in named:
            own, again = f"{name} ({again})", again + 1
        named[own] = schedule
    return named


def _write(drawn: Mapping[str, Schedule], run: int, output: Path, log: bool) -> None:
    one = next(iter(drawn.values())) if len(drawn) == 1 else None
    figure = plots.schedules(drawn, run) if one is None else plots.schedule(one, run)
    if log:
        figure.axes[0].set_yscale("log")
    try:
        figure.savefig(output)
    except OSError as error:
        raise typer.BadParameter(f"can't write {output}: {error.strerror}", param_hint="--output") from None
