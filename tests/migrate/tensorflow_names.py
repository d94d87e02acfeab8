"""Which names of TensorFlow only TF1 code, or only TF2 code, can use, and which have gone: asked of TensorFlow itself.

`python -m tests.migrate.tensorflow_names TF1 OLDEST NEWEST` asks the TensorFlow of each interpreter, that of 1.15 and
the oldest and the newest that tfbn supports, without Keras 2 beside the newest one, and shows what would change in
tfbn/migrate/tensorflow_names.py; with --write it changes that.
"""

from __future__ import annotations

import argparse
import difflib
import functools
import importlib
import inspect
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
TABLE = CHECKOUT / "tfbn" / "migrate" / "tensorflow_names.py"
# The other version; and Keras, which is another Keras from one installation to the next.
NOT_WALKED = ("compat", "keras", "contrib")
MAX_KERAS_DEPTH = 5
# Private modules that programs take names from, by their folders; and those that pass on what others define.
PRIVATE = tuple(
    f"python.{name}"
    for name in (
        "client data.ops eager framework lib.io ops ops.distributions ops.losses platform saved_model summary "
        "training util"
    ).split()
)
PASSING_ON = ("python.framework.graph_util", "python.ops.nn", "python.training.training")
# Folders of an installation whose files nothing imports by their paths.
NOT_LISTED = ("_api", "contrib", "include", "__pycache__")
# Where the modules of the interface are defined; beside them lie private ones, and those of other packages.
PLACES = (
    "tensorflow._api.",
    "tensorflow_core._api.",
    "tensorflow.compat.",
    "tensorflow_estimator.",
    "tensorboard.summary.",
    "keras.",
)

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


class Installation(NamedTuple):
    """What a TensorFlow has."""

    v1: Interface  # tf.compat.v1
    v2: Interface
    files: set[str]  # the modules that it can be asked for, private ones too: `python.ops.array_ops`
    lost_arguments: dict[
        str, list[str]
    ]  # by name: what the function of tf.compat.v1 takes, and TensorFlow 2's does not
    keras: set[str]  # the names of tf.keras and tf.compat.v1.keras together
    private: dict[str, bool] = {}  # names in private modules, `python.framework.ops.Tensor`; whether they are theirs


class Tables(NamedTuple):
    """What the codemod knows."""

    v1_only: set[str]  # what tf.compat.v1 has, and TensorFlow 2 itself has not
    v2_only: set[str]  # the other way round
    v1_modules: set[str]  # the modules of tf.compat.v1
    gone: set[str]  # what an older TensorFlow has, and the newest has neither as tf nor as tf.compat.v1
    gone_modules: set[str]  # what can be imported from an older one, and not from the newest
    lost_arguments: dict[str, list[str]]  # what functions of tf.compat.v1 take, and those of TensorFlow 2 do not


def installed() -> Installation:
    """What is installed here."""
    import tensorflow as tf

    first, second = (dict(_walk(api, "")) for api in (tf.compat.v1, tf.compat.v2))
    # tf.compat.v2 has not the private modules that lie in tf, and a name more.
    second = {name: is_module for name, is_module in second.items() if hasattr(tf, name.partition(".")[0])}
    v1, v2 = (
        Interface(set(found), {name for name, is_module in found.items() if is_module}) for found in (first, second)
    )
    files, lost = set(_files(Path(tf.__file__).parent)), dict(_lost_arguments(v1.names & v2.names))
    return Installation(v1, v2, files, lost, {*_walk_keras(tf.compat.v1.keras), *_walk_keras(tf.keras)})


def private_names(files: set[str]) -> Iterator[tuple[str, bool]]:
    """The names in private modules, and whether the module defines them, or is there to pass them on."""
    for name in sorted(files):
        if name.rpartition(".")[0] in PRIVATE and "test" not in name:
            try:
                module = importlib.import_module(f"tensorflow.{name}")
            except Exception:  # one for another machine, or of a package that is not installed
                continue
            if hasattr(module, "__getattr__"):
                yield f"{name}.*", False  # it finds names elsewhere as they are asked for
            values = {leaf: value for leaf, value in vars(module).items() if not leaf.startswith("__")}
            own = {leaf for leaf, value in values.items() if getattr(value, "__module__", None) == module.__name__}
            yield from ((f"{name}.{leaf}", name in PASSING_ON or leaf in own) for leaf in values)


def _value_of(module: ModuleType, name: str) -> object:
    try:
        return getattr(module, name)
    except (AttributeError, ImportError):  # what is loaded when it is read, from a Keras that is not there
        return None


def _is_there(module: ModuleType) -> bool:
    """False for a module of Keras 2 that Keras 3 lacks: it has a name once something else has asked for it."""
    try:
        dir(module)
    except ImportError:
        return False
    return True


def _walk_keras(module: ModuleType, prefix: str = "keras.") -> Iterator[str]:
    """The names of Keras' own modules, which load what is below them when it is read."""
    for name in dir(module):
        value = None if name.startswith("_") else _value_of(module, name)
        if value is not None:
            yield prefix + name
            if isinstance(value, ModuleType) and "keras" in value.__name__ and prefix.count(".") < MAX_KERAS_DEPTH:
                yield from _walk_keras(value, f"{prefix}{name}.")


def _lost_arguments(names: set[str]) -> Iterator[tuple[str, list[str]]]:
    import tensorflow as tf

    for name in sorted(names):
        # Those are Keras', which differ from one installation to the next.
        if not name.startswith(("initializers.", "losses.", "metrics.")):
            parts = name.split(".")
            first, second = (_parameters(functools.reduce(getattr, parts, api)) for api in (tf.compat.v1, tf.compat.v2))
            lost = [parameter for parameter in first if parameter not in second]
            if lost and "kwargs" not in second:
                yield name, lost


def _parameters(function: object) -> list[str]:
    try:
        return [name for name in inspect.signature(function).parameters if name != "self"]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return []


def _files(root: Path) -> Iterator[str]:
    # The original's files are in a package of another name; what `tensorflow` has there are links to them.
    root = root.parent / "tensorflow_core" if (root.parent / "tensorflow_core").exists() else root
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in NOT_LISTED]
        parts = Path(folder).relative_to(root).parts
        for name in files:
            if name.endswith((".py", ".so")):
                stem = name.partition(".")[0]
                yield ".".join(parts if stem == "__init__" else (*parts, stem))


def _walk(module: ModuleType, prefix: str) -> Iterator[tuple[str, bool]]:
    """Each name, and whether it is a module of the interface."""
    for name in dir(module):
        if not name.startswith("_") and not (prefix == "" and name in NOT_WALKED):
            value = _value_of(module, name)
            # Some modules of Keras 2 have no name where it is not installed, and nothing in them.
            place = getattr(value, "__name__", "") if isinstance(value, ModuleType) else ""
            is_public = place.startswith(PLACES) and _is_there(value)
            yield prefix + name, is_public
            if is_public:
                yield from _walk(value, f"{prefix}{name}.")


def combined(original: Installation, supported: Sequence[Installation]) -> Tables:
    """What holds for all TensorFlows supported, the newest of them last.

    A name is of one version only if the other has it in none of them.
    """
    v1, v2 = (set().union(*(found[version].names for found in supported)) for version in (0, 1))
    modules = set.intersection(*(found.v1.modules for found in supported))
    newest = supported[-1]
    names, gone_modules = gone(newest, [original, *supported])
    lost = {
        name: [argument for argument in arguments if all(argument in one.get(name, ()) for one in every)]
        for every in [[one.lost_arguments for one in supported]]
        for name, arguments in newest.lost_arguments.items()
    }
    lost = {name: arguments for name, arguments in lost.items() if arguments}
    return Tables(_shortest(v1 - v2), _shortest(v2 - v1), modules, names, gone_modules, lost)


def gone(newest: Installation, others: Sequence[Installation]) -> tuple[set[str], set[str]]:
    """The names and the modules that others have and the newest has not."""
    present = newest.v1.names | newest.v2.names
    names = set().union(*(found.v1.names | found.v2.names for found in others))
    modules = set().union(*(found.v1.modules | found.v2.modules for found in others))
    # A module is gone where nothing is left in it: without Keras 2, tf.nn.rnn_cell is there and has no names.
    present -= {name for name in modules if not any(other.startswith(f"{name}.") for other in present)}
    files = set().union(*(found.files for found in others))
    keras = set().union(*(found.keras for found in others)) - newest.keras
    private = {
        name
        for found in others
        for name, is_own in found.private.items()
        for module in [name.rpartition(".")[0]]
        if is_own and module in newest.files and newest.private.keys().isdisjoint({name, f"{module}.*"})
    }
    here = newest.files.union(*map(_above, newest.files))
    gone_files = {part for name in files for part in (name, *_above(name)) if part not in here}
    return _shortest((names - present) | keras | private), _shortest(gone_files)


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
        "Names of older TensorFlows that the newest has neither as tf nor as tf.compat.v1, or only with Keras 2.",
        "Modules that older TensorFlows have, and the newest has not.",
    ]
    parts = [HEADER]
    for comment, variable, names in zip(comments, tables._fields[:-1], tables[:-1]):
        lines = textwrap.fill(" ".join(sorted(names)), 116, break_long_words=False, break_on_hyphens=False)
        body = textwrap.indent(lines, "    ")
        parts.append(f'# {comment}\n{variable.upper()} = frozenset(\n    """\n{body}\n    """.split()\n)\n')
    entries = "".join(_entry(name, " ".join(lost)) for name, lost in sorted(tables.lost_arguments.items()))
    comment = "What functions of tf.compat.v1 take by name, and those of TensorFlow 2 do not."
    return "\n".join([*parts, f"# {comment}\nLOST_ARGUMENTS = {{\n{entries}}}\n"])


def _entry(name: str, value: str) -> str:
    line = f'    "{name}": "{value}",\n'
    if len(line) <= 121:
        return line
    first, *others = textwrap.wrap(value, 108)
    lines = "".join(f'        "{part}"\n' for part in [first, *(f" {other}" for other in others)])
    return f'    "{name}": (\n{lines}    ),\n'


def _ask(python: str) -> Installation:
    command = [python, "-m", __spec__.name, "--print"]
    output = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True).stdout
    first, second, files, lost, keras, private = json.loads(output)
    interfaces = Interface(*map(set, first)), Interface(*map(set, second))
    return Installation(*interfaces, set(files), lost, set(keras), private)


def show_changes(table: Path, new: str, *, write: bool) -> None:
    """Prints what a new text changes of a table, and writes it if asked to."""
    old = table.read_text(encoding="utf-8") if table.exists() else ""
    sys.stdout.writelines(difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True)))
    if write:
        table.write_text(new, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--print", action="store_true", help="what is installed here, as JSON")
    given = parser.parse_args()
    if given.print:
        v1, v2, files, lost, keras, _ = installed()
        interfaces = [[sorted(names) for names in interface] for interface in (v1, v2)]
        print(json.dumps([*interfaces, sorted(files), lost, sorted(keras), dict(private_names(files))]))
        return 0
    if len(given.pythons) < 3:
        parser.error("name three interpreters, with TensorFlow 1.15, with the oldest and with the newest TensorFlow")
    original, *supported = [_ask(python) for python in given.pythons]
    new = text(combined(original, supported))
    show_changes(TABLE, new, write=given.write)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
