"""The `clr` command: found by name, loaded when called."""

import subprocess
import sys

import pytest

from clr.cli import command, exits
from clr.errors import (
    ClrError,
    InvalidSpec,
    NotFound,
    RequestRefused,
    ServiceUnreachable,
    Unauthorized,
    UnknownName,
)

HEAVY = ("torch", "fastapi", "sqlalchemy", "optuna", "scipy", "matplotlib", "httpx", "uvicorn")


def clr(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "clr.cli", *arguments], capture_output=True, text=True, check=False, **options
    )


def test_help_lists_every_command_and_loads_none_of_them():
    script = (
        "import sys; from clr.cli import command\n"
        "try: command.run(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('loaded:', [m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert all(name in shown.stdout for name in command.sources())
    assert "loaded: []" in shown.stderr


def test_version_is_the_distribution_s():
    from importlib.metadata import version

    assert clr("--version").stdout.strip() == f"clr {version('clr-sweep')}"


@pytest.mark.parametrize("name", sorted(command.OWN))
def test_a_command_s_summary_is_its_first_line_of_help(name):
    source = command.OWN[name]

    assert command.load(name, source).help.strip().splitlines()[0] == source.summary


@pytest.mark.parametrize("name", sorted(command.sources()))
def test_every_command_prints_json_or_says_why_not(name):
    loaded = command.load(name, command.sources()[name])

    for one in (loaded, *getattr(loaded, "commands", {}).values()):
        offered = {flag for option in one.params for flag in option.opts}
        assert "--json" in offered or "takes no --json" in " ".join(one.help.split()), one.name


@pytest.mark.parametrize("name", ["status", "queue", "best"])
def test_an_argument_that_may_be_left_out_has_one_pair_of_brackets(name):
    assert f"clr {name} [OPTIONS] [STUDY]" in clr(name, "--help").stdout


def test_an_unknown_command_is_a_usage_error_that_suggests_one():
    refused = clr("tusks")

    assert refused.returncode == exits.USAGE
    assert "Did you mean 'tasks'?" in refused.stderr and refused.stdout == ""


def test_a_missing_library_is_named_with_its_extra_in_one_line():
    script = (
        "import sys; sys.modules['typer'] = None\n"  # as if it were not installed
        "from clr.cli import main; main()"
    )
    refused = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert refused.returncode == exits.USAGE
    assert refused.stderr == "clr: typer is not installed: pip install 'clr-sweep[client]'\n"


def test_a_command_whose_room_is_not_installed_names_its_extra():
    script = (
        "import sys; sys.modules['uvicorn'] = None\n"  # as if it were not installed
        "from clr.cli import main; sys.argv[1:] = ['serve']; main()"
    )
    refused = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert refused.returncode == exits.USAGE
    assert refused.stderr == "clr: uvicorn is not installed: pip install 'clr-sweep[service]'\n"


def test_a_bug_of_our_own_is_not_called_a_missing_extra():
    with pytest.raises(ModuleNotFoundError) as bug:
        command.load("it", command.Source("clr.no_such_module:it", ""))

    assert not isinstance(bug.value, ClrError)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ServiceUnreachable("x"), 6),
        (Unauthorized("x"), 4),
        (NotFound("x"), 5),
        (UnknownName("task", "x", ()), 5),
        (InvalidSpec([]), 2),
        (RequestRefused(422, "invalid", "x"), 2),
        (RequestRefused(500, "failed", "x"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error, code):
    assert exits.code(error) == code


def test_nobody_at_the_address_is_one_line_on_stderr_and_exit_code_6():
    refused = clr("status", "--service", "http://127.0.0.1:9")

    assert refused.returncode == exits.UNREACHABLE
    assert refused.stdout == "" and refused.stderr.startswith("clr: No answer from http://127.0.0.1:9")
    assert len(refused.stderr.splitlines()) == 1
