"""The parameters of tfbn's functions and class against the original's, recorded by record.py."""

from __future__ import annotations

import inspect
import json
import operator
import re
from pathlib import Path

import pytest

import tfbn

RECORDED = json.loads(Path(__file__).with_name("signature.json").read_text())
COUNTS = {"batch_norm": 23, "batch_normalization": 24, "BatchNormalization": 21, "create_train_op": 11}
# The original's class writes its initializers as objects; ours, as Keras does, by the names of the same ones.
BY_NAME = {"zeros": "Zeros", "ones": "Ones"}


# What stands in tfbn.layers; its default initializers and activations are objects on both sides.
LAYERS = sorted(name for name in RECORDED if name.startswith("layers."))


def described(parameter: inspect.Parameter) -> list[str]:
    default = "required" if parameter.default is parameter.empty else repr(parameter.default)
    default = re.sub("0x[0-9a-f]+", "0x", default)
    return [parameter.name, default, parameter.kind.name]


def meaning(described: list[list[str]]) -> list[list[str]]:
    """An int is for all axes."""
    return [[name, {"(1, 1)": "1", "(1, 1, 1)": "1"}.get(default, default), kind] for name, default, kind in described]


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
def test_added_arguments_are_keyword_only(name):
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters(name)[COUNTS[name] :])


def test_all_layers_are_recorded():
    public = {f"layers.{name}" for name in tfbn.layers.__all__ if name not in ("utils", "v1")}
    public |= {f"layers.utils.{name}" for name in tfbn.layers.utils.__all__}
    public |= {f"layers.v1.{name}" for name in tfbn.layers.v1.__all__}
    assert public == set(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_the_parameters_of_layers_are_the_original_s(name):
    found = inspect.signature(inspect.unwrap(operator.attrgetter(name)(tfbn))).parameters.values()
    assert meaning([described(parameter) for parameter in found]) == meaning(RECORDED[name])
