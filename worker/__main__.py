"""`python -m worker`: the command `clr worker` without the rest of the command line."""

import typer

from worker.commands import worker

if __name__ == "__main__":
    typer.run(worker)
