"""The remedies: their code is code."""

import ast
import re
import textwrap

import pytest

from tfbn.training import advice

TEXTS = {name: text for name, text in vars(advice).items() if name.isupper()}


@pytest.mark.parametrize("name", TEXTS)
def test_code_can_be_parsed(name):
    """Lines that are indented further than the text are code, and none is too long to read."""
    lines = TEXTS[name].split("\n")
    assert max(map(len, lines)) <= 120
    assert all(re.match("  (?! )|      |$", line) for line in lines)
    code = [line for line in lines if line.startswith("      ")]
    text = textwrap.dedent("\n".join(code))
    ast.parse(f"dict({text})" if name == "TRAINABLE" else text)
