"""The client of a server process: one class for the original and for tfbn in each regime."""

from __future__ import annotations

import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from . import make_reference, protocol

SERVER = Path(__file__).with_name("server.py")
TIMEOUT = 120.0
START_TIMEOUT = 300.0


class Worker:
    """Runs cases in a process of its own, which is started when needed and again when it has died.

    A case that kills the process, or keeps it busy for longer than the timeout, has the stage "aborted".
    """

    def __init__(self, side: str, python: str = sys.executable, timeout: float = TIMEOUT, server: Path = SERVER):
        self.side, self.python, self.timeout, self.server = side, python, timeout, server
        self.versions: dict[str, str] = {}
        self.signatures: dict[str, list[list[str]]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._log: Any = None

    def run(self, case: dict[str, Any]) -> dict[str, Any]:
        self.start()
        process = self._running()
        try:
            protocol.send(process.stdin, case)
            return self._receive(self.timeout)
        except (EOFError, BrokenPipeError):
            process.wait()
            return self._aborted(f"the process ended with status {process.returncode}")
        except TimeoutError:
            return self._aborted(f"no answer in {self.timeout:.0f} s")

    def start(self) -> None:
        """Start the process, unless it runs."""
        if self._process is not None:
            return
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [self.python, "-W", "ignore", str(self.server), self.side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=make_reference.environment(),
        )
        try:
            hello = self._receive(START_TIMEOUT)
        except (EOFError, TimeoutError):
            log = self._last_words()
            self.stop()
            raise RuntimeError(f"the {self.side} server did not start under {self.python}:\n{log}") from None
        self.versions, self.signatures = hello["versions"], hello["signatures"]

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, self._log):
            try:
                stream.close()
            except BrokenPipeError:
                pass

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _receive(self, timeout: float) -> Any:
        stream = self._running().stdout
        ready, _, _ = select.select([stream], [], [], timeout)
        if not ready:
            raise TimeoutError
        return protocol.receive(stream)

    def _running(self) -> Any:
        assert self._process is not None, "not started"
        return self._process

    def _aborted(self, reason: str) -> dict[str, Any]:
        log = self._last_words()
        self.stop()
        return {"stage": "aborted", "error": {"type": "aborted", "bases": [], "text": reason}, "arrays": {}, "log": log}

    def _last_words(self) -> str:
        self._log.seek(0)
        return self._log.read()[-3000:].decode(errors="replace")
