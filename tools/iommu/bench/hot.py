#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Say which functions the instructions of each measurement are in.
Usage: hot.py OUTPUT PROFILE SYSTEM.MAP    of iommu-bench, of profile.so, of the kernel"""
import bisect
import sys

import report

USER_LIMIT = 1 << 63


class Symbols:
    """Which function an address is in."""

    def __init__(self, lines):
        """Of lines 'address type name', as System.map and /proc/kallsyms have them."""
        found = {}
        for line in lines:
            address, kind, name, *_ = line.split()
            if kind in "tTwW":
                found.setdefault(int(address, 16), name)
        self.addresses = sorted(found)
        self.names = [found[address] for address in self.addresses]

    def name(self, address):
        """The function's name."""
        at = bisect.bisect_right(self.addresses, address) - 1
        if address < USER_LIMIT:
            return "(the program)"
        return self.names[at] if at >= 0 else "%x" % address


def read(lines, wanted):
    """The blocks of the marks that are wanted: {mark: {address: instructions}}."""
    marks = {}
    blocks = None
    for line in lines:
        first, second = line.split()
        if first == "mark":
            mark = int(second)
            blocks = marks.setdefault(mark, {}) if mark in wanted else None
        elif blocks is not None:
            address = int(first, 16)
            blocks[address] = blocks.get(address, 0) + int(second)
    return marks


def by_function(blocks, symbols):
    """[(instructions, name)], the most first."""
    functions = {}
    for address, count in blocks.items():
        name = symbols.name(address)
        functions[name] = functions.get(name, 0) + count
    return sorted(((count, name) for name, count in functions.items()), reverse=True)


def section(title, unit, units, functions, most):
    """The hottest functions of one measurement, as lines."""
    total = sum(count for count, _ in functions)
    lines = [["%s: function" % title, "per " + unit, "share"]]
    for count, name in functions[:most]:
        lines.append([name, report.show(count / units), "%.1f %%" % (100 * count / total)])
    rest = sum(count for count, _ in functions[most:])
    if rest:
        lines.append(["(%d others)" % len(functions[most:]), report.show(rest / units),
                      "%.1f %%" % (100 * rest / total)])
    return list(report.columns(lines)) + [""]


def text(rows, results, marks, symbols, who="ours", most=20):
    """A section for each row."""
    lines = []
    for row in rows:
        figure = results.figures.get((who, row.what))
        if figure and marks.get(figure.mark):
            lines += section("%s, %s" % (who, row.title), row.unit, figure.units,
                             by_function(marks[figure.mark], symbols), most)
    return lines


def load(output, profile, system_map, who):
    """The profile of one of those that were measured, as text."""
    rows, results = report.load(output)
    wanted = {figure.mark for figure in results.figures.values()}
    with open(profile, encoding="utf-8") as file:
        marks = read(file, wanted)
    with open(system_map, encoding="utf-8") as file:
        lines = file.read().splitlines()
    with open(output, encoding="utf-8", errors="replace") as file:
        # The guest's own list of what its module has.
        lines += [line.split("\t")[1] for line in file if line.startswith("symbol\t")]
    return text(rows, results, marks, Symbols(lines), who)


if __name__ == "__main__":
    for of in ("ours", "type1"):
        print("\n".join(load(*sys.argv[1:4], of)))
