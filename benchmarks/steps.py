"""One step of one layer, and of TensorFlow's own op on the same data: what is built, fed and fetched.

Runs on the original's TensorFlow as well, with the original in place of tfbn, and so keeps to Python 3.7.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import tensorflow as tf

from benchmarks import hand_written
from benchmarks.hand_written import CLIPPING, DECAY, EPSILON

v1 = tf.compat.v1

ORIGINAL = tf.__version__.startswith("1.")
SHAPE = (32, 56, 56, 64)  # NHWC
THREADS = 2


@dataclass(frozen=True)
class Path:
    """A way through a layer, and what it may cost: `limit` and `aim` are ratios to the step of the ops by hand."""

    name: str
    limit: Optional[float] = None
    aim: Optional[float] = None
    arguments: Dict[str, Any] = field(default_factory=dict)
    # Arguments that are tensors, by functions of the inputs that make them.
    tensors: Dict[str, Callable] = field(default_factory=dict)
    training: bool = True
    dtype: str = "float32"
    data_format: str = "NHWC"
    rank: int = 4
    # Whether it normalizes as the op does: then outputs and gradients agree with the op's.
    as_the_op: bool = True
    layer: str = "batch_norm"  # or batch_normalization, or conv2d with batch_norm and relu

    @property
    def baseline(self) -> Path:
        """The step of the ops by hand on the same data; for ranks other than 4, of the op on the 4-D view."""
        names = [*([self.dtype] * (self.dtype != "float32")), *([self.data_format] * (self.data_format != "NHWC"))]
        names += [] if self.training else ["inference"]
        layer = "conv2d" if self.layer == "conv2d" else "batch_norm"
        name = "conv2d, the op and relu" if layer == "conv2d" else "the op"
        name += f" ({', '.join(names)})" if names else ""
        return Path(name, training=self.training, dtype=self.dtype, data_format=self.data_format, layer=layer)

    def shape(self, nhwc: Tuple[int, ...]) -> Tuple[int, ...]:
        """The shape of the inputs, with the numbers in the same order in memory for every rank."""
        n, h, w, c = nhwc
        if self.data_format == "NCHW":
            return (n, c, h, w)
        return {2: (n * h * w, c), 3: (n, h * w, c), 4: nhwc, 5: (n // 4, 4, h, w, c)}[self.rank]


def _weights(inputs: Any) -> Any:
    return tf.constant(np.linspace(0.5, 1.5, int(inputs.shape[0])), tf.float32)


def _mask(inputs: Any) -> Any:
    return tf.constant(np.random.RandomState(2).random_sample([int(size) for size in inputs.shape[:3]]) > 0.5)


def _flag(inputs: Any) -> Any:
    return v1.get_variable("is_training", initializer=tf.constant(True), trainable=False)


def _adjustment(shape: Any) -> Any:
    return tf.ones(shape[-1:]) * 1.1, tf.ones(shape[-1:]) * 0.1


_RENORM = {"renorm": True, "renorm_clipping": CLIPPING}
_WEIGHTS = {"batch_weights": _weights}
_PLACEHOLDER = {"is_training": lambda inputs: v1.placeholder(tf.bool, [])}

PATHS = {
    path.name: path
    for path in [
        Path("default", 1.05),
        Path("inline updates", 1.05, arguments={"updates_collections": None}),
        Path("zero debias", 1.05, arguments={"zero_debias_moving_mean": True}),
        Path("bfloat16", 1.05, dtype="bfloat16"),
        Path("is_training placeholder", 1.05, tensors=_PLACEHOLDER),
        Path("is_training variable", 1.05, tensors={"is_training": _flag}),
        Path("placeholder, inference", 1.05, tensors=_PLACEHOLDER, training=False),
        Path("placeholder, renorm", 1.35, 1.25, arguments=_RENORM, tensors=_PLACEHOLDER, as_the_op=False),
        Path("placeholder, batch_weights", 2.5, 2.0, tensors={**_PLACEHOLDER, **_WEIGHTS}, as_the_op=False),
        Path("rank 2", 1.10, rank=2),
        Path("rank 3", 1.10, rank=3),
        Path("rank 5", 1.10, rank=5),
        Path("inference", 1.05, training=False),
        Path("NCHW", 1.05, data_format="NCHW"),
        Path("NCHW inference", 1.05, data_format="NCHW", training=False),
        Path("NCHW renorm", 1.35, 1.25, arguments=_RENORM, data_format="NCHW", as_the_op=False),
        Path("renorm", 1.35, 1.25, arguments=_RENORM, as_the_op=False),
        Path("adjustment [C]", 1.35, 1.25, arguments={"adjustment": _adjustment}, as_the_op=False),
        Path("batch_weights", 2.5, 2.0, tensors=_WEIGHTS, as_the_op=False),
        Path("mask", 2.5, 2.0, tensors={"mask": _mask}, as_the_op=False),
        Path("fused=False", 3.0, arguments={"fused": False}),
        Path("batch_normalization", 1.05, layer="batch_normalization"),
        Path("conv2d", 1.05, layer="conv2d"),
        Path("conv2d, placeholder", 1.05, tensors=_PLACEHOLDER, layer="conv2d"),
    ]
}
# What the original has too; a rank other than 2 and 4 it normalizes, but with another variance to be averaged.
OF_THE_ORIGINAL = (
    "default",
    "inline updates",
    "is_training placeholder",
    "inference",
    "renorm",
    "adjustment [C]",
    "batch_weights",
    "fused=False",
)


@dataclass(frozen=True)
class Step:
    """A step that is ready to run: `run` computes it once; what is large stays in the graph, as in a network.

    A session frees what it returned, and the caller has dropped, when it is called again: `tidy` does nothing else.
    """

    run: Callable[[], List[Any]]
    tidy: Callable[[], Any]
    run_whole: Callable[[], List[Any]]  # fetches the tensors themselves
    names: Tuple[str, ...]  # of the tensors, which are fetched first
    session: Any
    variables: Dict[str, Any]

    def values(self) -> Dict[str, Any]:
        """Runs the step; the tensors by name, and the moving averages as they are after it."""
        found = dict(zip(self.names, self.run_whole()))
        found.update(self.session.run({k: v for k, v in self.variables.items() if k.startswith("moving_")}))
        return {name: np.asarray(value, np.float32) for name, value in found.items()}


def batch_norm() -> Callable:
    """The function of this TensorFlow: tfbn's, or the original."""
    if ORIGINAL:
        from tensorflow.contrib.layers import batch_norm as function
    else:
        from tfbn import batch_norm as function
    return function


def own_layer(path: Path, inputs: Any, tensors: Dict[str, Any]) -> Any:
    """The outputs of this TensorFlow's layer, whose variables are in the scope `layer`."""
    if path.layer == "batch_normalization":
        import tfbn

        return tfbn.batch_normalization(inputs, momentum=DECAY, epsilon=EPSILON, training=path.training, name="layer")
    arguments = dict(path.arguments, scale=True, decay=DECAY, epsilon=EPSILON, is_training=path.training)
    arguments.update(tensors)
    if path.layer == "conv2d":
        from tfbn import layers

        return layers.conv2d(
            inputs, inputs.shape[-1], 1, normalizer_fn=batch_norm(), normalizer_params=arguments, scope="layer"
        )
    return batch_norm()(inputs, data_format=path.data_format, scope="layer", **arguments)


def build(path: Path, nhwc: Tuple[int, ...] = SHAPE, own: bool = True) -> Step:
    """The step of the layer, or with own=False that of the ops by hand, in a graph and a session of its own."""
    graph = tf.Graph()
    with graph.as_default():
        session = open_session(graph)
        shape, dtype = path.shape(tuple(nhwc)), tf.as_dtype(path.dtype)
        residents = [resident("inputs", shape, dtype, 0)]
        inputs = residents[0].read_value()
        feeds: List[Any] = []
        if own:
            tensors = {name: make(inputs) for name, make in path.tensors.items()}
            feeds = [tensor for tensor in tensors.values() if tensor.op.type == "Placeholder"]
            residents += [tensor for tensor in tensors.values() if hasattr(tensor, "initializer")]
            outputs = own_layer(path, inputs, tensors)
            updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS) if path.training else []
        elif path.layer == "conv2d":
            outputs, updates = hand_written.convolution(inputs, "layer", path.training)
        else:
            outputs, updates = hand_written.plain(inputs, "layer", path.training, path.data_format)
        variables = {v.op.name.rpartition("/")[2]: v for v in v1.global_variables(scope="layer")}
        fetches = {"outputs": outputs}
        if path.training:
            residents.append(resident("upstream", shape, dtype, 1))
            upstream = residents[-1].read_value()
            sources = {"inputs": inputs}
            sources.update({name: variables[name] for name in ("gamma", "beta", "weights") if name in variables})
            found = v1.gradients(outputs, list(sources.values()), [upstream])
            fetches.update({"gradient of " + name: value for name, value in zip(sources, found)})
        large = ("outputs", "gradient of inputs")
        # One number of each, which costs nothing; a reduction would take as long as the kernel does.
        consumed = [tf.reshape(value, [-1])[0] if name in large else value for name, value in fetches.items()]
        nothing = tf.no_op()
        # Only now, because gradients of conditionals change operations, which a session that has run does not allow.
        # One after the other, because of the peak.
        for variable in residents:
            session.run(variable.initializer)
        initialize(session, [variables])
        # Updates as operations: nothing of them is fetched, all of them run.
        ops = [getattr(update, "op", update) for update in updates]
        run, run_whole = (
            functools.partial(session.make_callable([*values, *ops], feeds), *[path.training] * len(feeds))
            for values in (consumed, fetches.values())
        )
        return Step(run, session.make_callable(nothing), run_whole, tuple(fetches), session, variables)


def open_session(graph: Any) -> Any:
    config = v1.ConfigProto(intra_op_parallelism_threads=THREADS, inter_op_parallelism_threads=THREADS)
    return v1.Session(graph=graph, config=config)


def resident(name: str, shape: Tuple[int, ...], dtype: Any, seed: int) -> Any:
    """A variable with random numbers, those of the inputs (seed 0) off centre; the same for every shape of a size.

    Not filled piece by piece: a resource variable that was once assigned a slice is copied whenever it is read.
    """

    def initializer(shape: Any, dtype: Any = tf.float32, partition_info: Any = None) -> Any:
        found = tf.random.stateless_normal([int(np.prod([int(size) for size in shape]))], [7, seed])
        return tf.cast(tf.reshape(found * 1.7 + 3 if seed == 0 else found, shape), dtype)

    return v1.get_variable(name, shape, dtype, initializer, trainable=False, use_resource=True)


def initialize(session: Any, layers: List[Dict[str, Any]]) -> None:
    """Each layer's variables by their initializers, then those that all have to values that tell channels apart."""
    session.run([variable.initializer for variables in layers for variable in variables.values()])
    values = {"gamma": (0.5, 1.5), "beta": (-1.0, 1.0), "moving_mean": (0.1, 0.3), "moving_variance": (0.5, 2.0)}
    values["weights"] = (-0.5, 0.5)

    def spread(variable: Any, first: float, last: float) -> Any:
        shape = variable.shape.as_list()
        return np.linspace(first, last, int(np.prod(shape)), dtype=np.float32).reshape(shape)

    session.run(
        [
            v1.assign(variables[name], spread(variables[name], first, last)).op
            for variables in layers
            for name, (first, last) in values.items()
            if name in variables
        ]
    )
