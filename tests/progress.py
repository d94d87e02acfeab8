"""How far a run of the tests is, and how long the rest will take: a bar on a terminal, a line every tenth elsewhere."""

from __future__ import annotations

import sys
import time

import pytest
from tqdm import tqdm

LINES = 10  # in a log


class Progress:
    """A plugin of pytest; only the process that reports to the user has one."""

    def __init__(self, terminal: bool) -> None:
        self.terminal = terminal
        self.bar: tqdm | None = None
        self.started = time.monotonic()
        self.total = self.done = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._begin(len(session.items))

    @pytest.hookimpl(optionalhook=True)  # of pytest-xdist, which a run may leave out
    def pytest_xdist_node_collection_finished(self, node: object, ids: list[str]) -> None:
        if not self.total:  # every process collects the same
            self._begin(len(ids))

    def _begin(self, total: int) -> None:
        self.total, self.started = total, time.monotonic()
        if self.terminal and total:
            self.bar = tqdm(total=total, unit=" tests", leave=False)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        # No letter for what passes: the bar says it. What fails is shown by its name in the summary.
        return (
            ("passed", "", "") if report.when == "call" and report.passed and not hasattr(report, "wasxfail") else None
        )

    def pytest_runtest_logfinish(self) -> None:
        self.done += 1
        if self.bar is not None:
            self.bar.update()
        elif self.total and self.done * LINES // self.total > (self.done - 1) * LINES // self.total:
            elapsed = time.monotonic() - self.started
            print(tqdm.format_meter(self.done, self.total, elapsed, unit=" tests"), file=sys.stderr, flush=True)

    def pytest_sessionfinish(self) -> None:
        if self.bar is not None:
            self.bar.close()
