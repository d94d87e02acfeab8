"""Arguments under the names of other libraries: the error says which argument is meant here."""

from __future__ import annotations

import functools
import inspect
import numbers
from collections.abc import Callable, Container, Mapping
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

_SAME = "by the same number"
_COMPLEMENT = "by the same number as Keras' momentum, and by 1 - it for PyTorch's"
# By foreign name: the name here, which not every function has, and how the value is passed on.
_OURS = {
    "momentum": ("decay", _COMPLEMENT),
    "decay_rate": ("decay", _SAME),
    "decay": ("momentum", _SAME),
    "renorm_momentum": ("renorm_decay", _SAME),
    "renorm_decay": ("renorm_momentum", _SAME),
    "eps": ("epsilon", _SAME),
    "variance_epsilon": ("epsilon", _SAME),
    "training": ("is_training", "by the same value"),
    "train": ("is_training", "by the same value"),
    "use_running_average": ("is_training", "by the opposite value"),
    "is_training": ("training", "by the same value"),
    "track_running_stats": ("update_statistics", "by the same value, for statistics that stay as they are"),
    "affine": ("center", "with scale=True beside it, for both of beta and gamma, and with both False for neither"),
    "use_bias": ("center", "by the same value"),
    "use_scale": ("scale", "by the same value"),
    "create_offset": ("center", "by the same value"),
    "create_scale": ("scale", "by the same value"),
    "num_features": ("channels", _SAME),
    "sync": ("synchronized", "by the same value"),
    **{
        f"{name}_{kind}": (f"param_{kind}s", f"as param_{kind}s={{{name!r}: ...}}")
        for kind in ("initializer", "regularizer", "constraint")
        for name in ("beta", "gamma", "moving_mean", "moving_variance")
    },
}


def foreign_names(function: Function) -> Function:
    """Decorates a function so that an argument under another library's name raises TypeError with its name here."""
    parameters = inspect.signature(function).parameters

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        check_names(kwargs, parameters)
        return function(*args, **kwargs)

    return checked  # type: ignore[return-value]


def check_names(arguments: Mapping[str, Any], known: Container[str]) -> None:
    """Refuses arguments under another library's name where the function has the same one under ours.

    Args:
      arguments: the keyword arguments of a call.
      known: the names that the function has.

    Raises:
      TypeError: one has a foreign name; the error says what it is called here, and how the value changes.
    """
    for name, value in arguments.items():
        if name in known or name not in _OURS:
            continue
        ours, how = _OURS[name]
        if ours in known:
            text = (
                f"{name}: expected arguments by the names that they have here, got an unexpected keyword argument "
                f"{name!r}. It is {ours}, {how}"
            )
            if how is _COMPLEMENT and isinstance(value, numbers.Real):
                text += f": {ours}={float(value):.6g} or {ours}={1 - float(value):.6g}"
            raise TypeError(f"{text}.")
