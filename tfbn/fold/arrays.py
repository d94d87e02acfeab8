"""`fold_arrays`: a batch norm folded into the kernel and the bias of the linear layer next to it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfbn.fold import kernels

LAYERS = ("conv", "conv_transpose", "depthwise", "separable", "dense")
_RANKS = {"conv": (3, 4, 5), "conv_transpose": (3, 4, 5), "depthwise": (3, 4), "dense": (2,)}


class FoldedArrays(NamedTuple):
    """The weights that replace those of a linear layer and its batch norm."""

    kernel: Any  # of the kernel's shape and dtype; of a separable convolution a pair
    bias: np.ndarray  # [outputs], of the kernel's dtype


def fold_arrays(
    kernel: Any,
    bias: Any = None,
    *,
    moving_mean: Any,
    moving_variance: Any,
    gamma: Any = None,
    beta: Any = None,
    epsilon: float = 0.001,
    layer: str = "conv",
    before: bool = False,
    padding: str | None = None,
    data_format: str = "NHWC",
) -> FoldedArrays:
    """Folds a batch norm in inference into the weights of the linear layer that it follows, or precedes.

    With slope = gamma / sqrt(moving_variance + epsilon) and offset = beta - moving_mean * slope, per channel:

        after the layer:   kernel * slope,  bias * slope + offset
        before the layer:  kernel * slope,  bias + (the layer's outputs for inputs that are offset everywhere)

    along the kernel's output channels in the first case, its input channels in the second. Computed in float64 and
    rounded once, to the kernel's dtype.

    Before a convolution this is exact only without padding: padding adds zeros after the batch norm, which would have
    to be -offset / slope before it. A transposed convolution sums fewer terms at its borders, so no bias does the same.

    Args:
      kernel: array, tensor or variable as TensorFlow's layers keep it, for NHWC and NCHW inputs alike. 'conv':
        [..., C, outputs] of a convolution over 1 to 3 axes. 'conv_transpose': [..., outputs, C]. 'depthwise':
        [..., C, multiplier] over 1 or 2 axes. 'dense': [inputs, outputs]. 'separable': a pair, of a depthwise kernel
        and the pointwise [..., C * multiplier, outputs].
      bias: what the layer adds, [outputs]. Default None, for 0.
      moving_mean, moving_variance: the statistics, [C], C being the channels of the batch norm.
      gamma, beta: [C]. Default None, for 1 and 0.
      epsilon: number, at least 0, added to the variance. Default 0.001. The fused kernel of `batch_norm` uses at least
        1.001e-5.
      layer: 'conv', 'conv_transpose', 'depthwise', 'separable' or 'dense'. Default 'conv'.
      before: whether the batch norm comes before the layer. Default False.
      padding: 'VALID' or 'SAME', needed with before=True except for dense layers. SAME is accepted if the kernel has
        one position.
      data_format: 'NHWC' or 'NCHW': how the channels lie where a reshape stands between the batch norm and a dense
        layer, whose outputs (or inputs, with before=True) are then a multiple of C. No effect elsewhere. Default
        'NHWC'.

    Returns:
      FoldedArrays, a named tuple (kernel, bias) of arrays of the kernel's dtype.

    Raises:
      ValueError: shapes that do not match; a variance below -epsilon; padding other than VALID, or a transposed
        convolution, with before=True; an unknown layer, padding or data_format.
      TypeError: a kernel that is not floating.

    Example:
      >>> import numpy as np, tfbn
      >>> kernel = np.ones([3, 3, 1, 2], np.float32)
      >>> folded = tfbn.fold.fold_arrays(
      ...     kernel, moving_mean=[1.0, 2.0], moving_variance=[4.0, 0.25], beta=[5.0, 6.0], epsilon=0.0)
      >>> print(folded.kernel[0, 0], folded.bias)
      [[0.5 2. ]] [4.5 2. ]

    References:
      Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference,
      arXiv:1712.05877, section 3.2.
    """
    _check_choices(layer, padding, data_format)
    parts = _kernels(layer, kernel)
    kinds = ("depthwise", "conv") if layer == "separable" else (layer,)
    outputs = kernels.outputs_of(kinds[-1], parts[-1])
    bias = np.zeros(outputs) if bias is None else np.asarray(bias).astype(np.float64)
    if bias.shape != (outputs,):
        raise ValueError(
            f"bias: expected shape [{outputs}], an element for each output of the kernel, got {list(bias.shape)}."
        )
    slope, offset = _slope_and_offset(moving_mean, moving_variance, gamma, beta, epsilon)
    dtype = parts[-1].dtype
    if not before:
        slope, offset = (_repeat_channels(value, outputs, layer, data_format, "outputs") for value in (slope, offset))
        scaled = kernels.scale_outputs(kinds[-1], parts[-1], slope)
        folded, bias = (*parts[:-1], scaled.astype(dtype)), bias * slope + offset
    else:
        _check_exact(layer, parts[0], padding)
        inputs = kernels.inputs_of(kinds[0], parts[0])
        slope, offset = (_repeat_channels(value, inputs, layer, data_format, "inputs") for value in (slope, offset))
        scaled = kernels.scale_inputs(kinds[0], parts[0], slope)
        folded = (scaled.astype(parts[0].dtype), *parts[1:])
        response = offset
        for kind, part in zip(kinds, parts):
            response = kernels.response(kind, part, response)
        bias = bias + response
    return FoldedArrays(folded if layer == "separable" else folded[0], bias.astype(dtype))


def _check_choices(layer: str, padding: str | None, data_format: str) -> None:
    if layer not in LAYERS:
        raise ValueError(f"layer: expected one of {', '.join(map(repr, LAYERS))}, got {layer!r}.")
    if padding not in (None, "VALID", "SAME"):
        raise ValueError(f"padding: expected 'VALID' or 'SAME', got {padding!r}.")
    if data_format not in ("NHWC", "NCHW"):
        raise ValueError(f"data_format: expected 'NHWC' or 'NCHW', got {data_format!r}.")


def _kernels(layer: str, kernel: Any) -> tuple[np.ndarray, ...]:
    """The kernel's arrays: two for a separable convolution."""
    if layer != "separable":
        return (_kernel("kernel", layer, kernel),)
    if not isinstance(kernel, (tuple, list)) or len(kernel) != 2:
        raise ValueError(
            f"kernel: expected a pair of a depthwise and a pointwise kernel for a separable convolution, got "
            f"{type(kernel).__name__}."
        )
    first, second = _kernel("kernel[0]", "depthwise", kernel[0]), _kernel("kernel[1]", "conv", kernel[1])
    between = kernels.outputs_of("depthwise", first)
    if second.ndim != first.ndim or any(size != 1 for size in second.shape[:-2]) or second.shape[-2] != between:
        expected = [1] * (first.ndim - 2) + [between, "outputs"]
        raise ValueError(
            f"kernel[1]: expected a pointwise kernel of shape [{', '.join(map(str, expected))}] for the depthwise one "
            f"of shape {list(first.shape)}, got {list(second.shape)}."
        )
    return first, second


def _kernel(name: str, layer: str, kernel: Any) -> np.ndarray:
    kernel = np.asarray(kernel)
    # NumPy does not know bfloat16, which ml_dtypes adds, as a floating dtype.
    if kernel.dtype.kind != "f" and kernel.dtype.name != "bfloat16":
        raise TypeError(f"{name}: expected a floating array, got {kernel.dtype.name}.")
    ranks = _RANKS[layer]
    if kernel.ndim not in ranks:
        raise ValueError(
            f"{name}: expected rank {' or '.join(map(str, ranks))} for layer={layer!r}, got shape {list(kernel.shape)}."
        )
    return kernel


def _slope_and_offset(
    moving_mean: Any, moving_variance: Any, gamma: Any, beta: Any, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    parameters = {"moving_mean": moving_mean, "moving_variance": moving_variance, "gamma": gamma, "beta": beta}
    shapes = {name: np.shape(value) for name, value in parameters.items() if value is not None}
    expected = shapes["moving_mean"]
    for name, shape in shapes.items():
        if len(shape) != 1 or shape != expected:
            raise ValueError(
                f"{name}: expected a vector of the batch norm's channels, as long as moving_mean, got shape "
                f"{list(shape)} beside a moving_mean of shape {list(expected)}."
            )
    if not epsilon >= 0:
        raise ValueError(f"epsilon: expected a number of at least 0, got {epsilon!r}.")
    lowest = np.asarray(moving_variance).astype(np.float64).min() + epsilon
    if not lowest > 0:
        raise ValueError(
            f"moving_variance: expected values whose sum with epsilon is above 0, got {lowest - epsilon:g} with epsilon"
            f" {epsilon:g}. Take the statistics of a trained checkpoint, or tfbn.recalibrate them."
        )
    return kernels.slope_and_offset(moving_mean, moving_variance, gamma, beta, epsilon)


def _repeat_channels(values: np.ndarray, size: int, layer: str, data_format: str, side: str) -> np.ndarray:
    """Repeats a value per channel for each of the layer's outputs (or inputs)."""
    channels = len(values)
    if channels == size:
        return values
    if layer != "dense" or size % channels:
        multiple = " or a divisor of that" if layer == "dense" else ""
        raise ValueError(
            f"moving_mean: expected [{size}]{multiple}, as the layer has {size} {side}, got [{channels}]. Do `layer` "
            f"({layer!r}) and `before` match the kernel?"
        )
    repeats = size // channels
    return np.tile(values, repeats) if data_format == "NHWC" else np.repeat(values, repeats)


def _check_exact(layer: str, kernel: np.ndarray, padding: str | None) -> None:
    """Refuses to fold a batch norm into a layer behind it that does not see the same offset everywhere."""
    if layer == "dense":
        return
    if layer == "conv_transpose":
        raise ValueError(
            "before: expected a layer that sums the same terms at every position, got 'conv_transpose', to whose "
            "borders fewer positions of the inputs contribute. Keep this batch norm, or fold it into the layer in "
            "front of it."
        )
    if padding is None:
        raise ValueError("padding: expected 'VALID' or 'SAME' with before=True, got None. Pass the layer's padding.")
    if padding == "SAME" and any(size > 1 for size in kernel.shape[:-2]):
        raise ValueError(
            "padding: expected 'VALID' with before=True, got 'SAME': the zeros around the batch norm's outputs would "
            "have to be -offset / slope around its inputs, and no bias does the same. Keep this batch norm, or fold it "
            "into the layer in front of it."
        )
