"""Medians and rank correlations."""


def quantile(values, share):
    """Linear between the two nearest values: quantile(values, 0.5) is the median."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def median(values):
    return quantile(values, 0.5)


def ranks(values):
    """From 1; equal values share the mean of their places."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    result = [0.0] * len(values)
    first = 0
    while first < len(order):
        last = first
        while last + 1 < len(order) and values[order[last + 1]] == values[order[first]]:
            last += 1
        for i in order[first : last + 1]:
            result[i] = (first + last) / 2 + 1
        first = last + 1
    return result


def spearman(one, other):
    """Spearman's rank correlation: 1 for the same order, -1 for the opposite one, about 0 for no relation."""
    if len(one) != len(other) or len(one) < 2:
        raise ValueError("two lists of the same length, of two values at least")
    x, y = ranks(one), ranks(other)
    mean = (len(x) + 1) / 2
    covariance = sum((a - mean) * (b - mean) for a, b in zip(x, y))
    spread = (sum((a - mean) ** 2 for a in x) * sum((b - mean) ** 2 for b in y)) ** 0.5
    if spread == 0:
        raise ValueError("all values of a list are equal")
    return covariance / spread
