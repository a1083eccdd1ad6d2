"""clr tasks: list them, add a script as one, take it away again."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from clr.cli import render, terminal
from clr.cli.options import Json, Service, TokenFile, client, named_values

app = typer.Typer(add_completion=False, invoke_without_command=True)


@app.callback()
def tasks(context: typer.Context, service: Service = None, token_file: TokenFile = None, json: Json = False) -> None:
    """List what can be trained: tasks that workers announced.

    Without a subcommand it asks the service. The subcommands are about scripts of yours, on this machine.
    """
    if context.invoked_subcommand is not None:
        return
    with client(service, token_file) as asked:
        rows = list(asked.tasks())
    terminal.document(rows) if json else terminal.data(render.tasks(rows))


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="Task file: name, command, metric, direction, ... in YAML.")],
    command: Annotated[str, typer.Option(help="Takes the place of the file's command.")] = "",
    json: Json = False,
) -> None:
    """Make a script of yours a task of every worker that you start from now on.

    The task file is checked and copied to CLR_TASKS (default ~/.config/clr/tasks); the script stays where it is.
    Add the file again after you have changed it.
    """
    from clr.scripts import added, definition

    task = definition.load(file, command)
    where = added.add(task)
    if json:
        terminal.data(dumps({"name": task.name, "file": str(where)}))
    terminal.talk(f"{task.name} is a task of the workers that start from now on; written to {where}")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="The task's name.")], json: Json = False) -> None:
    """Take an added task away; workers that run keep it until they end."""
    from clr.scripts import added

    file = added.remove(name)
    if json:
        terminal.data(dumps({"name": name, "file": str(file)}))
    terminal.talk(f"Removed {file}")


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="The task's name.")],
    tasks: Annotated[
        list[str] | None,
        typer.Option("--tasks", help="Where it is, if it was not added: task file, module or .py file; repeatable."),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="An option of the task; repeatable.")
    ] = None,
    iterations: Annotated[int, typer.Option("--iterations", min=5, help="Updates of each of the three runs.")] = 100,
    peak_lr: Annotated[float, typer.Option("--peak-lr", help="Highest rate of the triangular schedule.")] = 0.01,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="As a study would have it.")] = 64,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda:0.")] = "cpu",
    json: Json = False,
) -> None:
    """Try a task out: three short runs; in plain words what is wrong with it, and what a run takes.

    Two runs have the same seed, the third another. Needs no service. Exit code 1 where there is a problem.
    """
    from clr.cli import task_check
    from clr.scripts import sources

    sources.load(tasks or [])
    options = named_values(option or [])
    found = task_check.found(name, options, iterations, peak_lr, batch_size, device)
    terminal.document(found) if json else terminal.data(task_check.shown(found))
    if not found.passed:
        raise typer.Exit(1)
