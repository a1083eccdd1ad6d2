"""The generator of range-test curves, for every test of this room."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def curves():
    """The module `curves.py` beside this file."""
    spec = importlib.util.spec_from_file_location("range_test_curves", Path(__file__).with_name("curves.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
