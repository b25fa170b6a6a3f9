#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make sense of what iommu-bench printed: floor, peers, goals and ours side by side.
Usage: report.py OUTPUT    prints the table; tools/testing/machine/bench.py calls it"""
import collections
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
GOALS = os.path.join(HERE, "goals.tsv")
GIB = 1 << 30

Row = collections.namedtuple("Row", "what title unit peer peer_of iommufd72 goal floor machine")
Figure = collections.namedtuple("Figure", "least units seen tries mark")


class Results:
    """What one run measured."""

    def __init__(self):
        # (who, what): Figure
        self.figures = {}
        # kind: (bytes mapped, physical runs)
        self.memory = {}
        # what: (bytes of the kernel's accounted for, of the IOMMU's page tables)
        self.kernel = {}
        self.complete = False

    def cost(self, who, what):
        """Instructions per unit, or None."""
        figure = self.figures.get((who, what))
        return figure.least / figure.units if figure else None

    def kernel_bytes(self, what, tables=False):
        """Bytes per GiB mapped: of the kernel, or of the IOMMU's page tables; or None."""
        used = self.kernel.get(what, (None, None))[tables]
        mapped = self.memory.get(what.split(".")[1], (0, 0))[0]
        return None if used is None or not mapped else used * GIB / mapped


def parse(lines):
    """The Results in the output of iommu-bench; other lines are ignored."""
    results = Results()
    for line in lines:
        word, *values = line.rstrip("\n").split("\t")
        if word == "figure":
            who, what, *numbers = values
            results.figures[who, what] = Figure(*map(int, numbers))
        elif word == "memory":
            results.memory[values[0]] = tuple(map(int, values[1:]))
        elif word == "kernel":
            results.kernel[values[0]] = tuple(map(int, values[1:]))
        elif word == "end":
            results.complete = True
    return results


def number(text):
    """A number of the data file, None where there is none."""
    return None if text == "-" else float(text)


def read_goals(lines):
    """The rows of the data file."""
    rows = []
    for line in lines:
        if line.strip() and not line.startswith("#"):
            row = Row(*line.rstrip("\n").split("\t"))
            rows.append(row._replace(peer=number(row.peer), iommufd72=number(row.iommufd72)))
    return rows


def for_machine(rows, name):
    """The rows as they hold elsewhere than on the machine that their peers' figures and
    goals in numbers come from: goals that follow what was measured stay where there
    is hardware."""
    kept = []
    for row in rows:
        if row.machine == name:
            kept.append(row)
            continue
        terms = [term for term in row.goal.split(", ")
                 if re.search("[a-z]", term) and not name.endswith("-mock")]
        kept.append(row._replace(peer=None, peer_of="-", iommufd72=None,
                                 goal=", ".join(terms) or "-"))
    return kept


def floor_of(row, results):
    """The sum of the steps that are a row's floor; None if not all were measured."""
    if row.floor == "-":
        return None
    kind = row.what.split(".")[1]
    total = 0
    for step in row.floor.split(" + "):
        if "." not in step:
            step = "%s.%s" % (step, "small" if kind == "many" else kind)
        cost = results.cost("step", step)
        if cost is None:
            return None
        total += cost
    return total


def measured(rows, results):
    """Those rows that this machine has a figure of ours for."""
    return [row for row in rows if ours_of(row, results) is not None]


def ours_of(row, results):
    """What we take."""
    if row.what.startswith("memory."):
        return results.kernel_bytes(row.what.replace("memory.", "map."))
    return results.cost("ours", row.what)


def goal_of(row, results):
    """The least of a goal's terms, of those whose figures there are; None if there is none."""
    terms = []
    for term in row.goal.split(", ") if row.goal != "-" else []:
        product = 1.0
        for factor in term.split("*"):
            if re.fullmatch(r"[\d.]+", factor):
                value = float(factor)
            elif factor == "floor":
                value = floor_of(row, results)
            else:
                value = results.cost("ours", factor)
            if value is None:
                break
            product *= value
        else:
            terms.append(product)
    return min(terms) if terms else None


def is_met(row, results):
    """True or False, None where it cannot be told."""
    ours, goal = ours_of(row, results), goal_of(row, results)
    return None if ours is None or goal is None else ours <= goal


def show(value):
    """A number as people read it."""
    if value is None:
        return "-"
    return "%.0f" % value if value >= 1000 else "%.1f" % value if value >= 10 else "%.2f" % value


def columns(lines):
    """Lines of cells, in columns: the first to the left, numbers to the right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        cells = [cell.ljust(width) if i == 0 else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(line, widths))]
        yield "  ".join(cells).rstrip()


def verdict(row, results):
    """What is said of a row's goal."""
    return {True: "met", False: "not met", None: "-"}[is_met(row, results)]


def repeated(row, results):
    """How many repetitions took just that, of how many."""
    figure = results.figures.get(("ours", row.what))
    return "%d/%d" % (figure.seen, figure.tries) if figure else "-"


def table(rows, results):
    """The figures of each row, as text."""
    lines = [["instructions", "per", "peer", "7.2", "type1", "floor", "goal", "ours", "", "same"]]
    for row in rows:
        if row.unit == "GiB":
            continue
        lines.append([row.title, row.unit, show(row.peer), show(row.iommufd72),
                      show(results.cost("type1", row.what)), show(floor_of(row, results)),
                      show(goal_of(row, results)), show(ours_of(row, results)),
                      verdict(row, results), repeated(row, results)])
    return list(columns(lines))


def kib(value):
    """Bytes as KiB."""
    return "-" if value is None else "%.1f" % (value / 1024)


def memory_table(rows, results):
    """The kernel's memory, as text."""
    lines = [["KiB of kernel memory per GiB", "goal", "ours", "", "copy", "IOMMU page tables",
              "physical runs"]]
    for row in rows:
        kind = row.what.split(".")[1]
        if row.unit == "GiB" and kind in results.memory:
            lines.append([row.title.split(", ")[1], kib(goal_of(row, results)),
                          kib(ours_of(row, results)), verdict(row, results),
                          kib(results.kernel_bytes("copy." + kind)),
                          kib(results.kernel_bytes("map." + kind, tables=True)),
                          str(results.memory[kind][1])])
    return list(columns(lines))


def steps_table(results):
    """What the floor consists of, as text."""
    kinds = ["scattered", "thp", "hugetlb", "small"]
    steps = ["pin", "map", "unmap", "flush", "unpin"]
    lines = [["instructions of the steps alone"] + steps]
    for kind in kinds:
        lines.append([kind + (", per call" if kind == "small" else ", per page")] +
                     [show(results.cost("step", "%s.%s" % (step, kind))) for step in steps])
    return list(columns(lines))


def load(path):
    """The data file and a run's output."""
    with open(GOALS, encoding="utf-8") as file:
        rows = read_goals(file)
    with open(path, encoding="utf-8", errors="replace") as file:
        return rows, parse(file)


def text(rows, results):
    """All tables."""
    return "\n".join(table(rows, results) + [""] + steps_table(results) + [""] +
                     memory_table(rows, results))


if __name__ == "__main__":
    print(text(*load(sys.argv[1])))
