"""The documentation is true: every block of the guide and the README runs, every link leads somewhere, every formula
and example in a docstring is what the code does.

A block marked `before` runs on the original and must agree with the block after it: see `docs.observe`.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import fcntl
import functools
import importlib
import inspect
import json
import os
import pkgutil
import re
import shlex
import subprocess
import sys
import types
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import tfbn
from tests import docs
from tests.parity import make_reference

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = {
    path.relative_to(CHECKOUT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("[!.]*/**/*.md")])
    if not {"build", "site-packages"} & set(path.parts)
}
BLOCKS = {page: docs.blocks(text, page) for page, text in PAGES.items()}
PYTHON = [block for found in BLOCKS.values() for block in found if block.language == "python"]
PAIRS = [list(pair) for found in BLOCKS.values() for pair in docs.pairs(found)]
SHOWN = [list(both) for found in BLOCKS.values() for both in zip(found, found[1:]) if "prints" in both[1].marks]
SHELL = ("console", "sh", "bash", "shell")
GUIDE = "migration_guide/contrib_and_slim.md"

# Both sides compute in float32 with sums taken in another order; the values are near 1 and gradients scale them by no
# more than 10.
PAIR_TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
# The rounding of the dtype, 6e-8 or 1e-16, in sums of some 100 terms that lie within a few deviations of their mean.
FORMULA_TOLERANCE = {"float32": {"rtol": 1e-5, "atol": 1e-5}, "float64": {"rtol": 1e-12, "atol": 1e-12}}
# Exact in float32, to which 1 - decay is rounded for every dtype, as in the original.
DECAYS = {"decay": 0.75, "renorm_decay": 0.5}


def where(block):
    return f"{block.page}:{block.line}"


def ids(values):
    return {"argvalues": values, "ids": [where(value[-1] if isinstance(value, list) else value) for value in values]}


class TestReadingPages:
    """The reader of the pages, on pages made up here."""

    def test_blocks(self):
        """Language, code, first line and marks; a mark reaches over blank lines and not over text."""
        page = (
            "Text\n<!-- before: on the original -->\n\n```python\nx = 1\n\ny = 2\n```\n<!-- continues -->\n"
            "More text\n- item\n\n  ~~~console\n  make it\n    deeper\n  ```\n  ~~~\n````\n```\n````\n"
        )
        first, second, third = docs.blocks(page, "a.md")
        assert first == docs.Block("a.md", 5, "python", "x = 1\n\ny = 2\n", ("before",))
        assert second == docs.Block("a.md", 14, "console", "make it\n  deeper\n```\n", ())
        assert third == docs.Block("a.md", 19, "", "```\n", ())

    def test_two_marks(self):
        """Marks are separated by commas."""
        (block,) = docs.blocks("<!-- before, continues: why -->\n```python\n```\n")
        assert block.marks == ("before", "continues")

    def test_unknown_mark(self):
        """A comment above a block that is no mark is a mistake in one."""
        with pytest.raises(ValueError, match=r"page.md:2: unknown mark in <!-- befor -->"):
            docs.blocks("\n<!-- befor -->\n```python\n```\n")

    def test_open_block(self):
        """A block that runs to the end of the page is a mistake."""
        with pytest.raises(ValueError, match=r"page.md:2: the block is not closed"):
            docs.blocks("\n```python\nx\n")

    @pytest.mark.parametrize("marks", [["before"], ["after"], ["before", "before"], ["before", "", "after"]])
    def test_lonely_before_or_after(self, marks):
        """One without the other next to it is a mistake."""
        page = "".join(f"<!-- {mark} -->\n```python\n```\n" if mark else "```python\n```\n" for mark in marks)
        with pytest.raises(ValueError, match="come in pairs"):
            docs.pairs(docs.blocks(page))

    def test_pairs(self):
        """What stands between a before and its after, other than Python, does not part them."""
        page = "<!-- before -->\n```python\na\n```\n```text\n```\n<!-- after -->\n```python\nb\n```\n"
        assert [(b.code, a.code) for b, a in docs.pairs(docs.blocks(page))] == [("a\n", "b\n")]

    def test_links(self):
        """Inline, image, reference and automatic links are found; what is code or comment is not."""
        page = (
            "[a](b.md#c) ![d](e.png 'title') [f](g_(h).md)\n[i]: https://j.k/l\n<https://m.n>\n"
            "`[no](no)` <!-- [no](no) -->\n```text\n[no](no)\n```\n"
        )
        assert docs.links(page) == ["b.md#c", "e.png", "g_(h).md", "https://j.k/l", "https://m.n"]

    def test_anchors(self):
        """As GitHub spells them, repeated headings numbered."""
        page = '# A `b_c`, d!\n## [Link](x.md) here ##\n# Two\n# Two\n```text\n# no\n```\n<a id="own"></a>\n'
        assert docs.anchors(page) == {"a-b_c-d", "link-here", "two", "two-1", "own"}

    def test_tables(self):
        """Cells of header and rows, without the rule; an escaped bar is text."""
        page = "| a | b |\n|---|:-:|\n| `x\\|y` | 2 |\n\n| c |\n|---|\n"
        assert docs.tables(page) == [[["a", "b"], ["`x\\|y`", "2"]], [["c"]]]

    def test_formulas(self):
        """Groups with what introduces them, up to the arguments."""
        docstring = "Line.\n\n    Text\n    goes on:\n\n        a = b + 1\n        c = a\n\n    Args:\n      x: d = e\n"
        assert docs.formulas(docstring) == [docs.Formulas("Text goes on:", (("a", "b + 1"), ("c", "a")))]

    def test_what_is_no_formula(self):
        """An indented line of another form is a mistake, not a line passed over."""
        with pytest.raises(ValueError, match="not a formula"):
            docs.formulas("One line.\n\n    Text:\n\n        a == b\n    ")


class TestRunningPages:
    """The runner of the blocks, on pages made up here."""

    def test_graph_and_names(self):
        """Each block has a graph of its own and keeps functions alone, unless it continues another."""
        page = """
            ```python
            import tensorflow.compat.v1 as tf
            def make(name):
                return tf.get_variable(name, [2], initializer=tf.zeros_initializer())
            a = make("a") + 1.0
            ```
            <!-- continues -->
            ```python
            b = a + make("b")
            ```
            ```python
            print("a" in globals(), len(tf.global_variables()))
            c = make("a") * tf.placeholder(tf.float32)
            ```
            """
        first, second, third = docs.run_page(docs.blocks(inspect.cleandoc(page)))
        assert [variable[0] for variable in first["variables"]] == ["a"]
        assert [variable[0] for variable in second["variables"]] == ["a", "b"]
        # Both are the same random numbers in whichever block: their values depend on their names only.
        assert first["state"]["a, True"] == second["state"]["a, True"]
        expected = 1 + np.add(second["state"]["a, True"], second["state"]["b, True"])
        np.testing.assert_allclose(second["values"]["b, False"], expected, rtol=1e-6)
        assert third["printed"] == "False 0\n"
        assert "as_list() is not defined" in third["error"]

    def test_error_has_the_line_of_the_page(self):
        """The traceback points into the page."""
        (result,) = docs.run_page(docs.blocks("\n\n```python\nx = 1\nundefined\n```\n", "here.md"))
        assert '"here.md", line 5' in result["error"]
        assert "NameError" in result["error"]

    @pytest.mark.parametrize(
        "after, named",
        [
            ("y = tf.get_variable('v', [3]) * 1", "variables"),
            ("y = tf.get_variable('u', [2]) * 1", "variables"),
            ("y = tf.get_variable('v', [2], trainable=False) * 1", "trainable"),
            ("y = tf.get_variable('v', [2]) * 1; tf.add_to_collection('update_ops', tf.no_op())", "updates"),
            ("y = tf.get_variable('v', [2]) * 1; tf.add_to_collection('model_variables', y)", "model variables"),
            ("y = tf.get_variable('v', [2]) * 1.001", "values of y, False"),
            ("y = tf.get_variable('v', [2]) * float('nan')", "values of y, False"),
            ("v = tf.get_variable('v', [2]); y = v * 1; o = v.assign_add([0.1, 0.1]).op", "state of v, False"),
            ("z = tf.get_variable('v', [2]) * 1", "values"),
            ("y = tf.get_variable('v', [2]) * 1; w = tf.no_op()", None),
        ],
    )
    def test_difference_of_a_pair(self, after, named):
        """Another variable, collection or number is noticed, and so are no numbers; another operation is not."""
        codes = ["import tensorflow.compat.v1 as tf", "y = tf.get_variable('v', [2]) * 1", after]
        page = "".join(f"```python\n{code}\n```\n" for code in codes)
        _, before, after = docs.run_page(docs.blocks(page))
        found = [line.partition(":")[0] for line in differences(before, after)]
        assert found[:1] == ([named] if named else [])

    def test_runs_on_the_original(self):
        """The runner is Python 3.7."""
        ast.parse(Path(docs.__file__).read_text(encoding="utf-8"), feature_version=(3, 7))


def original():
    """The interpreter that has the original; None where there is nothing to build it from, unless CI demands it."""
    try:
        return make_reference.make()
    except make_reference.NoPython37:
        if os.environ.get("CI"):
            raise
        return None


@contextlib.contextmanager
def alone(path):
    """One process at a time."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """A function from a block to what running its page's blocks, on its side, found of it."""
    # All workers of this run share the results: whoever asks first runs the page.
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

    def run(page, before):
        """Runs the blocks in a process of its own, in the page's folder; None if there is no original to run them."""
        wanted = [b for b in BLOCKS[page] if b.language == "python" and ("before" in b.marks) == before]
        interpreter = original() if before else sys.executable
        if interpreter is None:
            return None
        if any("needs before" in block.marks for block in wanted) and cached(page, True) is None:
            # The files are missing that the blocks of the other side leave.
            wanted = [block for block in wanted if "needs before" not in block.marks]
        folder = root / "docs" / page
        folder.mkdir(parents=True, exist_ok=True)
        job = folder / f"{before}.job"
        job.write_text(json.dumps({"blocks": wanted, "checkout": None if before else str(CHECKOUT)}))
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        environment.update(CUDA_VISIBLE_DEVICES="-1", TF_CPP_MIN_LOG_LEVEL="3")
        process = subprocess.run(
            [interpreter, docs.__file__, job],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.returncode == 0, process.stdout
        return [[block.line, found] for block, found in zip(wanted, json.loads(job.read_text()))]

    @functools.cache
    def cached(page, before):
        path = root / f"{page.replace('/', '-')}-{before}"
        with alone(f"{path}.lock"):
            if not path.exists():
                path.write_text(json.dumps(run(page, before)))
        found = json.loads(path.read_text())
        return found if found is None else dict(found)

    def result(block):
        found = cached(block.page, "before" in block.marks)
        if found is None or block.line not in found:
            pytest.skip("NOT COMPARED WITH THE ORIGINAL: no interpreter with TensorFlow 1.15.5 can be built here")
        return found[block.line]

    return result


def differences(before, after):
    """What tells two observations apart, a line each."""
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
        assert not differences(before, after)

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
            assert block.language in ("python", *SHELL) or shown, f"{where(block)}: {block.language!r} is not checked"


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
        tree = ast.parse((CHECKOUT / "setup.py").read_text(encoding="utf-8"))
        (extras,) = (node.value for node in ast.walk(tree) if getattr(node, "arg", None) == "extras_require")
        known = [key.value for key in extras.keys]
        wanted = [match[1] for word in words for match in [re.match(r"tfbn\[(.*)\]", word)] if match]
        return [extra for names in wanted for extra in names.split(",") if extra.strip() not in known]
    if words[0].startswith("python"):
        return [word for word in words[1:2] if not (CHECKOUT / word).is_file()]
    return [f"{words[0]}: a command that no check knows"]


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
            ("python examples/digits_graph.py --updates inline", []),
            ("python3.11 examples/missing.py", ["examples/missing.py"]),
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


def documented():
    """Every function, class and method of tfbn that has an example in its docstring, with its module."""
    found = {}
    names = [module.name for module in pkgutil.walk_packages(tfbn.__path__, "tfbn.")]
    for module in [importlib.import_module(name) for name in names if not name.endswith(".__main__")]:
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) == module.__name__ and inspect.getdoc(value):
                members = vars(value).items() if inspect.isclass(value) else ()
                for suffix, item in [("", value), *((f".{key}", item) for key, item in members if callable(item))]:
                    if ">>>" in (getattr(item, "__doc__", None) or ""):
                        found[f"{module.__name__}.{name}{suffix}"] = (module, item)
    return found


DOCUMENTED = documented()
PUBLIC_FUNCTIONS = [name for name in tfbn.__all__ if isinstance(getattr(tfbn, name), types.FunctionType)]


class TestExamples:
    @pytest.mark.parametrize("name", DOCUMENTED)
    def test_is_what_happens(self, name):
        """The interpreter prints what the docstring says."""
        module, value = DOCUMENTED[name]
        test = doctest.DocTestParser().get_doctest(value.__doc__, dict(vars(module)), name, module.__file__, 0)
        report = []
        doctest.DocTestRunner().run(test, out=report.append)
        assert not report, "".join(report)

    @pytest.mark.parametrize("name", PUBLIC_FUNCTIONS)
    def test_every_public_function_has_one(self, name):
        """No public function is without an example."""
        value = getattr(tfbn, name)
        assert f"{value.__module__}.{name}" in DOCUMENTED


# One call of batch_norm each: the groups of formulas that describe it, the shape of its inputs, and its arguments.
CLIPPING = {"rmin": 0.9, "rmax": 1.1, "dmax": 0.3}
CASES = {
    "rank 4": (["training"], (8, 5, 3, 6), {}),
    "rank 2": (["training"], (8, 6), {}),
    "rank 3": (["training"], (8, 5, 6), {}),
    "not fused": (["training"], (8, 5, 3, 6), {"fused": False}),
    "inline": (["training"], (8, 5, 3, 6), {"updates_collections": None}),
    "one sample": (["training"], (1, 6), {"epsilon": 0.1}),
    "no epsilon": (["training"], (8, 5, 3, 6), {"epsilon": 0}),
    "no epsilon, not fused": (["training"], (8, 5, 3, 6), {"epsilon": 0, "fused": False}),
    "inference": (["inference"], (8, 5, 3, 6), {"is_training": False}),
    "inference, not fused": (["inference"], (8, 5, 3, 6), {"is_training": False, "fused": False}),
    "weights": (["training", "batch_weights"], (8, 5, 3, 6), {"batch_weights": True}),
    "weights, rank 2": (["training", "batch_weights"], (8, 6), {"batch_weights": True}),
    "renorm": (["training", "renorm"], (8, 5, 3, 6), {"renorm": True}),
    "renorm, floor": (["training", "renorm"], (8, 5, 3, 6), {"renorm": True, "epsilon": 2.0}),
    "renorm, clipped": (["training", "renorm"], (8, 5, 3, 6), {"renorm": True, "renorm_clipping": CLIPPING}),
    "renorm, weights": (["training", "batch_weights", "renorm"], (8, 6), {"renorm": True, "batch_weights": True}),
    "adjustment": (["training", "adjustment"], (8, 5, 3, 6), {"adjustment": True}),
    "adjustment, renorm": (["training", "renorm", "adjustment"], (8, 6), {"renorm": True, "adjustment": True}),
}


@functools.cache
def computed(case, dtype):
    """What batch_norm does: the inputs and variables it began with, and the output and variables after one step."""
    _, shape, arguments = CASES[case]
    rng = np.random.default_rng(zlib.crc32(case.encode()))
    # Without epsilon the spread is small, so that the bound that replaces it matters.
    centre, spread = (5e-3, 1e-3) if arguments.get("epsilon") == 0 else (2.0, 2.0)
    inputs = {name: rng.normal(centre, spread, shape).astype(dtype) for name in "x"}
    inputs.update({name: rng.uniform(0.5, 2.0, shape[-1:]).astype(dtype) for name in "ab"})
    inputs["w"] = rng.uniform(0.0, 2.0, [shape[0]] + [1] * (len(shape) - 1)).astype(dtype)
    decays = DECAYS if arguments.get("renorm") else {"decay": DECAYS["decay"]}
    arguments = {"scale": True, **decays, **arguments}
    with tf.Graph().as_default(), tf.Session() as session:
        if "batch_weights" in arguments:
            arguments["batch_weights"] = tf.constant(inputs["w"].ravel())
        if "adjustment" in arguments:
            arguments["adjustment"] = lambda shape: (tf.constant(inputs["a"]), tf.constant(inputs["b"]))
        outputs = tfbn.batch_norm(tf.constant(inputs["x"]), **arguments)
        variables = {variable.op.name.rpartition("/")[2]: variable for variable in tf.global_variables()}
        before = {name: rng.uniform(0.8, 3.0, shape[-1:]).astype(dtype) for name in variables}
        for name, variable in variables.items():
            session.run(variable.initializer, {variable.initializer.inputs[1]: before[name]})
        y, *_ = session.run([outputs, *tf.get_collection(tf.GraphKeys.UPDATE_OPS)])
        return inputs, before, {"y": y, **session.run(variables)}


class Formulas:
    """What batch_norm's docstring says that it computes."""

    # The beginning of the sentence that introduces each group.
    INTRODUCTIONS = {
        "training": "Formulas, with statistics over `axes`",
        "inference": "and in inference:",
        "batch_weights": "With batch_weights w:",
        "renorm": "With renorm, from the averages as they were before the step",
    }

    def __init__(self, docstring):
        self.groups = {}
        for group in docs.formulas(docstring):
            sentence = group.introduction.rpartition(". ")[2]
            (name,) = (name for name, start in self.INTRODUCTIONS.items() if sentence.startswith(start))
            assert name not in self.groups
            self.groups[name] = dict(group.lines)
            assert len(self.groups[name]) == len(group.lines)
        assert set(self.groups) == set(self.INTRODUCTIONS)
        text = " ".join(docstring.split())
        clipped = r"clipped to \[(.+?), (.+?)\] and \[(.+?), (.+?)\]: s ="
        adjusted = r"in training y = (.+?), where xhat is what stands before gamma and beta above"
        fused = (
            r"The correction (.+?) and a lower bound of (.+?) on epsilon belong to the fused kernel, "
            r"which serves ranks 2 and 4 unless fused=False, batch_weights, renorm or adjustment is given"
        )
        low_r, high_r, low_d, high_d = re.search(clipped, text).groups()
        self.bounds = {"r": (low_r, high_r), "d": (low_d, high_d)}
        self.adjusted = re.search(adjusted, text)[1]
        self.correction, floor = re.search(fused, text).groups()
        self.floor = float(floor)

    def expected(self, case):
        """What the formulas give for the output and the variables that they assign, in float64."""
        groups, shape, given = CASES[case]
        inputs, state, _ = computed(case, "float64")
        names = {"epsilon": 0.001, **DECAYS, **given, **given.get("renorm_clipping", {})}
        names.update(max=max, sqrt=np.sqrt, maximum=np.maximum)
        names.update(axes=tuple(range(len(shape) - 1)), n=np.prod(shape[:-1]))
        names.update({name: value.astype(np.float64) for name, value in {**inputs, **state}.items()})
        fused = len(shape) in (2, 4) and not {"fused", "batch_weights", "renorm", "adjustment"} & set(given)
        if fused:
            names["epsilon"] = max(names["epsilon"], self.floor)
        assigned = []
        for name, expression in self._in_order(groups, fused):
            names[name] = eval(expression, {}, names)
            if name in self.bounds and "renorm_clipping" in given:
                names[name] = np.clip(names[name], *(eval(bound, {}, names) for bound in self.bounds[name]))
            assigned.append(name)
        return {name: names[name] for name in assigned if name == "y" or name in state}

    def _in_order(self, groups, fused):
        """Moments, what is special to a group, the output, the averages."""
        merged = {name: line for group in groups if group != "adjustment" for name, line in self.groups[group].items()}
        general = self.groups[groups[0]]
        if groups[0] == "training" and not fused and "renorm" not in groups:
            line = merged["moving_variance"].replace(f" * {self.correction}", "")
            assert line != merged["moving_variance"]
            merged["moving_variance"] = line
        if "adjustment" in groups:
            before_affine = re.fullmatch(r"(.+) \* gamma \+ beta", merged["y"])[1]
            merged.update(xhat=before_affine, y=self.adjusted)
        moments = [name for name in ("mean", "variance") if name in merged]
        special = [name for name in merged if name not in general]
        averages = [name for name in merged if name in general and name not in (*moments, "y")]
        return [(name, merged[name]) for name in (*moments, *special, "y", *averages)]


def wrong(formulas, case, dtype="float64"):
    """The names whose formula is not what batch_norm computes."""
    expected = formulas.expected(case)
    _, _, results = computed(case, dtype)
    return [name for name in expected if not np.allclose(results[name], expected[name], **FORMULA_TOLERANCE[dtype])]


DOCSTRING = inspect.getdoc(tfbn.batch_norm)


class TestFormulas:
    """Each formula in batch_norm's docstring, executed by NumPy in float64, is what batch_norm computes."""

    @pytest.mark.parametrize("dtype", FORMULA_TOLERANCE)
    @pytest.mark.parametrize("case", CASES)
    def test_is_what_is_computed(self, case, dtype):
        """Output and variables after a training step, and the output in inference."""
        assert not wrong(Formulas(DOCSTRING), case, dtype)

    @pytest.mark.parametrize("case", CASES)
    def test_says_all(self, case):
        """The formulas give the output, and in training the moving mean and, but for renorm, the moving variance."""
        groups, _, _ = CASES[case]
        expected = set(Formulas(DOCSTRING).expected(case))
        assert expected >= {"y"} | ({"moving_mean"} if "training" in groups else set())
        assert "moving_variance" in expected or groups != ["training"]

    @pytest.mark.parametrize("group, name", [(g, n) for g, lines in Formulas(DOCSTRING).groups.items() for n in lines])
    def test_a_changed_formula_fails(self, group, name):
        """No line can be other than it is."""
        formulas = Formulas(DOCSTRING)
        formulas.groups[group][name] = f"0.001 + {formulas.groups[group][name]}"
        assert any(wrong(formulas, case) for case in CASES)

    @pytest.mark.parametrize(
        "old, new",
        [
            ("max(n - 1, 1)", "max(n, 1)"),
            ("1.001e-5", "1e-6"),
            ("[rmin, rmax]", "[0.5, rmax]"),
            ("[rmin, rmax]", "[rmin, 2]"),
            ("[-dmax, dmax]", "[0, dmax]"),
            ("[-dmax, dmax]", "[-dmax, 2]"),
            ("(xhat * a + b) * gamma", "(xhat + b) * a * gamma"),
        ],
    )
    def test_a_changed_text_fails(self, old, new):
        """Nor can the quantities that the text around them states."""
        assert old in DOCSTRING
        formulas = Formulas(DOCSTRING.replace(old, new))
        assert any(wrong(formulas, case) for case in CASES)


class TestArguments:
    """Every argument of batch_norm is described, with its default, in the order of the signature."""

    PARAMETERS = {p.name: p.default for p in inspect.signature(tfbn.batch_norm).parameters.values()}

    def test_of_the_docstring(self):
        """The section Args has them all."""
        section = re.search(r"(?s)\nArgs:\n(.*?)\n\n", DOCSTRING)[1]
        assert re.findall(r"(?m)^  (\w+): ", section) == list(self.PARAMETERS)

    def test_of_the_guide(self):
        """So does the table of the guide; its second column is the default."""
        (table,) = (table for table in docs.tables(PAGES[GUIDE]) if table[0][:2] == ["Argument", "Default"])
        rows = {row[0].strip("`"): row[1].strip("`") for row in table[1:]}
        assert list(rows) == list(self.PARAMETERS)
        names = {"UPDATE_OPS": tf.GraphKeys.UPDATE_OPS, "required": inspect.Parameter.empty}
        assert {name: eval(default, {}, names) for name, default in rows.items()} == self.PARAMETERS
