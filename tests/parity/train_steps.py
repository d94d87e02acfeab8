"""Small training programs around create_train_op, run with the original or with tfbn, and what each left.

Runs on Python 3.7.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np

RECORDED = Path(__file__).with_suffix(".json")
STEPS = 3
# Of the ops, those that create_train_op makes itself: the names of gradients and of optimizers' ops are TensorFlow's.
OWN_OPS = ("update_barrier", "control_dependency", "summarize_grads/", "train_op/")


class Program:
    """A network of one layer and its loss; `kwargs` are made once it stands.

    Ref variables are read where they are used, before or after their own step as it happens, unless every gradient is
    taken before the first variable moves. So that is done, but with `gated`, of which no numbers are kept.
    """

    def __init__(
        self,
        kwargs: Callable = lambda tf, net: {},
        calls: int = 1,
        trainable: bool = True,
        gated: bool = False,
        **layer: Any,
    ):
        self.kwargs, self.calls, self.trainable, self.gated, self.layer = kwargs, calls, trainable, gated, layer


class Network:
    def __init__(self, tf: Any, batch_norm: Callable, program: Program):
        self.x = tf.placeholder(tf.float32, [None, 4], name="x")
        self.kernel = tf.get_variable("kernel", [4, 3], trainable=program.trainable)
        self.frozen = tf.get_variable("frozen", [3], trainable=False)
        options = {"decay": 0.8, "scale": True, "trainable": program.trainable, "scope": "bn"}
        outputs = batch_norm(tf.matmul(self.x, self.kernel), **dict(options, **program.layer))
        self.loss = tf.reduce_mean(tf.square(outputs - self.x[:, :3]), name="loss")
        self.counter = tf.get_variable("counter", [], trainable=False, initializer=tf.zeros_initializer())


def _own_step(tf: Any, net: Network) -> Dict[str, Any]:
    return {"global_step": tf.get_variable("mine", [], tf.int64, tf.constant_initializer(5), trainable=False)}


def _beside(tf: Any, net: Network) -> Dict[str, Any]:
    return {"update_ops": tf.get_collection(tf.GraphKeys.UPDATE_OPS) + [net.counter.assign_add(1.0)]}


def _partial(tf: Any, net: Network) -> Dict[str, Any]:
    return {"update_ops": tf.get_collection(tf.GraphKeys.UPDATE_OPS)[:1]}


def _unused(tf: Any, net: Network) -> Dict[str, Any]:
    tf.get_variable("unused", [2])
    return {"summarize_gradients": True}


def _collected(tf: Any, net: Network) -> Dict[str, Any]:
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, net.counter.assign_add(1.0))
    return {}


def _halved(pairs: List[Any]) -> List[Any]:
    return [(gradient / 2, variable) for gradient, variable in pairs]


PROGRAMS = {
    "default": Program(),
    "twice": Program(calls=2),
    "collected": Program(_collected),
    "inference": Program(is_training=False),
    "inline": Program(updates_collections=None),
    "function-fused": Program(updates_collections="mine"),
    "legacy": Program(batch_weights=np.float32([1, 2, 3, 4, 5])),
    "global step none": Program(lambda tf, net: {"global_step": None}),
    "global step zero": Program(lambda tf, net: {"global_step": 0}),
    "global step own": Program(_own_step),
    "update ops none": Program(lambda tf, net: {"update_ops": []}),
    "update ops partial": Program(_partial),
    "update ops beside": Program(_beside),
    "one variable": Program(lambda tf, net: {"variables_to_train": [net.kernel]}),
    "transform": Program(lambda tf, net: {"transform_grads_fn": _halved}),
    "transform, summaries": Program(lambda tf, net: {"transform_grads_fn": _halved, "summarize_gradients": True}),
    "summaries, no gradient": Program(_unused),
    "gate default": Program(gated=True),
    "gate none": Program(lambda tf, net: {"gate_gradients": tf.train.Optimizer.GATE_NONE}, gated=True),
    "gate wrong": Program(lambda tf, net: {"gate_gradients": 7}, gated=True),
    "aggregation": Program(lambda tf, net: {"aggregation_method": tf.AggregationMethod.ADD_N}),
    "colocated": Program(lambda tf, net: {"colocate_gradients_with_ops": True}),
    "numerics off": Program(lambda tf, net: {"check_numerics": False}),
    "not finite": Program(
        param_initializers={"beta": lambda shape, dtype, partition_info=None: np.full(shape, np.inf)}
    ),
    "not finite, numerics off": Program(
        lambda tf, net: {"check_numerics": False},
        param_initializers={"beta": lambda shape, dtype, partition_info=None: np.full(shape, np.inf)},
    ),
    "nothing trainable": Program(trainable=False),
    "no variables": Program(lambda tf, net: {"variables_to_train": []}),
    "not trainable": Program(lambda tf, net: {"variables_to_train": [net.frozen]}),
    "no gradient": Program(lambda tf, net: {"variables_to_train": [tf.get_variable("unused", [2])]}, gated=True),
}


NAMES = tuple(PROGRAMS)


def run(side: Any, name: str) -> Dict[str, Any]:
    tf = side.tf
    result: Dict[str, Any] = {"error": None, "stage": "build", "log": [], "losses": [], "variables": {}}
    handler, logger = _Handler(result["log"]), logging.getLogger("tensorflow")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    try:
        _build_and_train(tf, side.functions["batch_norm"], side.functions["create_train_op"], PROGRAMS[name], result)
    except Exception as error:
        # TensorFlow goes on with the places in the source that made the op.
        text = " ".join(str(error).split())
        result["error"] = {"type": type(error).__name__, "text": text.split(" [[")[0] if tf.__version__ < "2" else text}
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
    return json.loads(json.dumps(result))


def load() -> Dict[str, Any]:
    return json.loads(RECORDED.read_text())


def save(results: Dict[str, Any]) -> None:
    RECORDED.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")


def _build_and_train(
    tf: Any, batch_norm: Callable, create_train_op: Callable, program: Program, result: Dict[str, Any]
) -> None:
    net = Network(tf, batch_norm, program)
    optimizer = tf.train.MomentumOptimizer(0.1, 0.9)
    kwargs = program.kwargs(tf, net)
    if not program.gated:
        kwargs["gate_gradients"] = tf.train.Optimizer.GATE_GRAPH
    train_ops = [create_train_op(net.loss, optimizer, **kwargs) for _ in range(program.calls)]
    result["train_ops"] = [[op.name, op.dtype.name, op.shape.as_list()] for op in train_ops]
    result["ops"] = _own_ops(tf)
    keys = tf.GraphKeys
    for key in (keys.TRAIN_OP, keys.GLOBAL_STEP, keys.SUMMARIES, keys.UPDATE_OPS):
        result[key] = [entry.name for entry in tf.get_collection(key)]
    result["stage"] = "run"
    _train(tf, net, train_ops, result)
    if program.gated:
        del result["losses"][:]
        result["variables"].clear()
    result["stage"] = "done"


def _own_ops(tf: Any) -> Dict[str, List[Any]]:
    """Type, inputs and what it waits for; summaries' constants aside."""
    graph = tf.get_default_graph()
    return {
        op.name: [op.type, [each.name for each in op.inputs], sorted(each.name for each in op.control_inputs)]
        for op in graph.get_operations()
        if op.name.startswith(OWN_OPS) and (not op.name.startswith("summarize_grads/") or "Summary" in op.type)
    }


def _train(tf: Any, net: Network, train_ops: List[Any], result: Dict[str, Any]) -> None:
    random = np.random.RandomState(7)
    merged = tf.summary.merge_all()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        # Initializers draw other numbers in another release.
        session.run(net.kernel.assign(random.standard_normal([4, 3]) + 0.5))
        for step in range(STEPS):
            feed = {net.x: random.standard_normal([5, 4]) * 2 + 1}
            fetches = [train_ops[step % len(train_ops)]]
            if merged is None:
                result["losses"].append(float(session.run(fetches, feed)[0]))
                continue
            loss, summary = session.run(fetches + [merged], feed)
            result["losses"].append(float(loss))
            values = tf.Summary.FromString(summary).value
            norms = {v.tag: v.simple_value for v in values if v.HasField("simple_value")}
            result.setdefault("written", []).append([norms, sorted(v.tag for v in values if v.HasField("histo"))])
        for variable in tf.global_variables():
            if variable is not net.frozen and "unused" not in variable.op.name:
                result["variables"][variable.op.name] = np.asarray(session.run(variable), np.float64).tolist()


class _Handler(logging.Handler):
    def __init__(self, lines: List[str]):
        logging.Handler.__init__(self, logging.WARNING)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        if "create_train_op" in record.getMessage():
            self.lines.append(record.getMessage())
