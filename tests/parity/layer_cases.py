"""The norms beside batch norm, and the layers that the harness' random networks do not use: drawn cases and programs.

A case is a call with its inputs. What it gives is what a user can see: names, shapes, collections, numbers, gradients,
or the error. Runs on Python 3.7.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import numpy as np

RECORDED = Path(__file__).with_suffix(".npz")
DRAWS = 8  # cases of each function


class Case(NamedTuple):
    """One call, or two that share their variables."""

    function: str
    shape: Any  # a list; None for inputs of unknown rank
    arguments: Dict[str, Any]
    dtype: str = "float32"
    unknown: Tuple[int, ...] = ()  # the axes whose sizes are fed
    surroundings: Any = None  # of an enclosing variable_scope: "regularizer" or "partitioner"
    shared: bool = False


def draw() -> Dict[str, Case]:
    """All cases by name: those drawn, the same on every Python, and those that are refused."""
    cases = {}
    for function, drawn in DRAWN.items():
        for index in range(DRAWS):
            rng = random.Random(f"{function}/{index}")
            cases[f"{function} {index}"] = _around(rng, function, *drawn(rng))
    return {**cases, **REFUSED}


def _around(rng: random.Random, function: str, shape: List[int], arguments: Dict[str, Any], unknown: List[int]) -> Case:
    """The case, with arguments and surroundings that every function has."""
    if rng.random() < 0.4:
        arguments["name" if function.startswith("v1.") else "scope"] = rng.choice(["s", "outer/s"])
    return Case(
        function,
        shape,
        arguments,
        "float32" if "pool" in function else rng.choice(["float32", "float32", "float64", "float16"]),
        tuple(axis for axis in unknown if rng.random() < 0.5),
        rng.choice([None, None, None, "regularizer", "partitioner"]),
        rng.random() < 0.3 and bool({"scope", "name"} & set(arguments)) and "pool" not in function,
    )


def _maybe(rng: random.Random, **choices: List[Any]) -> Dict[str, Any]:
    """Each argument with one of its values, or left out."""
    return {name: rng.choice(values) for name, values in sorted(choices.items()) if rng.random() < 0.5}


NORM = {
    "center": [False],
    "scale": [False],
    "activation_fn": ["relu", "tanh"],
    "trainable": [False],
    "variables_collections": [["mine"], {"beta": ["betas"]}],
    "outputs_collections": ["points", ["points", "more"]],
}
STATISTICS = {"epsilon": [1e-3, 0.1], "param_initializers": [{"beta": 0.5}, {"gamma": 1.5, "beta": -2.0}]}


def _shape(rng: random.Random, rank: int) -> List[int]:
    return [rng.choice([2, 3]), *[rng.choice([2, 3, 5]) for _ in range(rank - 2)], 6]


def _layer_norm(rng: random.Random) -> Tuple[List[int], Dict[str, Any], List[int]]:
    rank = rng.choice([2, 3, 4])
    axes = list(range(1, rank))
    arguments = _maybe(rng, begin_norm_axis=axes + [-1], begin_params_axis=axes + [-1], **NORM)
    return _shape(rng, rank), arguments, [0]


def _instance_norm(rng: random.Random) -> Tuple[List[int], Dict[str, Any], List[int]]:
    rank = rng.choice([2, 3, 4, 4, 5])
    arguments = _maybe(rng, data_format=["NHWC", "NCHW", "NCHW"], **NORM, **STATISTICS)
    channels = 1 if arguments.get("data_format") == "NCHW" else rank - 1
    return _shape(rng, rank), arguments, [axis for axis in range(rank) if axis != channels]


def _group_norm(rng: random.Random) -> Tuple[List[int], Dict[str, Any], List[int]]:
    arguments = _maybe(rng, mean_close_to_zero=[True], **NORM, **STATISTICS)
    arguments["groups"] = rng.choice([1, 2, 3, 6])
    way = rng.choice(["last", "last", "first", "vectors"])
    if way == "vectors":
        return _shape(rng, 2), dict(arguments, reduction_axes=[]), [0]
    shape = _shape(rng, 4)
    if way == "first":
        shape = [shape[0], 6, *shape[1:3]]
        arguments.update(channels_axis=rng.choice([1, -3]), reduction_axes=[-2, -1])
    return shape, arguments, [0]


def _convolution(rank: int, ways: Tuple[Dict[str, Any], ...] = ({"rate": 2},)) -> Callable:
    def drawn(rng: random.Random) -> Tuple[List[int], Dict[str, Any], List[int]]:
        shape = [rng.choice([2, 3]), *[rng.choice([4, 5]) for _ in range(rank)], rng.choice([2, 3])]
        arguments = _maybe(
            rng,
            padding=["VALID", "SAME"],
            activation_fn=[None, "elu"],
            biases_initializer=[None],
            outputs_collections=["points"],
            weights_regularizer=["l2"],
            normalizer_fn=["layer_norm", "batch_norm"],
        )
        arguments.update(rng.choice([{}, {"stride": 2}, *ways, {"stride": [1] * (rank - 1) + [2]}]))
        arguments.update(num_outputs=rng.choice([1, 4]), kernel_size=rng.choice([1, 2, [2] * rank]))
        return shape, arguments, [0]

    return drawn


def _v1_convolution(
    rank: int, kernels: Tuple[str, ...] = ("kernel",), ways: Tuple[Dict[str, Any], ...] = ({"dilation_rate": 2},)
) -> Callable:
    def drawn(rng: random.Random) -> Tuple[List[int], Dict[str, Any], List[int]]:
        shape = [rng.choice([2, 3]), *[rng.choice([4, 5]) for _ in range(rank)], rng.choice([2, 3])]
        regularized = {f"{name}_regularizer": ["l2"] for name in (*kernels, "bias", "activity")}
        arguments = _maybe(
            rng, padding=["same", "VALID"], activation=["elu"], use_bias=[False], trainable=[False], **regularized
        )
        arguments.update(
            rng.choice([{}, {"strides": 2}, *ways]),
            filters=rng.choice([1, 4]),
            kernel_size=rng.choice([1, 2, [2] * rank]),
        )
        if len(kernels) > 1 and rng.random() < 0.5:
            arguments["depth_multiplier"] = 2
        return shape, arguments, [0]

    return drawn


def _pooling(rank: int, names: Tuple[str, ...] = ("pool_size", "strides")) -> Callable:
    """Of tf.layers; with other names of contrib."""
    first, last = ("channels_first", "channels_last") if names[0] == "pool_size" else ("NCDHW", "NDHWC")

    def drawn(rng: random.Random) -> Tuple[List[int], Dict[str, Any], List[int]]:
        shape = [rng.choice([2, 3]), *[rng.choice([4, 5]) for _ in range(rank)], rng.choice([2, 4])]
        arguments = _maybe(rng, padding=["same", "VALID"], data_format=[first, last])
        if arguments.get("data_format") == first:
            shape[1] = rng.choice([2, 4])
            shape[-1] = 5
        for name, choices in zip(names, ([1, 2, [2] * rank], [1, 2, [1] * (rank - 1) + [2]])):
            arguments[name] = rng.choice(choices)
        return shape, arguments, list(range(rank + 2))

    return drawn


DRAWN: Dict[str, Callable] = {
    "layer_norm": _layer_norm,
    "instance_norm": _instance_norm,
    "group_norm": _group_norm,
    "conv1d": _convolution(1),
    "conv3d": _convolution(3),
    "v1.conv1d": _v1_convolution(1),
    "v1.conv3d": _v1_convolution(3),
    "v1.separable_conv2d": _v1_convolution(2, ("depthwise", "pointwise")),
    "v1.max_pooling1d": _pooling(1),
    "v1.average_pooling1d": _pooling(1),
    "v1.max_pooling3d": _pooling(3),
    "v1.average_pooling3d": _pooling(3),
    "conv3d_transpose": _convolution(3, ()),
    "v1.conv3d_transpose": _v1_convolution(3, ways=()),
    "v1.separable_conv1d": _v1_convolution(1, ("depthwise", "pointwise")),
    "max_pool3d": _pooling(3, ("kernel_size", "stride")),
    "avg_pool3d": _pooling(3, ("kernel_size", "stride")),
}
REFUSED: Dict[str, Case] = {
    f"refused {name}": case
    for name, case in {
        "layer rank": Case("layer_norm", None, {}),
        "layer axes": Case("layer_norm", [2, 6], {"begin_norm_axis": 2}),
        "layer params": Case("layer_norm", [2, 6], {}, unknown=(1,)),
        "layer reuse": Case("layer_norm", [2, 6], {"reuse": True}),
        "instance rank": Case("instance_norm", None, {}),
        "instance format": Case("instance_norm", [2, 3, 6], {"data_format": "NWC"}),
        "instance channels": Case("instance_norm", [2, 3, 6], {}, unknown=(2,)),
        "group rank": Case("group_norm", None, {}),
        "group axis": Case("group_norm", [2, 3, 3, 6], {"channels_axis": 4}),
        "group channels": Case("group_norm", [2, 3, 3, 6], {"groups": 2}, unknown=(3,)),
        "group height": Case("group_norm", [2, 3, 3, 6], {"groups": 2}, unknown=(1,)),
        "group twice": Case("group_norm", [2, 3, 3, 6], {"groups": 2, "reduction_axes": [-1]}),
        "too many groups": Case("group_norm", [2, 3, 3, 6], {}),
        "groups that divide nothing": Case("group_norm", [2, 3, 3, 6], {"groups": 4}),
        "images to conv3d": Case("conv3d", [2, 3, 3, 6], {"num_outputs": 2, "kernel_size": 1}),
        "images to conv1d": Case("conv1d", [2, 3, 3, 6], {"num_outputs": 2, "kernel_size": 1}),
        "images to v1.conv1d": Case("v1.conv1d", [2, 3, 3, 6], {"filters": 2, "kernel_size": 1}),
        "images to max_pooling3d": Case("v1.max_pooling3d", [2, 3, 3, 6], {"pool_size": 2, "strides": 2}),
        "unknown channels": Case("v1.conv3d", [2, 3, 3, 3, 6], {"filters": 2, "kernel_size": 1}, unknown=(4,)),
        "images to conv3d_transpose": Case("v1.conv3d_transpose", [2, 3, 3, 6], {"filters": 2, "kernel_size": 1}),
        "format of volumes": Case("max_pool3d", [2, 3, 3, 3, 6], {"kernel_size": 2, "data_format": "NHWC"}),
        "images to v1.separable_conv1d": Case("v1.separable_conv1d", [2, 3, 3, 6], {"filters": 2, "kernel_size": 1}),
        "window": Case("v1.conv1d", [2, 3, 6], {"filters": 2, "kernel_size": [1, 2]}),
    }.items()
}


class Functions:
    """One side's functions: `layer_norm` of contrib or slim, `v1.conv1d` of tf.layers."""

    def __init__(self, side: Any) -> None:
        if side.name == "original":
            from tensorflow.contrib import framework, layers, slim

            homes, v1 = [layers, framework, slim.model_analyzer], side.tf.layers
        else:
            import tfbn

            homes, v1 = [tfbn.layers, tfbn], tfbn.layers.v1
        self.tf, self._homes, self.v1 = side.tf, homes, v1

    def __getattr__(self, name: str) -> Any:
        return next(getattr(home, name) for home in self._homes if hasattr(home, name))

    def by_name(self, name: str) -> Any:
        return getattr(self.v1, name[3:]) if name.startswith("v1.") else getattr(self, name)

    def arguments(self, arguments: Dict[str, Any]) -> Dict[str, Any]:
        """The arguments of a case with functions in the place of their names."""
        tf, made = self.tf, dict(arguments)
        for name, value in arguments.items():
            if name in ("activation_fn", "activation") and value:
                made[name] = getattr(tf.nn, value)
            elif name.endswith("regularizer"):
                made[name] = self.l2_regularizer(0.25)
            elif name == "normalizer_fn":
                made[name] = getattr(self, value)
            elif name == "param_initializers":
                made[name] = {key: tf.constant_initializer(number) for key, number in value.items()}
        return made


def observe(functions: Functions, name: str, case: Case) -> Tuple[Dict[str, Any], Dict[str, np.ndarray]]:
    """What a case shows, and its numbers."""
    tf = functions.tf
    rng = np.random.RandomState(sum(map(ord, name)))
    values = rng.normal(1.5, 2.0, case.shape or [2, 6])
    sizes = case.shape and [None if axis in case.unknown else size for axis, size in enumerate(case.shape)]
    inputs = tf.placeholder(case.dtype, sizes, "inputs")
    options: Dict[str, Any] = {}
    if case.surroundings == "regularizer":
        options["regularizer"] = lambda weight: 0.5 * tf.reduce_sum(tf.cast(weight, tf.float32))
    elif case.surroundings == "partitioner":
        options["partitioner"] = tf.fixed_size_partitioner(2)
    with tf.variable_scope("around" if options else tf.get_variable_scope(), **options):
        outputs = functions.by_name(case.function)(inputs, **functions.arguments(case.arguments))
        if case.shared:
            again = functions.by_name(case.function)(inputs, **functions.arguments(dict(case.arguments, reuse=True)))
            outputs = tf.add(outputs, again, "both")
    structure = {
        "outputs": [outputs.name, outputs.dtype.name, str(outputs.shape.as_list())],
        "collections": {
            key: [getattr(item, "aliases", None) or item.name for item in tf.get_collection(key)]
            for key in sorted(tf.get_default_graph().get_all_collection_keys())
            if isinstance(key, str)
            and key not in ("update_ops", "cond_context", "while_context")
            and not key.startswith("tfbn")
        },
        "variables": [
            [each.op.name, each.shape.as_list(), each.dtype.base_dtype.name] for each in tf.global_variables()
        ],
    }
    loss = tf.reduce_sum(
        outputs * tf.cast(tf.reshape(tf.range(tf.size(outputs)) % 5 - 1, tf.shape(outputs)), case.dtype)
    )
    trained = tf.trainable_variables()
    gradients = [each for each in tf.gradients(loss, [inputs, *trained]) if each is not None]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        plain = [
            each for each in tf.global_variables() if each.op.name.rsplit("/", 1)[-1] in ("beta", "gamma", "biases")
        ]
        arrays = {"initial": _flat(session.run(plain))}
        for variable in tf.global_variables():
            value = 1.5 + 0.25 * rng.randint(-3, 4, variable.shape.as_list())
            session.run(variable.assign(value.astype(variable.dtype.base_dtype.as_numpy_dtype)))
        feed = {inputs: values}
        arrays["outputs"] = np.asarray(session.run(outputs, feed), np.float64)
        arrays["gradients"] = _flat(session.run(gradients, feed))
        arrays["losses"] = _flat(session.run(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES), feed))
    return structure, arrays


def _flat(arrays: List[Any]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(np.asarray(array, np.float64).ravel() for array in arrays)])


def _created(functions: Functions) -> Any:
    """model_variable and variable, with and without an arg_scope, and add_model_variable."""
    tf, model_variable = functions.tf, functions.model_variable
    with functions.arg_scope([functions.model_variable, functions.variable], device="/cpu:0"):
        model_variable("a", [2], collections=["mine", "mine"], regularizer=functions.l2_regularizer(0.5))
        functions.variable("b", [2], dtype=tf.float64, trainable=False, collections=["mine"])
        functions.conv2d(tf.zeros([1, 4, 4, 2]), 3, 2, normalizer_fn=functions.batch_norm, scope="conv")
    functions.variable("c", initializer=tf.constant_initializer(2.0), shape=[3])
    lone = tf.get_variable("d", [])
    functions.add_model_variable(lone)
    functions.add_model_variable(lone)
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        same = model_variable("a", [2]) is tf.get_collection("mine")[0]
    graph = tf.get_default_graph()
    keys = [key for key in sorted(graph.get_all_collection_keys()) if key in ("mine", "losses") or "variables" in key]
    devices = [[variable.op.name, variable.op.device] for variable in tf.global_variables()]
    return [same, devices, {key: [item.name for item in tf.get_collection(key)] for key in keys}]


def _got(functions: Functions) -> Any:
    """What a custom getter is called with."""
    calls = []

    def getter(name: str, **arguments: Any) -> Any:
        calls.append([name, sorted(arguments), arguments["collections"], arguments["reuse"]])
        return functions.tf.get_variable(name, arguments["shape"])

    functions.model_variable("a", [2], custom_getter=getter)
    functions.variable("b", [2], custom_getter=getter)
    return [[name, names, sorted(collections), bool(reuse)] for name, names, collections, reuse in calls]


def _restored(functions: Functions) -> Any:
    """Values and the names of the placeholders: a list, a dict of lists, a partitioned variable, and first values."""
    tf = functions.tf
    plain = tf.get_variable("plain", initializer=[1.0, 2.0, 3.0])
    with tf.variable_scope("net", partitioner=tf.fixed_size_partitioner(2)):
        parts = list(tf.get_variable("parts", [4, 2], initializer=tf.zeros_initializer()))
    with tf.Session() as session, tempfile.TemporaryDirectory() as folder:
        session.run(tf.global_variables_initializer())
        session.run([part.assign([[index, 2.0], [3.0, 4.0]]) for index, part in enumerate(parts)])
        path = tf.train.Saver().save(session, os.path.join(folder, "model"))
        others = [tf.get_variable(name, [3]) for name in ("one", "two", "three")]
        clear = [variable.assign(tf.zeros(variable.shape)) for variable in tf.global_variables()]
        found = []
        for variables in ([plain, *parts], {"plain": others[:2]}, {"plain": others[2], "net/parts": parts}):
            session.run(clear)
            op, feed = functions.assign_from_checkpoint(path, variables)
            session.run(op, feed)
            found.append([sorted(each.op.name for each in feed), _values(session, tf)])
        for variables, ignore in (([plain, *parts], False), ([plain, *others], True), ({"plain": others[0]}, True)):
            session.run(clear)
            functions.assign_from_checkpoint_fn(path, variables, ignore_missing_vars=ignore)(session)
            found.append(_values(session, tf))
        found.append(functions.assign_from_checkpoint_fn(path, others, ignore_missing_vars=True) is None)
        flat = tf.get_variable("flat", [2, 4])
        functions.assign_from_checkpoint_fn(path, {"net/parts": flat}, reshape_variables=True)(session)
        functions.init_from_checkpoint(folder, {"plain": others[1]})
        session.run(clear)
        session.run(others[1].initializer)
        found.append([session.run(flat).tolist(), _values(session, tf)])
    return found


def _values(session: Any, tf: Any) -> List[Any]:
    names = ("plain", "net/parts/part_0", "net/parts/part_1", "one", "two", "three")
    return [session.run(variable).tolist() for variable in tf.global_variables() if variable.op.name in names]


def _encoded(functions: Functions) -> Any:
    """Labels as vectors, and the sum of losses."""
    tf = functions.tf
    encoded = [
        functions.one_hot_encoding(tf.constant([[2, 0], [5, -1]]), 3, outputs_collections="points"),
        functions.one_hot_encoding([1, 0], 2, on_value=5, off_value=-1, scope="mine"),
        functions.one_hot_encoding(tf.constant([1], tf.int64), 2),
    ]
    tf.add_to_collection("weights", tf.constant([3.0, 4.0]))
    summed = [
        functions.apply_regularization(functions.l2_regularizer(0.5)),
        functions.apply_regularization(functions.l1_regularizer(2.0), [tf.constant([1.0]), tf.constant([-2.0, 3.0])]),
        functions.apply_regularization(functions.l1_regularizer(0.0), [tf.constant([1.0])]),
    ]
    collected = [tensor.name for tensor in tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)]
    with tf.Session() as session:
        values = [np.asarray(value).tolist() for value in session.run(encoded + summed)]
    tensors = encoded + summed
    aliases = tf.get_collection("points")[0].aliases
    return [[[each.name, each.dtype.name, str(each.shape)] for each in tensors], values, collected, aliases]


def _analyzed(functions: Functions) -> Any:
    """The tables of a graph with unknown sizes, and what is counted."""
    tf = functions.tf
    with tf.variable_scope("net"):
        weights = tf.get_variable("weights", [4, 3], tf.float64)
        unknown = tf.Variable(tf.placeholder(tf.int32), validate_shape=False, name="unknown")
    counted = [functions.analyze_vars([weights])]
    graph = tf.Graph()
    with graph.as_default():
        tf.unstack(tf.nn.relu(tf.placeholder(tf.float32, [None, 2])), axis=1)
        tf.nn.softplus([[1.5, 2.5]])
        tf.placeholder(tf.bool)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        counted.append(functions.analyze_vars([weights], print_info=True))
        counted.append(functions.analyze_ops(graph, print_info=True))
    return [counted, printed.getvalue(), functions.analyze_vars([unknown])]


def _calls(layer: Any, inputs: Any, tf: Any) -> List[Any]:
    """What can be seen of a layer that is called twice."""
    outputs, again = layer(inputs), layer.apply(inputs, factor=2.0)
    names = [[each.name for each in getattr(layer, kind)] for kind in LISTS]
    read = [layer.scope_name, layer.built, tf.as_dtype(layer.dtype).name, layer.count_params()]
    return [outputs.name, again.name, *read, names, len(layer.losses), len(layer.updates)]


def _layer_class(functions: Functions) -> Any:
    """Subclasses of tf.layers.Layer: names, scopes, variables, losses and updates; two calls and two layers."""
    tf = functions.tf

    class ScaledSum(functions.v1.Layer):
        def __init__(self, units: int, **common: Any) -> None:
            super().__init__(**common)
            self.units = units

        def build(self, input_shape: Any) -> None:
            self.weight = self.add_variable(
                "weight",
                [int(input_shape[-1]), self.units],
                initializer=tf.ones_initializer(),
                regularizer=tf.nn.l2_loss,
            )
            self.count = self.add_weight("count", [self.units], initializer=tf.zeros_initializer(), trainable=False)
            super().build(input_shape)

        def call(self, inputs: Any, factor: float = 1.0) -> Any:
            outputs = factor * tf.matmul(inputs, self.weight)
            self.add_loss(tf.reduce_mean(outputs), inputs=True)
            self.add_update(self.count.assign_add(tf.reduce_sum(outputs, 0)), inputs=True)
            return outputs

    class Pair(functions.v1.Layer):
        def call(self, inputs: Any) -> Any:
            return {"sum": inputs[0] + inputs[1]}

    inputs = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    found: List[Any] = []
    made: List[Any] = []
    for outer, arguments in (
        ("", {}),
        ("", {"name": "named"}),
        ("", {"name": "frozen", "dtype": tf.float32, "trainable": False}),
        ("outer", {}),
        ("outer", {"name": "shared"}),
        ("outer", {"_scope": "shared", "_reuse": True}),
    ):
        with tf.variable_scope(outer or tf.get_variable_scope()):
            made.append(ScaledSum(2, **arguments))
            found.append(_calls(made[-1], inputs, tf))
    other = ScaledSum(2)
    found.append([other(inputs, scope="elsewhere").name, other.scope_name])
    found.append(Pair()([inputs, inputs])["sum"].name)
    found.append([functions.v1.Layer(name="plain")(inputs).name, functions.v1.Layer(name="early").name])
    for key in ("regularization_losses", "update_ops", "trainable_variables"):
        found.append([key, [item.name for item in tf.get_collection(key)]])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(made[0].updates)
        found.append([session.run(made[0].count).tolist(), [float(loss) for loss in session.run(made[0].losses)]])
    return found


LISTS = ("variables", "weights", "trainable_variables", "non_trainable_variables", "trainable_weights")


def _dense_and_convolution(functions: Functions) -> Any:
    """The classes, called twice, and what can be read of them."""
    tf = functions.tf
    dense = functions.v1.Dense(3, activation=tf.nn.relu, kernel_regularizer=tf.nn.l2_loss, name="dense_of")
    plain = functions.v1.Dense(2, use_bias=False)
    conv = functions.v1.Conv2D(4, 2, padding="same", trainable=False)
    images = tf.zeros([1, 4, 4, 2])
    found = [
        layer(inputs).name for layer, inputs in ((dense, images), (dense, images), (plain, images), (conv, images))
    ]
    found += [[variable.op.name for variable in layer.variables] for layer in (dense, plain, conv)]
    found += [dense.kernel.op.name, dense.bias.op.name, plain.bias, dense.units, dense.use_bias, plain.use_bias]
    found += [conv.kernel.op.name, conv.filters, list(conv.kernel_size), list(conv.strides), len(dense.losses)]
    with tf.variable_scope("shared", reuse=tf.AUTO_REUSE):
        for _ in range(2):
            functions.v1.Dense(3, _scope="fc", name="fc")(images)
    return [*found, [variable.op.name for variable in tf.global_variables()]]


def _classes(functions: Functions) -> Any:
    """The other classes, called twice: names, variables, and numbers that are exact."""
    tf, v1 = functions.tf, functions.v1
    found: Dict[str, Any] = {}
    for name, axes, arguments in CLASSES:
        shape = [1, *[4, 4, 4][:axes], 2]
        inputs = tf.reshape(tf.range(float(np.prod(shape))) - 5.0, shape)
        common = {} if "Pooling" in name or axes == 0 else {"bias_initializer": tf.ones_initializer()}
        layer = getattr(v1, name)(*arguments, **common)
        outputs = [layer(inputs), layer.apply(inputs)]
        kernels = [
            getattr(layer, kernel, None) for kernel in ("kernel", "depthwise_kernel", "pointwise_kernel", "bias")
        ]
        with tf.Session() as session:
            session.run([variable.assign(tf.ones_like(variable)) for variable in layer.variables])
            found[name] = {
                "outputs": [[each.name, each.shape.as_list()] for each in outputs],
                "variables": [[each.op.name, each.shape.as_list()] for each in layer.variables],
                "kernels": [kernel is not None and kernel.op.name for kernel in kernels],
                "read": [layer.scope_name, layer.built, layer.trainable, len(layer.losses)],
                "sum": float(np.square(session.run(outputs[1])).sum()),
            }
    drop = v1.Dropout(0.5, seed=3, name="drop")
    images = tf.reshape(tf.range(24.0), [1, 2, 3, 4])
    found["others"] = [drop(images).name, drop(images, training=True).name, drop.rate, v1.Flatten()(images).name]
    found["others"] += [v1.Flatten("channels_first", name="turned")(images).name, drop.variables]
    return found


# The class, how many spatial axes, and the arguments by position.
CLASSES = (
    ("Conv1D", 1, (3, 2, 2, "same")),
    ("Conv3D", 3, (3, 2, (2, 1, 1))),
    ("Conv2DTranspose", 2, (3, 3, 2)),
    ("Conv3DTranspose", 3, (3, 2, (1, 2, 2), "SAME")),
    ("SeparableConv1D", 1, (3, 2, 1, "valid", "channels_last", 2, 2)),
    ("SeparableConv2D", 2, (3, 2, 2)),
    ("MaxPooling1D", 1, (2, 1)),
    ("MaxPooling2D", 2, ((1, 2), 2, "same")),
    ("MaxPooling3D", 3, (2, 2)),
    ("AveragePooling1D", 1, (2, 2)),
    ("AveragePooling2D", 2, (2, 2, "same")),
    ("AveragePooling3D", 3, (2, (1, 2, 2))),
)


PROGRAMS: Dict[str, Callable] = {
    "layer class": _layer_class,
    "dense and convolution": _dense_and_convolution,
    "classes": _classes,
    "refused keyword": lambda functions: functions.v1.Layer(units=3),
    "created": _created,
    "custom getter": _got,
    "restored": _restored,
    "encoded": _encoded,
    "analyzed": _analyzed,
    "refused no variables": lambda functions: functions.assign_from_checkpoint_fn("model", []),
    "refused no weights": lambda functions: functions.apply_regularization(functions.l2_regularizer(0.5)),
    "refused vector": lambda functions: functions.apply_regularization(
        lambda weight: weight, [functions.tf.constant([1.0])]
    ),
    "refused missing": lambda functions: _assigned(functions, "absent", [2]),
    "refused shape": lambda functions: _assigned(functions, "there", [3]),
}


def _assigned(functions: Functions, name: str, shape: List[int]) -> Any:
    tf = functions.tf
    with tf.Session() as session, tempfile.TemporaryDirectory() as folder:
        there = tf.get_variable("old", initializer=[1.0, 2.0])
        session.run(there.initializer)
        path = tf.train.Saver({"there": there}).save(session, os.path.join(folder, "model"))
        return functions.assign_from_checkpoint(path, {name: tf.get_variable("new", shape)})


CASES = draw()
NAMES = (*CASES, *PROGRAMS)


def run(side: Any, name: str) -> List[Any]:
    """Structure and numbers of a case or a program."""
    functions = Functions(side)
    structure: Any
    arrays: Dict[str, np.ndarray] = {}
    try:
        if name in CASES:
            structure, arrays = observe(functions, name, CASES[name])
        else:
            # TensorFlow names assignments by the kind of variable, and that is another with v2 behaviour on.
            with side.tf.variable_scope(side.tf.get_variable_scope(), use_resource=False):
                structure = PROGRAMS[name](functions)
    except Exception as error:
        structure = {"type": type(error).__name__, "text": str(error.args[0] if error.args else error)}
    if name in CASES:
        structure["case"] = repr(CASES[name])
    return [json.loads(json.dumps(structure)), arrays]


def load() -> Dict[str, List[Any]]:
    with np.load(RECORDED) as stored:
        arrays = dict(stored)
    structures = json.loads(arrays.pop("structure").tobytes().decode())
    found = {name: [structure, {}] for name, structure in structures.items()}
    for key, array in arrays.items():
        name, _, field = key.rpartition(": ")
        found[name][1][field] = array
    return found


def save(results: Dict[str, List[Any]]) -> None:
    arrays = {f"{name}: {key}": array for name, found in results.items() for key, array in found[1].items()}
    structures = {name: structure for name, (structure, _) in results.items()}
    arrays["structure"] = np.frombuffer(json.dumps(structures, sort_keys=True).encode(), np.uint8)
    np.savez_compressed(RECORDED, **arrays)
