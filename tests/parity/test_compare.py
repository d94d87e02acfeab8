"""That a comparison sees what it has to see: recorded results, spoiled in ways a wrong implementation would."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from . import case as cases
from . import compare, recordings
from .registry import registry

REGISTRY = registry()
RECORDED, _ = recordings.load()


def spoiled(name: str, change) -> list[str]:
    """The fields that differ when a recorded result has been changed."""
    result = copy.deepcopy(RECORDED[name])
    change(result)
    return [row.field for row in compare.differences(REGISTRY[name], RECORDED[name], result)]


def scale(field: str, by: float):
    def change(result):
        result["arrays"][field] = (result["arrays"][field] * by).astype(result["arrays"][field].dtype)

    return change


@pytest.mark.parametrize("name", ["core_fused/float32", "legacy_weights/bfloat16", "empty_batch/core_fused"])
def test_a_result_is_equal_to_itself(name):
    assert spoiled(name, lambda result: None) == []


# One part in 23 is n / (n - 1) of the biased variance; the others are far below anything a wrong formula would do.
@pytest.mark.parametrize(
    "name, field, by",
    [
        ("core_fused/float32", "step0.output", 1 + 1e-5),
        ("core_fused/float32", "step0.gradient.inputs", 1 + 1e-5),
        ("core_fused/float32_second_order", "step0.second.inputs", 1 + 1e-4),
        ("core_fused/float32", "step2.state.BatchNorm/moving_variance", 1 + 1e-5),
        ("core_nonfused/float64", "step0.output", 1 + 1e-13),
        ("core_nonfused/float64", "step1.state.BatchNorm/moving_mean", 1 + 1e-13),
        ("core_nonfused/float16", "step0.output", 1 + 0.03),
        ("core_nonfused/float16", "step0.gradient.inputs", 1 + 0.03),
        ("core_nonfused/bfloat16", "step0.output", 1 + 0.15),
        ("core_fused/bfloat16", "step0.output", 1 + 0.02),
        ("core_fused/float16", "step0.output", 1 + 0.003),
        ("legacy_collection/float16", "step0.state.BatchNorm/moving_variance", 1 + 1 / 23),
        ("layers/float32/several_axes", "step0.output", 1 + 1e-5),
        ("layers/float32/several_axes_renorm", "step1.state.batch_normalization/moving_variance", 1 + 1e-5),
        ("layers/float32/virtual", "step1.gradient.inputs", 1 + 1e-5),
        ("layers/float32/virtual", "step1.state.batch_normalization/moving_mean", 1 + 1e-5),
        ("layers/constraints/fused", "step2.state.batch_normalization/gamma", 1 + 1e-4),
        ("layers/regularizers/virtual", "losses", 1 + 1e-4),
        ("legacy_weights/bfloat16", "step1.state.BatchNorm/moving_variance", 1 + 1 / 12),
    ],
)
def test_numbers_that_are_off_are_seen(name, field, by):
    assert spoiled(name, scale(field, by)) == [field]


def test_nan_is_not_a_number_and_equals_itself():
    def change(result):
        result["arrays"]["step0.output"].flat[0] = np.nan

    assert spoiled("core_fused/float32", change) == ["step0.output"]


def test_structure_is_compared():
    def reorder(result):
        result["variables"].reverse()

    def lose(result):
        result["collections"]["update_ops"].pop()

    def rename(result):
        result["outputs_collections"]["my_outputs"][0][1] = ["other"]

    def swap(result):
        result["layer"][0]["trainable_weights"].reverse()

    assert spoiled("core_fused/plain", reorder) == ["variables"]
    assert spoiled("class/plain/fused", swap) == ["layer.0.trainable_weights"]
    assert spoiled("core_fused/plain", lose) == ["collections.update_ops"]
    assert spoiled("outputs/core_fused", rename) == ["outputs_collections.my_outputs"]


def test_a_zero_gradient_is_none_for_a_v2_cond_only():
    case, other = cases.make("v1"), cases.make("v2", control_flow_v2=True)
    zero = {"step0.gradient.beta": np.zeros(3, np.float32)}
    expected = {"stage": "ok", "error": None, "variables": [], "arrays": {}}
    found = {**expected, "arrays": zero}
    assert [row.field for row in compare.differences(case, expected, found)] == ["step0.gradient.beta"]
    assert compare.differences(other, expected, found) == []


def test_an_error_has_to_say_what_the_original_said():
    case = cases.make("error")

    def failing(kind, text, *bases):
        return {"stage": "build", "error": {"type": kind, "bases": [kind, *bases], "text": text}, "arrays": {}}

    expected = failing("ValueError", "Shapes (4,) and (8,) are incompatible")
    assert compare.differences(case, expected, failing("MyError", "they are incompatible", "ValueError")) == []
    rows = compare.differences(case, expected, failing("TypeError", "no"))
    assert [row.field for row in rows] == ["error.type", "error.text"]
    assert "are incompatible" in rows[1].expected
