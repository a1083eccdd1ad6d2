"""The public face."""

import importlib

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
