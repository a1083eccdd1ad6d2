"""Libraries load when they are used, and say how they are installed where they are not."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from clr.adapters import keras, optax, timm, transformers
from clr.adapters.libraries import load
from clr.errors import MissingExtra
from clr.schedules import Fixed

LIBRARIES = {"lightning", "transformers", "keras", "optax", "timm", "accelerate"}
SCHEDULE = Fixed(lr=0.1)
CALLS = {
    "transformers": lambda: transformers.callback(SCHEDULE),
    "keras": lambda: keras.callback(SCHEDULE),
    "optax": lambda: optax.schedule_function(SCHEDULE, 10),
    "timm": lambda: timm.scheduler(torch.optim.SGD([torch.zeros(1, requires_grad=True)]), SCHEDULE),
}
"""The others are handed their library's objects."""


class Absent:
    """Answers for a package as an environment does that has it not."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_importing_every_adapter_loads_no_library() -> None:
    modules = ", ".join(f"clr.adapters.{name}" for name in sorted(LIBRARIES))
    script = f"import sys, {modules}; print(*{{name.partition('.')[0] for name in sys.modules}})"

    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()

    assert "clr" in loaded
    assert not set(loaded) & (LIBRARIES | {"torch", "jax"})


@pytest.mark.parametrize("library", CALLS)
def test_where_a_library_is_missing_the_extra_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(library), *sys.meta_path])

    with pytest.raises(MissingExtra, match=rf"{library} is not installed: pip install 'clr-sweep\[{library}\]'"):
        CALLS[library]()


def test_a_library_that_lacks_something_itself_says_so_in_its_own_words(tmp_path, monkeypatch) -> None:
    (tmp_path / "half_installed.py").write_text("import no_such_backend_of_it")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ModuleNotFoundError, match="no_such_backend_of_it"):
        load("half_installed", "keras")


def test_every_library_has_an_extra_of_its_name() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    extras = project["optional-dependencies"]
    assert set(extras) >= LIBRARIES
    assert set(extras["adapters"][0].removeprefix("clr-sweep[").removesuffix("]").split(",")) == LIBRARIES
