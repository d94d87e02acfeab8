"""Gives outputs and updates the names that they have in the original.

Programs fetch by name, and a name has to mean the same as in the original: a tensor that runs the same updates. So a
call first reserves in its graph every name that would matter in the original, in the original's order, which counts
names as the original does: a second call of a layer finds `batchnorm` used and gets `batchnorm_1`. Our own ops are then
created in an inner scope, where none of them can take such a name, and the call returns an identity under the name.
TensorFlow's optimizer removes identities.

Where the fused kernel alone computes the result, its op has the original's name without that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core.normalization import FUSED_DTYPES
from tfbn.core.policy import OriginalPath
from tfbn.core.settings import Settings
from tfbn.core.values import CallInputs

OPS_SCOPE = "normalize"  # of our own ops, within that of the layer


class Names(NamedTuple):
    """The full names for the results of a call; None, and an empty tuple, leave the names unchanged."""

    output: str | None = None
    updates: tuple[str, ...] = ()
    scope: str | None = OPS_SCOPE  # for the ops of the call; None: that of the layer
    counted: tuple[str, ...] = ()  # names of ops that only the original has, where a call uses the layer's own scope

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """The scope in which the outputs are computed."""
        with contextlib.nullcontext() if self.scope is None else tf.compat.v1.name_scope(self.scope):
            yield
        for name in self.counted:
            _unique(name)

    def updating(self) -> contextlib.AbstractContextManager:
        """The scope in which the updates are built: that of the layer, unless others get their names."""
        return tf.compat.v1.name_scope("update") if self.updates else contextlib.nullcontext()


def named(value: Any, name: str | None) -> Any:
    """The value, under a name that `reserve` has reserved."""
    # With a slash at its end TensorFlow takes a name as it is.
    return value if name is None else tf.identity(value, name=f"{name}/")


@contextlib.contextmanager
def contrib_scope(scope: tf.compat.v1.VariableScope, path: OriginalPath) -> Iterator[None]:
    """The name scope in which contrib's batch_norm creates its ops, after its variables in the open scope."""
    if scope.name:
        # It enters the variable scope once more, and so a scope BatchNorm has no `batchnorm`, only `batchnorm_1`.
        tf.compat.v1.get_default_graph().unique_name(scope.name.rpartition("/")[2])
    if not path.collects_after:
        yield
        return
    # A layer of tf.layers returns to the name scope in which its variable scope was created.
    with tf.compat.v1.name_scope(scope.original_name_scope):
        yield


def reserve(call: CallInputs, settings: Settings, has_gamma: bool, has_updates: bool, inline: bool) -> Names:
    """Reserves the names of the original's results in the current name scope.

    `inline` is whether the outputs wait for the updates.
    """
    inline = inline and has_updates
    outputs_wait = inline or (has_updates and (_tensorflow.in_v1_body() or _tensorflow.in_v2_body()))
    if settings.path.fused and _is_kernel_last(call, settings):
        viewed = settings.layout.pooled.rank != 4
        if call.is_training.tensors:
            if settings.path.name == "core-fused" and not outputs_wait and not viewed:
                return Names(scope=None, counted=("cond",))
        elif not outputs_wait:
            return Names(scope=None)
        elif inline and not viewed:
            return Names(_unique("Identity"), scope=None)
    if settings.path.name == "function-fused":
        return _function_fused(call, settings, inline)
    if settings.path.name == "core-fused":
        conditionals = _conditionals(call, 2)
        return Names(_result(conditionals[0]) if conditionals else _unique("FusedBatchNormV3"))
    return _composed(call, settings, has_gamma, inline)


def _is_kernel_last(call: CallInputs, settings: Settings) -> bool:
    """Whether a call ends with an op of the fused kernel, or a conditional of two, apart from reshapes."""
    layout = settings.layout
    return (
        call.batch_weights is None
        and call.mask is None
        and not call.across
        and settings.fused
        and layout.channels > 0
        and layout.virtual_batch_size is None
        and call.inputs.dtype in FUSED_DTYPES
        and not _tensorflow.compiled_by_xla()
        and not _tensorflow.in_v2_body()
    )


def _function_fused(call: CallInputs, settings: Settings, inline: bool) -> Names:
    updates: tuple[str, ...] = ()
    flat = settings.layout.pooled.rank == 2
    if flat:
        _unique("Reshape")
    if call.is_training.tensors:
        fused, updated = _conditionals(call, 2)
        output = _result(updated if inline else fused)
        updates = (_result(updated), _result(updated, 1))
    else:
        output = _unique("Identity" if inline else "FusedBatchNormV3")
    return Names(_unique("Reshape") if flat else output, updates)


def _composed(call: CallInputs, settings: Settings, has_gamma: bool, inline: bool) -> Names:
    renorm, virtual = settings.renorm_clipping is not None, settings.layout.virtual_batch_size is not None
    adjusts = call.adjustment is not None and not call.is_training.never
    if virtual:
        _unique("Reshape")
    updates: tuple[str, ...] = ()
    if settings.path.name == "legacy":
        conditionals = _conditionals(call, 1 if inline else 2)
        if conditionals:
            updates = (_result(conditionals[0]), _result(conditionals[0], 1))
    else:
        # Two each for an adjustment, the moments, r and d, the averages behind them, and the moving averages.
        conditionals = _conditionals(call, 2 * (2 + adjusts + 2 * renorm))
        updates = tuple(_result(conditional) for conditional in conditionals[-2:])
        # A subclass's multiplications and an activation_fn are counted after these.
        updates_stddev = renorm and call.is_training.always
        products = 0 if call.is_training.never else 2 * has_gamma * (adjusts + renorm) + updates_stddev
        for name in ["mul"] * products + ["Relu"] * updates_stddev:
            _unique(name)
    output = f"{_unique('batchnorm')}/add_1"
    return Names(_unique("Reshape") if virtual else output, updates)


def _conditionals(call: CallInputs, count: int) -> list[str]:
    """Reserves the names of `count` conditionals, if is_training is evaluated by each run."""
    return [_unique("cond") for _ in range(count)] if call.is_training.tensors else []


def _result(conditional: str, index: int = 0) -> str:
    """The name of an output of a conditional."""
    graph = tf.compat.v1.get_default_graph()
    v2 = tf.compat.v1.control_flow_v2_enabled() or graph.building_function
    return f"{conditional}/{'Identity' if v2 else 'Merge'}{f'_{index}' if index else ''}"


def _unique(name: str) -> str:
    return tf.compat.v1.get_default_graph().unique_name(name)
