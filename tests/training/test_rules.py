"""The table of what check_updates looks for, and what the docstring says of it."""

import inspect
import re

import tfbn
from tfbn.training.rules import RULES

KINDS = re.findall(r"^\* '([a-z ]+)' \((.*?)(?=^\*|^$)", inspect.getdoc(tfbn.check_updates), re.M | re.S)


def test_every_kind_has_a_paragraph():
    assert [kind for kind, _ in KINDS] == [
        "not reached",
        "not assigned",
        "stuck",
        "unordered",
        "in evaluation",
        "trainable",
        "not copied",
        "unrecognized",
    ]
    # What is not recognized is no layer, which a rule is asked about.
    assert {kind for kind, _ in KINDS} == {rule.kind for rule in RULES} | {"unrecognized"}


def test_severities_are_those_of_the_docstring():
    for kind, text in KINDS[:-1]:
        severities = {rule.severity for rule in RULES if rule.kind == kind}
        assert severities == set(re.findall(r"\b(?:error|warning)\b", text)), kind
