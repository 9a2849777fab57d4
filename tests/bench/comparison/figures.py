"""What was measured, and what was asked for."""
from dataclasses import dataclass, field

from .arithmetic import median, quantile


@dataclass
class Bound:
    """What the project promises of a figure. Met or not in this run: a machine that has other things to do misses some."""

    text: str
    met: bool


@dataclass
class Figure:
    section: str
    what: str
    who: str
    unit: str  # ms, s, round trips, ...; none for a number or a share
    value: float
    low: float = None  # a tenth of the samples are below
    high: float = None  # a tenth of the samples are above
    samples: int = 1
    bound: Bound = None
    details: dict = field(default_factory=dict)


def of_samples(section, what, who, unit, samples):
    """The median, with what nine of ten samples stay within."""
    return Figure(section, what, who, unit, median(samples), quantile(samples, 0.1), quantile(samples, 0.9), len(samples))


def at_most(figure, limit, text=None):
    figure.bound = Bound(text or f"at most {limit:g} {figure.unit}".rstrip(), figure.value <= limit)
    return figure


def at_least(figure, limit):
    figure.bound = Bound(f"at least {limit:g} {figure.unit}".rstrip(), figure.value >= limit)
    return figure


def less_than(figure, other):
    """In the same run; on top of a bound that it already has."""
    text, met = f"less than {other.who}", figure.value < other.value
    if figure.bound:
        text, met = f"{figure.bound.text}, {text}", figure.bound.met and met
    figure.bound = Bound(text, met)
    return figure
