"""How good a forecast was."""
import numpy as np


def mean_absolute_error(actual: np.ndarray, forecast: np.ndarray) -> float:
    """Return the mean absolute error where both are known; NaN when nowhere. [unit of the quantity]"""
    error = np.abs(np.asarray(actual, dtype=float) - np.asarray(forecast, dtype=float))
    return float(np.nanmean(error)) if np.isfinite(error).any() else float('nan')


def pinball_loss(actual: np.ndarray, quantile: np.ndarray, level: float) -> float:
    """Return the mean pinball loss of a forecast `quantile` of `level` (0 … 1); NaN when nothing is known.

    Source: Koenker & Bassett 1978, doi:10.2307/1913643.
    """
    error = np.asarray(actual, dtype=float) - np.asarray(quantile, dtype=float)
    loss = np.maximum(level * error, (level - 1.0) * error)
    return float(np.nanmean(loss)) if np.isfinite(loss).any() else float('nan')


def coverage(actual: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """Return the share of known values that lie within lower … upper; NaN when nothing is known. [1]"""
    actual = np.asarray(actual, dtype=float)
    known = np.isfinite(actual) & np.isfinite(lower) & np.isfinite(upper)
    if not known.any():
        return float('nan')
    return float(np.mean((actual >= lower)[known] & (actual <= upper)[known]))


def skill(error: float, reference: float) -> float:
    """Return how much smaller an error is than that of a reference: 0 = no better, 1 = perfect. [1]"""
    return 1.0 - error / reference if reference > 0 else float('nan')
