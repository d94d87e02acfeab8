"""Python's parser in front of libcst's."""

from __future__ import annotations

import ast
import warnings

import pytest

from tests.migrate import helpers
from tfbn.migrate import driver, syntax

DEEP = {
    "parentheses": "(" * 20000 + ")" * 20000,
    "sums": "+".join(["1"] * 20000),
    "calls": "f" + "()" * 20000,
    "negations": "not " * 20000 + "x",
    "conjunctions": " and ".join(["x"] * 20000),
    "strings": " ".join(['"a"'] * 1000),
}


@pytest.mark.parametrize("kind", DEEP)
def test_deep_nesting_is_a_line_and_no_crash(kind):
    """libcst would end the process for some of these."""
    source = f"import tf_slim as slim\ny = {DEEP[kind]}\nslim.batch_norm(y)\n".encode()
    report = driver.migrate_bytes("a.py", source, driver.chosen_rules())
    assert report.after == source
    assert report.problem.endswith("its expressions are nested too deeply to be followed")


def test_levels_of_blocks_and_expressions_count():
    """The line is that of the first node beyond."""
    syntax.check_nesting(ast.parse("x = " + "-" * (syntax.MAX_DEPTH - 10) + "1"))
    with pytest.raises(ValueError, match="line 2: .* too deeply"):
        syntax.check_nesting(ast.parse("x = 1\ny = " + " or ".join(["a"] * syntax.MAX_DEPTH)))


def test_no_warnings():
    """About sources that are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        syntax.parse("x = '\\d'\n1 is 1\n")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("return 1\n", "'return' outside function"),
        ("x = 1\nfrom __future__ import division\n", "must occur at the beginning"),
        ("def f(a, a): pass\n", "duplicate argument 'a'"),
    ],
)
def test_code_that_does_not_compile(source, text):
    """Is no Python either."""
    syntax.parse(source)
    with pytest.raises(SyntaxError, match=text):
        syntax.check_compiles(source)


def test_await_in_a_notebook():
    """Stands in cells as it is, as only they can have it."""
    syntax.check_compiles("await x\n", in_notebook=True)
    with pytest.raises(SyntaxError, match="outside"):
        syntax.check_compiles("await x\n")


def test_invalid_escapes_are_not_warned_of():
    """Wherever the rules look into strings."""
    source = "import tensorflow as tf\nx = '\\d', importlib.import_module('\\d')\ntf.zeros(x)\ntf.contrib.rnn\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert helpers.findings(source) == [("leftovers", 4)]
