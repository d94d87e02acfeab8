"""The ledger's entries for what only tfbn.layers have."""

from __future__ import annotations

from . import case as cases
from . import functions
from .known_differences import (
    Known,
    Result,
    collected_reads,
    fails_there,
    refused_by_both,
    refused_here,
    with_arguments,
)


def _normalized(case: cases.Case) -> bool:
    return cases.argument(case, "normalizer_fn") is not None or functions.of(case).name == "slim_model"


def _composed_second_order(case: cases.Case) -> bool:
    params, rank = functions.normalizer_params(case), len(cases.get(case, "shape"))
    composed = params.get("fused") is False or params.get("renorm") or rank not in (2, 4)
    return bool(cases.get(case, "second_order") and _normalized(case) and composed)


def _channels_first(case: cases.Case) -> bool:
    named = str(cases.argument(case, "data_format")) in ("NCHW", "channels_first")
    return named and len(cases.get(case, "shape")) == 4


def _channels_last(case: cases.Case) -> cases.Case:
    count, channels, *rest = cases.get(case, "shape")
    layout = "channels_last" if functions.of(case).name.startswith("layers.v1.") else "NHWC"
    moved = with_arguments(case, data_format=layout)
    params = cases.argument(case, "normalizer_params")
    if params is None:
        return {**moved, "shape": [count, *rest, channels]}
    if params.get("data_format") != "NCHW":
        return case  # what is normalized along the width has no twin with the channels last
    moved = with_arguments(moved, normalizer_params={**params, "data_format": "NHWC"})
    return {**moved, "shape": [count, *rest, channels]}


def _needs_gpu(case: cases.Case, expected: Result, found: Result) -> set[str]:
    for kind in ("InvalidArgumentError", "InternalError", "UnimplementedError"):
        excused = fails_there("run", kind, "only supports NHWC", "only supported for NHWC")(case, expected, found)
        if excused:
            return excused
    return set()


LEDGER = (
    Known(
        "layers with the channels first, on a CPU",
        "TensorFlow 1.15's CPU kernels of convolutions and pools, or their gradients, have no NCHW.",
        "network/conv2d/NCHW_told",
        _channels_first,
        _needs_gpu,
        _channels_last,
    ),
    collected_reads("network/fully_connected/batch_norm_plain"),
    Known(
        "second-order gradient through composed moments",
        "The original's variance takes the mean for a constant, which is right for the first derivative alone: its"
        " second derivative is off by some per cent, but for directions without a mean, such as the gradient's own."
        " Ours agrees with finite differences.",
        "network/conv2d/batch_norm_composed_second_order",
        _composed_second_order,
        lambda *results: {"step0.second.*"},
    ),
    Known(
        "ref variables under control flow v2, in a layer",
        "As for batch_norm alone: the body of a v2 cond cannot assign a ref variable. Ours assigns outside of it.",
        "network/conv2d/batch_norm_composed_ref_v2",
        lambda case: _normalized(case) and cases.get(case, "control_flow_v2") and not cases.get(case, "resource"),
        fails_there("build", "TypeError", "_ref"),
        lambda case: {**case, "control_flow_v2": False},
    ),
    Known(
        "padding in small letters without num_outputs",
        "There the original hands the text on as it is, elsewhere it takes any case of letters.",
        "network/separable_conv2d/depthwise_only_lower",
        lambda case: cases.argument(case, "num_outputs", 1) is None,
        fails_there("build", "ValueError", "Attr 'padding' of 'DepthwiseConv2dNative' Op passed string"),
        lambda case: with_arguments(case, padding=str(cases.argument(case, "padding", "SAME")).upper()),
    ),
    Known(
        "dropout with is_training=None",
        "There the original asks Keras' learning phase, a placeholder of its own.",
        "network/dropout/error_none",
        lambda case: functions.of(case).name.endswith("dropout") and functions.is_training(case) is None,
        refused_here("ValueError", "training"),
    ),
    Known(
        "inputs of unknown rank for a convolution",
        "The original fails while it formats the message of a ValueError.",
        "network/conv2d/error_unknown_rank",
        lambda case: cases.get(case, "unknown_rank"),
        refused_by_both,
    ),
)
