import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from clr import plots
from clr.schedules import Cosine, Fixed, Triangular2

TRIANGULAR2 = Triangular2(base_lr=0.001, max_lr=0.006, step_size=250)


def test_the_curve_is_the_rate_of_each_iteration():
    figure = plots.schedule(TRIANGULAR2, 2000)

    (line,) = figure.axes[0].get_lines()
    assert line.get_xdata().tolist() == list(range(2000))
    assert line.get_ydata().tolist() == TRIANGULAR2.rates(2000).tolist()


def test_the_title_pastes_back_and_the_axes_are_named():
    ax = plots.schedule(TRIANGULAR2, 2000).axes[0]

    assert ax.get_title() == repr(TRIANGULAR2)
    assert ax.get_xlabel() == "iteration (optimizer update)"
    assert ax.get_ylabel() == "learning rate"


def test_several_schedules_are_told_apart_in_the_legend():
    arms = {f"arm {k}": Fixed(lr=k + 1) for k in range(30)}

    ax = plots.schedules(arms, 10).axes[0]

    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(arms)
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.get_lines()}) == 30


def test_given_axes_are_drawn_on():
    ax = Figure().subplots(2)[1]

    figure = plots.schedules({"cosine": Cosine(lr=0.1, end_lr=0, iterations=9)}, 9, ax=ax)

    assert figure is ax.figure
    assert len(ax.get_lines()) == 1
    assert not figure.axes[0].get_lines()


def test_a_run_of_ten_million_iterations_is_drawn_from_its_first_to_its_last():
    (line,) = plots.schedule(Cosine(lr=0.1, end_lr=0.0, iterations=10**7), 10**7).axes[0].get_lines()

    iterations = line.get_xdata()
    assert len(iterations) <= 20_000
    assert (iterations[0], iterations[-1]) == (0, 10**7 - 1)
    assert (np.diff(iterations) > 0).all()


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_figure_is_written_without_a_window(kind):
    file = io.BytesIO()

    plots.schedules({"a": TRIANGULAR2, "b": Fixed(0.002)}, 1).savefig(file, format=kind)

    assert file.tell() > 1000


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="iterations must be at least 1"):
        plots.schedule(TRIANGULAR2, 0)


def test_no_schedules_give_empty_axes():
    assert plots.schedules({}, 5).axes[0].get_legend() is None


def test_both_drawings_are_reached_from_clr_alone():
    script = "import clr; s = clr.schedules.Fixed(1); clr.plots.schedule(s, 9); clr.plots.schedules({'a': s}, 9)"

    subprocess.run([sys.executable, "-c", script], check=True)


def test_pyplot_is_never_loaded():
    script = "import sys, clr; clr.plots.schedule(clr.schedules.Fixed(1), 9); print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()

    assert "matplotlib.figure" in loaded
    assert "matplotlib.pyplot" not in loaded
