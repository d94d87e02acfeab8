"""Shapes that TensorFlow 1 knew when it built a graph, and TensorFlow 2 does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import libcst as cst

from tfbn.migrate import names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule, keyword_arguments

NAME = "static-shapes"
VALID = [
    "import tensorflow.compat.v1 as tf\n\ndef f(x, w, n):\n    y = tf.nn.conv2d_transpose(x, w, n, 2)\n"
    "    return tf.reshape(tf.nn.bias_add(y, b), n)\n",
    "import tensorflow.compat.v1 as tf\n\ndef f(x, w):\n    y = tf.nn.conv2d(x, w, 2, 'SAME')\n"
    "    return tf.reshape(tf.nn.bias_add(y, b), y.get_shape())\n",
]
INVALID = [
    (
        """\
import tensorflow.compat.v1 as tf

def deconv2d(x, w, biases, output_shape):
    deconv = tf.nn.conv2d_transpose(x, w, output_shape=output_shape, strides=[1, 2, 2, 1])
    return tf.reshape(tf.nn.bias_add(deconv, biases), deconv.get_shape())
""",
        5,
    ),
    (
        "import tensorflow.compat.v1 as tf\ny = tf.nn.conv2d_transpose(x, w, n, 2)\nz = tf.reshape(x, shape=y.shape)\n",
        3,
    ),
]


def check_file(module: Module, changes: Changes) -> None:
    transposed = [(target, module.scope(target)) for target in _transposed(module)]
    for node in module.nodes if transposed else ():
        if isinstance(node, cst.Call) and names.below_tensorflow(module.name(node.func)) == "reshape":
            tensor = _shape_of(node)
            if any(tensor == target.value and module.scope(node) is scope for target, scope in transposed):
                changes.find(
                    node,
                    NAME,
                    f"the shape of `{tensor}` may be unknown here: TensorFlow 2 takes the batch size of "
                    "conv2d_transpose from its inputs alone, where TensorFlow 1 took it from output_shape",
                    "leave out this tf.reshape where it only repeats the shape, or reshape to output_shape",
                    severity="warning",
                )


def _transposed(module: Module) -> Iterator[cst.Name]:
    """The names that outputs of tf.nn.conv2d_transpose are assigned to."""
    for node in module.nodes:
        if isinstance(node, cst.Assign) and isinstance(node.value, cst.Call):
            if names.below_tensorflow(module.name(node.value.func)) == "nn.conv2d_transpose":
                targets = (assignment.target for assignment in node.targets)
                yield from (target for target in targets if isinstance(target, cst.Name))


def _shape_of(call: cst.Call) -> str | None:
    """`y` of tf.reshape(x, y.get_shape()) and tf.reshape(x, y.shape)."""
    positional = [argument for argument in call.args if argument.keyword is None]
    argument = keyword_arguments(call).get("shape") or (positional[1] if len(positional) > 1 else None)
    shape: Any = argument and argument.value
    if isinstance(shape, cst.Call):
        shape = shape.func
    is_shape = isinstance(shape, cst.Attribute) and shape.attr.value in ("get_shape", "shape")
    return shape.value.value if is_shape and isinstance(shape.value, cst.Name) else None


def worth_parsing(raw: bytes) -> bool:
    """Whether a transposed convolution and a reshape are mentioned."""
    return all(raw.find(word) >= 0 for word in (b"conv2d_transpose", b"reshape", b"shape"))


RULE = Rule(
    name=NAME,
    summary="reports tf.reshape to the static shape of a transposed convolution, whose batch size may be unknown",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)
