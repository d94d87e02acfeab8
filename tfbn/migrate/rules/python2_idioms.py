"""Idioms of Python 2 that compile under Python 3 and raise there, in what programs of TensorFlow run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from tfbn.errors import Finding
from tfbn.migrate import syntax
from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.plain_code import Imports, files_of_programs, unguarded
from tfbn.migrate.programs import definition_of
from tfbn.migrate.project import Project
from tfbn.migrate.report import Place
from tfbn.migrate.rule import Rule
from tfbn.migrate.rules.python2_names import SUCCESSORS

NAME = "python2-idioms"
VALID = [
    "import six, tensorflow as tf\nx = six.iteritems(d), list(d.keys())[0], len(list(map(f, x)))\n",
    "import tensorflow as tf\nfor i in range(n // 2):\n    x = y[: n // 2], tf.reshape(x, [int(n / 2)]), y[n / 2]\n",
    "import tensorflow as tf\nclass A:\n    def has_key(self, k):\n        return d.has_key(k), self.iteritems(1)\n",
    "import tensorflow as tf\nx = list(range(3))\nrandom.shuffle(x)\ny = range(3)\nz = y[0], len(y)\n",
    "import tensorflow as tf\nx = range(3)\nx = list(x)\nx.append(1)\n",
    "import pandas as pd\nimport tensorflow as tf\nx = frame.keys()[0]\n",
    "import tensorflow as tf\ndef f():\n    x = hparams.values()\n    return [x[name] for name in sorted(x)]\n",
    "import tensorflow as tf\ndef f(map, x=1):\n    return map(x)[0], tf.fill([2], x / 2), range(3)[0]\n",
    "import tensorflow as tf\ndef f(center, shape):\n    pass\nf([n / 2, 1], [n // 2, 3])\ng([n / 2], shape=[n / 2])\n",
    "import tensorflow as tf\nx = data.next()\nfor i in range(n):\n    print(x, file=y)\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import tensorflow as tf

def feed(placeholders, values):
    return {placeholders[name]: value for name, value in values.iteritems()}
""",
        4,
    ),
    ("import tensorflow as tf\nif d.has_key('a'):\n    pass\n", 2),
    ("import sys, tensorflow as tf\nprint >>sys.stderr, 'text'\n", 2),
    ("import tensorflow as tf\nx = d.keys()[0]\n", 2),
    ("import tensorflow as tf\nx = len(filter(f, y))\n", 2),
    ("import tensorflow as tf\nx = zip(a, b)[0]\n", 2),
    ("import tensorflow as tf\nx = range(3) + [4]\n", 2),
    ("import random, tensorflow as tf\ndef f():\n    x = range(3)\n    random.shuffle(x)\n", 4),
    ("import tensorflow as tf\nx = d.keys()\nx.sort()\n", 3),
    ("import tensorflow as tf\nx = map(int, y)\nz = x[0]\n", 3),
    ("import tensorflow as tf\ndef rows():\n    yield 1\nx = rows()\ny = x.next()\n", 5),
    ("import tensorflow as tf\nraise 'text'\n", 2),
    ("import tensorflow as tf\nfor i in range(n / 2):\n    pass\n", 2),
    ("import tensorflow as tf\ndef f(x, n=4):\n    m = n / 2\n    return tf.reshape(x, [-1, m])\n", 4),
    ("import tensorflow as tf\nx = y[n / 2:]\n", 2),
    ("import tensorflow as tf\nclass A:\n    def __init__(self, shape):\n        pass\nx = A([n / 4, n / 4])\n", 5),
    ("import tensorflow as tf\ndef f(x, out_shape=None):\n    pass\nf(1, out_shape=(n / 2, 3))\n", 4),
]
METHODS = {
    "has_key": (1, "write `key in d`"),
    "iteritems": (0, "write items()"),
    "iterkeys": (0, "write keys()"),
    "itervalues": (0, "write values()"),
    "viewitems": (0, "write items()"),
    "viewkeys": (0, "write keys()"),
    "viewvalues": (0, "write values()"),
}
LAZY = ("filter", "map", "zip")  # functions that gave lists
OF_DICTS = ("items", "keys", "values")
OF_LISTS = ("append", "extend", "insert", "pop", "remove", "reverse", "sort")
# Functions that take a shape, or a size, and where.
SHAPED = {
    **dict.fromkeys(
        ["empty", "fill", "full", "ones", "random_normal", "random_uniform", "truncated_normal", "zeros"], 0
    ),
    **dict.fromkeys(["broadcast_to", "get_variable", "placeholder", "reshape", "resize_images", "tile"], 1),
    **dict.fromkeys(["resize_bilinear", "resize_nearest_neighbor", "resize_image_with_crop_or_pad"], 1),
}
_MAY_RAISE = re.compile(
    rb"\b(?:has_key|iter(?:items|keys|values)|view(?:items|keys|values)|keys|items|values|filter|map|zip|next)\s*\("
    rb"|\bprint\s*>>|\braise\s+[\"']|(?:[=+]\s*|\bshuffle\s*\(\s*)range\s*\(|\brange\s*\(.*\)\s*[\[+]|[^/]/[^/=]|\b(?:"
    + "|".join(SUCCESSORS).encode("ascii")
    + rb")\b"
)


# What only Python 2 compiles: statements, indentation by tabs and blanks together, and literals. By what a file with it
# contains, which is found sooner than the whole.
_DIALECT = {
    text: re.compile(pattern, re.MULTILINE)
    for text, pattern in {
        b"print": rb"^[ \t]*print[ \t]+[\w\"']",
        b"exec": rb"^[ \t]*exec[ \t]+[\w\"']",
        b"except": rb"\bexcept[ \t]+[\w.()]+[ \t]*,",
        b"raise": rb"\braise[ \t]+[\w.]+[ \t]*,",
        b"<>": rb"<>",
        b"\t": rb"^ *\t",
        b"ur'": rb"\bur'",
        b'ur"': rb'\bur"',
        b"": rb"[0-9](?:[lL]\b|(?<=\b0)[0-9])",
    }.items()
}


def check_project(project: Project) -> dict[str, list[Finding]]:
    """One finding for each kind of idiom in a file."""
    graph = project.import_graph
    return {path: found for path in files_of_programs(project) if (found := list(_findings(graph, path)))}


def _findings(graph: ImportGraph, path: str) -> Iterator[Finding]:
    source = graph.project.text(path)
    if any(source.find(text) >= 0 and form.search(source) for text, form in _DIALECT.items()):
        if graph.tree(path) is None:
            yield from _does_not_compile(graph, path)
    if not _MAY_RAISE.search(source):
        return
    tree = graph.tree(path)
    if tree is None:
        return
    first: dict[str, tuple[Any, str]] = {}
    for node, problem, advice in _File(graph, path, tree).idioms():
        place = (node.lineno, node.col_offset)
        if problem not in first or place < (first[problem][0].lineno, first[problem][0].col_offset):
            first[problem] = node, advice
    for problem, (node, advice) in first.items():
        yield Finding(NAME, "error", graph.place(path, node), problem, advice)


def _does_not_compile(graph: ImportGraph, path: str) -> Iterator[Finding]:
    """One finding in a file that a program imports and that no other rule has read."""
    report = graph.project.reports.get(path)
    if path.endswith(".ipynb") or (report is not None and report.problem):
        return
    try:
        syntax.parse(graph.project.text(path))
    except SyntaxError as error:
        message = f"it does not compile: {error.msg}"
        yield Finding(NAME, "error", Place(error.lineno or 1, 1), message, "run 2to3 over it first")
    except ValueError:
        return


class _File:
    """The names of one file that are assigned once, and what reads them."""

    def __init__(self, graph: ImportGraph, path: str, tree: ast.AST) -> None:
        self._graph, self._path = graph, path
        self._imports = Imports(graph, path, tree)
        self._nodes = list(unguarded(tree))
        self._has_pandas = any(full.partition(".")[0] == "pandas" for full, _ in self._imports.mentions)
        self._generators = {
            node.name
            for node in self._nodes
            if isinstance(node, ast.FunctionDef) and any(isinstance(inner, ast.Yield) for inner in _own(node))
        }
        self._values: dict[int, dict[str, ast.expr]] = {}  # by function: its names with one assignment
        self._function: dict[int, int] = {}  # of each name read
        self._defined: dict[str, bool] = {}

    def idioms(self) -> Iterator[tuple[Any, str, str]]:
        self._find_values()
        for node in self._nodes:
            if isinstance(node, ast.Call):
                yield from self._in_call(node)
            elif isinstance(node, ast.Subscript):
                yield from self._in_subscript(node)
            elif isinstance(node, ast.BinOp):
                yield from self._in_operation(node)
            elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Constant) and isinstance(node.exc.value, str):
                yield node, "Python 3 raises no strings", "raise an exception: raise ValueError('...')"
        if not self._graph.project.summaries[self._path].mentions_tensorflow:
            yield from self._names_of_python_2()

    def _find_values(self) -> None:
        scopes: list[Any] = [node for node in self._nodes if isinstance(node, (ast.FunctionDef, ast.Module))]
        for scope in scopes:
            count: dict[str, int] = {}
            values: dict[str, ast.expr] = {}
            for node in _own(scope):
                if isinstance(node, ast.Name):
                    self._function[id(node)] = id(scope)
                    if not isinstance(node.ctx, ast.Load):
                        count[node.id] = count.get(node.id, 0) + 1
                elif isinstance(node, ast.arg):
                    count[node.arg] = 2
                elif isinstance(node, (ast.Global, ast.Nonlocal)):
                    count.update(dict.fromkeys(node.names, 2))
                if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                    values[node.targets[0].id] = node.value
            self._values[id(scope)] = {name: value for name, value in values.items() if count[name] == 1}

    def _value(self, node: ast.AST) -> ast.AST:
        """What a name stands for that its function assigns once; another expression itself."""
        if isinstance(node, ast.Name):
            return self._values.get(self._function.get(id(node), 0), {}).get(node.id, node)
        return node

    def _is_builtin(self, node: ast.AST, names: tuple[str, ...]) -> bool:
        """Whether an expression is one of Python's own functions, which six has under the same names."""
        if not (isinstance(node, ast.Name) and node.id in names and node.id not in self._imports.others):
            return False
        return self._imports.bound.get(node.id, "six").partition(".")[0] in ("six", "builtins", "future")

    def _is_range(self, node: ast.AST) -> bool:
        node = self._value(node)
        return isinstance(node, ast.Call) and self._is_builtin(node.func, ("range",))

    def _is_lazy(self, node: ast.AST) -> bool:
        """Whether an expression is a list in Python 2 and none in Python 3, which has no index either."""
        node = self._value(node)
        if not isinstance(node, ast.Call):
            return False
        if isinstance(node.func, ast.Attribute) and node.func.attr in OF_DICTS and not (node.args or node.keywords):
            return not self._has_pandas and not self._is_defined(node.func.attr)
        return self._is_builtin(node.func, LAZY)

    def _is_fraction(self, node: ast.AST) -> bool:
        node = self._value(node)
        return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)

    def _in_call(self, node: ast.Call) -> Iterator[tuple[Any, str, str]]:
        function = node.func
        if isinstance(function, ast.Attribute):
            yield from self._in_method(node, function)
        if self._is_builtin(function, ("range",)) and any(map(self._is_fraction, node.args)):
            yield node, *_fraction("range")
        if self._is_builtin(function, ("len",)) and len(node.args) == 1:
            argument = self._value(node.args[0])
            if isinstance(argument, ast.Call) and self._is_builtin(argument.func, LAZY):
                yield node, *_no_list(argument)
        leaf = function.attr if isinstance(function, ast.Attribute) else ""
        if leaf in SHAPED:
            index = SHAPED[leaf]
            is_method = leaf == "reshape" and not self._imports.full(function)
            given = node.args[0 if is_method else index :][:1] if not is_method else list(node.args)
            given += [keyword.value for keyword in node.keywords if keyword.arg in ("shape", "size")]
            parts = [part for value in given for part in _parts(self._value(value))]
            if self._imports.full(function).startswith(("tensorflow.", "numpy.")) or is_method:
                if any(map(self._is_fraction, parts)):
                    yield node, *_fraction(leaf)
        if any(map(self._has_fraction, [*node.args, *(keyword.value for keyword in node.keywords)])):
            yield from self._in_shape_for_own(node)

    def _has_fraction(self, node: ast.AST) -> bool:
        return isinstance(node, (ast.List, ast.Tuple)) and any(map(self._is_fraction, node.elts))

    def _in_shape_for_own(self, node: ast.Call) -> Iterator[tuple[Any, str, str]]:
        """A list with fractions for an argument of the project's own that is called a shape."""
        _, definition = definition_of(self._graph, self._path, node.func)
        is_class = isinstance(definition, ast.ClassDef)
        if isinstance(definition, ast.ClassDef):
            methods = (inner for inner in definition.body if isinstance(inner, ast.FunctionDef))
            definition = next((method for method in methods if method.name == "__init__"), None)
        if definition is None:
            return
        names = [argument.arg for argument in definition.args.args[is_class:]]
        given = [*zip(names, node.args), *((keyword.arg, keyword.value) for keyword in node.keywords)]
        for name, value in given:
            if name and name.rpartition("_")[2] == "shape" and self._has_fraction(value):
                yield node, *_fraction(name)

    def _in_method(self, node: ast.Call, function: ast.Attribute) -> Iterator[tuple[Any, str, str]]:
        if function.attr in METHODS and not self._imports.full(function):
            count, advice = METHODS[function.attr]
            if len(node.args) == count and not node.keywords and not self._is_defined(function.attr):
                yield node, f"dicts of Python 3 have no {function.attr}", advice
        if function.attr in OF_LISTS and (self._is_lazy(function.value) or self._is_range(function.value)):
            yield node, *_no_list(self._value(function.value))
        if function.attr == "shuffle" and len(node.args) == 1:
            if self._is_lazy(node.args[0]) or self._is_range(node.args[0]):
                yield node, *_no_list(self._value(node.args[0]))
        if function.attr == "next" and not node.args and not node.keywords:
            value = self._value(function.value)
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
                if value.func.id in self._generators or self._is_builtin(value.func, ("iter",)):
                    yield node, "iterators of Python 3 have no next()", "write next(iterator)"

    def _in_subscript(self, node: ast.Subscript) -> Iterator[tuple[Any, str, str]]:
        # By another name than a number it may be a dict that a method of the program's own returns.
        is_counted = node.value is self._value(node.value) or _is_position(node.slice)
        if (is_counted and self._is_lazy(node.value)) or (
            isinstance(node.ctx, ast.Store) and self._is_range(node.value)
        ):
            yield node, *_no_list(self._value(node.value))
        if isinstance(node.slice, ast.Slice) and any(
            self._is_fraction(part) for part in (node.slice.lower, node.slice.upper, node.slice.step) if part
        ):
            yield node, *_fraction("a slice")

    def _in_operation(self, node: ast.BinOp) -> Iterator[tuple[Any, str, str]]:
        if isinstance(node.op, ast.RShift) and isinstance(node.left, ast.Name) and node.left.id == "print":
            yield node, "print >>file raises in Python 3", "write print(..., file=file)"
        if isinstance(node.op, ast.Add):
            for side in (node.left, node.right):
                if isinstance(side, ast.Call) and (self._is_lazy(side) or self._is_range(side)):
                    yield node, *_no_list(side)

    def _names_of_python_2(self) -> Iterator[tuple[Any, str, str]]:
        """Those that the rule for files of TensorFlow does not see."""
        bound = self._imports.others | self._imports.bound.keys()
        if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in self._nodes):
            return
        imported = (node for node in self._nodes if isinstance(node, (ast.Import, ast.ImportFrom)))
        bound |= {alias.asname or alias.name for node in imported for alias in node.names}
        for node in self._nodes:
            if isinstance(node, ast.Name) and node.id in SUCCESSORS and node.id not in bound:
                yield (
                    node,
                    f"Python 3 has no {node.id}: the program raises NameError there",
                    f"write {SUCCESSORS[node.id]}",
                )

    def _is_defined(self, method: str) -> bool:
        """Whether a class of the program has the method."""
        if method not in self._defined:
            word, text = f"def {method}(".encode("ascii"), self._graph.project.text
            self._defined[method] = any(text(path).find(word) >= 0 for path in self._graph.program(self._path))
        return self._defined[method]


def _own(scope: Any) -> Iterator[ast.AST]:
    """The nodes of a function or of a module, without those of the functions in it."""
    stack = list(ast.iter_child_nodes(scope))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            stack.extend(ast.iter_child_nodes(node))


def _is_position(index: ast.AST) -> bool:
    inner = index.operand if isinstance(index, ast.UnaryOp) else index
    return isinstance(inner, ast.Slice) or (isinstance(inner, ast.Constant) and isinstance(inner.value, int))


def _parts(node: ast.AST) -> list[ast.AST]:
    return list(node.elts) if isinstance(node, (ast.List, ast.Tuple)) else [node]


def _no_list(call: Any) -> tuple[str, str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
    return f"{name}() gives no list in Python 3: what is done here raises", "put list(...) around it"


def _fraction(what: str) -> tuple[str, str]:
    return f"/ gives a fraction in Python 3, which {what} refuses", "write // where whole numbers are meant"


RULE = Rule(
    name=NAME,
    summary="reports idioms of Python 2 that compile and raise, such as d.iteritems(), d.keys()[0] and range(n / 2)",
    valid=VALID,
    invalid=INVALID,
    check_project=check_project,
)
