"""The ledger: every known difference from the original, the only place where one may live.

An entry excuses fields of a case; a test holds that its own case really differs in one of them, so that an entry which
no longer differs fails. Where the original fails and a sibling of the case makes it answer, `instead` gives the
sibling, and our numbers are held against the original's there.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from . import case as cases
from . import data, functions, layer_differences, network_differences, original_path
from .known_differences import (
    Known,
    Result,
    changed,
    collected_reads,
    fails_there,
    refused_by_both,
    refused_here,
    with_arguments,
    without,
)

FUSED = ("function-fused", "core-fused")
HALF = ("float16", "bfloat16")


def _become_nan(case: cases.Case, expected: Result, found: Result) -> set[str]:
    """The arrays that are NaN there and not here, but for those that no batch can answer for."""
    if expected["stage"] != "ok" or found["stage"] != "ok":
        return set()
    ours = found["arrays"]
    return {
        field
        for field, array in expected["arrays"].items()
        if field in ours and not np.isfinite(array).all() and np.isfinite(ours[field]).all()
    }


def _no_gradient_there(case: cases.Case, expected: Result, found: Result) -> set[str]:
    failed = fails_there("gradient", "ValueError", "None values not supported")(case, expected, found)
    if failed or expected["stage"] != "ok" or found["stage"] != "ok":
        return failed
    missing = {field for field in found["arrays"] if ".gradient." in field or ".second." in field}
    if original_path.row(case) != "legacy" and cases.get(case, "calls") != "cond":
        missing -= set(expected["arrays"])
    return missing | {f"gradients.{name}" for name, there in expected["gradients"].items() if not there}


def _asks_for_nchw(case: cases.Case) -> bool:
    """Of a fused kernel; contrib's function does so for rank 2 as well."""
    if functions.contrib(case):
        return cases.argument(case, "data_format") == "NCHW"
    return data.channels_first(case) and len(cases.get(case, "shape")) == 4


def _channels_last(case: cases.Case) -> cases.Case:
    count, *rest = cases.get(case, "shape")
    order = {0: 0, 1: len(rest)}
    order.update({dim: dim - 1 for dim in range(2, len(rest) + 1)})
    dynamic = sorted(order[dim] for dim in cases.get(case, "dynamic"))
    moved = changed(case, shape=[count, *rest[1:], rest[0]], dynamic=dynamic)
    return with_arguments(moved, **functions.with_channels_last(case))


def _in_float32(case: cases.Case) -> cases.Case:
    decay = functions.decay(case)
    if cases.argument(case, "zero_debias_moving_mean") and isinstance(decay, numbers.Real) and decay > 0.9:
        return case  # in float32 the division by 1 - decay**t costs three digits, which is no fault of ours
    return changed(case, dtype="float32")


def _is_out_of_range(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not 0 <= value <= 1


def _is_negative(value: Any) -> bool:
    return isinstance(value, numbers.Real) and value < 0


def _decay_out_of_range(case: cases.Case) -> bool:
    also = [functions.renorm_decay(case)] if cases.argument(case, "renorm") else []
    return any(_is_out_of_range(value) for value in [functions.decay(case), *also])


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _integer_decay(case: cases.Case) -> bool:
    return original_path.row(case).startswith("core") and _is_integer(functions.decay(case))


def _odd_decay(case: cases.Case) -> bool:
    dynamic, decay = original_path.training_kind(case) in ("placeholder", "variable"), functions.decay(case)
    return original_path.row(case) == "core-fused" and dynamic and repr(_as_float32(decay)) != repr(decay)


def _debiased_by_nothing(case: cases.Case) -> bool:
    if not cases.argument(case, "zero_debias_moving_mean"):
        return False
    half = original_path.row(case) == "legacy" and cases.get(case, "dtype") == "bfloat16"
    # Halfway from 1 to the bfloat16 below it.
    decay = functions.decay(case)
    return isinstance(decay, numbers.Real) and decay >= (1.0 - 2.0**-9 if half else 1.0)


def _debiased_parts(case: cases.Case) -> bool:
    return bool(cases.argument(case, "zero_debias_moving_mean")) and "partitioner" in cases.get(case, "surroundings")


def _with_decay(case: cases.Case, decay: Any) -> cases.Case:
    return with_arguments(case, **{functions.of(case).decay: decay})


def _as_float32(decay: Any) -> Any:
    """The decay with the dtype that a Python float would become."""
    return {**decay, "dtype": "float32"} if isinstance(decay, dict) else float(decay) if _is_integer(decay) else decay


def _collects(case: cases.Case) -> bool:
    return not functions.contrib(case) or cases.argument(case, "updates_collections", "update_ops") is not None


def _bfloat16_in_cond(case: cases.Case) -> bool:
    dynamic = original_path.training_kind(case) in ("placeholder", "variable") or cases.get(case, "calls") == "cond"
    return dynamic and cases.get(case, "dtype") == "bfloat16"


def _no_boolean(case: cases.Case) -> bool:
    value = functions.is_training(case)
    if isinstance(value, dict):
        return value["$"] == "object" or (value["$"] in ("constant", "fed", "variable") and "float" in value["dtype"])
    return isinstance(value, (str, float, list))


def _only_updates_refused(case: cases.Case) -> cases.Case:
    """Of the refused combinations with renorm, the one that the original answers with its default collection."""
    others = [cases.argument(case, name) for name in ("batch_weights", "zero_debias_moving_mean")]
    # The core path collects nothing for trainable=False, and uncollected updates cannot be run.
    silent = cases.argument(case, "updates_collections") == [] or cases.argument(case, "trainable") is False
    if any(others) or silent:
        return case
    return with_arguments(case, updates_collections={"$": "update_ops"})


def _nothing_to_average(case: cases.Case) -> bool:
    weights = cases.argument(case, "batch_weights")
    return 0 in cases.batch_sizes(case) or (isinstance(weights, dict) and weights.get("form") == "zeros")


def _single_value(case: cases.Case) -> bool:
    axes = (0, *functions.channel_axes(case))
    sizes = [size for axis, size in enumerate(cases.get(case, "shape")) if axis not in axes]
    return 1 in cases.batch_sizes(case) and all(size == 1 for size in sizes)


# How the original's ValueError reads depends on which operation notices first.
_PARTED = ("Dimension 0 in both shapes must be equal", "Shapes must be equal rank", "are incompatible")

LEDGER = (
    Known(
        "float64 in a fused path",
        "The fused kernel has no float64; the original stops with a TypeError, we compute the same in float64.",
        "core_fused/float64",
        lambda case: cases.get(case, "dtype") == "float64" and original_path.row(case) in FUSED,
        fails_there("build", "TypeError", "float64"),
        _in_float32,
    ),
    Known(
        "float64 with renorm",
        "The original compares a float64 variable with a float32 square root of epsilon and stops with a TypeError.",
        "core_renorm/float64",
        lambda case: cases.get(case, "dtype") == "float64" and original_path.row(case) in ("core-renorm", "refused"),
        fails_there("build", "TypeError", "float64"),
        lambda case: changed(case, dtype="float32"),
    ),
    Known(
        "fused NCHW on a CPU",
        "TensorFlow 1.15's CPU kernel has no NCHW: an InternalError at run time. The newer kernels have.",
        "core_fused/nchw",
        lambda case: _asks_for_nchw(case) and original_path.row(case) in FUSED,
        fails_there("run", "InternalError", "only supports NHWC"),
        _channels_last,
    ),
    Known(
        "half-precision batch of one value",
        "The original's graph optimizer aborts the process over the gradient of moments of a single half.",
        "batch_of_one/float16_rank2",
        lambda case: cases.get(case, "dtype") in HALF and _single_value(case),
        lambda case, expected, found: {"stage"} if expected["stage"] == "aborted" and found["stage"] == "ok" else set(),
    ),
    Known(
        "renorm with weights, collections or zero debias",
        "The original refuses with a ValueError what it had no code for.",
        "renorm/with_collection",
        lambda case: original_path.row(case) == "refused",
        fails_there("build", "ValueError", "renorm is not supported with"),
        _only_updates_refused,
    ),
    Known(
        "a batch without samples or weight",
        "The mean of nothing is NaN, and in the original the moving statistics stay NaN for good. Here they stay as"
        " they are, and such a batch is normalized by them.",
        "empty_batch/core_fused",
        _nothing_to_average,
        _become_nan,
    ),
    Known(
        "zero debias with a decay of 1",
        "The original divides by zero. Nothing has been averaged, so that ours leaves moving_mean as it is. Statistics"
        " in bfloat16, as the legacy path keeps them, round a decay of 0.999 to 1.",
        "zero_debias/decay_1",
        _debiased_by_nothing,
        _become_nan,
    ),
    Known(
        "zero debias under a partitioner",
        "The original partitions the biased average, but not the moving mean it corrects: a ValueError.",
        "around_partitioner/zero_debias_function",
        _debiased_parts,
        fails_there("build", "ValueError", *_PARTED),
        lambda case: changed(case, surroundings=without(cases.get(case, "surroundings"), "partitioner")),
    ),
    Known(
        "updates of two calls in one run",
        "In the original the updates of two calls that share their variables race: mostly both start from the same"
        " average, so that one is lost. Ours come one after the other.",
        "reuse_together",
        lambda case: cases.get(case, "calls") == "reuse_together",
        lambda case, expected, found: {"step*.state.*moving_*", "inference.*output"},
    ),
    Known(
        "decay outside [0, 1]",
        "The original takes it and its averages diverge; we refuse it.",
        "decay_above_1/core_fused",
        _decay_out_of_range,
        refused_here("ValueError", "expected a number in [0, 1]"),
    ),
    Known(
        "negative epsilon",
        "The original takes it, and a small variance gives NaN; we refuse it.",
        "epsilon_negative/core_fused",
        lambda case: _is_negative(cases.argument(case, "epsilon")),
        refused_here("ValueError", "epsilon: expected a number of at least 0"),
    ),
    Known(
        "is_training=None in the core path",
        "There the original asks Keras' learning phase, a placeholder of its own; elsewhere it is a ValueError.",
        "training_none/core_fused",
        lambda case: functions.is_training(case) is None,
        refused_here("ValueError", "training"),
    ),
    Known(
        "is_training of a type that is no boolean",
        "The original's function-fused and legacy paths go by the truth of any object, so that 'no' trains.",
        "training_string/function_rank2",
        _no_boolean,
        refused_here("TypeError", "training: expected a bool"),
    ),
    Known(
        "integer decay in the core path",
        "The original makes an int32 tensor of it and stops with a TypeError.",
        "decay_1_int/core_fused",
        _integer_decay,
        fails_there("build", "TypeError", "int32"),
        lambda case: _with_decay(case, float(functions.decay(case))),
    ),
    Known(
        "decay of another dtype with an is_training known at run time",
        "The original's core path chooses between the decay and 1.0 in a cond, whose branches must agree in dtype.",
        "decay_1_int_fed/core_fused",
        _odd_decay,
        lambda *results: (
            fails_there("build", "ValueError", "Outputs of true_fn and false_fn must have the same type")(*results)
            or fails_there("build", "TypeError", "have different types")(*results)
        ),
        lambda case: _with_decay(case, _as_float32(functions.decay(case))),
    ),
    Known(
        "ref variables under control flow v2",
        "The body of a v2 cond cannot assign a ref variable, so that the original stops with a TypeError for an"
        " is_training known at run time only. Ours assigns outside of the cond.",
        "training_placeholder/core_nonfused_ref_v2",
        lambda case: cases.get(case, "control_flow_v2") and not cases.get(case, "resource"),
        fails_there("build", "TypeError", "_ref"),
        lambda case: changed(case, control_flow_v2=False),
    ),
    Known(
        "adjustment that returns resource variables",
        "The original multiplies what adjustment returns in place, which resource variables refuse.",
        "adjustment/variables_resource",
        lambda case: (cases.argument(case, "adjustment") or {}).get("form") == "variables",
        fails_there("build", "RuntimeError", "Variable *= value not supported"),
        lambda case: with_arguments(case, adjustment={"$": "adjustment", "form": "channel"}),
    ),
    Known(
        "gradient of bfloat16 through a cond",
        "TensorFlow 1.15 does not know bfloat16 for a dtype that has gradients: a v1 cond has none for it, a v2 cond"
        " fails with a ValueError or gives zeros. What is behind one, such as the moments of the legacy path, counts"
        " as a constant. Ours has the gradients.",
        "training_placeholder/core_fused_bfloat16",
        _bfloat16_in_cond,
        _no_gradient_there,
    ),
    Known(
        "second-order gradient of fused bfloat16",
        "TensorFlow 1.15's gradient of the fused gradient mixes bfloat16 and float32 and stops with a TypeError.",
        "core_fused/bfloat16_second_order",
        lambda case: bool(cases.get(case, "second_order")) and cases.get(case, "dtype") == "bfloat16",
        fails_there("gradient", "TypeError", "bfloat16"),
        lambda case: changed(case, second_order=False),
    ),
    Known(
        "gradient of bfloat16 moments",
        "TensorFlow 1.15's graph optimizer asks for a reciprocal in bfloat16, which has no kernel.",
        "legacy_collection/bfloat16",
        lambda case: cases.get(case, "dtype") == "bfloat16" and original_path.row(case) == "legacy",
        fails_there("run", "NotFoundError", "Reciprocal"),
    ),
    Known(
        "an integer is_training other than 0 and 1",
        "The original's function-fused and legacy paths go by the truth of any object; its core path refuses it too.",
        "training_2/function_rank2",
        lambda case: _is_integer(functions.is_training(case)) and functions.is_training(case) not in (0, 1),
        refused_here("TypeError", "training: expected a bool"),
    ),
    Known(
        "an epsilon that is a tensor",
        "Where no kernel takes epsilon as an attribute the original adds whatever it is given; ours takes a number.",
        "epsilon_tensor/core_nonfused",
        lambda case: isinstance(cases.argument(case, "epsilon"), dict),
        lambda *results: refused_here("TypeError", "epsilon: expected a number")(*results) or refused_by_both(*results),
    ),
    collected_reads("function_rank2/resource"),
    Known(
        "collected updates inside of a cond",
        "The original collects operations of the branch, which no session can fetch. Ours run in the branch.",
        "cond/collection_fused",
        lambda case: cases.get(case, "calls") == "cond" and _collects(case),
        lambda *results: (
            fails_there("run", "InaccessibleTensorError", "not fetchable")(*results)
            and {"stage", "collections.*", "gradients.*", "update_names"}
        ),
        lambda case: with_arguments(case, updates_collections=None) if functions.contrib(case) else case,
    ),
    Known(
        "complex inputs outside of the fused paths",
        "The original composes the layer of operations that take complex numbers; what it computes is not defined.",
        "complex64_inputs/core_nonfused",
        lambda case: cases.get(case, "dtype").startswith("complex"),
        refused_here("TypeError", "inputs: expected float16"),
    ),
    *layer_differences.LEDGER,
    *network_differences.LEDGER,
)


def _entries(case: cases.Case) -> tuple[Known, ...]:
    """Those of the layers apart: the others ask of a case what it has of a batch norm."""
    of_layers = network_differences.LEDGER
    return of_layers if functions.is_layer(case) else LEDGER[: len(LEDGER) - len(of_layers)]


def covering(case: cases.Case) -> list[Known]:
    return [entry for entry in _entries(case) if entry.covers(case)]


def instead_of(case: cases.Case) -> cases.Case | None:
    """The sibling that the original answers where it fails at the case, with every covering entry's change made."""
    other = case
    for entry in _entries(case):
        if entry.instead is not None and entry.covers(other):
            other = entry.instead(other)
    if cases.fingerprint(other) == cases.fingerprint(case):
        return None
    return {**other, "name": f"{case['name']} (instead)"}


def possible_instead(case: cases.Case) -> list[cases.Case]:
    other = instead_of(case)
    return [] if other is None else [other]
