import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from clr.analysis import bounds
from clr.analysis.rise_fall import RiseFall
from clr.plots.range_test import range_test

RATES = np.geomspace(1e-5, 10, 120)
CURVE = RiseFall(floor=0.1, height=0.8, rise_at=-7.0, rise_width=0.6, fall_at=-0.5, fall_width=0.2)


def picture(curve=CURVE, seeds=3):
    noise = 0.01 * np.random.default_rng(0).standard_normal((seeds, len(RATES)))
    accuracies = curve(np.log(RATES)) + noise
    accuracies[0, -5:] = np.nan
    reading = bounds.read(RATES, accuracies, iterations=1000)
    return range_test(RATES, accuracies, reading, seeds=[11, 12, 13][:seeds]), reading


def marks(figure):
    return {text.get_text() for text in figure.axes[0].texts}


def test_the_picture_names_every_seed_reading_and_rate():
    figure, reading = picture()

    legend = {text.get_text() for text in figure.axes[0].get_legend().get_texts()}
    assert {"seed 11", "seed 12", "seed 13", "smoothed mean of the seeds", "read on the smoothed mean"} <= legend
    assert marks(figure) == {f"{name} {getattr(reading, name):.2g}" for name in ("rise", "base_lr", "max_lr", "edge")}
    assert figure.get_suptitle() == "LR range test: clear"


def test_the_lines_stand_at_the_rates_of_the_reading_on_a_log_axis():
    figure, reading = picture()
    ax = figure.axes[0]

    upright = [
        line.get_xdata()[0] for line in ax.get_lines() if len(set(line.get_xdata())) == 1 < len(line.get_xdata())
    ]

    assert ax.get_xscale() == "log"
    assert sorted(upright) == sorted([reading.rise, reading.base_lr, reading.max_lr, reading.edge])


def test_the_ramps_length_stands_on_the_axis():
    figure, _ = picture()

    assert "exponential ramp of 1,000 iterations" in figure.axes[0].get_xlabel()


def test_an_unclear_bound_is_marked_and_its_reason_printed():
    figure, _ = picture(seeds=2)

    assert figure.get_suptitle() == "LR range test: unclear"
    assert "too few seeds" in figure.axes[0].get_title(loc="left")
    assert all(mark.endswith("?") for mark in marks(figure))


def test_without_a_fall_only_the_rise_is_marked():
    figure, _ = picture(replace(CURVE, fall_at=20.0))

    assert figure.get_suptitle() == "LR range test: edge unclear, rise clear"
    assert [mark.split()[0] for mark in marks(figure)] == ["rise"]


@pytest.mark.parametrize("format_", ["png", "svg"])
def test_the_picture_can_be_written(format_):
    figure, _ = picture()
    written = io.BytesIO()

    figure.savefig(written, format=format_)

    assert len(written.getvalue()) > 10_000


def test_drawing_keeps_no_global_state():
    code = "import sys, clr.plots.range_test; print('matplotlib.pyplot' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
