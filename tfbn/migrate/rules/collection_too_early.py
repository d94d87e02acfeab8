"""UPDATE_OPS read before the layers that fill it are built."""

from __future__ import annotations

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule
from tfbn.migrate.sites import function_of, layers_built, reads_updates

NAME = "collection-too-early"
VALID = [
    """\
import tensorflow.compat.v1 as tf
import tfbn

def step(images, optimizer):
    loss = tf.reduce_mean(tfbn.batch_norm(images) ** 2)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        return optimizer.minimize(loss)
""",
]
INVALID = [
    (
        """\
import tensorflow.compat.v1 as tf
import tfbn

def step(images, optimizer):
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    loss = tf.reduce_mean(tfbn.batch_norm(images) ** 2)
    with tf.control_dependencies(update_ops):
        return optimizer.minimize(loss)
""",
        5,
    ),
    # Scripts have no functions.
    (
        """\
import tensorflow.compat.v1 as tf
import tfbn
ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
y = tfbn.batch_norm(x)
""",
        3,
    ),
]


def check_file(module: Module, changes: Changes) -> None:
    built: dict[int, list[int]] = {}
    for node, function in layers_built(module):
        built.setdefault(id(function), []).append(module.span(node)[0])
    for node in module.nodes:
        if reads_updates(module, node):
            places = built.get(id(function_of(module, node)), [])
            if places and min(places) > module.span(node)[1]:
                changes.find(
                    node,
                    NAME,
                    f"the update ops are collected here, and the first batch norm layer is built later, on line "
                    f"{module.lines.place(min(places))[0]}",
                    "collect them after the last layer, just before the step is built",
                )


RULE = Rule(
    name=NAME,
    summary="reports a collection of update ops that is read before the layers are built",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
)
