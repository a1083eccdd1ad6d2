"""The public face."""

import importlib
import subprocess
import sys

import clr


def test_every_public_name_loads_and_is_what_it_says() -> None:
    for name in clr.__all__:
        assert getattr(clr, name) is not None
    assert clr.ScheduleLR is importlib.import_module("clr.lr_scheduler").ScheduleLR


def test_public_names_are_sorted_and_listed_by_dir() -> None:
    assert list(clr.__all__) == sorted(clr.__all__)
    assert set(clr.__all__) <= set(dir(clr))


def test_the_version_is_the_distributions() -> None:
    assert clr.__version__ == importlib.import_module("importlib.metadata").version("clr-sweep")


def test_a_name_whose_library_is_missing_says_which_extra_brings_it() -> None:
    code = "import sys; sys.modules['httpx'] = None; import clr; clr.Client"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr

    assert "httpx is not installed: pip install 'clr-sweep[client]'" in said
