"""Tests for `tf.Tensor` that compare classes: newer TensorFlow's tensors are of classes below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tfbn.errors import Finding
from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.plain_code import Imports, files_of_programs, unguarded
from tfbn.migrate.project import Project
from tfbn.migrate.rule import Rule

NAME = "tensor-class"
VALID = [
    "import tensorflow as tf\nx = isinstance(y, tf.Tensor), type(y) == tf.SparseTensor, type(y) == list\n",
    "import tensorflow as tf\ny = tf.Tensor == type, z.__class__.__name__ == 'Conv'\n",
    "class Tensor:\n    pass\nimport tensorflow as tf\nx = type(y) == Tensor\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import numpy as np
import tensorflow as tf

def to_uint8(x):
    if x.__class__ == tf.Tensor:
        return tf.cast(x * 255.0, tf.uint8)
    return (x * 255.0).astype(np.uint8)
""",
        5,
    ),
    ("import tensorflow as tf\nx = type(y) is not tf.Tensor\n", 2),
    ("import tensorflow as tf\nx = type(y) in (list, tf.Tensor)\n", 2),
    ("from tensorflow import Tensor\nx = Tensor == type(y)\n", 2),
    ("from tensorflow.python.framework import ops\nx = type(y) == ops.Tensor\n", 2),
    ("import tensorflow as tf\nx = type(y).__name__ == 'Tensor'\n", 2),
]
_CLASSES = {
    "tensorflow.Tensor",
    "tensorflow.compat.v1.Tensor",
    "tensorflow.python.framework.ops.Tensor",
    "tensorflow.python.framework.tensor.Tensor",
    "tensorflow.python.ops.Tensor",
}
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)


def check_project(project: Project) -> dict[str, list[Finding]]:
    """One finding at each comparison."""
    graph = project.import_graph
    return {path: found for path in files_of_programs(project) if (found := list(_findings(graph, path)))}


def _findings(graph: ImportGraph, path: str) -> Iterator[Finding]:
    text = graph.project.text(path)
    if text.find(b"Tensor") < 0 or (text.find(b"type(") < 0 and text.find(b"__class__") < 0):
        return
    tree = graph.tree(path)
    if tree is None:
        return
    imports = Imports(graph, path, tree)
    comparisons = [node for node in unguarded(tree) if isinstance(node, ast.Compare)]
    for node in sorted(comparisons, key=lambda node: (node.lineno, node.col_offset)):
        sides = [node.left, *node.comparators]
        if not all(isinstance(operator, _COMPARISONS) for operator in node.ops):
            continue
        by_class = any(map(_is_class_of, sides)) and any(_names_tensor(graph, path, imports, side) for side in sides)
        if by_class or (any(map(_is_name_of_class, sides)) and any(map(_spells_tensor, sides))):
            message = f"`{ast.unparse(node)}`: newer TensorFlow's tensors are of classes below tf.Tensor"
            yield Finding(NAME, "error", graph.place(path, node), message, "use isinstance(x, tf.Tensor)")


def _is_class_of(node: ast.expr) -> bool:
    """Whether an expression is the class of a value."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "type" and len(node.args) == 1
    return isinstance(node, ast.Attribute) and node.attr == "__class__"


def _is_name_of_class(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "__name__" and _is_class_of(node.value)


def _names_tensor(graph: ImportGraph, path: str, imports: Imports, node: ast.expr) -> bool:
    parts = node.elts if isinstance(node, (ast.List, ast.Set, ast.Tuple)) else [node]
    return any(imports.full(part) in _CLASSES or graph.resolve(path, part).full in _CLASSES for part in parts)


def _spells_tensor(node: ast.expr) -> bool:
    parts = node.elts if isinstance(node, (ast.List, ast.Set, ast.Tuple)) else [node]
    return any(isinstance(part, ast.Constant) and part.value == "Tensor" for part in parts)


RULE = Rule(
    name=NAME,
    summary="reports tests such as type(x) == tf.Tensor, which newer TensorFlow's tensors fail",
    valid=VALID,
    invalid=INVALID,
    check_project=check_project,
)
