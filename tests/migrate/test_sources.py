"""Every test source: the result parses and runs no further, each change is reported, each batch norm is dealt with."""

from __future__ import annotations

import ast

import pytest

from tests.migrate.helpers import check_reported, differing, findings, migrated, run
from tests.migrate.sources import SOURCES
from tfbn.migrate.report import Edit, Place
from tfbn.migrate.rules import RULES

ALL = [pytest.param(source, id=name) for name, source in SOURCES.items()] + [
    pytest.param(before, id=f"example {number} of {rule.name}")
    for rule in RULES
    for number, (before, _) in enumerate(rule.invalid)
]
# Of a parameter that is called slim, and of a class.
NOT_TENSORFLOWS = {"wherever it is": ["slim.batch_norm"], "bystander": ["slim.batch_norm"]}


@pytest.mark.parametrize("compat", [False, True], ids=["", "compat-v1"])
@pytest.mark.parametrize("source", ALL)
def test_changes_are_reported_and_final(source, compat):
    """The trees before and after differ at reported nodes alone; a second run changes nothing."""
    ast.parse(migrated(source, compat=compat))


@pytest.mark.parametrize("name", SOURCES)
def test_every_batch_norm_is_rewritten_or_reported(name):
    """What is left of them in the result is on a reported line, or is no batch norm of TensorFlow's."""
    after = migrated(SOURCES[name])
    reported = {line for _, line in findings(after)}
    left = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(after))
        if isinstance(node, ast.Attribute) and "batch_norm" in node.attr and node.lineno not in reported
    ]
    assert [text for text in left if not text.startswith("tfbn.")] == NOT_TENSORFLOWS.get(name, [])


def test_the_bystander_is_not_touched():
    """A class called slim, Keras' layers and PyTorch's are not contrib."""
    report = run(SOURCES["bystander"])
    assert not report.edits
    assert not report.findings


class TestTheComparison:
    """The helpers see what they are there to see."""

    BEFORE = "import a\nx = a.f(1)\ny = a.g(2)\n"
    EDIT = Edit(Place(2, 5), "rule", "a.f", "b.f")

    def test_a_reported_change_passes(self):
        """The edit says where, what was there, and what is there now."""
        check_reported(self.BEFORE, self.BEFORE.replace("a.f", "b.f"), [self.EDIT])

    @pytest.mark.parametrize(
        ("edits", "after", "text"),
        [
            ([EDIT], "import a\nx = b.f(1)\ny = a.g(3)\n", "do not make the new text"),
            ([], "import a\nx = b.f(1)\ny = a.g(2)\n", "do not make the new text"),
            ([EDIT._replace(place=Place(3, 5))], "import a\nx = b.f(1)\ny = a.g(2)\n", "Edit"),
        ],
    )
    def test_an_unreported_change_is_seen(self, edits, after, text):
        """In the text."""
        with pytest.raises(AssertionError, match=text):
            check_reported(self.BEFORE, after, edits)

    @pytest.mark.parametrize(
        ("after", "lines"),
        [
            ("import a\nx = a.f(1)\ny = a.g(3)\n", [(3, 3)]),
            ("import a\nx = a.f(1, k=2)\ny = a.g(2)\n", [(2, 2)]),
            ("import a\nimport b\nx = a.f(1)\ny = a.g(2)\n", [(1, 2)]),
            ("x = a.f(1)\ny = a.g(2)\n", [(1, 1)]),
            ("import a\nx = a.f\ny = a.g(2)\n", [(2, 2)]),
        ],
    )
    def test_differing_nodes_are_found(self, after, lines):
        """The smallest ones, with their lines."""
        assert list(differing(ast.parse(self.BEFORE), ast.parse(after))) == lines
