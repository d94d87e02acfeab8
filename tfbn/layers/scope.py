"""What contrib's layers add around a layer of tf.layers: scope, variable names, and the steps after it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.arguments import checks
from tfbn.graph import compatibility, variables
from tfbn.graph.activation import activate
from tfbn.graph.arg_scope import arg_scope_func_key, current_arg_scope
from tfbn.graph.named_outputs import collect_named_outputs
from tfbn.layers import normalizer
from tfbn.layers.variables import model_variable
from tfbn.layers.weighted import Parameter, Weighted

_keys = tf.compat.v1.GraphKeys
BIAS = {"bias": "biases"}
KERNEL = {"kernel": "weights", **BIAS}


class After(NamedTuple):
    """The arguments of contrib's layers for the steps after the linear part, and for collections."""

    activation_fn: Callable | None
    normalizer_fn: Callable | None
    normalizer_params: Mapping[str, Any] | None
    variables_collections: Any
    outputs_collections: Any


def check(caller: str, after: After, names: tuple[str, ...], scope: Any, reuse: Any) -> None:
    """Refuses what would fail later, and warns of collections for variables that the layer does not have."""
    checks.check_graph(caller)
    checks.check_callables(activation_fn=after.activation_fn, normalizer_fn=after.normalizer_fn)
    checks.check_collections(
        variables_collections=after.variables_collections, outputs_collections=after.outputs_collections
    )
    checks.check_scope(scope, reuse)
    compatibility.warn(
        caller, compatibility.ignored_collections(after.variables_collections, names), "tf.contrib.layers"
    )


@contextlib.contextmanager
def layer_scope(
    scope: Any, default: str, inputs: Any, reuse: Any = None, names: Mapping[str, str] | None = None
) -> Iterator[tf.compat.v1.VariableScope]:
    """The layer's variable scope: every variable in it is a model variable, under contrib's name from `names`.

    An arg_scope of `model_variable` sets only the device, as in the original, whose layers pass all other arguments.
    """

    def create(getter: Callable, name: str, *args: Any, collections: Any = None, **kwargs: Any) -> Any:
        head, slash, last = name.rpartition("/")
        # No collection twice: a normalizer creates its variables in a scope within this one, and may pass collections.
        unique = dict.fromkeys([*(collections or ()), _keys.GLOBAL_VARIABLES, _keys.MODEL_VARIABLES])
        scoped = current_arg_scope().get(arg_scope_func_key(model_variable), {})
        with tf.compat.v1.device(scoped.get("device") or ""):
            return getter(head + slash + (names or {}).get(last, last), *args, collections=list(unique), **kwargs)

    with tf.compat.v1.variable_scope(scope, default, [inputs], reuse=reuse, custom_getter=create) as opened:
        yield opened


def finish(
    caller: str,
    scope: tf.compat.v1.VariableScope,
    outputs: tf.Tensor,
    layer: Weighted,
    after: After,
    data_format: str | None = None,
) -> tf.Tensor:
    """Collects the layer's variables, then normalizes, activates and collects the outputs."""
    for name, variable in layer.weights_by_name.items():
        kind = "biases" if name == "bias" else "weights"
        variables.collect(variable, variables.collections_for(kind, after.variables_collections))
    if after.normalizer_fn is not None:
        outputs = normalizer.apply(caller, outputs, after.normalizer_fn, after.normalizer_params or {}, data_format)
    outputs = activate(outputs, after.activation_fn)
    return collect_named_outputs(after.outputs_collections, scope.name, outputs)


def layer_arguments(
    scope: tf.compat.v1.VariableScope,
    reuse: Any,
    trainable: bool,
    after: After,
    kernels: Mapping[str, Parameter],
    biases: Parameter,
) -> dict[str, Any]:
    """The arguments that layers of any kind take within the scope. A normalizer makes the bias superfluous."""
    return {
        "kernels": kernels,
        "bias": None if after.normalizer_fn is not None or biases.initializer is None else biases,
        "trainable": trainable,
        "name": scope.name,
        "_scope": scope,
        "_reuse": reuse,
    }
