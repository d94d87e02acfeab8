"""The parameters of tfbn's functions and class against the original's, recorded by record.py."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

import tfbn

RECORDED = json.loads(Path(__file__).with_name("signature.json").read_text())
COUNTS = {"batch_norm": 23, "batch_normalization": 24, "BatchNormalization": 21, "create_train_op": 11}
# The original's class writes its initializers as objects; ours, as Keras does, by the names of the same ones.
BY_NAME = {"zeros": "Zeros", "ones": "Ones"}


def described(parameter: inspect.Parameter) -> list[str]:
    default = "required" if parameter.default is parameter.empty else repr(parameter.default)
    return [parameter.name, default, parameter.kind.name]


def recorded(name: str) -> list[list[str]]:
    """The original's named parameters; its class takes Keras' own, such as dtype, as further keywords."""
    return [parameter for parameter in RECORDED[name] if parameter[2] != "VAR_KEYWORD"]


def parameters(name: str) -> list[inspect.Parameter]:
    return list(inspect.signature(getattr(tfbn, name)).parameters.values())


@pytest.mark.parametrize("name", COUNTS)
def test_the_first_parameters_are_the_original_s(name):
    expected = recorded(name)
    assert len(expected) == COUNTS[name]
    for theirs, ours in zip(expected, map(described, parameters(name))):
        if theirs[0].endswith("_initializer"):
            assert f".{BY_NAME[ours[1].strip(chr(39))]} object at" in theirs[1], (theirs, ours)
            theirs = [theirs[0], ours[1], theirs[2]]
        assert ours == theirs


@pytest.mark.parametrize("name", COUNTS)
def test_what_tfbn_adds_is_keyword_only(name):
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters(name)[COUNTS[name] :])
