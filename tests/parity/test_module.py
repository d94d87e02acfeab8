"""The registry's cases of `batch_norm`, run through `BatchNorm` in a tf.function: the same numbers, bit for bit."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from . import case as cases
from . import module_side, original_path, recordings
from .registry import registry

pytestmark = pytest.mark.process

REGISTRY = registry()
RECORDED, _ = recordings.load()
FUSED = ("core-fused", "function-fused")
# The composed ops' gradient: a tape and tf.gradients lay the same formula out in other orders, so that some four of its
# roundings differ, each of half an ulp of the largest term.
ULPS = 4
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


def asking(name):
    return not cases.get(REGISTRY[name], "second_order"), name


def coverage():
    """The cases that stand for all that tell the module the same, each with those; and why others are left out."""
    alike, reasons = {}, Counter()
    for name, case in REGISTRY.items():
        reason = module_side.left_out(case, RECORDED[name])
        if reason is None:
            alike.setdefault(module_side.key(case), []).append(name)
        else:
            reasons[reason] += 1
    # The one that asks for the most.
    return {min(names, key=asking): names for names in alike.values()}, reasons


COVERED, LEFT_OUT = coverage()


def test_coverage():
    """Says how many cases are compared, and which are left out and why."""
    compared = sum(map(len, COVERED.values()))
    print(f"{compared} of {len(REGISTRY)} cases compared, as {len(COVERED)} that differ for the module; left out:")
    for reason, count in LEFT_OUT.most_common():
        print(f"  {count}: {reason}")
    assert compared + sum(LEFT_OUT.values()) == len(REGISTRY)
    assert compared > 400


@pytest.mark.cases(40)
@pytest.mark.parametrize("name", COVERED)
def test_same_numbers_as_batch_norm(name, worker):
    case = REGISTRY[name]
    of_graph, of_module = (worker(side).run(case) for side in ("v2_on", "module"))
    if of_graph["stage"] != "ok":
        # What tfbn refuses and the original did not; the module refuses it too.
        assert of_module["error"]["type"] == of_graph["error"]["type"], of_module["error"]
        return
    assert of_module["error"] is None, of_module["error"]
    expected, found = module_side.seen(case, of_graph), of_module["arrays"]
    missing = [field for field in set(expected) - set(found) if np.any(expected[field])]
    assert missing == []
    wrong = [field for field in set(expected) & set(found) if not agree(case, field, expected[field], found[field])]
    assert wrong == []
    assert any(".output" in field for field in found)


def agree(case, field, expected, found):
    kind = field.split(".")[-2] if "." in field else field
    # An array is a constant of the graph, whose arithmetic TensorFlow does in advance and in another order.
    exact = kind not in ("gradient", "second") or (kind == "gradient" and by_kernel(case))
    # In a body of control flow v2 renorm's outputs come from the training kernel, elsewhere from that of inference.
    exact = exact and not (field.endswith(".output") and original_path.row(case) == "core-renorm")
    if exact and cases.get(case, "form") != "numpy":
        return np.array_equal(expected, found, equal_nan=True)
    scale = EPSILON[cases.get(case, "dtype")] * max(1.0, np.nanmax(np.abs(expected), initial=0.0))
    return np.allclose(expected, found, rtol=0, atol=ULPS * scale, equal_nan=True)


def by_kernel(case):
    """Whether TensorFlow's fused kernel makes the gradient in training, on every version."""
    # A fused row raises epsilon to the kernel's floor, renorm takes composed ops below it.
    renorm = original_path.row(case) == "core-renorm" and cases.argument(case, "epsilon", 0.001) > 1.001e-5
    return (original_path.row(case) in FUSED or renorm) and cases.get(case, "dtype") in ("float16", "float32")
