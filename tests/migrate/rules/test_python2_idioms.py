"""Files of Python 2 that a program imports, and that no other rule reads."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import reported
from tfbn.migrate import driver

RULES = driver.chosen_rules(["python2-idioms"])


@pytest.mark.parametrize(
    "line",
    [
        "print 'text'",
        "exec 'x = 1'",
        "raise ValueError, 'text'",
        "x = 0777",
        "x = 10L",
        "x = 1 <> 2",
        "x = ur'text'",
        "try:\n    pass\nexcept ValueError, error:\n    pass",
        "if x:\n        y = 1\n\tz = 2",
    ],
)
def test_a_file_that_does_not_compile(line, tmp_path):
    sources = {"main.py": "import tensorflow as tf\nimport tools\n", "tools.py": f"{line}\n", "other.py": f"{line}\n"}
    ((path, finding),) = reported(tmp_path, sources, RULES)
    assert (path, finding.remedy) == ("tools.py", "run 2to3 over it first")
    assert finding.problem.startswith("it does not compile: ")


def test_a_shape_for_a_class_of_another_file(tmp_path):
    sources = {
        "main.py": "import tensorflow as tf\nimport cells\ncell = cells.Cell([size / 4, size / 4], [3, 3])\n",
        "cells.py": "class Cell:\n    def __init__(self, shape, filter_size):\n        pass\n",
    }
    ((path, finding),) = reported(tmp_path, sources, RULES)
    assert (path, finding.where.line) == ("main.py", 3)
    assert finding.problem == "/ gives a fraction in Python 3, which shape refuses"
