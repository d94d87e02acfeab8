"""A program that kills conversions: `python kill.py JSON`, the arguments of `main`, whose result it prints as JSON.

What becomes of the target is 'absent', 'whole', or what is wrong with it. TensorFlow is imported once, and each
conversion runs in a fork of this process, in which it has not started anything.
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

from tfbn import checkpoint
from tfbn.checkpoint import bundle, stored


def main(source, folder, ending, arguments, share, kills, seed):
    bundle._MAX_SHARED_BYTES = share
    folder = Path(folder)
    target = folder / f"target{ending}"
    whole = folder / "whole"
    whole.mkdir()
    start = time.monotonic()
    assert finished(fork(source, whole / target.name, arguments))
    seconds = time.monotonic() - start
    expected = contents(whole / target.name)
    shutil.rmtree(whole)

    chance = random.Random(seed)
    found = []
    # At each change of a name, one after the other, until there is none left to be killed at; and at random moments.
    # The second time over a whole target, which then is never absent.
    renames = []
    for over in (False, True):
        at = 1
        while not finished(fork(source, target, arguments, at)):
            found.append(state(target, expected, over))
            at += 1
        found.append(state(target, expected, True))
        renames.append(at - 1)
    for _ in range(kills):
        over = state(target, expected, False) == "whole"
        process = fork(source, target, arguments)
        time.sleep(chance.uniform(0, 1.1 * seconds))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        found.append(state(target, expected, over))
        if chance.random() < 0.5:  # else what is there is to be replaced
            for path in folder.glob(f"{target.name}*"):
                path.unlink()
    assert finished(fork(source, target, arguments))
    found.append(state(target, expected, True))
    return {"found": found, "renames": min(renames), "files": sorted(path.name for path in folder.iterdir())}


def fork(source, target, arguments, at=0):
    """A process that converts; with `at`, one that kills itself where it would change a name for that time."""
    process = os.fork()
    if process:
        return process
    try:
        left = [at]

        def dying(change):
            def call(*args, **kwargs):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return change(*args, **kwargs)

            return call

        os.replace, os.unlink = dying(os.replace), dying(os.unlink)
        checkpoint.convert(source, str(target), force=True, **arguments)
        os._exit(0)
    finally:
        os._exit(1)


def finished(process):
    """Whether it ended by itself, and well."""
    _, status = os.waitpid(process, 0)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "the conversion failed"
    return os.WIFEXITED(status)


def contents(target):
    """The bytes of each variable that the index tells of, or of the file; None where there is neither."""
    if target.exists():
        return target.read_bytes()
    if not Path(f"{target}.index").exists():
        return None
    # Not with TensorFlow, which would start threads in this process.
    places = stored.locate(str(target))
    return {
        name: Path(place.file).read_bytes()[place.entry.offset :][: place.entry.size] for name, place in places.items()
    }


def state(target, expected, over):
    """Whether the target is whole, or absent; `over` where one was there before."""
    try:
        found = contents(target)
    except FileNotFoundError as error:
        return f"the index leads to {error.filename}, which is not there"
    if found == expected:
        return "whole"
    return "absent" if found is None and not over else f"{target.name} is {'gone' if found is None else 'not whole'}"


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
