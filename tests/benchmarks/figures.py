"""Figures of a benchmark: medians with their spread, and ratios taken in one run."""

import math
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
    """How many times `others` the values are; pairs were measured one after the other.

    The median of the pairs' ratios, and where it lies of all such pairs, with 95 %.
    """
    ratios = [value / other for value, other in zip(values, others, strict=True)]
    low, high = median_interval(ratios)
    return f"{statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})"


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Between which of the values the true median lies, with 95 % and by order alone.

    As many lie below it as heads come of so many coins (the sign test). Of few values it is the
    smallest and the largest.
    """
    first = max(0, math.floor((len(values) - 1.96 * math.sqrt(len(values))) / 2))
    ordered = sorted(values)
    return ordered[first], ordered[-1 - first]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
