"""The results as a table for a terminal, as JSON, and as Markdown for tests/bench/README.md."""
import dataclasses
import json

from .figures import Bound, Figure

# The columns of the comparison: what a reader wants to know first.
COLUMNS = [
    ("cold", "all nodes well", "`X lock -- true`"),
    ("cold", "1 of 5 hung", "1 of 5 nodes hung"),
    ("cold", "2 of 5 hung", "2 of 5 hung"),
    ("handoff", "1 waiting", "handoff, 1 waits"),
    ("handoff", "10 waiting", "10 wait"),
    ("handoff", "100 waiting", "100 wait"),
    ("drain", "100 waiters", "100 waiters drained"),
]


def number(value, unit):
    if unit == "ms" and abs(value) >= 1000:
        return f"{value / 1000:.3g} s"
    digits = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return digits + (unit if unit.startswith(("%", "/")) else f" {unit}" if unit else "")


def spread(figure):
    if figure.low is None:
        return ""
    return f"{number(figure.low, figure.unit)} to {number(figure.high, figure.unit)}"


def verdict(bound):
    return "met" if bound.met else "MISSED"


def table(results):
    rows = []
    for figure in results["figures"]:
        bound = f"{figure.bound.text}: {verdict(figure.bound)}" if figure.bound else ""
        rows.append((figure.section, figure.what, figure.who, cell(figure), spread(figure),
                     str(figure.samples), bound))
    head = ("section", "what", "who", "median", "10% to 90%", "n", "asked for")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [head, *rows]]
    lines += [f"{name}: {note}" for name, note in results["contenders"].items() if note]
    lines += [f"left out: {reason}" for reason in results["left out"]]
    return "\n".join(lines)


def to_json(results):
    return json.dumps(results, default=dataclasses.asdict, indent=2) + "\n"


def markdown(results):
    """The tables of tests/bench/README.md, but for the picture and what other programs measure."""
    machine, figures = results["machine"], results["figures"]
    found = {(figure.section, figure.what, figure.who): figure for figure in figures}
    lines = [
        f"Measured on {machine['date']} on {machine['cores']} cores of {article(machine['cpu'])}, {machine['system']}, "
        f"with five nodes on loopback, by `tests/bench/compare`{' --quick' if results['quick'] else ''}: medians, all "
        "measured in turns in the same minutes.",
        "",
    ]
    columns = [column for column in COLUMNS if any(key[:2] == column[:2] for key in found)]
    who = list(dict.fromkeys(figure.who for figure in figures if figure.section in ("cold", "handoff", "drain")))
    if columns:
        lines += ["| | " + " | ".join(title for _, _, title in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name in who:
        cells = [cell(found.get((section, what, name))) for section, what, _ in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "; ".join(f"{name}: {note}" for name, note in results["contenders"].items() if note) + "."]
    lines += [f"Left out: {reason}." for reason in results["left out"]]
    promised = [figure for figure in figures if figure.bound]
    lines += ["", "| redlock | measured | promised | |", "|---|---|---|---|"]
    for figure in promised:
        lines.append(f"| {figure.section}: {figure.what} | {number(figure.value, figure.unit)} | {figure.bound.text} | "
                     f"{'' if figure.bound.met else 'missed'} |")
    return "\n".join(lines) + "\n"


def cell(figure):
    if figure is None:
        return "–"
    limit = figure.details.get("given up after s")
    if limit and figure.unit == "ms" and figure.value >= limit * 1000:
        return f"> {limit:g} s"
    return number(figure.value, figure.unit)


def article(name):
    return ("an " if name[:1] in "AEIOU" else "a ") + name


def from_json(path):
    with open(path, encoding="utf-8") as file:
        try:
            results = json.load(file)
        except ValueError as error:
            raise OSError(f"{path} is not what --json wrote: {error}") from error
    for figure in results["figures"]:
        figure["bound"] = Bound(**figure["bound"]) if figure["bound"] else None
    results["figures"] = [Figure(**figure) for figure in results["figures"]]
    return results
