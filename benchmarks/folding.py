"""Inference with batch norms folded into the weights, next to what TensorFlow's graph optimizer makes without that."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

import tfbn
from benchmarks import measure, report, steps, times
from benchmarks.measure import Settings

v1 = tf.compat.v1

EXAMPLE = measure.CHECKOUT / "examples" / "digits_graph.py"
# Where folding gains nothing it must at least cost nothing.
LIMIT = 1.05
OUTPUT = "outputs"


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    groups, differences = {}, {}
    notes = [times.QUARTILES, "difference: the worst of the outputs, as a share of the largest"]
    networks = {f"ResNet-50's shape, {kind}": resnet(settings, kind == "fused") for kind in ("fused", "composed")}
    try:
        networks["digits"] = digits()
    except (SystemExit, OSError):
        notes.append("the example's packages are not installed: pip install 'tfbn[examples]'")
    for name, (graph_def, shape) in networks.items():
        progress(f"folding {name}")
        # One batch verifies and is what is run.
        folded = tfbn.fold.fold_graph(graph_def, [OUTPUT], inputs={"images": batch(settings.batches[-1], shape)})
        if folded.left:
            raise RuntimeError(f"{name}: {folded}")
        for size in settings.batches:
            group = f"{name}, batch {size}"
            images = batch(size, shape)
            groups[group] = {"baseline": timed(graph_def, images), "path": timed(folded.graph_def, images)}
            differences[group] = f"{folded.difference:.0e}"
    progress("running")
    found = measure.interleave(groups, settings.rounds_or(40, 6), warm_up=3)
    rows = [
        times.ratio_row(name, measure.ratio(both["path"], both["baseline"]), LIMIT, difference=differences[name])
        for name, both in found.items()
    ]
    title = "inference of frozen graphs, batch norms folded, to the same not folded; TensorFlow's optimizer on for both"
    return report.Table("fold", title, "ratio", rows, notes)


Frozen = tuple[Any, tuple[int, ...]]  # a GraphDef and the shape of an image


def frozen(build: Callable[[Any], Any], shape: tuple[int, ...]) -> Frozen:
    """A network with random weights and statistics, as it is frozen."""
    with tf.Graph().as_default() as graph, v1.Session() as session:
        v1.set_random_seed(0)
        tf.identity(build(v1.placeholder(tf.float32, [None, *shape], name="images")), name=OUTPUT)
        session.run(v1.global_variables_initializer())
        for scope in {v.op.name.rpartition("/")[0] for v in v1.global_variables() if "/moving_" in v.op.name}:
            steps.initialize(session, [{v.op.name.rpartition("/")[2]: v for v in v1.global_variables(f"{scope}/")}])
        freeze = v1.graph_util.convert_variables_to_constants
        return freeze(session, graph.as_graph_def(), [OUTPUT]), shape


def digits() -> Frozen:
    """The network of the digits example."""
    specification = importlib.util.spec_from_file_location("digits_graph", EXAMPLE)
    assert specification is not None
    assert specification.loader is not None
    example = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(example)
    return frozen(lambda images: example.network(images, False, "collection")[0], (8, 8, 1))


def resnet(settings: Settings, fused: bool) -> Frozen:
    """ResNet-50 (arXiv:1512.03385, table 1), or one with fewer blocks, by the fused op or by composed ones."""

    def build(images: Any) -> Any:
        with tfbn.arg_scope([tfbn.batch_norm], is_training=False, scale=True, fused=fused):
            net = v1.nn.max_pool2d(tf.nn.relu(conv(images, 64, 7, 2)), 3, 2, "SAME")
            for stage, blocks in enumerate(settings.blocks):
                for block in range(blocks):
                    net = bottleneck(net, 64 * 2**stage, 2 if stage and not block else 1)
            net = tf.reduce_mean(net, [1, 2])
            return net @ v1.get_variable("logits", [net.shape[-1], 1000])

    return frozen(build, (settings.image, settings.image, 3))


def conv(net: Any, filters: int, size: int, stride: int = 1) -> Any:
    with v1.variable_scope(None, "conv"):
        initializer = v1.variance_scaling_initializer(2.0)
        weights = v1.get_variable("weights", [size, size, net.shape[-1], filters], initializer=initializer)
        return tfbn.batch_norm(tf.nn.conv2d(net, weights, stride, "SAME"))


def bottleneck(net: Any, filters: int, stride: int) -> Any:
    inner = tf.nn.relu(conv(tf.nn.relu(conv(net, filters, 1)), filters, 3, stride))
    if net.shape[-1] != 4 * filters or stride > 1:
        net = conv(net, 4 * filters, 1, stride)
    return tf.nn.relu(net + conv(inner, 4 * filters, 1))


def batch(size: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.RandomState(1).normal(0.5, 1.0, [size, *shape]).astype(np.float32)


def timed(graph_def: Any, images: np.ndarray) -> Callable[[], float]:
    graph = tf.Graph()
    with graph.as_default():
        v1.import_graph_def(graph_def, name="")
        session = steps.open_session(graph)
        run = session.make_callable(f"{OUTPUT}:0", ["images:0"])
        return measure.timed(lambda: run(images))
