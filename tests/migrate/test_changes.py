"""Edits gathered and done."""

from __future__ import annotations

import pytest

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.report import Edit, Place


@pytest.fixture
def changes():
    return Changes(Module("é = 1\nab = 2\n".encode()), ())


def test_apply(changes):
    """In the order of the text, whatever the order they came in; places count characters."""
    changes.replace_span(8, 9, "x", "second")
    changes.replace_span(0, 2, "y", "first")
    after, edits = changes.apply()
    assert edits == (Edit(Place(1, 1), "first", "é", "y"), Edit(Place(2, 2), "second", "b", "x"))
    assert after == b"y = 1\nax = 2\n"


def test_overlap_is_a_bug(changes):
    """Of two rules."""
    changes.replace_span(0, 3, "x", "one")
    changes.replace_span(2, 4, "y", "two")
    with pytest.raises(AssertionError, match="two rules want the same text changed"):
        changes.apply()


def test_what_stays_the_same_is_no_edit(changes):
    """It need not be readable."""
    changes.replace_span(0, 2, "é", "rule")
    assert changes.apply() == (changes.module.data, ())


def test_covers(changes):
    """A node within a change, and no other."""
    first, second = changes.module.tree.body
    changes.replace(first, "x", "rule")
    assert changes.covers(first.body[0].value)
    assert not changes.covers(second)


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 1), (6, 7), (9, 10), (11, 13)],
)
def test_revise(changes, start, end):
    """By places in the new text, whether an edit is there or not."""
    changes.replace_span(0, 2, "long", "first")
    changes.replace_span(8, 9, "x", "second")
    new = changes.apply()[0]
    changes.revise(start, end, "!", "third")
    assert changes.apply()[0] == new[:start] + b"!" + new[end:]
