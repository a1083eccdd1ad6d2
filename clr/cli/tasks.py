"""clr tasks: list them, add a script as one, take it away again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clr.cli import render, terminal
from clr.cli.options import Json, Service, TokenFile, client

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
) -> None:
    """Make a script of yours a task of every worker that you start from now on.

    The task file is checked and copied to CLR_TASKS (default ~/.config/clr/tasks); the script stays where it is.
    Add the file again after you have changed it.
    """
    from clr.scripts import added, definition

    task = definition.load(file, command)
    where = added.add(task)
    terminal.talk(f"{task.name} is a task of the workers that start from now on; written to {where}")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="The task's name.")]) -> None:
    """Take an added task away; workers that run keep it until they end."""
    from clr.scripts import added

    terminal.talk(f"Removed {added.remove(name)}")
