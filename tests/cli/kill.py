"""A program that kills commands: `python kill.py JSON`, the arguments of `main`, whose result it prints as JSON.

What becomes of the target is 'absent', 'old', 'new', or what is wrong with it. TensorFlow is imported once, and each
command runs in a fork of this process, in which it has not started anything.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import tensorflow as tf  # noqa: F401

from tfbn import cli
from tfbn.checkpoint import bundle, stored

CHANGES = ("replace", "unlink", "fsync", "chmod")


def main(
    arguments: list[str], target: str, older: str | None, always: bool, share: int, kills: int, seed: int
) -> dict[str, Any]:
    """What became of the target in each run that was killed, and how many calls there were to be killed at.

    Args:
      arguments: of `tfbn`, run in the folder of `target`.
      target: the path that they write.
      older: the path of what is there before in some runs, or in all where `always`.
      share: how many bytes of a checkpoint may share a file.
      kills: how many runs to kill at random moments, after those killed at each change of a name.
    """
    bundle._MAX_SHARED_BYTES = share
    place = Path(target)
    os.chdir(place.parent)

    def start(over: bool) -> None:
        for path in place.parent.glob(f"{place.name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in Path(older).parent.glob(f"{Path(older).name}*") if over and older else ():
            shutil.copy(path, place.with_name(place.name + path.name[len(Path(older).name) :]))

    start(always)
    old = contents(place)
    begun = time.monotonic()
    assert finished(fork(arguments))
    seconds, new = time.monotonic() - begun, contents(place)
    states = {False: [], True: []}

    def kill(over: bool, at: int = 0) -> bool:
        start(over)
        before = contents(place)
        process = fork(arguments, at)
        if not at:
            time.sleep(chance.uniform(0, 1.1 * seconds))
            os.kill(process, signal.SIGKILL)
        done = finished(process)
        states[over].append(state(place, before, new))
        return done

    chance, calls = random.Random(seed), 0
    kinds = [always] if always or not older else [False, True]
    for over in kinds:
        calls = 0
        while not kill(over, calls + 1):
            calls += 1
    for _ in range(kills):
        kill(chance.choice(kinds))
    assert old is None or old != new
    start(always)  # which lets be what killed runs have left beside the target
    assert finished(fork(arguments))
    return {
        "without": states[False],
        "over": states[True],
        "last": state(place, None, new),
        "calls": calls,
        "files": sorted(path.name for path in place.parent.iterdir()),
    }


def fork(arguments: list[str], at: int = 0) -> int:
    """A process that runs `tfbn`; with `at`, one that kills itself in place of that call of those that change files."""
    process = os.fork()
    if process:
        return process
    try:
        remaining = [at]

        def dying(change: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                remaining[0] -= 1
                if remaining[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return change(*args, **kwargs)

            return call

        for name in CHANGES:
            setattr(os, name, dying(getattr(os, name)))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(cli.main(arguments))
    finally:
        os._exit(70)


def finished(process: int) -> bool:
    """Whether it ended by itself, and well."""
    _, status = os.waitpid(process, 0)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) in (0, 1), "the command failed"
    return os.WIFEXITED(status)


def contents(target: Path) -> Any:
    """The bytes of a file, of those in a folder, or of each variable that an index tells of; None where nothing is."""
    if target.is_file():
        return target.read_bytes()
    if target.is_dir():
        return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    if not Path(f"{target}.index").exists():
        return None
    # Not with TensorFlow, which would start threads in this process.
    places = stored.locate(str(target))
    return {
        name: Path(place.file).read_bytes()[place.entry.offset :][: place.entry.size] for name, place in places.items()
    }


def state(target: Path, old: Any, new: Any) -> str:
    try:
        content = contents(target)
    except FileNotFoundError as error:
        return f"the index leads to {error.filename}, which is not there"
    if content == new:
        return "new"
    if content == old:
        return "absent" if old is None else "old"
    return f"{target.name} is {'gone' if content is None else 'not whole'}"


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
