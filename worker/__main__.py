"""`python -m worker`: the command `clr worker` without the rest of the command line."""

from worker.commands import application

if __name__ == "__main__":
    application(prog_name="clr worker")
