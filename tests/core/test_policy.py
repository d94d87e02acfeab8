"""The dispatch table against the original's conditions, over every signature there is."""

import itertools

import pytest
import tensorflow as tf

from tfbn.core import policy
from tfbn.ops.layout import layout_of

FLAGS = ("fused", "batch_weights", "adjustment", "renorm", "zero_debias", "default_updates")


def signature(rank, axis, *flags, virtual_batch_size=None):
    layout = layout_of(tf.TensorShape([6] * rank), [axis], virtual_batch_size=virtual_batch_size)
    return policy.CallSignature(tf.float32, layout, **dict(zip(FLAGS, flags)))


SIGNATURES = [
    signature(rank, rank - 1, *flags)
    for rank in range(1, 7)
    for flags in itertools.product([False, True], repeat=len(FLAGS))
]


def expected(q):
    """The paths of the reference, in its own words."""
    possible = not q.batch_weights and not q.renorm and q.rank in (2, 4) and not q.adjustment
    if q.fused and possible and (q.zero_debias or q.rank == 2 or not q.default_updates):
        return "function-fused"
    if not q.batch_weights and q.default_updates and not q.zero_debias:
        return "core-fused" if q.fused and q.rank == 4 and not q.renorm and not q.adjustment else "core"
    return "renorm-anywhere" if q.renorm else "legacy"


def test_every_signature_takes_the_path_of_the_original():
    found = {call: policy.resolve(call).name for call in SIGNATURES}
    assert found == {call: expected(call) for call in SIGNATURES}
    assert set(found.values()) == {path.name for path in policy.TABLE}


FUSED = [True, False, False, False, False, True]


@pytest.mark.parametrize(
    ("axis", "virtual_batch_size", "path", "layers_path"),
    [
        (3, None, "core-fused", "core-fused"),
        (1, None, "core-fused", "core-fused"),
        (2, None, "core", "core"),
        (3, 3, "core-fused", "core"),
    ],
)
def test_channels_and_virtual_batches(axis, virtual_batch_size, path, layers_path):
    """Channels amid the other axes have no fused kernel, nor have the virtual batches of tf.layers."""
    call = signature(4, axis, *FUSED, virtual_batch_size=virtual_batch_size)
    assert policy.resolve(call).name == path
    assert policy.resolve(call, policy.LAYERS_TABLE).name == layers_path


def test_several_axes_have_no_fused_kernel():
    layout = layout_of(tf.TensorShape([6, 5, 4, 3]), [1, 3])
    assert policy.resolve(policy.CallSignature(tf.float32, layout, *FUSED), policy.LAYERS_TABLE).name == "core"


@pytest.mark.parametrize(
    ("path", "half", "double"),
    [
        (policy.FUNCTION_FUSED, tf.float32, tf.float64),
        (policy.CORE_FUSED, tf.float32, tf.float64),
        (policy.CORE, tf.float32, tf.float64),
        (policy.LEGACY, tf.float16, tf.float64),
    ],
)
def test_parameter_dtype(path, half, double):
    assert path.param_dtype(tf.float16) == half
    assert path.param_dtype(tf.float64) == double
    assert path.param_dtype(tf.float32) == tf.float32
