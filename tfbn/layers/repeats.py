"""contrib's `repeat`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks


def repeat(inputs: Any, repetitions: int, layer: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Applies a layer repeatedly to its own outputs, each time with new variables.

    It is tf.contrib.layers.repeat of TensorFlow 1.15: the scopes are `<scope>/<scope>_1`, `<scope>/<scope>_2` and so
    on, and without a scope `Repeat/<name>_1`, where the name is that of the function, such as `convolution2d`.

    Args:
      inputs: tensor.
      repetitions: int.
      layer: function of inputs, *args and **kwargs, among them `scope`.
      *args: arguments of the layer.
      **kwargs: arguments of the layer by name. scope: of all of them together.

    Returns:
      What the last repetition returns; the inputs if there is none.

    Raises:
      TypeError: a scope that is no string.
      RuntimeError: eager execution.

    Example:
      >>> import tfbn
      >>> with tf.Graph().as_default():
      ...     net = repeat(tf.zeros([2, 5]), 2, tfbn.layers.fully_connected, 3, scope="fc")
      ...     [variable.op.name for variable in tf.compat.v1.trainable_variables()]
      ['fc/fc_1/weights', 'fc/fc_1/biases', 'fc/fc_2/weights', 'fc/fc_2/biases']
    """
    checks.check_graph("repeat")
    scope = kwargs.pop("scope", None)
    if scope is not None and not isinstance(scope, str):
        raise TypeError(f"scope: expected a string or None, got {scope!r}. The layers' names begin with it.")
    with tf.compat.v1.variable_scope(scope, "Repeat", [inputs]):
        outputs = tf.convert_to_tensor(inputs)
        # A functools.partial has the name of its function.
        function = layer if hasattr(layer, "__name__") else getattr(layer, "func", None)
        name = str(getattr(function, "__name__", "repeat")) if scope is None else scope
        for position in range(repetitions):
            outputs = layer(outputs, *args, **{**kwargs, "scope": f"{name}_{position + 1}"})
        return outputs
