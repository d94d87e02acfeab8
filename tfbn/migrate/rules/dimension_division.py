"""`x.get_shape()[1] / 2`: TensorFlow 1's dimensions refuse `/` under Python 3, and plain numbers become fractions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import libcst as cst

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule
from tfbn.migrate.rules.compat_v1 import has_signs_of_tf1
from tfbn.migrate.source.prefilter import mentions_tensorflow

NAME = "dimension-division"
VALID = [
    "import tensorflow as tf\ny = x.get_shape()[1] // 2, x.get_shape().as_list()[1] / 2, image.shape[0] / 2\n",
    "import tensorflow as tf\nn = x.get_shape()[1]\nn = int(n)\ny = n / 2\n",
    "import tensorflow.compat.v1 as tf\ndef f(x):\n    x = x / 2\n    y = x.get_shape()\n    return tf.log(x), y\n",
    "import tensorflow as tf\ndef half(n):\n    return n / 2\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import tensorflow.compat.v1 as tf

def halves(x):
    size = x.get_shape()[3] / 2
    return tf.split(x, [size, size], axis=3)
""",
        4,
    ),
    ("import tensorflow.compat.v1 as tf\n\ndef f(x):\n    _, n = x.get_shape()\n    return tf.ones(n / 4)\n", 5),
    ("import tensorflow.compat.v1 as tf\n\ndef f(x):\n    n = x.get_shape()[1]\n    return tf.ones(8 / (n // 2))\n", 5),
    ("import tensorflow as tf\n\ndef f(x):\n    n = x.get_shape()[1]\n    n /= tf.log(4)\n    return n\n", 5),
]


def check_file(module: Module, changes: Changes) -> None:
    if not (changes.v1_imports or has_signs_of_tf1(module)):
        return  # shapes hold plain numbers here, which `/` is right for
    for node in module.nodes:
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Divide):
            is_number = isinstance(node.left, cst.Integer) and _is_dimension(module, node.right)
            if is_number or _is_dimension(module, node.left):
                _floor_divide(module, changes, node, module.span(node.left)[1], module.span(node.right)[0])
        elif isinstance(node, cst.AugAssign) and isinstance(node.operator, cst.DivideAssign):
            if _is_dimension(module, node.target):
                _floor_divide(module, changes, node, module.span(node.target)[1], module.span(node.value)[0])


def _floor_divide(module: Module, changes: Changes, node: Any, start: int, end: int) -> None:
    """Turns the `/` between two operands into `//`; their parentheses are part of the text between them."""
    place = module.data.find(b"/", start, end)
    if changes.v1_imports and b"#" not in module.data[start:end]:
        changes.replace_span(place, place + 1, "//", NAME)
    else:
        problem = "a dimension of TensorFlow 1 refuses `/` under Python 3, where v2 behaviour is on it gives a fraction"
        changes.find(node, NAME, problem, "write //, which Python 2 and TensorFlow 1 took `/` for")


def _is_dimension(module: Module, node: Any, followed: frozenset[str] = frozenset()) -> bool:
    """`x.get_shape()[1]`, a name for one, and one of the names that a shape is unpacked to."""
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, (cst.FloorDivide, cst.Divide)):
        return _is_dimension(module, node.left, followed)
    if isinstance(node, cst.Subscript):
        is_index = len(node.slice) == 1 and isinstance(node.slice[0].slice, cst.Index)
        return is_index and _is_shape(module, node.value)
    if not isinstance(node, cst.Name) or module.scope(node) is None or node.value in followed:
        return False
    values = list(_values(module, node, followed | {node.value}))
    return bool(values) and all(values)


def _is_shape(module: Module, node: Any) -> bool:
    """`x.get_shape()`, or a name for one: only tensors have that method, unlike the attribute `shape`."""
    if isinstance(node, cst.Name):
        node = module.assigned_value(node)
    return (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value == "get_shape"
        and not node.args
    )


def _values(module: Module, name: cst.Name, followed: frozenset[str]) -> Iterator[bool]:
    """For each assignment to a name, whether it makes it a dimension."""
    for assignment in module.scope(name)[name.value]:
        target = module.parent(getattr(assignment, "node", None))
        statement = module.parent(target)
        if isinstance(target, cst.AugAssign):
            continue  # a dimension stays one
        if isinstance(target, cst.AssignTarget) and isinstance(statement, cst.Assign):
            value = statement.value
            yield not isinstance(value, cst.Name) and _is_dimension(module, value, followed)
        elif isinstance(target, cst.Element):
            above = next((node for node in module.parents(target) if isinstance(node, cst.Assign)), None)
            yield above is not None and _is_shape(module, above.value)
        else:
            yield False


_DIVIDES = re.compile(rb"(?<!/)/=?(?!/)")


def worth_parsing(raw: bytes) -> bool:
    """Whether the file calls get_shape() and divides something."""
    return raw.find(b"get_shape()") >= 0 and mentions_tensorflow(raw) and bool(_DIVIDES.search(raw))


RULE = Rule(
    name=NAME,
    summary="turns the / of a dimension into // where --compat-v1 changes the import, and reports it elsewhere",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)
