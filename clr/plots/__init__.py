"""Figures (matplotlib). They are made without pyplot: no window, no global state, safe in a server.

>>> import clr
>>> figure = clr.plots.schedule(clr.schedules.Triangular(base_lr=0.001, max_lr=0.006, step_size=2000), 8000)
>>> figure.axes[0].get_ylabel()
'learning rate'

`clr.plots.schedule` draws one, `clr.plots.schedules` several. The pictures of a range test, a study and a report have
modules of their own.
"""

from clr.errors import MissingExtra

try:
    import matplotlib as matplotlib
except ImportError:
    raise MissingExtra("matplotlib", "plots") from None

from clr.plots.curves import schedule, schedules

__all__ = ["schedule", "schedules"]
