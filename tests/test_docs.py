"""The pages are true: every block of the guide and the README runs, every command and every link leads somewhere.

A block marked `before` runs on the original and must agree with the block after it: see `docs.observe`.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import io
import json
import os
import re
import shlex
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import tfbn
from tests import docs
from tests.docs import BLOCKS, CHECKOUT, PAGES
from tests.metadata import PROJECT
from tests.parity import make_reference
from tfbn import cli

pytestmark = pytest.mark.process

PYTHON = [block for found in BLOCKS.values() for block in found if block.language == "python"]
PAIRS = [list(pair) for found in BLOCKS.values() for pair in docs.pairs(found)]
SHOWN = [list(both) for found in BLOCKS.values() for both in zip(found, found[1:]) if "prints" in both[1].marks]
SHELL = ("console", "sh", "bash", "shell")


def where(block):
    return f"{block.page}:{block.line}"


def ids(values):
    return {"argvalues": values, "ids": [where(value[-1] if isinstance(value, list) else value) for value in values]}


def run(interpreter, checkout, pages, root):
    """Runs blocks by page, each page in its folder; by page and line, what each left."""
    jobs = []
    for page, blocks in pages.items():
        folder = root / page
        folder.mkdir(parents=True, exist_ok=True)
        jobs.append((str(folder), blocks))
    job = root / f"{uuid.uuid4()}.job"
    job.write_text(json.dumps({"pages": jobs, "checkout": checkout}))
    environment = {**make_reference.environment(), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.run(
        [interpreter, docs.__file__, job],
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.returncode == 0, process.stdout
    results = json.loads(job.read_text())
    return {
        page: {str(block.line): found for block, found in zip(blocks, of_page)}
        for (page, blocks), of_page in zip(pages.items(), results)
    }


def chosen(pages, before, without=None):
    """The Python blocks of one side, by page."""
    found = {
        page: [
            block
            for block in BLOCKS[page]
            if block.language == "python" and ("before" in block.marks) == before and without not in block.marks
        ]
        for page in pages
    }
    return {page: blocks for page, blocks in found.items() if blocks}


@pytest.fixture(scope="session")
def results(tmp_path_factory, original_python):
    """A function from a block to what running its page's blocks, on its side, found of it."""
    # All workers of this run share the results: the first to ask runs the pages.
    root = tmp_path_factory.getbasetemp()
    root = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "docs"
    root.mkdir(exist_ok=True)

    @functools.cache
    def once(make):
        """What `make` returns, which one process of the run computes and the others wait for."""
        path = root / f"{make.__name__}.json"
        with open(f"{path}.lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not path.exists():
                path.write_text(json.dumps(make()))
        return json.loads(path.read_text())

    def before():
        """All pages; None if there is no original to run them."""
        return original_python and run(original_python, None, chosen(PAGES, True), root)

    def after():
        """All pages, of which some go on with the files that the blocks of the other side leave."""
        without = None if once(before) else "needs before"
        return run(sys.executable, str(CHECKOUT), chosen(PAGES, False, without), root)

    def result(block):
        found = (once(before if "before" in block.marks else after) or {}).get(block.page, {})
        if str(block.line) not in found:
            pytest.skip("NOT COMPARED WITH THE ORIGINAL: no interpreter with TensorFlow 1.15.5 can be built here")
        return found[str(block.line)]

    return result


@pytest.mark.cases(10_000)  # a page runs as a whole
class TestBlocks:
    @pytest.mark.parametrize("block", **ids(PYTHON))
    def test_runs(self, results, block):
        """The block runs to its end without an error or a CompatibilityWarning."""
        error = results(block)["error"]
        assert error is None, error

    @pytest.mark.parametrize("pair", **ids(PAIRS))
    def test_before_and_after_agree(self, results, pair):
        """Both make the same variables, collections and numbers."""
        before, after = (results(block) for block in pair)
        assert before["error"] is after["error"] is None, before["error"] or after["error"]
        assert not docs.differences(before, after)

    @pytest.mark.parametrize("shown", **ids(SHOWN))
    def test_output(self, results, shown):
        """A text block that says what the Python block above it prints says it rightly."""
        above, block = shown
        assert results(above)["printed"] == block.code

    @pytest.mark.parametrize("page", PAGES)
    def test_every_block_is_checked(self, page):
        """A block is Python, shell commands, or the output of the block above."""
        for block in BLOCKS[page]:
            shown = block.language == "text" and "prints" in block.marks
            checked = ("python", "diff", *SHELL)  # diffs by tests/migrate/test_guide.py
            assert block.language in checked or shown, f"{where(block)}: {block.language!r} is not checked"


def command_problems(line):
    """What a line of a console block, or a code span, names and this repository does not have."""
    words = shlex.split(re.sub(r"^\$ ", "", line.strip()), comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        del words[0]
    if not words:
        return []
    if words[0] == "make":
        makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
        targets = re.findall(r"(?m)^([a-z][\w-]*):(?!=)", makefile)
        used = re.findall(r"\$\((\w+)\)", makefile)
        return [word for word in words[1:] if word.partition("=")[0] not in (used if "=" in word else targets)]
    if words[:2] == ["pip", "install"]:
        return [problem for word in words[2:] for problem in unknown_extras(word)]
    if words[:3] == ["pipx", "run", "--spec"]:
        return unknown_extras(words[3]) + command_problems(shlex.join(words[4:]))
    if words[0].startswith("python"):
        if words[1:3] in (["-m", "build"], ["-m", "venv"]):
            return []
        if words[1:2] == ["-m"]:
            module = CHECKOUT.joinpath(*words[2].split("."))
            return [] if module.with_suffix(".py").is_file() or (module / "__main__.py").is_file() else words[2:3]
        return [word for word in words[1:2] if not (CHECKOUT / word).is_file()]
    if words[0] in ("cp", "sed", "source", "tf_upgrade_v2", "twine"):  # not of this project
        return []
    if words[0] == "tfbn":
        return refused_arguments(words[1:])
    return [f"{words[0]}: a command that no check knows"]


def unknown_extras(word):
    """Those that a requirement, such as `tfbn[migrate]`, names and tfbn does not have."""
    extras = re.match(r"(?:tfbn|\.)\[(.*)\]", word)
    return [extra for extra in extras[1].split(",") if extra not in PROJECT["optional-dependencies"]] if extras else []


def refused_arguments(words):
    """The arguments, if the command `tfbn` does not take them; nothing of it runs."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
        cli._parser().parse_args(words)
        return []
    return words


class TestCommands:
    @pytest.mark.parametrize(
        "line, problems",
        [
            ("make test  # lint", []),
            ("$ make test-all digits PYTHON=python3.11 TENSORFLOW='2.12.*'", []),
            ("make tset", ["tset"]),
            ("make test PYTHONS=3", ["PYTHONS=3"]),
            ("CI=true make nothing", ["nothing"]),
            ("pip install 'tfbn[tensorflow,test]' numpy", []),
            ("pip install 'tfbn[gpu]'", ["gpu"]),
            ("pip install -e '.[gpu]'", ["gpu"]),
            ("pipx run --spec 'tfbn[migrate]' tfbn migrate src/", []),
            ("pipx run --spec 'tfbn[gpu]' tfbn --frob", ["gpu", "--frob"]),
            ("python examples/digits_graph.py --updates inline", []),
            ("python3.11 examples/missing.py", ["examples/missing.py"]),
            ("python -m benchmarks.migrate", []),
            ("python -m benchmarks.missing", ["benchmarks.missing"]),
            ("tfbn export model.meta model.pb --outputs y", []),
            ("tfbn import model.pb", ["import", "model.pb"]),
            ("tfbn fold frozen.pb folded.pb --json", []),
            ("tfbn fold frozen.pb --frob", ["fold", "frozen.pb", "--frob"]),
            ("tfbn checkpoint list model.ckpt --json", []),
            ("tfbn checkpoint list --frob", ["checkpoint", "list", "--frob"]),
            ("tfbn migrate --write src/", []),
            ("tfbn migrate --frob", ["migrate", "--frob"]),
            ("rm -rf x", ["rm: a command that no check knows"]),
            ("# only a comment", []),
        ],
    )
    def test_check(self, line, problems):
        """The check finds targets, variables, extras and files that are not there."""
        assert command_problems(line) == problems

    @pytest.mark.parametrize("block", **ids([b for found in BLOCKS.values() for b in found if b.language in SHELL]))
    def test_of_blocks(self, block):
        """Every command of a console block exists."""
        for line in block.code.splitlines():
            assert not command_problems(line), line

    def test_of_the_hook(self):
        """pre-commit appends the files' names to the command."""
        (entry,) = re.findall(r"entry: (.*)", (CHECKOUT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
        assert not command_problems(f"{entry} model.py")

    @pytest.mark.parametrize("page", PAGES)
    def test_of_code_spans(self, page):
        """So does a command in the text."""
        for span in docs.code_spans(PAGES[page]):
            if re.match(r"(make|pip|python) ", span):
                assert not command_problems(span), span

    @pytest.mark.parametrize("page", PAGES)
    def test_names_exist(self, page):
        """Whatever the text calls tfbn.something is there."""
        for span in docs.code_spans(PAGES[page]):
            for dotted in re.findall(r"\btfbn((?:\.[A-Za-z_]\w*)+)", span):
                functools.reduce(getattr, dotted[1:].split("."), tfbn)


def link_problem(page, target):
    """Why a link leads nowhere, or None."""
    if "://" in target or target.startswith("mailto:"):
        parts = urlsplit(target)
        fine = parts.scheme == "https" and re.fullmatch(r"([\w-]+\.)+[a-z]{2,}", parts.netloc)
        return None if fine else "expected https and a public host"
    path, _, anchor = target.partition("#")
    file = ((CHECKOUT / page).parent / path).resolve() if path else CHECKOUT / page
    if CHECKOUT not in (file, *file.parents) or not file.exists():
        return f"{path} is not in the repository"
    if anchor and anchor not in docs.anchors(PAGES.get(file.relative_to(CHECKOUT).as_posix(), "")):
        return f"no heading gives #{anchor}"
    return None


class TestLinks:
    @pytest.mark.parametrize(
        "target, problem",
        [
            ("README.md", None),
            ("README.md#two-commands", None),
            ("#two-commands", None),
            ("https://arxiv.org/abs/1502.03167", None),
            ("README.md#three-commands", "no heading gives #three-commands"),
            ("missing.md", "missing.md is not in the repository"),
            ("../outside.md", "../outside.md is not in the repository"),
            ("http://arxiv.org", "expected https and a public host"),
            ("https://local:80/", "expected https and a public host"),
        ],
    )
    def test_check(self, target, problem):
        """The check finds files and headings that are not there, and what is no address."""
        assert link_problem("README.md", target) == problem

    @pytest.mark.parametrize("page", PAGES)
    def test_lead_somewhere(self, page):
        """Files and headings exist; addresses are well formed. Nothing is fetched."""
        problems = {target: link_problem(page, target) for target in docs.links(PAGES[page])}
        assert not {target: problem for target, problem in problems.items() if problem}

    def test_index_names_every_page(self):
        """No page of the guide is missing from its index."""
        linked = {target.partition("#")[0] for target in docs.links(PAGES["migration_guide/index.md"])}
        assert linked >= {Path(page).name for page in PAGES if page.startswith("migration_guide/")} - {"index.md"}
