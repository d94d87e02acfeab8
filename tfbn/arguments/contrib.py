"""The checks of the arguments of contrib's `batch_norm`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks, layers, shapes
from tfbn.core.settings import Arguments
from tfbn.core.values import CallInputs
from tfbn.ops.layout import Layout


def check_batch_norm(named: Mapping[str, Any]) -> tuple[Arguments, Layout, CallInputs]:
    """Checks the arguments of `batch_norm` by name; returns the layer's arguments, the layout and the call's inputs."""
    checks.check_graph("batch_norm")
    inputs = tf.convert_to_tensor(named["inputs"])
    layout = shapes.check_inputs(inputs, named["data_format"], virtual_batch_size=named["virtual_batch_size"])
    arguments = Arguments(
        decay=named["decay"],
        epsilon=named["epsilon"],
        fused=named["fused"] is None or bool(named["fused"]),
        zero_debias_moving_mean=bool(named["zero_debias_moving_mean"]),
        renorm=bool(named["renorm"]),
        renorm_clipping=named["renorm_clipping"],
        renorm_decay=named["renorm_decay"],
        adjustment=named["adjustment"],
        virtual_batch_size=named["virtual_batch_size"],
        synchronized=bool(named["synchronized"]),
    )
    arguments = layers.check_arguments(arguments, layout.channels)
    checks.check_callables(activation_fn=named["activation_fn"], adjustment=named["adjustment"])
    checks.check_initializers(named["param_initializers"])
    checks.check_regularizers(named["param_regularizers"])
    for name in ("updates_collections", "variables_collections", "outputs_collections"):
        checks.check_collections(**{name: named[name]})
    checks.check_param_dtype(named["param_dtype"])
    checks.check_scope(named["scope"], named["reuse"])
    call = CallInputs(
        inputs,
        is_training=checks.check_flag(named["is_training"]),
        update_statistics=checks.check_flag(named["update_statistics"], "update_statistics"),
        batch_weights=named["batch_weights"],
        mask=named["mask"],
        adjustment=named["adjustment"],
    )
    return arguments, layout, layers.check_call(call, layout, arguments.synchronized)
