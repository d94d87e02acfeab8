"""Draws cases for so many seconds, and prints each that fails with the command that repeats it."""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import itertools
import logging
import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from tqdm import tqdm

KINDS = ("numbers", "wiring", "files", "programs")
MAX_CASE_SECONDS = 120  # after which a case hangs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to draw cases (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="of the first case; the next has the next (default: 0)")
    parser.add_argument("--cases", type=int, help="stop after so many cases")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="tfbn-fuzz.") as folder:
        failures = fuzz(options.kind, options.seconds, options.seed, options.cases, Path(folder))
    return 1 if failures else 0


def fuzz(kind: str, seconds: float, seed: int, cases: int | None, folder: Path) -> list[str]:
    """What each failure of these cases said; prints them as they come, and the count at the end."""
    fuzzer = importlib.import_module(f"tests.fuzz.{kind}")
    prepared = fuzzer.prepare(folder)
    start, failures, number = time.monotonic(), [], 0
    progress = tqdm(total=round(seconds), unit="s", disable=not sys.stderr.isatty())
    with progress as bar, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in itertools.count():
            elapsed = time.monotonic() - start
            if elapsed >= seconds or number == cases:
                break
            bar.n = round(elapsed)
            # Drawn before the case runs: where the process dies, the bar still says by which seed.
            bar.set_postfix(seed=seed + number, failures=len(failures))
            faulthandler.dump_traceback_later(MAX_CASE_SECONDS, exit=True, file=sys.__stderr__)
            case = None
            try:
                case = fuzzer.draw(random.Random(seed + number), prepared)
                fuzzer.check(case, prepared)
            except Exception as error:
                failures.append(f"{case}\n{describe(error)}")
                command = f"python -m tests.fuzz {kind} --cases 1 --seed {seed + number}"
                bar.write(f"\n{failures[-1]}\nTo repeat it: {command}", file=sys.stderr)
            finally:
                faulthandler.cancel_dump_traceback_later()
    print(f"{kind}: {number} cases from seed {seed}, {len(failures)} failures, {time.monotonic() - start:.0f} s")
    return failures


def describe(error: Exception) -> str:
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    text = str(error) if isinstance(error, AssertionError) and str(error) else "".join(lines[-6:])
    return text[:4000]


if __name__ == "__main__":
    sys.exit(main())
