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
FUNCTIONS = {
    function.name: function
    for function in (
        Function("batch_norm", "is_training", True, "decay", 0.999, "renorm_decay", "scope", "BatchNorm"),
        _LAYERS,
        _LAYERS._replace(name="BatchNormalization", is_class=True),
        # A subclass that the harness makes of either side's class; its name gives the default scope.
        _LAYERS._replace(name="ScaledNorm2D", is_class=True, default_scope="scaled_norm2d"),
    )
}


def of(case: cases.Case) -> Function:
    """The function a case is for."""
    return FUNCTIONS[cases.get(case, "function")]


def contrib(case: cases.Case) -> bool:
    """Whether the case is for tf.contrib's function rather than for tf.layers'."""
    return of(case).name == "batch_norm"


def is_training(case: cases.Case) -> Any:
    return cases.argument(case, of(case).is_training, of(case).trains)


def decay(case: cases.Case) -> Any:
    return cases.argument(case, of(case).decay, of(case).default_decay)


def renorm_decay(case: cases.Case) -> Any:
    return cases.argument(case, of(case).renorm_decay, 0.99)


def channel_axes(case: cases.Case) -> Tuple[int, ...]:
    """The axes that hold the channels, ascending; the last one where what the case asks for makes no sense."""
    rank = len(cases.get(case, "shape"))
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


def regularized(case: cases.Case) -> bool:
    """Whether arguments of the call add losses."""
    names = ("param_regularizers", "beta_regularizer", "gamma_regularizer")
    return any(cases.argument(case, name) for name in names)
