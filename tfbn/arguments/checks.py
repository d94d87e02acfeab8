"""Checks of single arguments, whatever the inputs are."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn import _tensorflow
from tfbn.arguments.shapes import FLOATING
from tfbn.core.flag import Flag
from tfbn.ops.renorm import CLIPPING_KEYS


def check_graph(caller: str) -> None:
    """Requires a graph as default: only there variables are in collections."""
    if tf.executing_eagerly():
        raise RuntimeError(
            f"{caller} builds TF1 graphs: expected a graph as default, got eager execution. Build inside "
            "`with tf.Graph().as_default():` or tf.compat.v1.wrap_function, or call tf.compat.v1.disable_v2_behavior()."
        )


def check_no_tf1_graph(caller: str) -> None:
    """Requires eager code or a function: in a TF1 graph nothing would run the updates."""
    if _tensorflow.in_tf1_graph():
        raise RuntimeError(
            f"{caller} is for eager code and tf.function: expected one of them, got a TF1 graph as default, where "
            "nothing would run its updates. Use tfbn.batch_norm there."
        )


def check_cumulative(zero_debias: bool, counts: bool = True) -> None:
    """Requires, for decay=None, a count of batches and no zero debias."""
    if zero_debias:
        raise ValueError(
            "decay: expected a number with zero debias, got None. The cumulative average forgets its start; leave out "
            "zero_debias_moving_mean."
        )
    if not counts:
        raise ValueError(
            "decay: expected a number for a state without local_step, got None. The cumulative average needs a count "
            "of batches: init(..., cumulative=True), or a BatchNorm created with decay=None."
        )


def check_decay(name: str, decay: Any, channels: int | None = None) -> None:
    """Requires a number in [0, 1], or a floating tensor that broadcasts against [C]."""
    if tf.is_tensor(decay):
        if not decay.dtype.is_floating:
            raise TypeError(f"{name}: expected a floating tensor, got dtype {decay.dtype.name}. Cast it to tf.float32.")
        _check_per_channel(name, decay, channels)
        return
    _check_number(name, decay, "a number in [0, 1] or a floating tensor")
    if not 0 <= decay <= 1:
        raise ValueError(
            f"{name}: expected a number in [0, 1], got {decay!r}. A moving average diverges outside; 0.999 keeps long "
            "memory, 0.9 short."
        )


def check_epsilon(epsilon: Any) -> float:
    """Requires a number of at least 0; returns it as a float."""
    _check_number("epsilon", epsilon, "a number of at least 0")
    if not epsilon >= 0:
        raise ValueError(
            f"epsilon: expected a number of at least 0, got {epsilon!r}. It is added to the variance before the square "
            "root; 0.001 is the default."
        )
    return float(epsilon)


def check_renorm_asked_for(renorm: bool, renorm_clipping: Any) -> None:
    """Refuses clipping without renorm, which the original would silently ignore."""
    if renorm_clipping is not None and not renorm:
        raise ValueError(
            f"renorm_clipping: expected None without renorm, got {renorm_clipping!r}. Pass renorm=True to init or to "
            "the module."
        )


def check_renorm_clipping(renorm_clipping: Any, channels: int | None = None) -> None:
    """Requires a mapping of rmax, rmin and dmax to numbers or floating tensors."""
    _check_mapping("renorm_clipping", renorm_clipping)
    keys = CLIPPING_KEYS
    unknown = sorted(set(renorm_clipping) - set(keys), key=str)
    if unknown:
        raise ValueError(
            f"renorm_clipping {dict(renorm_clipping)} contains keys not in {list(keys)}: {unknown}. "
            "Bounds on r are rmin and rmax, the bound on |d| is dmax."
        )
    for key, value in renorm_clipping.items():
        if tf.is_tensor(value):
            _check_per_channel(f"renorm_clipping[{key!r}]", value, channels)
        elif value is not None:
            _check_number(f"renorm_clipping[{key!r}]", value, "a number or a tensor")


def check_callables(**named: Any) -> None:
    """Requires functions, or None."""
    for name, value in named.items():
        if value is not None and not callable(value):
            raise TypeError(
                f"{name}: expected a function or None, got {value!r}. Pass the function itself, not its result."
            )


def check_initializers(params: Any) -> None:
    """Requires None, or a mapping of initializers."""
    if not params:
        return
    _check_mapping("param_initializers", params)
    for key, value in params.items():
        check_initializer(f"param_initializers[{key!r}]", value)


def check_initializer(name: str, value: Any) -> None:
    """Requires a function of shape and dtype, or the name of one."""
    named = isinstance(value, str) and hasattr(tf.compat.v1.initializers, value)
    if value is not None and not callable(value) and not named:
        raise ValueError(
            f"{name}: expected an initializer or the name of one in tf.compat.v1.initializers, got {value!r}. A fixed "
            "value is tf.compat.v1.constant_initializer(value)."
        )


def check_regularizers(params: Any) -> None:
    """Requires None, or a mapping of functions."""
    if params:
        _check_mapping("param_regularizers", params)
        check_callables(**{f"param_regularizers[{key!r}]": value for key, value in params.items()})


def check_constraints(params: Any) -> None:
    """Requires None, or a mapping of functions."""
    if params:
        _check_mapping("param_constraints", params)
        check_callables(**{f"param_constraints[{key!r}]": value for key, value in params.items()})


def check_collections(**named: Any) -> None:
    """Requires None, a name, or an iterable of names."""
    for name, value in named.items():
        if value is not None and not isinstance(value, Iterable):
            raise TypeError(
                f"{name}: expected a collection's name or a list of names, got {value!r}. Pass [{value!r}]."
            )


def check_param_dtype(param_dtype: Any, name: str = "param_dtype") -> tf.DType | None:
    """Requires None, or a dtype that statistics can be kept in."""
    if param_dtype is None:
        return None
    try:
        dtype = tf.as_dtype(param_dtype)
    except TypeError:
        dtype = None
    if dtype not in FLOATING:
        raise TypeError(
            f"{name}: expected float16, bfloat16, float32, float64 or None, got {param_dtype!r}. With tf.float32 the "
            "statistics of half-precision inputs keep changing."
        )
    return dtype


def check_scope(scope: Any, reuse: Any) -> None:
    """Requires a name or a VariableScope, which reuse needs, or None."""
    if scope is not None and not isinstance(scope, (str, tf.compat.v1.VariableScope)):
        raise TypeError(f"scope: expected a string, a VariableScope or None, got {scope!r}. Pass its name.")
    if reuse not in (None, True, False, tf.compat.v1.AUTO_REUSE):
        raise TypeError(f"reuse: expected True, False, None or tf.compat.v1.AUTO_REUSE, got {reuse!r}.")
    if reuse and scope is None:
        raise ValueError(
            "reuse=True cannot be used without a name_or_scope: expected scope='...', got scope=None. "
            "Give both calls the same scope."
        )


def check_flag(value: Any, name: str = "is_training") -> Flag:
    """The value of is_training, or of a similar switch: a bool, or a scalar boolean tensor or variable."""
    static = value
    if isinstance(value, tf.Variable) or tf.is_tensor(value):
        static = None if isinstance(value, tf.Variable) else tf.get_static_value(value)
        if static is None:
            if value.dtype.base_dtype != tf.bool:
                raise TypeError(f"{name}: expected {_FLAG}, got dtype {value.dtype.name}. {_FLAG_ADVICE}")
            if not value.shape.is_compatible_with([]):
                raise ValueError(f"{name}: expected {_FLAG}, got shape {value.shape}. {_FLAG_ADVICE}")
            return Flag(value)
    if isinstance(static, np.ndarray) and static.ndim:
        raise ValueError(f"{name}: expected {_FLAG}, got shape {static.shape}. {_FLAG_ADVICE}")
    known = isinstance(static, (bool, np.bool_, numbers.Integral)) or (
        isinstance(static, np.ndarray) and static.dtype.kind in "biu"
    )
    if not known or int(static) not in (0, 1):
        kind = ValueError if value is None else TypeError
        raise kind(f"{name}: expected {_FLAG}, got {value!r}. {_FLAG_ADVICE}")
    return Flag(bool(static))


_FLAG = "a bool, 0 or 1, or a scalar boolean tensor or variable"
_FLAG_ADVICE = "A switch fed at run time is tf.compat.v1.placeholder_with_default(False, [])."


def _check_per_channel(name: str, value: tf.Tensor, channels: int | None) -> None:
    shape = value.shape
    fits = shape.rank in (0, None) or (
        shape.rank == 1 and (channels is None or shape.as_list()[0] in (None, 1, channels))
    )
    if not fits:
        raise ValueError(
            f"{name}: expected a scalar, or one value for each of {channels or 'the'} channels, got shape {shape}. "
            "Reduce it, e.g. with tf.reduce_mean."
        )


def _check_number(name: str, value: Any, expected: str) -> None:
    if not isinstance(value, numbers.Real) and not (isinstance(value, np.ndarray) and value.ndim == 0):
        kind = ValueError if value is None else TypeError
        raise kind(f"{name}: expected {expected}, got {value!r}. Pass it as a Python number.")


def _check_mapping(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: expected a dict or None, got {value!r}. Name each entry, e.g. {{'beta': ...}}.")
