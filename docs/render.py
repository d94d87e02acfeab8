"""What the pages for contributors show of the code, made from the code: the house as a drawing, the policy as a table.

python -m docs.render            says which of the two are out of date
python -m docs.render --write    makes them anew
"""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from tests.imports import LEVEL, LEVELS, Package, imports_of

FOLDER = Path(__file__).resolve().parent
PACKAGE = FOLDER.parent / "tfbn"

WIDTH, MARGIN, GAP = 1180, 24, 14
BOX_HEIGHT, ROW_HEIGHT = 46, 104
STYLE = """
  .paper { fill: #fff } .floor { fill: #f3f1ee } .box { fill: #fff; stroke: #8a4b2a; stroke-width: 1.2 }
  .name { font: 600 13px ui-monospace, monospace; fill: #222 } .says { font: 10px system-ui, sans-serif; fill: #555 }
  .way { fill: none; stroke: #8a4b2a; stroke-opacity: .28; stroke-width: 1 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #1b1b1d } .floor { fill: #242428 } .box { fill: #2d2d33; stroke: #e2a07c } .name { fill: #eee }
    .says { fill: #bbb } .way { stroke: #e2a07c }
  }
"""


def edges(package: Package) -> set[tuple[str, str]]:
    """Which unit of the package imports which, imports inside functions included."""
    found = set()
    for module in package.modules.values():
        for imported in imports_of(module):
            target = (package.resolve(imported.name) or "").partition(".")[0]
            if module.unit and target and target != module.unit:
                found.add((module.unit, target))
    return found


def sentence(package: Package, unit: str) -> str:
    """The first sentence of what a unit says about itself, up to its colon."""
    says = ast.get_docstring(package.modules[unit].tree) or ""
    return " ".join(says.split()).split(": ")[-1].partition(". ")[0].rstrip(".")


def house() -> str:
    """The drawing: a floor for each level, its units as boxes, and a line from each unit to those that it imports."""
    package = Package.of_folder(PACKAGE)
    floors = [[unit for unit in sorted(level) if unit in package.modules] for level in LEVELS]
    floors = [floor for floor in floors if floor][::-1]
    height = 2 * MARGIN + ROW_HEIGHT * len(floors)
    parts, centers = [], {}
    for number, floor in enumerate(floors):
        top = MARGIN + number * ROW_HEIGHT
        parts.append(
            f'<rect class="floor" x="8" y="{top - 8}" width="{WIDTH - 16}" height="{BOX_HEIGHT + 16}" rx="6"/>'
        )
        width = min(260, (WIDTH - 2 * MARGIN - GAP * (len(floor) - 1)) / len(floor))
        left = (WIDTH - width * len(floor) - GAP * (len(floor) - 1)) / 2
        for place, unit in enumerate(floor):
            x = left + place * (width + GAP)
            centers[unit] = (x + width / 2, top)
            says = sentence(package, unit)
            room = int(width / 5.8)
            says = says if len(says) <= room else says[: room - 1].rsplit(" ", 1)[0] + " …"
            parts.append(
                f"<g><title>{escape(unit)}: {escape(sentence(package, unit))}</title>"
                f'<rect class="box" x="{x:.0f}" y="{top}" width="{width:.0f}" height="{BOX_HEIGHT}" rx="5"/>'
                f'<text class="name" x="{x + 8:.0f}" y="{top + 19}">{escape(unit)}</text>'
                f'<text class="says" x="{x + 8:.0f}" y="{top + 35}">{escape(says)}</text></g>'
            )
    ways = []
    for user, used in sorted(edges(package)):
        if user in centers and used in centers and LEVEL[used] < LEVEL[user]:
            (x, y), (other_x, other_y) = centers[user], centers[used]
            start, bend = y + BOX_HEIGHT, (other_y - y - BOX_HEIGHT) / 2
            ways.append(
                f'<path class="way" d="M{x:.0f} {start} C{x:.0f} {start + bend:.0f} {other_x:.0f} {other_y - bend:.0f} '
                f'{other_x:.0f} {other_y}"/>'
            )
    floors_only, boxes = [p for p in parts if "floor" in p], [p for p in parts if "floor" not in p]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>The units of tfbn by level, each above those that it imports</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        *floors_only,
        *ways,
        *boxes,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


INTRODUCTION = """\
# The policy

The original has three code paths of 400 lines. They differ in the order of variables, dtypes, regularizers, the
estimator of the moving variance, and what the update collections hold. Here there is one path of code, and what the
original would do for a call is a record of this table, in `tfbn/core/policy.py`. The first path that matches a call
counts. A quirk of the original is a column, with a recorded case beside it, and never a branch in the arithmetic.
Other tables hold other originals: `tf.layers`, and for a mask that Keras 3 passes on the same records with
`stays_without_weight` no.

This page is made by `python -m docs.render --write`.

"""


def policy() -> str:
    """The table of paths, a column for each path and a row for each field."""
    from tfbn.core.policy import TABLE

    def cell(value: object) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if callable(value):  # a function of the inputs' dtype
            import tensorflow as tf

            return "the inputs'" if value(tf.float16) == tf.float16 else "float32 for half precisions"
        return ", ".join(value) if isinstance(value, tuple) else str(value)

    fields = [field for field in TABLE[0]._fields if field not in ("name", "matches")]
    rows = [["", *(path.name for path in TABLE)], ["---"] * (len(TABLE) + 1)]
    rows += [[f"`{field}`", *(cell(getattr(path, field)) for path in TABLE)] for field in fields]
    return INTRODUCTION + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


RENDERED = {"house.svg": house, "policy.md": policy}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m docs.render", description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="make them anew")
    options = parser.parse_args(arguments)
    stale = [name for name, render in RENDERED.items() if read(FOLDER / name) != render()]
    for name in stale:
        if options.write:
            (FOLDER / name).write_text(RENDERED[name](), encoding="utf-8")
        print(f"{'written' if options.write else 'out of date'}: docs/{name}")
    return int(bool(stale) and not options.write)


def read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
