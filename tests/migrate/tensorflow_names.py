"""Which names of TensorFlow's public interface only TF1 code, or only TF2 code, can use: asked of TensorFlow itself.

`python -m tests.migrate.tensorflow_names PYTHON ...` asks the TensorFlow of each interpreter, the oldest and the newest
that tfbn supports, and shows what would change in tfbn/migrate/tensorflow_names.py; with --write it changes that.
"""

from __future__ import annotations

import argparse
import difflib
import json
import subprocess
import sys
import textwrap
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
TABLE = CHECKOUT / "tfbn" / "migrate" / "tensorflow_names.py"
# The other version; and Keras, which is another Keras from one installation to the next.
NOT_WALKED = ("compat", "keras")
# Where the modules of the interface are defined; beside them lie private ones, and those of other packages.
PLACES = ("tensorflow._api.", "tensorflow.compat.", "tensorflow_estimator.", "tensorboard.summary.", "keras.")

HEADER = '''\
"""Names that tell TF1 code from TF2 code, of TensorFlow 2.12 to 2.21; a name stands for all below it, too.

Made by `python -m tests.migrate.tensorflow_names`; a test holds it against the installed TensorFlow.
"""

from __future__ import annotations
'''


class Interface(NamedTuple):
    """The public names below a module, such as `train.Saver`, and those of them that are modules."""

    names: set[str]
    modules: set[str]


class Tables(NamedTuple):
    """What the codemod knows."""

    v1_only: set[str]  # what tf.compat.v1 has, and TensorFlow 2 itself has not
    v2_only: set[str]  # the other way round
    v1_modules: set[str]  # the modules of tf.compat.v1


def installed() -> tuple[Interface, Interface]:
    """Those of tf.compat.v1 and of TensorFlow 2."""
    import tensorflow as tf

    first, second = (dict(_walk(api, "")) for api in (tf.compat.v1, tf.compat.v2))
    # tf.compat.v2 has not the private modules that lie in tf, and a name more.
    second = {name: is_module for name, is_module in second.items() if hasattr(tf, name.partition(".")[0])}
    v1, v2 = (
        Interface(set(found), {name for name, is_module in found.items() if is_module}) for found in (first, second)
    )
    return v1, v2


def _walk(module: ModuleType, prefix: str) -> Iterator[tuple[str, bool]]:
    """Each name, and whether it is a module of the interface."""
    for name in dir(module):
        if not name.startswith("_") and not (prefix == "" and name in NOT_WALKED):
            value = getattr(module, name, None)
            # Some modules of Keras 2 have no name where it is not installed, and nothing in them.
            place = getattr(value, "__name__", "") if isinstance(value, ModuleType) else ""
            is_public = place.startswith(PLACES)
            yield prefix + name, is_public
            if is_public:
                yield from _walk(value, f"{prefix}{name}.")


def combined(interfaces: Collection[tuple[Interface, Interface]]) -> Tables:
    """What holds for every TensorFlow asked: a name is of one version only if the other has it in none of them."""
    v1, v2 = (set().union(*(pair[version].names for pair in interfaces)) for version in (0, 1))
    modules = set.intersection(*(pair[0].modules for pair in interfaces))
    return Tables(_shortest(v1 - v2), _shortest(v2 - v1), modules)


def _shortest(names: set[str]) -> set[str]:
    """Without those that stand below another of them."""
    return {name for name in names if not any(name.startswith(f"{other}.") for other in _above(name) & names)}


def _above(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts))}


def text(tables: Tables) -> str:
    """The module that holds them."""
    comments = [
        "What tf.compat.v1 has, and TensorFlow 2 itself has not.",
        "What TensorFlow 2 has, and tf.compat.v1 has not.",
        "The modules of tf.compat.v1.",
    ]
    parts = [HEADER]
    for comment, variable, names in zip(comments, tables._fields, tables):
        lines = textwrap.fill(" ".join(sorted(names)), 116, break_long_words=False, break_on_hyphens=False)
        body = textwrap.indent(lines, "    ")
        parts.append(f'# {comment}\n{variable.upper()} = frozenset(\n    """\n{body}\n    """.split()\n)\n')
    return "\n".join(parts)


def _ask(python: str) -> tuple[Interface, Interface]:
    command = [python, "-m", __spec__.name, "--print"]
    output = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True).stdout
    first, second = ([set(names) for names in interface] for interface in json.loads(output))
    return Interface(*first), Interface(*second)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--print", action="store_true", help="what is installed here, as JSON")
    given = parser.parse_args()
    if given.print:
        print(json.dumps([[sorted(names) for names in interface] for interface in installed()]))
        return 0
    if len(given.pythons) < 2:
        parser.error("name two interpreters, with the oldest and with the newest TensorFlow")
    new = text(combined([_ask(python) for python in given.pythons]))
    old = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    sys.stdout.writelines(difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True)))
    if given.write:
        TABLE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
