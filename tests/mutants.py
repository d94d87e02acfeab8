"""Mutation testing of tfbn: make mutants.

    python -m tests.mutants [--count 60] [--seed 1] [--session build/mutants.sqlite] [--usual]

Draws mutants of `tfbn/` (cosmic-ray makes them: one operator, comparison, number, boolean or loop is another), and runs
the tests of the mutant's subject against each, in a copy of the project. Every result is kept in the session, so that
an interrupted run goes on where it was. `--usual` runs what `make test` runs against the mutants that survived.
The last lines are the score and the difference that each survivor is.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkItem
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
# No other program: `is` and `==` of singletons; and what cosmic-ray needs arguments for.
SAME_PROGRAM = ("_Is_Eq", "_Eq_Is", "_IsNot_NotEq", "_NotEq_IsNot", "VariableReplacer", "VariableInserter")
SUBJECT_LIMIT = "--cases 4"
USUAL = '-m "not slow" --cases 2 -n 2'
TIMEOUT = 1200  # seconds; a mutant that loops for ever is killed by it
# Folders without tests of their own name: where their subject is tested.
ELSEWHERE = {
    "arguments": ["tests/graph", "tests/core"],
    "core": ["tests/core", "tests/ops", "tests/graph/test_batch_norm.py", "tests/parity/test_recorded.py"],
    "ops": ["tests/ops", "tests/core", "tests/graph/test_batch_norm.py", "tests/parity/test_recorded.py"],
    "graph": ["tests/graph", "tests/parity/test_recorded.py"],
    "layers": ["tests/layers", "tests/parity/test_recorded.py"],
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=60, help="how many mutants to draw (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="what they are drawn by (default: 1)")
    parser.add_argument("--session", type=Path, default=ROOT / "build" / "mutants.sqlite", help="its results")
    parser.add_argument("--usual", action="store_true", help="run the tests of `make test` against the survivors")
    options = parser.parse_args()
    options.session.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, use_db(str(options.session)) as session:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv", ".git", "build", "*_cache", "__pycache__"))
        os.chdir(copy)
        os.environ["PYTHONPATH"] = str(copy)
        if not session.num_work_items:
            session.add_work_items(draw(options.count, random.Random(options.seed)))
        run(session, survivors(session) if options.usual else list(session.pending_work_items), options.usual)
        report(session)
    return 0


def draw(count: int, rng: random.Random) -> list[WorkItem]:
    """So many mutants, each of another place: places are drawn first, for many mutations fit an operator."""
    with tempfile.TemporaryDirectory() as folder, use_db(str(Path(folder) / "all.sqlite")) as everything:
        init(sorted(Path("tfbn").rglob("*.py")), everything, {})
        items = [item for item in everything.work_items if not item.mutations[0].operator_name.endswith(SAME_PROGRAM)]
        items.sort(key=lambda item: (str(item.mutations[0].module_path), str(item.mutations)))
    skipped = {path: set(unmeant(path)) for path in {item.mutations[0].module_path for item in items}}
    places: dict[tuple[Path, tuple[int, int]], list[WorkItem]] = {}
    for item in items:
        mutation = item.mutations[0]
        if mutation.start_pos[0] not in skipped[mutation.module_path]:
            places.setdefault((mutation.module_path, mutation.start_pos), []).append(item)
    return [rng.choice(places[place]) for place in rng.sample(sorted(places), min(count, len(places)))]


def unmeant(path: Path) -> Iterator[int]:
    """The lines that tell people or type checkers something: annotations, errors that are raised, f-strings."""
    for node in ast.walk(ast.parse(path.read_text())):
        annotations = [getattr(node, field, None) for field in ("annotation", "returns")]
        texts = [node] if isinstance(node, (ast.Raise, ast.JoinedStr)) else []
        for part in filter(None, annotations + texts):
            yield from range(part.lineno, (part.end_lineno or part.lineno) + 1)


def tests_of(path: Path) -> list[str]:
    """The test files of a module's name, else those of its folder."""
    parts = path.with_suffix("").parts[1:]
    room = parts[0] if len(parts) > 1 else ""
    folder = Path("tests", room)
    named = sorted((folder.rglob if room else folder.glob)(f"test_{parts[-1].lstrip('_')}*.py"))
    if named:
        whole = room in ("core", "ops")  # what their modules compute shows in the layers
        return [*map(str, named), *(test for test in ELSEWHERE.get(room, []) if whole or "parity" in test)]
    return ELSEWHERE.get(room) or [str(folder)] if room else [str(test) for test in sorted(folder.glob("test_*.py"))]


def run(session: WorkDB, items: list[WorkItem], usual: bool) -> None:
    for item in tqdm(items, unit="mutant", file=sys.stderr):
        tests, limit = ([], USUAL) if usual else (tests_of(item.mutations[0].module_path), SUBJECT_LIMIT)
        command = f"{shlex.quote(sys.executable)} -m pytest -x -q -p no:cacheprovider {limit} {shlex.join(tests)}"
        session.set_result(item.job_id, mutate_and_test(item.mutations, command, TIMEOUT))


def survivors(session: WorkDB) -> list[WorkItem]:
    return [item for item, result in session.completed_work_items if result.test_outcome is TestOutcome.SURVIVED]


def report(session: WorkDB) -> None:
    results = dict(session.results)
    for item in survivors(session):
        print(results[item.job_id].diff, end="\n\n")
    killed = len(results) - len(survivors(session))
    print(f"{killed} of {len(results)} mutants killed; {session.num_work_items - len(results)} were not tried")


if __name__ == "__main__":
    sys.exit(main())
