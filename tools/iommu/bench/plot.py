#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Draw what iommu-bench measured: SVG by gnuplot, and one HTML page with all of it.
Usage: plot.py OUTPUT DIRECTORY NAME    NAME.html and NAME-*.svg in the directory"""
import html
import os
import re
import subprocess
import sys

import report

# Who is drawn, in which colour, and where its figure comes from.
BARS = [
    ("floor", "#999999", report.floor_of),
    ("type1, here", "#d5a021", lambda row, results: results.cost("type1", row.what)),
    ("best peer", "#4b81b8", lambda row, _: row.peer),
    ("iommufd 7.2", "#9dbfdc", lambda row, _: row.iommufd72),
    ("ours", "#2c8a3d", report.ours_of),
]

BAR = 'COLUMN:xtic(1) linecolor rgb "%s"'
# A line across the bars of a row, at the height of its goal.
GOAL = '($0-0.45):COLUMN:(0.9):(0) with vectors nohead linewidth 2 linecolor rgb "#c0392b"'

NESTED = ("fault.response", "alloc.nested", "alloc.viommu", "alloc.vdevice")


def is_nested(row):
    """Is it of nested translation, but for invalidations?"""
    return row.what in NESTED or row.what.startswith(("nested.", "event."))


# A picture for each scale: its name, title, unit; where a logarithmic scale begins, or
# 0 for a linear one; whether a row belongs to it.
PICTURES = [
    ("scattered", "Pages scattered in physical memory", "instructions per 4 KiB page", 0,
     lambda row: row.what.endswith(".scattered") and row.unit == "page"),
    ("huge", "Huge pages", "instructions per 4 KiB page", 0.1,
     lambda row: row.what.endswith((".thp", ".hugetlb")) and row.unit == "page"),
    ("calls", "Small calls", "instructions per call", 0,
     lambda row: row.unit == "call" and not is_nested(row)),
    ("nested", "Nested translation", "instructions per call", 0,
     lambda row: row.unit == "call" and is_nested(row)),
    ("invalidate", "Arrays of invalidations", "instructions per entry", 10,
     lambda row: row.unit == "entry"),
    ("memory", "Kernel memory per GiB mapped", "KiB", 1, lambda row: row.unit == "GiB"),
]


def cell(value):
    """A number for gnuplot."""
    return "NaN" if value is None else "%.3f" % value


def measured(rows, results):
    """The bars and the goals of some rows: name, how gnuplot draws it, values. Those
    that no row has are left out, gnuplot cannot draw nothing."""
    series = [(name, BAR % colour, [value(row, results) for row in rows])
              for name, colour, value in BARS]
    series.append(("goal", GOAL, [report.goal_of(row, results) for row in rows]))
    return [one for one in series if any(value is not None for value in one[2])]


def figures(labels, series):
    """The data of a picture, a line for each label, and the command that plots it."""
    lines = []
    for number, label in enumerate(labels):
        values = " ".join(cell(values[number]) for _, _, values in series)
        lines.append('"%s" %s' % (label.replace(", ", "\\n").replace(" among ", "\\namong "),
                                  values))
    plots = ["$figures using %s title '%s'" % (how.replace("COLUMN", str(column)), name)
             for column, (name, how, _) in enumerate(series, 2)]
    return ["$figures << END", *lines, "END", "plot " + ", ".join(plots), ""]


def script(path, title, unit, logarithmic, drawn):
    """The gnuplot program of a picture."""
    return "\n".join([
        'set terminal svg size 960,420 noenhanced font "sans-serif,12" background "white"',
        'set output "%s"' % path,
        'set title "%s" font ",15"' % title,
        'set ylabel "%s"' % unit,
        "set style data histograms", "set style histogram clustered gap 1",
        "set style fill solid 1 noborder", "set boxwidth 0.9 relative",
        "set grid ytics linecolor rgb '#dddddd'", "set border 3", "set tics nomirror scale 0.5",
        "set key outside top center horizontal", "set xtics font ',11'", "set bmargin 4",
        "set logscale y" if logarithmic else "", "set yrange [%s:*]" % logarithmic] + drawn)


def memory_series(rows, results):
    """What memory_table() tells, in KiB; on this scale less than one is one."""
    kinds = [row.what.split(".")[1] for row in rows]
    series = [("ours", BAR % "#2c8a3d", [report.ours_of(row, results) for row in rows]),
              ("page tables of the IOMMU", BAR % "#999999",
               [results.kernel_bytes("map." + kind, tables=True) for kind in kinds]),
              ("goal", GOAL, [report.goal_of(row, results) for row in rows])]
    return [(name, how, [value if value is None else max(value / 1024, 1) for value in values])
            for name, how, values in series if any(value is not None for value in values)]


def draw(program):
    """Run gnuplot."""
    subprocess.run(["gnuplot"], input=program, text=True, check=True)


def pictures(rows, results, directory, name):
    """Draw all; returns their paths."""
    paths = []
    for what, title, unit, logarithmic, belongs in PICTURES:
        path = os.path.join(directory, "%s-%s.svg" % (name, what))
        shown = [row for row in rows if belongs(row)]
        if not shown:
            continue
        series = (memory_series if what == "memory" else measured)(shown, results)
        draw(script(path, title, unit, logarithmic, figures([row.title for row in shown], series)))
        paths.append(path)
    return paths


def inline(svg, prefix):
    """An SVG file as part of a page: no XML header, and names of its own."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"\bid=(['\"])", r"id=\1%s-" % prefix, svg)
    svg = re.sub(r"(href=|url\()(['\"]?)#", r"\1\2#%s-" % prefix, svg)
    return svg.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "").replace(
        "xlink:href", "href")


STYLE = """body { font: 16px/1.5 sans-serif; max-width: 1000px; margin: 2em auto; color: #222 }
table { border-collapse: collapse; margin: 1em 0 }
td, th { padding: 0.2em 0.7em; text-align: right; border-bottom: 1px solid #ddd }
td:first-child, th:first-child { text-align: left }
.met { color: #2c8a3d } .missed { color: #c0392b }
svg { max-width: 100%; height: auto } pre { font-size: 13px; overflow-x: auto }"""

INTRODUCTION = """Each figure is a number of instructions of the CPU, counted by the guest's
own clock under QEMU with <code>-icount shift=0</code>: of the quickest of several repetitions.
The <em>floor</em> is what pinning, the IOMMU driver's map, unmap and flush, and unpinning take
alone, in the same boot on the same memory. The peers' figures were taken on the same machine
at other times, with the kernels that are named."""


def row_cells(row, results):
    """The cells of a row of the page's table."""
    met = report.is_met(row, results)
    style = {True: "met", False: "missed", None: ""}[met]
    peer = report.show(row.peer) + (" (%s)" % row.peer_of if row.peer else "")
    cells = [row.title, row.unit, peer,
             report.show(row.iommufd72), report.show(results.cost("type1", row.what)),
             report.show(report.floor_of(row, results)),
             report.show(report.goal_of(row, results))]
    return "".join("<td>%s</td>" % html.escape(cell) for cell in cells) + \
        '<td class="%s">%s</td>' % (style, report.show(report.ours_of(row, results))) + \
        '<td class="%s">%s</td>' % (style, report.verdict(row, results))


def page(rows, results, name, images, profile):
    """The page as text; it refers to nothing outside itself."""
    heads = ["", "per", "best peer", "iommufd 7.2", "type1, here", "floor", "goal", "ours", ""]
    lines = ["<!DOCTYPE html>", '<html lang="en"><meta charset="utf-8">',
             "<title>Mapping memory for devices: %s</title>" % html.escape(name),
             "<style>%s</style>" % STYLE,
             "<h1>Mapping memory for devices: %s</h1>" % html.escape(name),
             "<p>%s</p>" % INTRODUCTION,
             "<table><tr>%s</tr>" % "".join("<th>%s</th>" % head for head in heads)]
    lines += ["<tr>%s</tr>" % row_cells(row, results) for row in rows if row.unit != "GiB"]
    lines.append("</table>")
    for number, image in enumerate(images):
        lines.append("<figure>%s</figure>" % inline(image, "p%d" % number))
    lines += ["<h2>The steps alone</h2>",
              "<pre>%s</pre>" % html.escape("\n".join(report.steps_table(results))),
              "<h2>Kernel memory</h2>",
              "<pre>%s</pre>" % html.escape("\n".join(report.memory_table(rows, results)))]
    if profile:
        lines += ["<h2>Profile</h2>", "<pre>%s</pre>" % html.escape("\n".join(profile))]
    return "\n".join(lines) + "\n"


def make(rows, results, directory, name, profile=()):
    """Pictures and page; returns the page's path."""
    os.makedirs(directory, exist_ok=True)
    images = []
    for path in pictures(rows, results, directory, name):
        with open(path, encoding="utf-8") as file:
            images.append(file.read())
    path = os.path.join(directory, name + ".html")
    with open(path, "w", encoding="utf-8") as file:
        file.write(page(rows, results, name, images, profile))
    return path


if __name__ == "__main__":
    read_rows, read_results = report.load(sys.argv[1])
    read_rows = report.measured(report.for_machine(read_rows, sys.argv[3]), read_results)
    print(make(read_rows, read_results, *sys.argv[2:4]))
