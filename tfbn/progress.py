"""A progress bar for long work, where rich is installed."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class Progress:
    """Counts towards `total` in a bar on standard error: `with Progress("Copying", total, "B") as bar: bar.update(n)`.

    The bar shows the estimated time left. Draws nothing where standard error is no terminal, unless
    `show=True`, nor where rich is missing (`pip install rich`). `total=None` stands for an unknown one; `unit="B"`
    counts bytes in multiples of 1,000.
    """

    def __init__(
        self, description: str, total: int | None = None, unit: str = "it", *, show: bool | None = None
    ) -> None:
        self._bar: Any = None
        if sys.stderr.isatty() if show is None else show:
            try:
                from rich import progress
                from rich.console import Console
            except ImportError:
                return
            count = [progress.DownloadColumn()] if unit == "B" else [progress.MofNCompleteColumn(), unit]
            self._bar = progress.Progress(
                "{task.description}",
                progress.BarColumn(),
                progress.TaskProgressColumn(),
                *count,
                progress.TimeElapsedColumn(),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(description, total=total)

    def update(self, count: int = 1) -> None:
        if self._bar is not None:
            self._bar.advance(self._task, count)

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
