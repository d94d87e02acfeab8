"""The functions under test in one vocabulary: what each calls the same argument, and what a case answers.

The rest of the harness asks a case here, whichever function it is for. Runs on Python 3.7.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional, Tuple

from . import case as cases


class Function(NamedTuple):
    """One function or class under test: its names for what all of them have, and its defaults."""

    name: str
    is_training: str
    trains: bool
    decay: str
    default_decay: float
    renorm_decay: str
    scope: str
    default_scope: str
    is_class: bool = False  # calls of a case are then calls of one object
    is_layer: bool = False  # one of tfbn.layers, which may call a batch norm
    has_variables: bool = True  # and with them reuse


_LAYERS = Function(
    name="batch_normalization",
    is_training="training",
    trains=False,
    decay="momentum",
    default_decay=0.99,
    renorm_decay="renorm_momentum",
    scope="name",
    default_scope="batch_normalization",
)


def _layer(name: str, default_scope: str, has_variables: bool = True) -> Function:
    tf_layers = name.startswith("layers.v1.")
    return Function(
        name=name,
        is_training="training" if tf_layers else "is_training",
        trains=not tf_layers,
        decay="decay",
        default_decay=0.999,
        renorm_decay="renorm_decay",
        scope="name" if tf_layers else "scope",
        default_scope=default_scope,
        is_layer=True,
        has_variables=has_variables,
    )


LAYERS = (
    _layer("layers.conv2d", "Conv"),
    _layer("layers.convolution", "Conv"),
    _layer("layers.conv2d_transpose", "Conv2d_transpose"),
    _layer("layers.separable_conv2d", "SeparableConv2d"),
    _layer("layers.fully_connected", "fully_connected"),
    _layer("layers.repeat", "Repeat"),
    _layer("layers.max_pool2d", "MaxPool2D", False),
    _layer("layers.avg_pool2d", "AvgPool2D", False),
    _layer("layers.dropout", "Dropout", False),
    _layer("layers.flatten", "Flatten", False),
    _layer("layers.softmax", "softmax", False),
    _layer("layers.v1.dense", "dense"),
    _layer("layers.v1.conv2d", "conv2d"),
    _layer("layers.v1.conv2d_transpose", "conv2d_transpose"),
    _layer("layers.v1.max_pooling2d", "max_pooling2d", False),
    _layer("layers.v1.average_pooling2d", "average_pooling2d", False),
    _layer("layers.v1.dropout", "dropout", False),
    _layer("layers.v1.flatten", "flatten", False),
    # A network that the harness makes of either side's layers, under arg_scope as slim's models are written.
    _layer("slim_model", "model"),
)
FUNCTIONS = {
    function.name: function
    for function in (
        Function("batch_norm", "is_training", True, "decay", 0.999, "renorm_decay", "scope", "BatchNorm"),
        _LAYERS,
        _LAYERS._replace(name="BatchNormalization", is_class=True),
        # A subclass that the harness makes of either side's class; its name gives the default scope.
        _LAYERS._replace(name="ScaledNorm2D", is_class=True, default_scope="scaled_norm2d"),
        *LAYERS,
    )
}


def of(case: cases.Case) -> Function:
    """The function a case is for."""
    return FUNCTIONS[cases.get(case, "function")]


def contrib(case: cases.Case) -> bool:
    """Whether the case is for tf.contrib's function rather than for tf.layers'."""
    return of(case).name == "batch_norm"


def is_layer(case: cases.Case) -> bool:
    """Whether the case is for one of tfbn.layers."""
    return of(case).is_layer


def normalizer_params(case: cases.Case) -> Dict[str, Any]:
    """The encoded arguments of the normalizer_fn that a layer calls, those of its arg_scopes included."""
    found: Dict[str, Any] = {}
    for scope in cases.get(case, "arg_scope"):
        if "batch_norm" in scope.get("$functions", []):
            found.update(scope)
    found.update(cases.argument(case, "normalizer_params") or {})
    return found


def is_training(case: cases.Case) -> Any:
    if is_layer(case) and cases.argument(case, "normalizer_fn") is not None:
        params = normalizer_params(case)
        return params.get("is_training", params.get("training", True))
    return cases.argument(case, of(case).is_training, of(case).trains)


def decay(case: cases.Case) -> Any:
    return cases.argument(case, of(case).decay, of(case).default_decay)


def renorm_decay(case: cases.Case) -> Any:
    return cases.argument(case, of(case).renorm_decay, 0.99)


def channel_axes(case: cases.Case) -> Tuple[int, ...]:
    """The axes that hold the channels, ascending; the last one where what the case asks for makes no sense."""
    rank = len(cases.get(case, "shape"))
    if is_layer(case):
        first = str(cases.argument(case, "data_format")).startswith(("NC", "channels_first"))
        return (1,) if first and rank > 1 else (rank - 1,)
    if contrib(case):
        return (1,) if cases.argument(case, "data_format") == "NCHW" and rank > 1 else (rank - 1,)
    axis = cases.argument(case, "axis", -1)
    axes = axis if isinstance(axis, list) else [axis]
    possible = axes and all(isinstance(each, int) and -rank <= each < rank for each in axes)
    return tuple(sorted({each % rank for each in axes})) if possible else (rank - 1,)


def with_channels_last(case: cases.Case) -> Dict[str, Any]:
    """The arguments that put a single channel axis last."""
    return {"data_format": "NHWC"} if contrib(case) else {"axis": -1}


def virtual_batch_size(case: cases.Case) -> Optional[int]:
    size = None if contrib(case) else cases.argument(case, "virtual_batch_size")
    return size if isinstance(size, int) and size > 0 else None


def for_inference(case: cases.Case, arguments: Dict[str, Any]) -> Dict[str, Any]:
    """The decoded arguments of the same call once more, without training."""
    function = of(case)
    if not function.is_layer:
        return dict(arguments, **{function.is_training: False, "reuse": True})
    found = dict(arguments, reuse=True)
    if found.get("normalizer_fn") is not None or "normalizer_params" in found:
        params = found.get("normalizer_params") or {}
        found["normalizer_params"] = dict(params, **{"training" if "training" in params else "is_training": False})
    if function.name == "slim_model":
        found["is_training"] = False
    return found


def regularized(case: cases.Case) -> bool:
    """Whether arguments of the call add losses."""
    names = ("param_regularizers", "beta_regularizer", "gamma_regularizer")
    return any(cases.argument(case, name) for name in names)
