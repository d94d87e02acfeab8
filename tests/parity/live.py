"""Runs random cases through the original and through tfbn side by side, and says what differs.

python -m tests.parity.live --seed 7 --cases 100      many
python -m tests.parity.live --seed 7 --index 42       one of them again, with its description

Either takes --function batch_normalization for those of tf.layers' function, and --function layers for tfbn.layers.
"""

from __future__ import annotations

import argparse
import collections
import json
import queue
import sys
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.selection import SEED

from . import case as cases
from . import comparison, functions, layer_strategies, make_reference, network_strategies, original_path, strategies
from .original import Original
from .worker import Worker

DRAW = {"batch_norm": strategies.draw, "batch_normalization": layer_strategies.draw, "layers": network_strategies.draw}
# Of every row and kind, 50 in 1,000 have to get past the build; of the layers, which are many, 20 of each.
FLOOR = {"batch_norm": 50 / 1000, "batch_normalization": 50 / 1000, "layers": 20 / 1000}
WORTH_COUNTING = 300  # cases


class Outcome(NamedTuple):
    """One case, both results and the verdict on them."""

    case: cases.Case
    expected: dict[str, Any]
    found: dict[str, Any]
    verdict: comparison.Verdict


def regime(case: cases.Case) -> str:
    return "v2_on" if cases.get(case, "v2_behavior") else "v2_off"


def run(seed: int, indices: Iterable[int], original: Original, function: str = "batch_norm") -> list[Outcome]:
    """Run the cases of a function, each side in a process and a thread of its own."""
    drawn = {index: DRAW[function](seed, index) for index in indices}
    sides = {"original": drawn}
    for name in ("v2_off", "v2_on"):
        sides[name] = {index: case for index, case in drawn.items() if regime(case) == name}
    runners = {"original": original, "v2_off": Worker("v2_off"), "v2_on": Worker("v2_on")}
    answers: queue.Queue[tuple[str, int, Any]] = queue.Queue()

    def work(side: str) -> None:
        try:
            for index, case in sides[side].items():
                answers.put((side, index, runners[side].run(case)))
        except Exception as error:  # handed to the main thread, which would wait for ever
            answers.put((side, -1, error))

    threads = [threading.Thread(target=work, args=(side,), daemon=True) for side in sides]
    for thread in threads:
        thread.start()
    results: dict[int, dict[str, Any]] = collections.defaultdict(dict)
    done = 0
    try:
        for _ in range(2 * len(drawn)):
            side, index, answer = answers.get()
            if isinstance(answer, Exception):
                raise answer
            results[index]["original" if side == "original" else "ours"] = answer
            if len(results[index]) == 2:
                done += 1
                progress(done, len(drawn))
    finally:
        runners["v2_off"].stop()
        runners["v2_on"].stop()
    for thread in threads:
        thread.join()
    outcomes = []
    for index, case in drawn.items():
        both = results[index]
        found = comparison.judge(case, both["original"], both["ours"], original.run)
        outcomes.append(Outcome(case, both["original"], both["ours"], found))
    return outcomes


def progress(done: int, total: int) -> None:
    if done == total or done % max(1, total // 20) == 0:
        print(f"parity: {done} of {total} random cases run on both sides", file=sys.stderr, flush=True)


def counts(outcomes: list[Outcome]) -> dict[str, dict[str, int]]:
    """How many cases got past the build, for each row of the dispatch table and each kind of is_training, and for
    tf.layers for each kind of statistics; for tfbn.layers, for each function.

    The refused row gets past it in ours only.
    """
    contrib = all(functions.contrib(outcome.case) for outcome in outcomes)
    asked = {"row": (original_path.row, original_path.ROWS if contrib else original_path.CORE_ROWS)}
    asked["kind"] = (original_path.training_kind, original_path.KINDS)
    if not contrib:
        asked["statistics"] = (original_path.statistics, original_path.STATISTICS)
    if all(functions.is_layer(outcome.case) for outcome in outcomes):
        asked = {"function": (lambda case: functions.of(case).name, tuple(f.name for f in functions.LAYERS))}
    found = {title: dict.fromkeys(names, 0) for title, (_, names) in asked.items()}
    for outcome in outcomes:
        result = outcome.found if original_path.row(outcome.case) == "refused" else outcome.expected
        if result["stage"] not in ("build", "aborted"):
            for title, (ask, names) in asked.items():
                answer = ask(outcome.case)
                if answer in names:
                    found[title][answer] += 1
    return found


def summary(outcomes: list[Outcome]) -> str:
    stages = collections.Counter(outcome.expected["stage"] for outcome in outcomes)
    known = collections.Counter(name for outcome in outcomes for name in outcome.verdict.known)
    lines = [f"{len(outcomes)} random cases; the original's stages: {dict(stages)}"]
    for title, found in counts(outcomes).items():
        lines.append(f"past the build, by {title}: " + ", ".join(f"{name} {count}" for name, count in found.items()))
    lines += [f"known difference, {count} times: {name}" for name, count in known.most_common()]
    return "\n".join(lines)


def too_few(outcomes: list[Outcome], function: str) -> dict[str, int]:
    """What too few cases got past the build for, so that a run of many says little of it."""
    wanted = FLOOR[function] * len(outcomes)
    return {name: n for found in counts(outcomes).values() for name, n in found.items() if n < wanted}


def report(outcomes: list[Outcome], seed: int, rows: int = 8) -> str:
    """Every case that differs, with its fields and how to run it again."""
    lines = []
    for outcome in outcomes:
        if outcome.verdict.rows:
            index = outcome.case["name"].split()[3]
            of = "layers" if functions.is_layer(outcome.case) else functions.of(outcome.case).name
            again = f"python -m tests.parity.live --function {of}"
            lines.append(f"{outcome.case['name']}: {again} --seed {seed} --index {index}")
            lines += [f"    {str(row)[:300]}" for row in outcome.verdict.rows[:rows]]
            if len(outcome.verdict.rows) > rows:
                lines.append(f"    ... and {len(outcome.verdict.rows) - rows} more fields")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--function", choices=DRAW, default="batch_norm")
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--index", type=int, help="run only this one and print it")
    options = parser.parse_args()
    try:
        original = Original()
    except make_reference.NoPython37 as error:
        print(error, file=sys.stderr)
        return make_reference.NO_PYTHON
    try:
        indices = range(options.cases) if options.index is None else [options.index]
        outcomes = run(options.seed, indices, original, options.function)
    finally:
        original.stop()
    if options.index is not None:
        print(json.dumps(outcomes[0].case, indent=2))
    print(summary(outcomes))
    print(report(outcomes, options.seed, rows=8 if options.index is None else 1000))
    few = too_few(outcomes, options.function) if len(outcomes) >= WORTH_COUNTING else {}
    if few:
        print(f"too few cases got past the build for {few}")
    return int(bool(few) or any(outcome.verdict.rows for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
