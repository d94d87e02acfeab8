"""Another library's layer in a process of its own: `python -m benchmarks.worker LIBRARY SHAPE`.

Prints a line of JSON, the library's version and the names of its steps, and then, for each line that it reads, a name,
the seconds that one run of that step took. Runs on the original's TensorFlow as well, and so keeps to Python 3.7.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import sys
import time
from typing import Any, Callable, Dict, List, Tuple

Run = Callable[[], Any]
Steps = Dict[str, Tuple[Run, Run]]  # a step, and what frees its results
MOMENTUM, EPSILON, THREADS = 0.999, 0.001, 2
# The op in the same process, where that has TensorFlow 2.
THE_OP = "the op"
# The op, and tfbn's module, each in a tf.function.
THE_OP_IN_A_FUNCTION = "the op in a function"
MODULE = "BatchNorm, "


def original(shape: Tuple[int, ...]) -> Tuple[str, Steps]:
    import tensorflow as tf

    from benchmarks import steps

    return tf.__version__, {name: _session_step(name, shape) for name in steps.OF_THE_ORIGINAL}


def _session_step(name: str, shape: Tuple[int, ...], own: bool = True) -> Tuple[Run, Run]:
    from benchmarks import steps

    path = steps.PATHS[name]
    step = steps.build(path if own else path.baseline, shape, own)
    return step.run, step.tidy


def nothing() -> None:
    """Frees nothing: the results are freed when they are dropped."""


def keras(name: str, shape: Tuple[int, ...]) -> Tuple[str, Steps]:
    """The layer of Keras 2 or 3, eagerly built, with a training step in a tf.function."""
    import tensorflow as tf

    from benchmarks import steps

    found, (x, upstream) = functions(shape), _residents(shape)
    module = importlib.import_module(name)
    options = {"default": {}, "renorm": {"renorm": True, "renorm_clipping": steps.CLIPPING}}
    made: Steps = dict(found[1])
    for path, arguments in options.items():
        try:
            layer = module.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, **arguments)
            layer.build(shape)
        except (TypeError, ValueError):  # Keras 3 was for a while without renorm
            continue
        # Keras 3 has variables of its own kind around TensorFlow's.
        parameters = [v if isinstance(v, tf.Variable) else v.value for v in (layer.gamma, layer.beta)]
        call = functools.partial(layer, training=True)
        made[path] = _training_step(call, parameters, x, upstream), nothing
    inference = module.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON)
    inference.build(shape)
    made["inference"] = tf.function(lambda: inference(x.read_value(), training=False)), nothing
    made[THE_OP] = _session_step("default", shape, own=False)
    made[THE_OP + " (inference)"] = _session_step("inference", shape, own=False)
    return module.__version__, made


def functions(shape: Tuple[int, ...]) -> Tuple[str, Steps]:
    """tfbn's module, and the op with its averages followed by hand, each with a training step in a tf.function."""
    import tensorflow as tf

    import tfbn
    from benchmarks import hand_written, steps

    x, upstream = _residents(shape)
    made: Steps = {}
    for suffix, training in (("", True), (" (inference)", False)):
        op, variables = hand_written.function(shape[-1], training)
        parameters = [variables["gamma"], variables["beta"]]
        step = _training_step(op, parameters, x, upstream) if training else _inference(op, x)
        made[THE_OP_IN_A_FUNCTION + suffix] = step, nothing
    renorm = {"renorm": True, "renorm_clipping": steps.CLIPPING}
    for path, training, arguments in (("default", True, {}), ("renorm", True, renorm), ("inference", False, {})):
        # A constant would be folded.
        flag = "tensor is_training" + ("" if path == "default" else ", " + path)
        for name, value in ((path, training), (flag, tf.Variable(training, trainable=False))):
            layer = tfbn.BatchNorm(shape[-1], decay=MOMENTUM, scale=True, epsilon=EPSILON, **arguments)
            call = functools.partial(layer, is_training=value)
            parameters = [layer.gamma, layer.beta]
            step = _training_step(call, parameters, x, upstream) if training else _inference(call, x)
            made[MODULE + name] = step, nothing
    return tf.__version__, made


def _residents(shape: Tuple[int, ...]) -> List[Any]:
    import tensorflow as tf

    return [tf.Variable(tf.random.normal(shape, mean, seed=1), trainable=False) for mean in (3.0, 0.0)]


def _inference(call: Callable[[Any], Any], x: Any) -> Run:
    import tensorflow as tf

    return tf.function(lambda: call(x.read_value()))


def _training_step(call: Callable[[Any], Any], parameters: List[Any], x: Any, upstream: Any) -> Run:
    import tensorflow as tf

    @tf.function
    def step():
        inputs = x.read_value()
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = call(inputs)
        return outputs, tape.gradient(outputs, [inputs, *parameters], output_gradients=upstream.read_value())

    return step


def torch(shape: Tuple[int, ...]) -> Tuple[str, Steps]:
    """PyTorch's layer, run eagerly, on both of its memory formats."""
    import numpy as np
    import torch as library

    library.set_num_threads(THREADS)
    n, h, w, c = shape
    made: Steps = {}
    for form in ("channels_last", "contiguous"):
        layer = library.nn.BatchNorm2d(c, eps=EPSILON, momentum=1 - MOMENTUM)
        random = np.random.RandomState(0)
        x, upstream = (
            library.from_numpy(random.standard_normal((n, c, h, w)).astype(np.float32)).contiguous(
                memory_format=getattr(library, form + "_format" if form == "contiguous" else form)
            )
            for _ in range(2)
        )
        x.requires_grad_(True)

        def step(layer=layer, x=x, upstream=upstream):
            outputs = layer(x)
            return outputs, library.autograd.grad(outputs, [x, layer.weight, layer.bias], upstream)

        made["default, " + form] = step, nothing
    return library.__version__, made


def open_protocol() -> Callable[[Any, Steps], None]:
    """To be called first, as what libraries print must not come between the lines of the protocol.

    Returns what serves steps until the lines end; its first argument stands for the library's version.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def serve(version: Any, made: Steps) -> None:
        print(json.dumps([version, list(made)]), file=answers, flush=True)
        for line in sys.stdin:
            run, tidy = made[line.strip()]
            start = time.perf_counter()
            result = run()
            seconds = time.perf_counter() - start
            del result
            tidy()
            print(seconds, file=answers, flush=True)

    return serve


def main(library: str, shape: Tuple[int, ...]) -> None:
    serve = open_protocol()
    own = {"original": original, "torch": torch, "functions": functions}
    if library not in ("original", "torch"):
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    if library in own:
        version, made = own[library](shape)
    else:
        version, made = keras(library, shape)
    serve(version, made)


if __name__ == "__main__":
    main(sys.argv[1], tuple(json.loads(sys.argv[2])))
