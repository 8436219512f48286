# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Figures with their spread, and the tables and verdicts made of them."""

import statistics


class Figure:
    """Several measurements of one thing."""

    def __init__(self, values, unit="", digits=3):
        self.values = sorted(values)
        self.unit, self.digits = unit, digits

    @property
    def median(self):
        return statistics.median(self.values)

    def number(self, value):
        """So many significant digits; whole numbers are not cut."""
        text = f"{value:.{self.digits}g}"
        return f"{value:.0f}" if "e" in text or abs(value) >= 10 ** self.digits else text

    def __str__(self):
        unit = f" {self.unit}" if self.unit else ""
        if len(self.values) == 1:
            return self.number(self.median) + unit
        return (f"{self.number(self.median)}{unit} "
                f"({self.number(self.values[0])} to {self.number(self.values[-1])})")


class Verdict:
    """One budget. limit None: no budget, a figure to know."""

    def __init__(self, what, figure, limit=None, limit_text="", compare=None):
        self.what, self.figure, self.limit, self.limit_text = what, figure, limit, limit_text
        self.compare = compare or (lambda value: value <= limit)

    @property
    def met(self):
        if self.limit is None and not self.limit_text:
            return None
        return self.compare(self.figure.median)

    def row(self):
        met = {None: "", True: "met", False: "**not met**"}[self.met]
        return [self.what, str(self.figure), self.limit_text, met]


class Section:
    def __init__(self, title, how):
        self.title, self.how = title, " ".join(how.split())
        self.columns, self.rows = [], []
        self.notes, self.verdicts = [], []

    def table(self, *columns):
        self.columns = list(columns)

    def row(self, *cells):
        self.rows.append([str(c) for c in cells])

    def note(self, text):
        self.notes.append(" ".join(text.split()))

    def verdict(self, *args, **more):
        self.verdicts.append(Verdict(*args, **more))

    def skip(self, what):
        self.note(f"Skipped: {what}.")


def plain_table(columns, rows):
    """Aligned columns for a terminal; cells may hold markdown's ** for emphasis."""
    cells = [columns] + [[c.replace("**", "").replace("`", "") for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return "\n".join("  " + "  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip()
                     for row in cells)


def markdown_table(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
