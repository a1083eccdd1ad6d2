"""The `clr` command.

Data goes to stdout, talk to stderr; `--json` on every command. Exit codes: `clr.cli.exits`.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and exits."""
    try:
        from clr.cli import command
    except ImportError as error:
        from clr.errors import MissingExtra

        sys.stderr.write(f"clr: {MissingExtra(error.name or 'typer', 'client')}\n")
        sys.exit(2)
    command.run(sys.argv[1:])
