"""What every front end refuses: an argument, a value, the error and its text; and nothing has changed then."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle

tf1 = tf.compat.v1
X = oracle.batch([6, 5]).astype(np.float32)
# tf.layers' names.
RENAMED = {"decay": "momentum", "renorm_decay": "renorm_momentum", "is_training": "training"}
RENORM = {"renorm": True}


class Tensor(NamedTuple):
    """Made in the graph of the call, or eagerly."""

    make: Callable[[], Any]


class Row(NamedTuple):
    argument: str
    value: Any
    error: type[Exception]
    text: str  # what comes after the argument's name
    beside: dict[str, Any] = {}


def rates(argument: str, beside: dict[str, Any]) -> list[Row]:
    return [
        *(Row(argument, v, ValueError, r": expected a number in \[0, 1\], got", beside) for v in (-0.1, 1.5, np.nan)),
        Row(argument, np.float32(2), ValueError, r": expected a number in \[0, 1\], got", beside),
        Row(argument, "0.9", TypeError, ": expected a number in", beside),
        Row(argument, Tensor(lambda: tf.constant(1)), TypeError, ": expected a floating tensor, got", beside),
        Row(argument, Tensor(lambda: tf.ones([2])), ValueError, r": expected a scalar, or .* got shape \(2,\)", beside),
    ]


def flags(argument: str) -> list[Row]:
    values = ("True", 2, 0.5, [True], np.array(0.5), object())
    return [
        *(Row(argument, value, TypeError, ": expected a bool, 0 or 1, or a scalar boolean tensor") for value in values),
        Row(argument, None, ValueError, ": expected .* got None"),
        Row(argument, Tensor(lambda: tf.constant(1.5)), TypeError, ": expected a bool, 0 or 1"),
        Row(argument, Tensor(lambda: tf.constant([True, False])), ValueError, r": .*got shape \(2,\)"),
        Row(argument, np.ones([2], bool), ValueError, r": .*got shape \(2,\)"),
    ]


ROWS = [
    *(Row("inputs", X.astype(dtype), TypeError, ": expected float16, .* got") for dtype in ("i4", "?", "S9", "c8")),
    *rates("decay", {}),
    *rates("renorm_decay", RENORM),
    *(Row("epsilon", value, ValueError, ": expected a number of at least 0, got") for value in (-1e-5, np.nan, None)),
    Row("epsilon", "small", TypeError, ": expected a number of at least 0, got 'small'"),
    Row("renorm_clipping", {"rmaks": 3.0}, ValueError, r".* contains keys not in .*\['rmaks'\]", RENORM),
    Row("renorm_clipping", 3, TypeError, ": expected a dict or None, got 3", RENORM),
    Row("renorm_clipping", {"rmax": "3"}, TypeError, r"\['rmax'\]: expected a number", RENORM),
    Row("renorm_clipping", Tensor(lambda: {"rmax": tf.ones([2])}), ValueError, r"\['rmax'\]: .* got shape", RENORM),
    Row("adjustment", 1.0, TypeError, ": expected a (function|pair of tensors) or None"),
    Row("virtual_batch_size", 0, ValueError, " must be a positive integer"),
    Row("virtual_batch_size", 2.0, TypeError, ": expected a positive int"),
    Row("virtual_batch_size", 4, ValueError, ": expected a divisor of the batch size 6, got 4"),
    *flags("is_training"),
    *flags("update_statistics"),
    *(Row("batch_weights", np.ones(shape), ValueError, "") for shape in ([3], [], [6, 1])),
    Row("batch_weights", np.ones(6, complex), TypeError, ": expected real numbers, got complex128"),
    Row("mask", np.ones(3, bool), ValueError, ": expected a shape"),
    Row("param_initializers", [1], TypeError, ": expected a dict or None"),
    Row("param_initializers", {"beta": 1.0}, ValueError, r"\['beta'\]: expected an initializer"),
    Row("param_regularizers", {"beta": 0.1}, TypeError, r"\['beta'\]: expected a function"),
    Row("param_constraints", [tf.abs], TypeError, ": expected a dict"),
    Row("param_constraints", {"gamma": 1.0}, TypeError, r"\['gamma'\]: expected a function"),
    *(Row("param_dtype", value, TypeError, ": expected float16, .* got") for value in ("nonsense", tf.int32, 3.5)),
    *(Row("data_format", value, ValueError, " has to be either NCHW or NHWC. Got") for value in ("NHCW", None, "nhwc")),
]


def in_graph(function):
    """A call in a graph, where a refusal leaves neither variables nor anything in a collection."""

    def call(inputs, arguments):
        with tf.Graph().as_default() as graph:
            try:
                function(tf1.placeholder(inputs.dtype, inputs.shape), **made(arguments))
            finally:
                keys = [str(key) for key in graph.get_all_collection_keys() if graph.get_collection(key)]
                assert [key for key in keys if "variable_store" not in key and "varscope" not in key] == []

    return call


def of_the_module(inputs, arguments):
    """A refusal leaves the variables as they are."""
    given = made(arguments)
    own = {name: given.pop(name) for name in list(given) if name in parameters(tfbn.BatchNorm)}
    norm = tfbn.BatchNorm(5, **own)
    before = [variable.numpy() for variable in norm.variables]
    try:
        norm(inputs, **given)
    finally:
        for variable, value in zip(norm.variables, before):
            np.testing.assert_array_equal(variable, value)


def functional(inputs, arguments):
    given = made(arguments)
    params, state = tfbn.functional.init(5, renorm=given.pop("renorm", False))
    tfbn.functional.train(inputs, params, state, **given)


def made(arguments):
    return {name: value.make() if isinstance(value, Tensor) else value for name, value in arguments.items()}


def parameters(function):
    return {*inspect.signature(function).parameters}


FRONT_ENDS = {
    "batch_norm": (in_graph(tfbn.batch_norm), parameters(tfbn.batch_norm)),
    "batch_normalization": (in_graph(tfbn.batch_normalization), parameters(tfbn.batch_normalization)),
    "BatchNorm": (of_the_module, parameters(tfbn.BatchNorm) | parameters(tfbn.BatchNorm.__call__)),
    "train": (functional, parameters(tfbn.functional.train)),
}
CASES = [
    (front_end, number)
    for front_end, (_, takes) in FRONT_ENDS.items()
    for number, row in enumerate(ROWS)
    if row.argument in takes or (front_end == "batch_normalization" and row.argument in RENAMED)
]


@pytest.mark.parametrize(
    ("front_end", "number"), CASES, ids=[f"{front_end}-{ROWS[number].argument}-{number}" for front_end, number in CASES]
)
def test_refused(front_end, number):
    row, call = ROWS[number], FRONT_ENDS[front_end][0]
    inputs, arguments = X, {**row.beside, row.argument: row.value}
    if row.argument == "inputs":
        inputs = arguments.pop("inputs")
    argument = row.argument
    if front_end == "batch_normalization":
        arguments = {"training": True, **{RENAMED.get(name, name): value for name, value in arguments.items()}}
        argument = RENAMED.get(argument, argument)
    with pytest.raises(row.error, match=f"{argument}{row.text}"):
        call(inputs, arguments)
