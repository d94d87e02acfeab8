"""The documentation, read and run: the blocks, links and tables of Markdown pages, the formulas of docstrings.

Also a program, `python docs.py FILE`, which runs a page's Python blocks in one process, of the original or of today's
TensorFlow, and writes what each left behind; for the sake of the former it keeps to Python 3.7.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import sys
import textwrap
import traceback
import types
import warnings
import zlib
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^( *)(`{3,}|~{3,}) *([\w+-]*)[^`]*$")
MARKS = ("before", "after", "continues", "prints", "needs before", "eager")
# Both sides of a pair compute in float32 with sums taken in another order; the values are near 1 and gradients scale
# them by no more than 10.
PAIR_TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    line: int  # of its first line of code, counted from 1
    language: str
    code: str
    marks: tuple[str, ...]  # from a comment above, `<!-- mark, mark: remark -->`


class Formulas(NamedTuple):
    """A group of `name = expression` lines of a docstring, and the paragraph that introduces it."""

    introduction: str
    lines: tuple[tuple[str, str], ...]


def blocks(text: str, page: str = "page.md") -> list[Block]:
    """The fenced blocks of a page, in order. Raises ValueError for an unknown mark and an open fence."""
    found, marks, opened = [], (), None
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if opened:
            indent, ticks, language, start, lines = opened
            if fence and not fence[3] and fence[2].startswith(ticks):
                code = "\n".join(part[min(indent, len(part) - len(part.lstrip(" "))) :] for part in lines) + "\n"
                found.append(Block(page, start, language, code, marks))
                opened, marks = None, ()
            else:
                lines.append(line)
        elif fence:
            opened = len(fence[1]), fence[2], fence[3], number + 1, []
        elif line.strip():
            comment = re.match(r"^ *<!-- *([^:]*?) *(:.*)?-->$", line)
            marks = tuple(re.split(r" *, *", comment[1])) if comment else ()
            if set(marks) - set(MARKS):
                raise ValueError(f"{page}:{number}: unknown mark in {line}; known are {MARKS}")
    if opened:
        raise ValueError(f"{page}:{opened[3] - 1}: the block is not closed")
    return found


def pairs(found: list[Block]) -> list[tuple[Block, Block]]:
    """Each block marked `before` with the next one, which must be marked `after`; and no other is."""
    python = [block for block in found if block.language == "python"]
    result, previous = [], None
    for block in [*python, None]:
        if (previous is not None and "before" in previous.marks) != (block is not None and "after" in block.marks):
            at = block or previous
            raise ValueError(f"{at.page}:{at.line}: `before` and `after` come in pairs")
        if block is not None and "after" in block.marks:
            result.append((previous, block))
        previous = block
    return result


def prose(text: str, comments: bool = False) -> str:
    """The page without its blocks, and without its comments unless they are wanted, line by line."""
    lines, ticks = [], None
    for line in text.splitlines():
        fence = FENCE.match(line)
        if fence and (ticks is None or (not fence[3] and fence[2].startswith(ticks))):
            ticks = fence[2] if ticks is None else None
            line = ""
        lines.append("" if ticks else line)
    page = "\n".join(lines)
    return page if comments else re.sub(r"<!--.*?-->", "", page)


def code_spans(text: str) -> list[str]:
    """What stands between backticks outside the blocks."""
    return [span.strip() for _, span in re.findall(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", prose(text))]


def links(text: str) -> list[str]:
    """The targets of inline links and images, reference definitions and autolinks."""
    text = re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "code", prose(text))
    inline = re.findall(r"\]\( *<?([^\s()<>]*(?:\([^\s()]*\))?[^\s()<>]*)>?(?: +[\"'][^\"']*[\"'])? *\)", text)
    return inline + re.findall(r"(?m)^ *\[[^\]]+\]: *<?(\S+?)>?(?: .*)?$", text) + re.findall(r"<(\w+://[^>]*)>", text)


def anchors(text: str) -> set[str]:
    """What a link to the page may have after its #, as GitHub makes it from the headings."""
    found: list[str] = []
    for heading in re.findall(r"(?m)^#{1,6} +(.*?)[ #]*$", prose(text)):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        again = sum(other == slug or re.fullmatch(re.escape(slug) + r"-\d+", other) is not None for other in found)
        found.append(f"{slug}-{again}" if again else slug)
    return set(found) | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))


def tables(text: str, comments: bool = False) -> list[list[list[str]]]:
    """The tables of a page: rows, the header first, of cells."""
    found: list[list[list[str]]] = []
    inside = False
    for line in prose(text, comments).splitlines():
        if not line.lstrip().startswith("|"):
            inside = False
            continue
        if not inside:
            found.append([])
        inside = True
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            found[-1].append(cells)
    return found


def formulas(docstring: str) -> list[Formulas]:
    """The formulas above the section `Args:`, a group per indented paragraph."""
    description = textwrap.dedent(docstring.partition("\n")[2]).partition("\nArgs:")[0]
    found, introduction = [], ""
    for paragraph in re.split(r"\n\s*\n", description):
        if paragraph.startswith("    "):
            lines = [re.fullmatch(r" +(\w+) = (.+)", line) for line in paragraph.splitlines()]
            if not all(lines):
                raise ValueError(f"not a formula, `name = expression`, in:\n{paragraph}")
            found.append(Formulas(introduction, tuple((line[1], line[2]) for line in lines)))
        elif paragraph.strip():
            introduction = " ".join(paragraph.split())
    return found


PAGES = {
    path.relative_to(CHECKOUT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("[!.]*/**/*.md")])
    if not {"build", "site-packages"} & set(path.parts)
}
BLOCKS = {page: blocks(text, page) for page, text in PAGES.items()}


def run_page(page_blocks: list[Block]) -> list[dict[str, Any]]:
    """Runs Python blocks one after another in this process; what each printed and left, or its traceback.

    Each has a graph of its own, but for one marked `eager`, of which only what it printed is kept. Modules, functions
    and classes stay for the blocks that follow; everything else does only for one marked `continues`, and so does the
    graph.
    """
    import tensorflow.compat.v1 as tf

    seed = int(os.environ.get("TFBN_SEED", "20201"))
    tf.set_random_seed(seed)
    names: dict[str, Any] = {}
    graph = tf.Graph()
    results = []
    for block in page_blocks:
        if "continues" not in block.marks:
            kept = (types.ModuleType, types.FunctionType, type)
            names = {name: value for name, value in names.items() if isinstance(value, kept)}
            graph = tf.Graph()
            graph.seed = seed  # initial weights of blocks that give none
        printed = io.StringIO()
        result: dict[str, Any] = {"error": None}
        try:
            # Empty lines in front, so that a traceback has the line of the page.
            code = compile("\n" * (block.line - 1) + block.code, block.page, "exec", dont_inherit=True)
            eager = "eager" in block.marks
            with contextlib.nullcontext() if eager else graph.as_default(), contextlib.redirect_stdout(printed):
                exec(code, names)
                if not eager:
                    result.update(observe(tf, graph, names))
        except Exception:
            result["error"] = traceback.format_exc()
        results.append(dict(result, printed=printed.getvalue()))
    return results


def observe(tf: Any, graph: Any, names: dict[str, Any]) -> dict[str, Any]:
    """What can be compared of a graph: its variables and collections, and the numbers it computes.

    The variables get values and the placeholders feeds that depend on their names only. With True for every boolean
    placeholder, each tensor and operation that has a name in the block runs, in the order of the names, then each
    update, then the variables are read. What needs no update runs again with False; the updates do not, because the
    original's then multiply uninitialized memory by zero, which is NaN now and then.
    """
    import numpy as np

    keys = tf.GraphKeys
    variables = tf.global_variables()
    updates = tf.get_collection(keys.UPDATE_OPS)
    found = {
        "variables": [[v.op.name, v.shape.as_list(), v.dtype.base_dtype.name] for v in variables],
        "trainable": [v.op.name for v in tf.trainable_variables()],
        "model variables": [v.op.name for v in tf.get_collection(keys.MODEL_VARIABLES)],
        "updates": len(updates),
        "losses": len(tf.get_collection(keys.REGULARIZATION_LOSSES)),
        "values": {},
        "state": {},
    }
    values = found["values"]
    runnable = {}
    for name, value in sorted(names.items()):
        if isinstance(value, (np.ndarray, np.floating)):
            values[name] = np.asarray(value, np.float64).tolist()
        elif isinstance(value, (tf.Tensor, tf.Operation)) and value.graph is graph:
            # What is fed needs no comparing.
            is_number = isinstance(value, tf.Operation) or value.dtype != tf.string
            if is_number and not getattr(value, "op", value).type.startswith("Placeholder"):
                runnable[name] = value
    if not runnable:
        return found
    placeholders = [op.outputs[0] for op in graph.get_operations() if op.type.startswith("Placeholder")]
    placeholders = [tensor for tensor in placeholders if tensor.dtype != tf.string]  # a Saver's, which has a default
    with tf.Session(graph=graph) as session:
        for variable in variables:
            dtype, shape = variable.dtype.base_dtype, variable.shape.as_list()
            random = np.random.RandomState(zlib.crc32(variable.op.name.encode()) % 2**31)
            start = random.uniform(0.2, 0.8, shape) if dtype.is_floating else np.zeros(shape)
            session.run(variable.initializer, {variable.initializer.inputs[1]: start.astype(dtype.as_numpy_dtype)})
        for phase in (True, False):
            feeds = {tensor: _feed(np, tensor, phase) for tensor in placeholders}
            for name, value in runnable.items():
                if not phase and _needs(value, updates):
                    continue
                result = session.run(value, feeds)
                if result is not None and np.issubdtype(result.dtype, np.floating):
                    values[f"{name}, {phase}"] = np.asarray(result, np.float64).tolist()
            for update in updates if phase else ():
                session.run(update, feeds)
            for variable in variables:
                after = np.asarray(session.run(variable), np.float64).tolist()
                found["state"][f"{variable.op.name}, {phase}"] = after
    return found


def _needs(value: Any, updates: list[Any]) -> bool:
    """Whether a run of a tensor or an operation runs one of the updates."""
    waiting, seen = [getattr(value, "op", value)], set()
    while waiting:
        op = waiting.pop()
        if op not in seen:
            seen.add(op)
            waiting += [tensor.op for tensor in op.inputs] + op.control_inputs
    return any(getattr(update, "op", update) in seen for update in updates)


def _feed(np: Any, tensor: Any, phase: bool) -> Any:
    dtype, shape = tensor.dtype, [4 if size is None else size for size in tensor.shape.as_list()]
    random = np.random.RandomState(zlib.crc32(tensor.op.name.encode()) % 2**31)
    if dtype.is_bool:
        return np.full(shape, phase)
    value = random.randint(0, 2, shape) if dtype.is_integer else random.normal(3.0, 2.0, shape)
    return value.astype(dtype.as_numpy_dtype)


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What tells two observations apart, a line each."""
    import numpy as np

    numbers = ("values", "state")
    found = [
        f"{key}: {before[key]} before, {after[key]} after"
        for key in before
        if key not in (*numbers, "error", "printed") and before[key] != after[key]
    ]
    common = {(kind, name) for kind in numbers for name in before[kind] if name in after[kind]}
    if before["variables"] and "values" not in {kind for kind, _ in common}:
        found.append("values: the two blocks have no tensor or array under the same name, so nothing was compared")
    for kind, name in sorted(common):
        one, other = (np.asarray(side[kind][name]) for side in (before, after))
        if one.shape != other.shape or not np.allclose(one, other, **PAIR_TOLERANCE):
            found.append(f"{kind} of {name}: {one} before, {other} after")
    return found


def main(file: str) -> None:
    """Runs pages, each in a folder and a process of its own, and puts the results in the place of the job.

    The job is JSON: `pages`, pairs of a folder and blocks, and `checkout`, tfbn's directory or null for the original.
    """
    # The folder of this file has names, such as `graph`, that others may mean something else by.
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
    with open(file) as stream:
        job = json.load(stream)
    if job["checkout"]:
        sys.path.insert(0, job["checkout"])
        warnings.simplefilter("error", importlib.import_module("tfbn").CompatibilityWarning)
        importlib.import_module("tensorflow")
    else:
        warnings.simplefilter("ignore")
        importlib.import_module("tensorflow").compat.v1.logging.set_verbosity("ERROR")
        importlib.import_module("tensorflow.contrib")
    # Pages may switch v2 behaviour off, for good: each has a fork of this process, which has imported TensorFlow once
    # and started nothing of it.
    running: dict[int, str] = {}
    for number, (folder, page_blocks) in enumerate(job["pages"]):
        if len(running) == (os.cpu_count() or 1):
            _wait_for_one(running)
        child = os.fork()
        if not child:
            os.chdir(folder)
            _write_and_leave(f"{file}.{number}", [Block(*block) for block in page_blocks])
        running[child] = folder
    while running:
        _wait_for_one(running)
    results = []
    for number in range(len(job["pages"])):
        with open(f"{file}.{number}") as stream:
            results.append(json.load(stream))
    with open(file, "w") as stream:
        json.dump(results, stream)


def _write_and_leave(file: str, page_blocks: list[Block]) -> None:
    status = 1
    try:
        with open(file, "w") as stream:
            json.dump(run_page(page_blocks), stream)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # the parent's work must not be done twice


def _wait_for_one(running: dict[int, str]) -> None:
    child, status = os.wait()
    folder = running.pop(child)
    if status:
        raise RuntimeError(f"{folder}: its process ended with the status {status}")


if __name__ == "__main__":
    main(sys.argv[1])
