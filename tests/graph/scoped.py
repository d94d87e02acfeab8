"""Functions that stand for layers, under arg_scope."""

from __future__ import annotations

from tfbn.graph.arg_scope import add_arg_scope


@add_arg_scope
def conv(inputs, filters=8, stride=1, padding="SAME"):
    """Stands for a layer."""
    return inputs, filters, stride, padding


@add_arg_scope
def pool(inputs, stride=2, *, padding="VALID", name):
    size = stride + 1
    return inputs, stride, padding, name, size


def plain(inputs, stride=1):
    return inputs, stride
