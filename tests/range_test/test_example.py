"""The example in examples/ runs as it is, on the real digits."""

import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "range_test_own_model.py"


def test_the_example_finds_the_rates_trains_with_them_and_writes_the_picture(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "--picture", str(tmp_path / "curves.svg")],
        check=False, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    found = re.search(r"^  max_lr +(\S+)", done.stdout, re.M)
    accuracy = re.search(r"test accuracy after 8 epochs: (\S+)", done.stdout)
    assert found is not None and 0.1 < float(found[1]) < 1.0
    assert accuracy is not None and float(accuracy[1]) > 0.9
    assert (tmp_path / "curves.svg").stat().st_size > 10_000
