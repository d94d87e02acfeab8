"""Which names and arguments of older Keras the installed Keras 3 has lost: read from their sources, and asked of it.

`python -m tests.migrate.keras_names KERAS...` takes wheels of Keras 2, or the folders that they are installed in, and
shows what would change in tfbn/migrate/keras_names.py; with --write it changes that.
"""

from __future__ import annotations

import argparse
import ast
import functools
import importlib
import inspect
import re
import textwrap
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.migrate.tensorflow_names import CHECKOUT, _entry, _shortest, show_changes

TABLE = CHECKOUT / "tfbn" / "migrate" / "keras_names.py"
# What is not for programs, or has no names of its own.
NOT_READ = re.compile(r"keras\.(?:api|src|protobuf|integration_test|testing_infra|tests|benchmarks)\b|_test\b|\b_")
# Modules whose classes programs make; each class is asked for the arguments that it had.
OF_CLASSES = tuple(
    f"keras.{name}" for name in "callbacks constraints initializers layers optimizers regularizers".split()
)
REFUSED = re.compile(
    r"unexpected keyword argument|not recognized|Unrecognized keyword|Invalid keyword argument|unrecognized keyword"
)
# What the classes of Keras 3 have to be given, whatever they are.
GIVEN = {
    "units": 2, "filters": 2, "kernel_size": 2, "rate": 0.5, "stddev": 0.5, "dims": (1,), "target_shape": (1,), "n": 2,
    "input_dim": 2, "output_dim": 2, "axes": 0, "num_heads": 1, "key_dim": 2, "filepath": "a.keras", "filename": "a",
    "schedule": len, "patience": 1, "num_tokens": 2, "num_bins": 2, "factor": 0.1, "height": 2, "width": 2, "mean": 0.0,
    "thresholds": 0.5, "sensitivity": 0.5, "precision": 0.5, "recall": 0.5, "specificity": 0.5, "num_classes": 2,
    "activation": "relu", "function": len, "mask_value": 0.0, "scale": 2.0, "alpha": 0.5, "fn": len, "name": "a",
}  # fmt: skip

HEADER = '''\
"""Names and arguments of Keras 1 and 2 that Keras 3 has lost, without `keras.` in front.

Made by `python -m tests.migrate.keras_names`; a test holds it against the installed Keras.
"""

from __future__ import annotations
'''


class Sources:
    """The modules of an older Keras, by their full names, each parsed."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.trees = {name: ast.parse(text) for name, text in files.items()}
        self.packages = {name for name in files if any(other.startswith(f"{name}.") for other in files)}
        self.classes = {
            node.name: node for tree in self.trees.values() for node in tree.body if isinstance(node, ast.ClassDef)
        }
        self.conversions = dict(self._conversions())

    def names(self) -> Iterator[str]:
        """The modules, and what stands in each: what it defines, and what a package takes from its modules."""
        for module in self.trees:
            yield module
            yield from (f"{module}.{name}" for name in self._names_in(module, frozenset()))

    def _names_in(self, module: str, seen: frozenset[str]) -> Iterator[str]:
        for node in getattr(self.trees.get(module), "body", ()):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                yield node.name
            elif isinstance(node, ast.Assign):
                targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
                yield from (name for name in targets if not name.isupper())  # its own constants
            elif isinstance(node, ast.ImportFrom) and (home := self._home(module, node)).startswith("keras"):
                for alias in node.names:
                    if alias.name == "*" and home not in seen:
                        yield from self._names_in(home, seen | {module})
                    elif module in self.packages and alias.name != "*":
                        yield alias.asname or alias.name

    def _home(self, module: str, node: ast.ImportFrom) -> str:
        parts = module.split(".") if module in self.packages else module.split(".")[:-1]
        above = parts[: len(parts) - node.level + 1] if node.level else []
        return ".".join([*above, *([node.module] if node.module else [])])

    def arguments(self, name: str) -> set[str]:
        """What the constructors of a class and of its bases take by name, and took before that."""
        found: set[str] = set()
        waiting, seen = [name], set()
        while waiting:
            class_ = self.classes.get(current := waiting.pop())
            if class_ is None or current in seen:
                continue
            seen.add(current)
            waiting += [base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in class_.bases]
            for node in class_.body:
                if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                    found |= {argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]} - {"self"}
                    for decorator in node.decorator_list:
                        found |= self.conversions.get(getattr(decorator, "attr", ""), set())
        return {argument for argument in found if not argument.startswith("_")}

    def _conversions(self) -> Iterator[tuple[str, set[str]]]:
        """The old names of arguments, by the decorators of keras.legacy.interfaces."""
        for node in getattr(self.trees.get("keras.legacy.interfaces"), "body", ()):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                pairs = [key.value for key in node.value.keywords if key.arg == "conversions"]
                old = [pair.elts[0].value for pair in getattr(pairs[0], "elts", ())] if pairs else []
                yield node.targets[0].id, set(old)


def read(path: Path) -> Sources:
    """The sources of a wheel or of an installed package."""
    files = {}
    if path.is_dir():
        texts = {str(file.relative_to(path.parent)): file for file in path.rglob("*.py")}
        pairs = [(name, file.read_text(encoding="utf-8")) for name, file in texts.items()]
    else:
        with zipfile.ZipFile(path) as wheel:
            pairs = [(name, wheel.read(name).decode("utf-8")) for name in wheel.namelist() if name.endswith(".py")]
    for name, text in pairs:
        module = name[:-3].replace("/", ".")
        module = module[: -len(".__init__")] if module.endswith(".__init__") else module
        if module.startswith("keras") and not NOT_READ.search(module):
            files[module] = text
    return Sources(files)


def is_there(name: str) -> bool:
    """Whether the installed Keras has a module, or a name in one."""
    try:
        importlib.import_module(name)
        return True
    except Exception:
        module, _, leaf = name.rpartition(".")
    try:
        getattr(importlib.import_module(module), leaf)
        return True
    except Exception:
        return False


def refuses(name: str, argument: str) -> bool:
    """Whether a class of the installed Keras raises for an argument of this name."""
    class_ = getattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2], None)
    if not inspect.isclass(class_):
        return False
    try:
        required = {
            parameter.name: GIVEN[parameter.name]
            for parameter in list(inspect.signature(class_.__init__).parameters.values())[1:]
            if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        }
        class_(**{**required, argument: None})
    except Exception as error:
        return bool(REFUSED.search(str(error))) and argument in str(error)
    return False


def is_in_tensorflow(name: str) -> bool:
    """Whether tf.keras still has a name of `keras`, for the sake of old programs."""
    import tensorflow as tf

    try:
        functools.reduce(getattr, name.split(".")[1:], tf.keras)
        return True
    except (AttributeError, ImportError):
        return False


def tables(sources: list[Sources]) -> tuple[set[str], set[str], dict[str, list[str]]]:
    """What has gone, what of it tf.keras still has, and the arguments that have gone."""
    names = {name for found in sources for name in found.names() if not NOT_READ.search(name)}
    lost = {name for name in names if not is_there(name)}
    arguments = {}
    for name in sorted(names):
        module, _, leaf = name.rpartition(".")
        if module in OF_CLASSES and leaf[0].isupper() and name not in lost:
            known = set().union(*(found.arguments(leaf) for found in sources))
            if refused := sorted(argument for argument in known if refuses(name, argument)):
                arguments[name.partition(".")[2]] = refused
    gone = _shortest(lost)
    kept = {name for name in gone if is_in_tensorflow(name)}
    return {name.partition(".")[2] for name in gone}, {name.partition(".")[2] for name in kept}, arguments


def text(gone: set[str], kept: set[str], arguments: Mapping[str, list[str]]) -> str:
    """The module that holds them."""
    parts = [HEADER, "# Names, each for all below it, too.", _listed("KERAS_GONE", gone)]
    parts += ["# Those of them that tf.keras still has.", _listed("KERAS_IN_TENSORFLOW", kept)]
    entries = "".join(_entry(name, " ".join(lost)) for name, lost in sorted(arguments.items()))
    parts.append(f"# What constructors took by name, and Keras 3's refuse.\nKERAS_LOST_ARGUMENTS = {{\n{entries}}}\n")
    return "\n".join(parts)


def _listed(variable: str, names: set[str]) -> str:
    lines = textwrap.fill(" ".join(sorted(names)), 116, break_long_words=False, break_on_hyphens=False)
    return f'{variable} = frozenset(\n    """\n{textwrap.indent(lines, "    ")}\n    """.split()\n)\n'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keras", nargs="+", type=Path, metavar="KERAS")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    new = text(*tables([read(path) for path in given.keras]))
    show_changes(TABLE, new, write=given.write)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
