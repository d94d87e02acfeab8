"""Builds the graph of a case: surroundings, the call or calls, inference by a reusing call. Runs on Python 3.7."""

from __future__ import annotations

import contextlib
import functools
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

import numpy as np

from . import case as cases
from . import data, functions, observe, original_path
from .arguments import Decoder


class Side(NamedTuple):
    """One implementation: `tf.compat.v1`, the functions under test by name, and contrib's arg_scope."""

    name: str
    tf: Any
    functions: Dict[str, Any]
    arg_scope: Any


class Call(NamedTuple):
    """One call in the graph, and the updates it has collected."""

    output: Any
    updates: List[Any]


class Graph:
    """The surroundings of the calls, entered anew for each of them."""

    def __init__(self, side: Side, case: cases.Case):
        self.side, self.tf, self.case = side, side.tf, case
        self.decoder = Decoder(side.tf, case, side.functions)
        self.inputs = self._inputs()
        with self.surroundings():
            # Made before the call, so that their variables are told apart from the call's own.
            self.arguments = self.decoder.arguments(cases.get(case, "arguments"))
            self.scoped = [self.decoder.arguments(scope) for scope in cases.get(case, "arg_scope")]
            self.second = dict(self.arguments, **self.decoder.arguments(cases.get(case, "second")))
        self.function = functions.of(case)
        self.layers: List[Any] = []  # the objects made where a class is under test
        self.before: Dict[str, int] = {}  # the sizes of the collections before the latest call
        self.predicate = None
        if cases.get(case, "calls") == "cond":
            values = {"values": [True, False, True, True], "dtype": "bool"}
            self.predicate = self.decoder.make_fed("predicate", **values)

    def _inputs(self) -> Any:
        case = self.case
        if cases.get(case, "form") == "numpy":
            return data.feedable(case, 0)
        sizes = [None if dim in cases.get(case, "dynamic") else size for dim, size in enumerate(case_shape(case))]
        shape = None if cases.get(case, "unknown_rank") else sizes
        values = functools.partial(data.feedable, case)
        return self.decoder.placeholder(cases.get(case, "dtype"), shape, values, "inputs")

    @contextlib.contextmanager
    def surroundings(self) -> Iterator[None]:
        """The enclosing variable_scope the case asks for."""
        tf, given = self.tf, dict(cases.get(self.case, "surroundings"))
        if not given:
            yield
            return
        options: Dict[str, Any] = {}
        if "regularizer" in given:
            weight = given["regularizer"]
            options["regularizer"] = lambda parameter: weight * tf.cast(tf.reduce_sum(tf.square(parameter)), "float32")
        if "partitioner" in given:
            options["partitioner"] = tf.fixed_size_partitioner(given["partitioner"])
        if "reuse" in given:
            options["reuse"] = tf.AUTO_REUSE if given["reuse"] == "AUTO_REUSE" else given["reuse"]
        if "initializer" in given:
            options["initializer"] = tf.constant_initializer(given["initializer"])
        for name in ("dtype", "use_resource"):
            if name in given:
                options[name] = given[name]
        with tf.variable_scope(given["name"] if "name" in given else tf.get_variable_scope(), **options):
            yield

    def outputs(self, inputs: Any, arguments: Dict[str, Any], index: int) -> Any:
        """What the function under test returns, or the object `index` of the class under test."""
        name = self.function.name
        if name == "slim_model":
            return slim_model(self.side, inputs, **arguments)
        if not self.function.is_class:
            return self.side.functions[name](inputs, **arguments)
        made = dict(arguments)
        call = {key: made.pop(key) for key in (self.function.is_training,) if key in made}
        made.pop("reuse", None)  # which is to call the object again
        if index == len(self.layers):
            base = self.side.functions["BatchNormalization"]
            self.layers.append((scaled_norm(self.tf, base) if name == "ScaledNorm2D" else base)(**made))
        return self.layers[index](inputs, **call)

    def call(self, arguments: Dict[str, Any], index: int = 0) -> Call:
        """One call under the arg_scopes of the case."""
        self.before = observe.sizes(self.tf)
        before = {name: len(self.tf.get_collection_ref(name)) for name in self.update_collections(arguments)}
        with contextlib.ExitStack() as stack:
            for scoped in self.scoped:
                scoped = dict(scoped)
                names = scoped.pop("$functions", [self.function.name])
                stack.enter_context(self.side.arg_scope([self.side.functions[name] for name in names], **scoped))
            if self.predicate is None:
                output = self.outputs(self.inputs, arguments, index)
            else:
                inputs = self.tf.convert_to_tensor(self.inputs)
                output = self.tf.cond(
                    self.predicate,
                    lambda: self.outputs(inputs, arguments, index),
                    lambda: self.tf.identity(inputs),
                )
        updates: List[Any] = []
        for name, size in before.items():
            # The same update may be in several collections; running it once is enough, and all that is right.
            updates += [item for item in self.tf.get_collection_ref(name)[size:] if not any(item is u for u in updates)]
        return Call(output, updates)

    def update_collections(self, arguments: Dict[str, Any]) -> List[str]:
        """The names of the collections that the updates of a call go to."""
        default = self.tf.GraphKeys.UPDATE_OPS
        value: Any = default
        for scoped in self.scoped:
            value = scoped.get("updates_collections", value)
        value = (arguments.get("normalizer_params") or arguments).get("updates_collections", value)
        if value is None:
            return []
        return [value] if isinstance(value, str) else sorted(value)

    def calls(self) -> List[Call]:
        """The calls of the case, in order."""
        how = cases.get(self.case, "calls")
        # Entered once: on entering a scope anew, default names start from the beginning.
        with self.surroundings():
            made = [self.call(self.arguments)]
            if how in ("reuse", "reuse_together"):
                made.append(self.call(dict(self.second, reuse=True)))
            elif how in ("default_names", "same_scope"):
                made.append(self.call(self.second, 1))
        return made

    def inference(self, index: int, scope: Optional[str]) -> Any:
        """The output of a reusing call without training, under the scope of call `index`."""
        name = self.function.scope
        arguments = functions.for_inference(self.case, self.second if index else self.arguments)
        scopes = [scoped[name] for scoped in self.scoped if scoped.get(name)]
        arguments[name] = arguments.get(name) or (scopes[-1] if scopes else scope)
        arguments.pop("outputs_collections", None)
        predicate, self.predicate = self.predicate, None
        try:
            with self.surroundings():
                return self.call(arguments, min(index, max(0, len(self.layers) - 1))).output
        finally:
            self.predicate = predicate

    def inference_is_a_call(self) -> bool:
        """Whether inference needs a second call, rather than feeding False."""
        if not self.function.has_variables:
            return False
        return original_path.training_kind(self.case) not in ("placeholder", "variable")

    def loss_weights(self, output: Any, dtype: str) -> Any:
        """The fixed weights of the loss sum(output * weights); those of a layer follow the shape of what comes out."""
        tf = self.tf
        if not self.function.is_layer:

            def values(step: int) -> np.ndarray:
                return data.loss_weights(self.case, step).astype(dtype)

            return self.decoder.placeholder(dtype, None, values, "loss_weights")
        # Multiples of 1/8 without a pattern that a layer has; the same numbers wherever the channels are.
        weights = tf.cast(tf.range(tf.size(output)) * 37 % 17 - 8, dtype) / 8
        if output.shape.ndims == 4 and data.channels_first(self.case):
            count, channels, height, width = tf.unstack(tf.shape(output), 4)
            return tf.transpose(tf.reshape(weights, [count, height, width, channels]), [0, 3, 1, 2])
        return tf.reshape(weights, tf.shape(output))

    def scope_of(self, index: int) -> str:
        """The default scope name of call `index`."""
        alone = cases.get(self.case, "calls") != "default_names"
        return self.function.default_scope + ("" if alone or index == 0 else f"_{index}")


def scaled_norm(tf: Any, base: Any) -> Any:
    """A subclass with a weight and a method of its own, as TF1 code wrote them."""

    class ScaledNorm2D(base):
        def build(self, input_shape: Any) -> None:
            # Before: in the original, build ends with the layer built, and from then on it only reuses weights.
            self.factor = self.add_weight("factor", [], initializer=tf.constant_initializer(1.5))
            super().build(input_shape)

        def call(self, inputs: Any, training: Any = False) -> Any:
            return super().call(inputs, training=training) * self.factor

    return ScaledNorm2D


def slim_model(side: Side, inputs: Any, is_training: Any, reuse: Any = None, scope: str = "model") -> Any:
    """Convolutions with batch norm, pooling, a dense layer: written as slim's models are."""
    layers = {name.rpartition(".")[2]: function for name, function in side.functions.items() if "v1" not in name}
    with side.tf.variable_scope(scope, reuse=reuse), contextlib.ExitStack() as stack:

        def enter(names: List[str], **given: Any) -> None:
            stack.enter_context(side.arg_scope([layers[name] for name in names], **given))

        initializer = layers["xavier_initializer"](seed=3)
        enter(["batch_norm"], is_training=is_training, decay=0.9, scale=True)
        enter(["dropout"], is_training=is_training, seed=5)
        enter(
            ["conv2d", "separable_conv2d", "conv2d_transpose", "fully_connected"],
            normalizer_fn=layers["batch_norm"],
            weights_initializer=initializer,
            weights_regularizer=layers["l2_regularizer"](0.01),
            activation_fn=side.tf.nn.elu,
            outputs_collections="end_points",
        )
        net = layers["conv2d"](inputs, 4, 3, scope="conv1")
        net = layers["max_pool2d"](net, 2, scope="pool1")
        net = layers["repeat"](net, 2, layers["conv2d"], 3, 2, scope="conv2")
        net = layers["separable_conv2d"](net, 4, 3, scope="separable")
        net = layers["conv2d_transpose"](net, 3, 3, stride=2, scope="up")
        net = layers["avg_pool2d"](net, 2, stride=1, scope="pool2")
        net = layers["dropout"](layers["flatten"](net, scope="flat"), 0.8, scope="drop")
        net = layers["fully_connected"](net, 5, scope="fc")
        net = layers["fully_connected"](net, 3, activation_fn=None, normalizer_fn=None, scope="logits")
        return layers["softmax"](net, scope="predictions")


def case_shape(case: cases.Case) -> List[int]:
    return list(cases.get(case, "shape"))
