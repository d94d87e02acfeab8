"""Python's garbage collector, paused while a graph is read."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import Any, TypeVar, cast

_Function = TypeVar("_Function", bound=Callable[..., Any])


def collector_paused(function: _Function) -> _Function:
    """Runs a function without the collector, which stays off where it was off before.

    Reading a graph makes an object for each op and keeps it. The collector would visit them all again and again, and
    find nothing: half of the time for 500 layers, and a larger part for more.
    """

    @functools.wraps(function)
    def paused(*args: Any, **kwargs: Any) -> Any:
        enabled = gc.isenabled()
        gc.disable()
        try:
            return function(*args, **kwargs)
        finally:
            if enabled:
                gc.enable()

    return cast(_Function, paused)
