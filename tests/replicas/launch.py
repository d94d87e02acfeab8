"""Programs of several processes on this machine, none of which outlives the call."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]


class Processes:
    """Processes that are killed when the block ends."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.started:
            process.kill()
            process.wait()

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen:
        """A Python with these arguments, run where tests and tfbn are those of this checkout."""
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=CHECKOUT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process


def clusters(workers: int) -> list[str]:
    """TF_CONFIG for each of so many workers."""
    sockets = [socket.socket() for _ in range(workers)]
    for reserved in sockets:
        reserved.bind(("127.0.0.1", 0))
    cluster = {"worker": [f"127.0.0.1:{reserved.getsockname()[1]}" for reserved in sockets]}
    for reserved in sockets:
        reserved.close()
    return [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}) for index in range(workers)]


def together(arguments: Sequence[Sequence[object]], configs: Sequence[str | None], timeout: float = 240) -> list[str]:
    """What each of the processes prints, all of which have to end well."""
    with Processes() as processes:
        for each, config in zip(arguments, configs):
            processes.start(*each, **({"TF_CONFIG": config} if config else {}))
        found = [process.communicate(timeout=timeout) for process in processes.started]
        for process, (_, errors) in zip(processes.started, found):
            assert process.returncode == 0, errors[-3000:]
    return [printed for printed, _ in found]


def once(function: Callable[[str], Any]) -> Callable[[str], Any]:
    """The function, which is called once for each argument; what it raises, too, is the same again."""
    known: dict[str, tuple[Any, BaseException | None]] = {}

    def call(argument: str) -> Any:
        if argument not in known:
            try:
                known[argument] = function(argument), None
            except Exception as error:
                known[argument] = None, error
        result, raised = known[argument]
        if raised is not None:
            raised.__traceback__ = None
            raise raised
        return result

    return call
