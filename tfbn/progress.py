"""A progress bar for long work, where tqdm is installed."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class Progress:
    """Counts towards `total` in a bar on standard error: `with Progress("Copying", total, "B") as bar: bar.update(n)`.

    Draws nothing where standard error is no terminal, unless `show=True`, nor where tqdm is missing (`pip install
    tqdm`). `total=None` stands for an unknown one; `unit="B"` counts bytes in multiples of 1,000.
    """

    def __init__(
        self, description: str, total: int | None = None, unit: str = "it", *, show: bool | None = None
    ) -> None:
        self._bar: Any = None
        if sys.stderr.isatty() if show is None else show:
            try:
                from tqdm import tqdm
            except ImportError:
                return
            self._bar = tqdm(desc=description, total=total, unit=unit, unit_scale=unit == "B", file=sys.stderr)

    def update(self, count: int = 1) -> None:
        if self._bar is not None:
            self._bar.update(count)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
