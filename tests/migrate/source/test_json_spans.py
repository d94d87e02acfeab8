"""Places of values in JSON text."""

from __future__ import annotations

import json

import pytest

from tfbn.migrate.source.json_spans import elements, members

TEXT = ' {"a" : [1, "x]", {"b": 2}] ,\n\t"c":{"d":null}, "e" : [ ], "f\\"": "}" } '


def test_members():
    """Each value is where its text is."""
    found = members(TEXT, 1)
    assert {key: json.loads(TEXT[slice(*span)]) for key, span in found.items()} == json.loads(TEXT)


def test_elements():
    """Of arrays, full and empty, and of objects within."""
    found = members(TEXT, 1)
    assert [TEXT[slice(*span)] for span in elements(TEXT, found["a"][0])] == ["1", '"x]"', '{"b": 2}']
    assert elements(TEXT, found["e"][0]) == []
    assert members("{}", 0) == {}


@pytest.mark.parametrize(("function", "text"), [(members, "[1]"), (elements, "{}"), (members, '{"a" 1}')])
def test_other_text(function, text):
    """Is refused with the place."""
    with pytest.raises(ValueError, match="expected at character"):
        function(text, 0)
