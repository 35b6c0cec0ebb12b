"""Figures of a benchmark: medians with their spread, and ratios taken in one run."""

import statistics
from collections.abc import Sequence


def summary(values: Sequence[float], unit: str) -> str:
    """The median, the smallest and the largest value."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{_short(middle)} {unit} ({_short(low)} to {_short(high)}, n={len(values)})"


def millis(values: Sequence[float]) -> str:
    """The same for seconds, shown in milliseconds."""
    return summary([1000 * value for value in values], "ms")


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of the values do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def ratio(values: Sequence[float], others: Sequence[float]) -> str:
    """How many times `others` the values are; pairs were measured one after the other."""
    ratios = [value / other for value, other in zip(values, others, strict=True)]
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
