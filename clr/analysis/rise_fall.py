"""Reading 2 of a range test: a rise x fall curve fitted to each seed by robust least squares (NumPy only).

    a(u) = floor + height * L((u - rise_at) / rise_width) * L((fall_at - u) / fall_width),   L(x) = 1 / (1 + exp(-x))

with u = ln(rate). All seeds are fitted at once (Levenberg-Marquardt on stacked 6 x 6 systems), so that three seeds cost
little more than one and the range test needs no SciPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clr.analysis.crossings import Crossings, Floats

MAX_EVALUATIONS = 60
MAX_POINTS, BINS = 120, 100
RESIDUAL_SCALE = 0.03
"""Residuals beyond this share of the climb count less than squared (soft-L1)."""
LOG_WIDTH = (-4.0, 1.5)
"""Interval of ln(width)."""
BEYOND = 2.0
"""How far outside the ramp, in u, the half points may lie."""
CONVERGED = 1e-9


@dataclass(frozen=True)
class RiseFall:
    """A fitted curve; positions and widths in u = ln(rate), floor and height in accuracy."""

    floor: float
    height: float
    rise_at: float
    rise_width: float
    fall_at: float
    fall_width: float

    def __call__(self, u: Floats) -> Floats:
        """Accuracy at u = ln(rate)."""
        return np.asarray(evaluate(parameters_of(self)[None], u)[0], dtype=np.float64)


def parameters_of(curve: RiseFall) -> Floats:
    """(floor, height, rise_at, ln rise_width, fall_at, ln fall_width) [6]: the coordinates of the fit."""
    widths = np.log([curve.rise_width, curve.fall_width])
    return np.array([curve.floor, curve.height, curve.rise_at, widths[0], curve.fall_at, widths[1]])


def curve_of(parameters: Floats) -> RiseFall:
    """Inverse of `parameters_of`."""
    floor, height, rise_at, log_rise, fall_at, log_fall = (float(value) for value in parameters)
    return RiseFall(floor, height, rise_at, float(np.exp(log_rise)), fall_at, float(np.exp(log_fall)))


def evaluate(parameters: Floats, u: Floats) -> Floats:
    """Accuracies [seeds, P] of the curves with these parameters [seeds, 6]."""
    rise, fall = _factors(parameters, u)
    return np.asarray(parameters[:, :1] + parameters[:, 1:2] * rise * fall, dtype=np.float64)


def fit(u: Floats, accuracies: Floats, start: float, found: Crossings) -> tuple[RiseFall, ...]:
    """The curve of each seed, by least squares with soft-L1 loss and at most 60 evaluations.

    Args:
        u: ln(rate) [P], increasing.
        accuracies: [seeds, P], finite.
        start: accuracy before anything is learnt.
        found: crossings of the smoothed mean: where the fit begins.
    """
    u_fit, points, weights = _thinned(u, accuracies)
    bounds = _bounds(u, accuracies, found.climb)
    begin = np.clip(np.tile(_first_guess(u, start, found), (len(points), 1)), *bounds)
    fitted = least_squares(u_fit, points, weights, begin, bounds, RESIDUAL_SCALE * max(found.climb, 1e-6))
    return tuple(curve_of(parameters) for parameters in fitted)


def _first_guess(u: Floats, start: float, found: Crossings) -> Floats:
    """From the crossings: L is a tenth 2.2 widths below its half point."""
    rise_half = found.rise_half if found.rise_half is not None else float(u[0] + (u[-1] - u[0]) / 3)
    fall_half = found.fall_half if found.fall_half is not None else float(u[-1])
    rise = found.rise if found.rise is not None else rise_half - 1.0
    edge = found.edge if found.edge is not None else fall_half - 0.5
    step = float(u[-1] - u[0]) / len(u)
    widths = np.log([max(rise_half - rise, step) / 2.2, max(fall_half - edge, step) / 2.2])
    return np.array([start, max(found.climb, 1e-6), rise_half, widths[0], fall_half, widths[1]])


def _bounds(u: Floats, accuracies: Floats, climb: float) -> tuple[Floats, Floats]:
    first, last = float(u[0]) - BEYOND, float(u[-1]) + BEYOND
    low, high = LOG_WIDTH
    lower = np.array([accuracies.min() - 1, 0.0, first, low, first, low])
    upper = np.array([accuracies.max() + 1, 10 * max(climb, 1e-6), last, high, last, high])
    return lower, upper


def _thinned(u: Floats, accuracies: Floats) -> tuple[Floats, Floats, Floats]:
    """Points and their weights; more than 120 are averaged in 100 equal bins of u with weight sqrt(count)."""
    if len(u) <= MAX_POINTS:
        return u, accuracies, np.ones(len(u))
    bins = np.minimum(((u - u[0]) / (u[-1] - u[0]) * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    used = counts > 0
    sums = np.array([np.bincount(bins, row, BINS)[used] for row in (u, *accuracies)]) / counts[used]
    return sums[0], sums[1:], np.sqrt(counts[used])


def least_squares(
    u: Floats, points: Floats, weights: Floats, begin: Floats, bounds: tuple[Floats, Floats], scale: float
) -> Floats:
    """Levenberg-Marquardt inside bounds for every seed at once; parameters [seeds, 6].

    Minimises sum_i scale^2 (sqrt(1 + (w_i r_i / scale)^2) - 1) per seed: the loss "soft_l1" of
    scipy.optimize.least_squares with f_scale=scale, which a test compares it with.

    Args:
        u: [N]. points: [seeds, N]. weights: w [N]. begin: [seeds, 6], inside bounds.
        bounds: lower and upper [6]. scale: residual (in accuracy) at which the loss turns from square to linear.
    """
    parameters, damping = begin, np.full(len(begin), 1e-3)
    cost, gradient, curvature = _quadratic(parameters, u, points, weights, bounds, scale)
    for _ in range(MAX_EVALUATIONS - 1):
        step = _damped_step(gradient, curvature, damping)
        trial = np.clip(parameters + step, *bounds)
        trial_cost, trial_gradient, trial_curvature = _quadratic(trial, u, points, weights, bounds, scale)
        better = trial_cost < cost
        settled = np.where(better, cost - trial_cost <= CONVERGED * cost, damping > 1e8)
        parameters = np.where(better[:, None], trial, parameters)
        gradient = np.where(better[:, None], trial_gradient, gradient)
        curvature = np.where(better[:, None, None], trial_curvature, curvature)
        cost = np.where(better, trial_cost, cost)
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-9, 1e10)
        if settled.all():
            break
    return np.asarray(parameters, dtype=np.float64)


def _quadratic(
    parameters: Floats, u: Floats, points: Floats, weights: Floats, bounds: tuple[Floats, Floats], scale: float
) -> tuple[Floats, Floats, Floats]:
    """Cost [seeds], gradient [seeds, 6] and Gauss-Newton curvature [seeds, 6, 6] of the robust loss.

    A parameter that stands at a bound and is pushed outwards is frozen: its row and column are empty.
    """
    values, jacobian = _with_jacobian(parameters, u)
    residuals = weights * (values - points)
    root = np.sqrt(1 + (residuals / scale) ** 2)
    cost = scale**2 * (root - 1).sum(axis=-1)
    weighted = jacobian * (weights / np.sqrt(root)[:, None, :])
    gradient = (weighted @ (residuals / np.sqrt(root))[:, :, None])[:, :, 0]
    lower, upper = bounds
    frozen = ((parameters <= lower) & (gradient > 0)) | ((parameters >= upper) & (gradient < 0))
    weighted = np.where(frozen[:, :, None], 0.0, weighted)
    return cost, np.where(frozen, 0.0, gradient), weighted @ weighted.transpose(0, 2, 1)


def _damped_step(gradient: Floats, curvature: Floats, damping: Floats) -> Floats:
    diagonal = np.einsum("sii->si", curvature)
    floor = 1e-12 * diagonal.max(axis=-1, keepdims=True) + 1e-12
    damped = curvature + np.eye(6) * (damping[:, None] * (diagonal + floor) + floor)[:, :, None]
    return np.asarray(-np.linalg.solve(damped, gradient[:, :, None])[:, :, 0], dtype=np.float64)


def _factors(parameters: Floats, u: Floats) -> tuple[Floats, Floats]:
    rise_at, log_rise, fall_at, log_fall = parameters[:, 2:, None].transpose(1, 0, 2)
    return _logistic((u - rise_at) * np.exp(-log_rise)), _logistic((fall_at - u) * np.exp(-log_fall))


def _with_jacobian(parameters: Floats, u: Floats) -> tuple[Floats, Floats]:
    """Values [seeds, N] and derivatives [seeds, 6, N] by the coordinates of `parameters_of`."""
    height = parameters[:, 1:2]
    rise_at, log_rise, fall_at, log_fall = parameters[:, 2:, None].transpose(1, 0, 2)
    rise, fall = _factors(parameters, u)
    shape = rise * fall
    up, down = height * shape * (1 - rise), height * shape * (1 - fall)
    rise_slope, fall_slope = np.exp(-log_rise), np.exp(-log_fall)
    columns = [
        np.ones_like(shape),
        shape,
        -up * rise_slope,
        -up * (u - rise_at) * rise_slope,
        down * fall_slope,
        -down * (fall_at - u) * fall_slope,
    ]
    return parameters[:, :1] + height * shape, np.stack(columns, axis=1)


def _logistic(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)), dtype=np.float64)
