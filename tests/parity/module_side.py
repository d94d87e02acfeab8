"""A case of `batch_norm` as `BatchNorm` in a tf.function: which cases can be told so, and what one leaves to see."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Dict, List, Optional

import numpy as np
import tensorflow.compat.v1 as tf

import tfbn

from . import case as cases
from . import data, functions, original_path
from .arguments import Decoder
from .graphs import Side
from .runner import describe

# What is about names and collections, or comes after the layer.
UNSEEN = ("scope", "reuse", "variables_collections", "outputs_collections", "activation_fn", "is_training")
TRAINED_STATISTICS = [{"$": "key", "value": "TRAINABLE_VARIABLES"}]


def arguments_of(case: cases.Case) -> Dict[str, Any]:
    """The encoded arguments of the first call, with those of the arg_scopes."""
    merged: Dict[str, Any] = {}
    for scope in (*cases.get(case, "arg_scope"), cases.get(case, "arguments")):
        merged.update(scope)
    return merged


def left_out(case: cases.Case, graph: Dict[str, Any]) -> Optional[str]:
    """Why a case says nothing of the module; None where it does. `graph` is what the graph made of it."""
    arguments = arguments_of(case)
    second = set(cases.get(case, "second")) - {"is_training"}
    if not functions.contrib(case):
        return "for the functions and classes of tf.layers"
    if graph["stage"] != "ok":
        return "refused: the module's own errors have tests of their own"
    if cases.get(case, "calls") not in ("one", "reuse") or second:
        return "several layers, a cond around a call, or calls that differ: about scopes and collections"
    if set(cases.get(case, "surroundings")) - {"name", "use_resource"}:
        return "variable_scope: its regularizer, initializer, partitioner, dtype or reuse"
    if arguments.get("updates_collections", {"$": "update_ops"}) != {"$": "update_ops"}:
        return "another updates_collections, and so another row than the module's"
    if "variables_collections" in arguments and arguments["variables_collections"] == TRAINED_STATISTICS:
        return "moving statistics among the trainable variables"
    if arguments.get("adjustment") and original_path.row(case) in ("legacy", "function-fused"):
        return "an adjustment that batch_norm ignores, as the original does, and the module applies"
    return None


def key(case: cases.Case) -> str:
    """The same for cases in which the module is told and asked the same, but for the random numbers."""
    arguments = {name: value for name, value in arguments_of(case).items() if name not in UNSEEN}
    arguments.pop("updates_collections", None)
    fed = original_path.training_kind(case) in ("placeholder", "variable")
    training = None if fed else bool(_plain(functions.is_training(case)))
    names = ("shape", "dtype", "dynamic", "form", "batches", "spread", "calls", "learning_rate")
    return json.dumps([arguments, training, *(cases.get(case, name) for name in names)], sort_keys=True)


def _plain(value: Any) -> Any:
    """What a constant of a case holds."""
    return value.get("value") if isinstance(value, dict) else value


class Values(Decoder):
    """Decodes for eager code: what is fed is a variable that is set before each step."""

    def __init__(self, case: cases.Case):
        super().__init__(tf, case)
        self.fed: List[Any] = []

    def set(self, step: int) -> None:
        for variable, values in self.fed:
            variable.assign(values(step))

    def make_fed(self, name: str, values: List[Any], dtype: str) -> Any:
        each = self._per_step(values, dtype)
        variable = tf.Variable(each(0), trainable=False)
        self.fed.append((variable, each))
        return variable

    make_variable = make_fed

    def make_weights(self, name: str, form: str = "random", dtype: str = "float32") -> Any:
        if form == "list":
            return super().make_weights(name, form, dtype)
        return lambda step: tf.cast(data.batch_weights(self.case, step, form), dtype)


class Layer:
    """The module of a case, and its training step as a tf.function."""

    def __init__(self, case: cases.Case):
        self.case, self.values = case, Values(case)
        encoded = arguments_of(case)
        given = self.values.arguments({name: value for name, value in encoded.items() if name != "updates_collections"})
        self.is_training = given.pop("is_training", True)
        self.weights = given.pop("batch_weights", None)
        self.activation = given.pop("activation_fn", None)
        given = {name: value for name, value in given.items() if name not in UNSEEN}
        row = original_path.row(case)
        if row == "legacy":
            given.setdefault("param_dtype", cases.get(case, "dtype"))
        if given.get("trainable") is False and row.startswith("core"):
            given["update_statistics"] = False
        if row == "legacy" or not given.get("renorm"):
            given.pop("renorm_clipping", None)
        dtype = tf.as_dtype(cases.get(case, "dtype"))
        given.setdefault("param_dtype", tf.float64 if dtype == tf.float64 else tf.float32)
        # The variables at once, because TensorFlow traces a function twice that makes some.
        self.module = tfbn.BatchNorm(data.channels(case), **given)
        shape = [None if d in cases.get(case, "dynamic") else size for d, size in enumerate(cases.get(case, "shape"))]
        self.wide = tf.float64 if dtype == tf.float64 else tf.float32
        self.dtype = dtype
        signature = [tf.TensorSpec(shape, dtype), tf.TensorSpec(shape, self.wide)]
        if self.weights is not None:
            signature.append(tf.TensorSpec([shape[0]], self.batch_weights(0).dtype))
        self.step = tf.function(self._step, input_signature=signature)

    def batch_weights(self, step: int) -> Any:
        return tf.convert_to_tensor(self.weights(step) if callable(self.weights) else self.weights)

    def inputs(self, step: int) -> List[Any]:
        # An array is the same in every step.
        x = tf.cast(data.feedable(self.case, 0 if cases.get(self.case, "form") == "numpy" else step), self.dtype)
        return [x, *([] if self.weights is None else [self.batch_weights(step)])]

    def call(self, x: Any, is_training: Any, weights: Any = None, **more: Any) -> Any:
        outputs = self.module(x, is_training=is_training, batch_weights=weights, **more)
        return outputs if self.activation is None else self.activation(outputs)

    def _step(self, x: Any, slopes: Any, *weights: Any) -> Dict[str, Any]:
        twice = bool(cases.get(self.case, "second_order"))
        with tf.GradientTape(persistent=True) if twice else contextlib.nullcontext() as outer:
            if twice:
                outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                outputs = self.call(x, self.is_training, *weights)
                loss = tf.reduce_sum(tf.cast(outputs, self.wide) * slopes)
            sources = {"inputs": x, **{v.name.split(":")[0].rpartition("/")[2]: v for v in tape.watched_variables()}}
            gradients = dict(zip(sources, tape.gradient(loss, list(sources.values()))))
            of_inputs = gradients["inputs"]
            again = tf.reduce_sum(tf.square(tf.cast(of_inputs, self.wide))) if twice and of_inputs is not None else None
        found = {"output": outputs, **_named("gradient", gradients)}
        if again is not None:
            second = {name: outer.gradient(again, source) for name, source in sources.items()}
            found.update(_named("second", second))
        rate = cases.get(self.case, "learning_rate")
        if rate is not None:
            pairs = [(gradient, sources[name]) for name, gradient in gradients.items() if name != "inputs"]
            tf.train.GradientDescentOptimizer(rate).apply_gradients(pairs)
        return found

    def infer(self, x: Any, *weights: Any) -> Any:
        fed = original_path.training_kind(self.case) in ("placeholder", "variable")
        return self.call(x, self.is_training if fed else False, *weights, update_statistics=False)


def run(case: cases.Case) -> Dict[str, np.ndarray]:
    """What a case leaves to see, under the names of `runner`, with `BatchNorm/` for every scope."""
    layer, found = Layer(case), {}
    calls = 2 if cases.get(case, "calls") == "reuse" else 1
    for step in range(cases.get(case, "steps")):
        layer.values.set(step)
        x, *weights = layer.inputs(step)
        slopes = tf.cast(data.loss_weights(case, step), layer.wide)
        for index in range(calls):
            prefix = f"step{step}." + (f"call{index}." if calls > 1 else "")
            for name, value in layer.step(x, slopes, *weights).items():
                if not (name.startswith("second.") and step):
                    found[prefix + name] = value
        for variable in layer.module.variables:
            name = variable.name.split(":")[0].rpartition("/")
            if name[0] == layer.module.name:
                found[f"step{step}.state.{name[2]}"] = variable.read_value()
    last = cases.get(case, "steps")
    layer.values.set(last)
    outputs = layer.infer(*layer.inputs(last))
    for index in range(calls):
        found["inference." + (f"call{index}." if calls > 1 else "") + "output"] = outputs
    if original_path.row(case) != "legacy":
        found["losses"] = np.sort([loss.numpy() for loss in layer.module.losses]).astype(np.float32)
    return {name: _array(value) for name, value in found.items()}


def result(case: cases.Case, side: Side) -> Dict[str, Any]:
    """As `runner.run`."""
    try:
        return {"stage": "ok", "error": None, "arrays": run(case)}
    except Exception as error:
        return {"stage": "build", "error": describe(error), "arrays": {}}


def seen(case: cases.Case, graph: Dict[str, Any]) -> Dict[str, np.ndarray]:
    """The graph's arrays under the same names."""
    found = {}
    for name, value in graph["arrays"].items():
        head, _, last = name.rpartition("/")
        if ".state." in head:
            name = head.partition(".state.")[0] + ".state." + last
        elif "gradient." in head:
            name = head.partition("gradient.")[0] + "gradient." + last
        elif "second." in head:
            name = head.partition("second.")[0] + "second." + last
        if not (name == "losses" and original_path.row(case) == "legacy"):
            found[name] = np.sort(value) if name == "losses" else value  # in the order that each creates variables
    return found


def _named(kind: str, values: Dict[str, Any]) -> Dict[str, Any]:
    return {f"{kind}.{name}": value for name, value in values.items() if value is not None}


def _array(value: Any) -> np.ndarray:
    if tf.is_tensor(value):
        value = (tf.cast(value, tf.float32) if value.dtype == tf.bfloat16 else value).numpy()
    return np.asarray(value)
