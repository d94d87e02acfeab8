"""Random cases of tfbn.layers: a function, its window or shape, a normalizer, and everything else around them.

Drawn as strategies.py draws those of batch_norm, whose helpers it uses.
"""

from __future__ import annotations

import random
from typing import Any

from . import case as cases
from . import functions
from .registry.encode import (
    AUTO_REUSE,
    BATCH_NORM,
    HALVE,
    RELU,
    TANH,
    clip,
    constant,
    drawn,
    fed,
    function,
    l2,
    made,
    numpy,
    partial,
    scope,
    variable,
)
from .strategies import SCHEDULES, SCOPE_OPTIONS, is_training, regime, weighted

STEPS = 2
# As often as they have arguments; the rest once each.
FUNCTIONS = {layer.name: 2 if layer.has_variables else 1 for layer in functions.LAYERS}
FUNCTIONS.update({"layers.conv2d": 5, "layers.fully_connected": 4, "layers.separable_conv2d": 3})
CONVOLVING = ("layers.conv2d", "layers.convolution", "layers.conv2d_transpose", "layers.separable_conv2d")
POOLS = ("layers.max_pool2d", "layers.avg_pool2d", "layers.v1.max_pooling2d", "layers.v1.average_pooling2d")
REGULARIZERS = (
    made("layers.l2_regularizer", scale=0.25),
    made("layers.l1_regularizer", scale=0.25),
    made("layers.l1_l2_regularizer", scale_l1=0.25, scale_l2=0.5),
    made("layers.l2_regularizer", scale=0.0),
    l2(0.5),
)
INITIALIZERS = (
    *(drawn(seed) for seed in (1, 2, 3, 4, 5)),
    made("layers.xavier_initializer", seed=3),
    made("layers.xavier_initializer", seed=4, uniform=False),
    made("layers.variance_scaling_initializer", seed=5),
    made("layers.variance_scaling_initializer", seed=6, mode="FAN_OUT", factor=1.0, uniform=True),
)


def draw(seed: int, index: int) -> cases.Case:
    """Case `index` of a seed."""
    rng = random.Random(f"network/{seed}/{index}")
    name = weighted(rng, FUNCTIONS)
    arguments: dict[str, Any] = {}
    fields: dict[str, Any] = {"function": name, "steps": STEPS, "seed": rng.randrange(10**6), "arguments": arguments}
    fields["dtype"] = weighted(rng, {"float32": 9, "float64": 2, "float16": 0.5})
    regime(rng, fields)
    if name == "slim_model":
        fields.update(shape=[rng.choice([3, 4]), 8, 8, 3], dtype="float32")
        arguments["is_training"] = is_training(rng)
    else:
        _shape(rng, name, fields, arguments)
        _of_function(rng, name, fields, arguments)
        if functions.FUNCTIONS[name].has_variables:
            _weights(rng, name, arguments)
            _around(rng, name, fields, arguments)
        elif not name.startswith("layers.v1.") and name != "layers.softmax":
            _outputs(rng, arguments)
    _second_order(rng, name, fields)
    if rng.random() < 1 / 16 and name != "slim_model":
        _spoil(rng, name, fields, arguments)
    elif name in ("layers.conv2d", "layers.fully_connected", "layers.separable_conv2d", "layers.conv2d_transpose"):
        _into_arg_scope(rng, name, fields)
    return cases.make(f"seed {seed} index {index} (layer)", **fields)


def _shape(rng: random.Random, name: str, fields: dict[str, Any], arguments: dict[str, Any]) -> None:
    rank = 4
    if name == "layers.convolution":
        rank = rng.choice([3, 4, 5])
    elif name.endswith(("fully_connected", "dense", "softmax")):
        rank = rng.choice([2, 2, 3, 4])
    elif name.endswith(("flatten", "dropout")):
        rank = rng.choice([1, 2, 3, 4, 5] if name.endswith("flatten") else [1, 2, 3, 4])
    channels = rng.choice([1, 2, 3])
    batch = rng.choice([2, 3]) if rank > 2 else rng.choice([4, 5, 6])
    shape = [batch, *[rng.choice([3, 4, 5]) for _ in range(rank - 2)], channels] if rank > 1 else [batch]
    tf_layers = name.startswith("layers.v1.")
    image = rank == 4 and (name in CONVOLVING or name in POOLS or "conv2d" in name)
    if image and rng.random() < 0.1 and name != "layers.repeat":
        arguments["data_format"] = "channels_first" if tf_layers else "NCHW"
        shape = [shape[0], shape[3], *shape[1:3]]
    elif image and rng.random() < 0.2:
        arguments["data_format"] = "channels_last" if tf_layers else "NHWC"
    elif name == "layers.v1.flatten" and rng.random() < 0.3:
        arguments["data_format"] = "channels_first"
    elif name == "layers.convolution" and rank == 3 and rng.random() < 0.3:
        arguments["data_format"] = "NWC"
    axis = 1 if str(arguments.get("data_format")).startswith(("NC", "channels_first")) else rank - 1
    # A normalizer that is not told of channels first needs the width.
    if rng.random() < 0.4 and rank > 1 and (axis == rank - 1 or tf_layers):
        fields["dynamic"] = [dim for dim in range(rank) if dim != axis and rng.random() < 0.6]
        if 0 in fields["dynamic"]:
            fields["batches"] = [rng.choice([2, 3, 4]) for _ in range(STEPS + 1)]
    fields["shape"] = shape


def _of_function(rng: random.Random, name: str, fields: dict[str, Any], arguments: dict[str, Any]) -> None:
    """What the function has beside weights."""
    if name in POOLS:
        size = "pool_size" if name.startswith("layers.v1.") else "kernel_size"
        arguments[size] = rng.choice([1, 2, 2, 3, [2, 3], [1, 2]])
        if size == "pool_size":
            arguments["strides"] = rng.choice([1, 2, [2, 1]])
        elif rng.random() < 0.5:
            arguments["stride"] = rng.choice([1, 2, [2, 1]])
        _padding(rng, arguments)
    elif name.endswith("dropout"):
        _dropout(rng, name, fields, arguments)
    elif "conv" in name or name == "layers.repeat":
        _window(rng, name, fields, arguments)
    elif name == "layers.fully_connected":
        arguments["num_outputs"] = rng.choice([1, 2, 3, 4])
    elif name == "layers.v1.dense":
        arguments["units"] = rng.choice([1, 2, 3, 4])
    if not functions.FUNCTIONS[name].has_variables and rng.random() < 0.3:
        arguments[functions.FUNCTIONS[name].scope] = rng.choice(["s", "layer"])


def _padding(rng: random.Random, arguments: dict[str, Any]) -> None:
    if rng.random() < 0.6:
        arguments["padding"] = rng.choice(["SAME", "VALID", "same", "valid"])


def _window(rng: random.Random, name: str, fields: dict[str, Any], arguments: dict[str, Any]) -> None:
    tf_layers, rank = name.startswith("layers.v1."), len(fields["shape"])
    one_each = rank == 4 and name != "layers.repeat"
    arguments["filters" if tf_layers else "num_outputs"] = rng.choice([1, 2, 3, 4])
    arguments["kernel_size"] = rng.choice([1, 2, 3, [2, 3], [3, 1]] if one_each else [1, 2, 2])
    _padding(rng, arguments)
    stride, rate = ("strides", "dilation_rate") if tf_layers else ("stride", "rate")
    if rng.random() < 0.4:
        # Two different strides of one channel are wrong in TensorFlow 2.21 itself, with oneDNN.
        same_for_both = name == "layers.separable_conv2d" or not one_each or 1 in fields["shape"]
        arguments[stride] = rng.choice([1, 2, 2] if same_for_both else [1, 2, 2, [1, 2]])
    elif rng.random() < 0.3 and not name.endswith("transpose"):
        arguments[rate] = rng.choice([2, [1, 2], [2, 2]] if one_each else [2])
        arguments["padding"] = "SAME"  # where the window fits
    if name.endswith("transpose") and arguments.get(stride, 1) != 1:
        # A window below the stride corrupts the heap in TensorFlow 2 itself.
        arguments["kernel_size"] = rng.choice([2, 3, [2, 3]])
    if name == "layers.repeat":
        arguments.update(repetitions=rng.choice([1, 2]), layer=function("layers.conv2d"), padding="SAME")
        arguments.pop("data_format", None)
    elif name == "layers.separable_conv2d":
        if rng.random() < 0.5:
            arguments["depth_multiplier"] = rng.choice([1, 2])
        if rng.random() < 0.2:
            arguments["num_outputs"] = None
    elif name == "layers.convolution" and rng.random() < 0.3:
        arguments["conv_dims"] = rng.choice([rank - 2, None])
    if str(arguments.get("data_format")).startswith(("NC", "channels_first")):
        arguments.pop(rate, None)


def _dropout(rng: random.Random, name: str, fields: dict[str, Any], arguments: dict[str, Any]) -> None:
    rate = "rate" if name.startswith("layers.v1.") else "keep_prob"
    arguments["seed"] = rng.randrange(100)
    if rng.random() < 0.7:
        arguments[rate] = rng.choice([0.25, 0.5, 0.75])
        if rng.random() < 0.3:
            arguments[rate] = constant(arguments[rate], fields["dtype"])
    if rng.random() < 0.8:
        arguments["training" if rate == "rate" else "is_training"] = is_training(rng)
    if rng.random() < 0.3:
        sizes = [None if dim in fields.get("dynamic", []) else size for dim, size in enumerate(fields["shape"])]
        arguments["noise_shape"] = [rng.choice([size, 1]) for size in sizes]


def _weights(rng: random.Random, name: str, arguments: dict[str, Any]) -> None:
    tf_layers = name.startswith("layers.v1.")
    kernel, bias = ("kernel", "bias") if tf_layers else ("weights", "biases")
    arguments[f"{kernel}_initializer"] = rng.choice(INITIALIZERS)
    arguments[f"{bias}_initializer"] = rng.choice([*INITIALIZERS[:5], "ones"])
    for part in (kernel, bias):
        if rng.random() < 0.25:
            arguments[f"{part}_regularizer"] = rng.choice(REGULARIZERS)
    activation = "activation" if tf_layers else "activation_fn"
    if rng.random() < 0.7:
        arguments[activation] = rng.choice([None, TANH, HALVE, RELU])
    if rng.random() < 0.1:
        arguments["trainable"] = False
    if name == "layers.separable_conv2d" and rng.random() < 0.3:
        arguments["pointwise_initializer"] = rng.choice(INITIALIZERS)
    if tf_layers:
        if rng.random() < 0.2:
            arguments["use_bias"] = False
        for part in (kernel, bias):
            if rng.random() < 0.15:
                arguments[f"{part}_constraint"] = clip(-0.25, 0.5)
        if rng.random() < 0.15:
            arguments["activity_regularizer"] = l2(0.25)
        return
    if rng.random() < 0.15:
        arguments["biases_initializer"] = None
    if rng.random() < 0.25:
        arguments["variables_collections"] = rng.choice(
            [["mine"], ["mine", "also"], {"weights": ["w"], "biases": ["b", "w"]}, {"weights": ["w"], "gamma": ["g"]}]
        )
    _outputs(rng, arguments)
    if rng.random() < 0.6:
        _normalizer(rng, name, arguments)
    elif rng.random() < 0.2:
        arguments["normalizer_params"] = {"decay": 0.5}


def _outputs(rng: random.Random, arguments: dict[str, Any]) -> None:
    if rng.random() < 0.25:
        arguments["outputs_collections"] = rng.choice(["end_points", ["one", "two"]])


def _normalizer(rng: random.Random, name: str, arguments: dict[str, Any]) -> None:
    params: dict[str, Any] = {}
    arguments.update(normalizer_fn=BATCH_NORM, normalizer_params=params)
    if rng.random() < 0.1:
        arguments["normalizer_fn"] = function("batch_normalization")
        params.update(momentum=0.8, training=rng.choice([True, False, fed(True, True, False)]))
        return
    if rng.random() < 0.1:
        arguments["normalizer_fn"] = partial("batch_norm", decay=rng.choice([0.5, 0.9]), scale=True)
        arguments.pop("normalizer_params")
        return
    schedule = rng.choice(SCHEDULES)
    if rng.random() < 0.8:
        choices = [True, True, False, 1, numpy(True), constant(True, "bool"), fed(*schedule), variable(*schedule)]
        params["is_training"] = rng.choice(choices)
    if rng.random() < 0.8:
        params["decay"] = rng.choice([0.9, 0.5, 0.0, 1.0])
    if rng.random() < 0.5:
        params["scale"] = True
    if rng.random() < 0.3:
        params["param_initializers"] = {
            "beta": drawn(7),
            "gamma": drawn(8, 0.5, 1.5),
            "moving_variance": drawn(9, 0.5, 1.5),
        }
    if rng.random() < 0.2:
        params["updates_collections"] = rng.choice([None, "my_updates"])
    if rng.random() < 0.2:
        params["param_regularizers"] = {"beta": l2(0.25)}
    if rng.random() < 0.2:
        params["fused"] = rng.choice([True, False])
    if rng.random() < 0.1:
        params["renorm"] = True
        params.pop("updates_collections", None)
    if str(arguments.get("data_format")).startswith("NC") and rng.random() < 0.5:
        params["data_format"] = "NCHW"


def _around(rng: random.Random, name: str, fields: dict[str, Any], arguments: dict[str, Any]) -> None:
    scoped = functions.FUNCTIONS[name].scope
    if rng.random() < 0.4 or name == "layers.repeat":
        choices = ["s", "o/i"] if name == "layers.repeat" else ["s", "o/i", scope("held"), scope("held/inner")]
        arguments[scoped] = rng.choice(choices)
        if rng.random() < 0.2 and name != "layers.repeat":
            arguments["reuse"] = rng.choice([AUTO_REUSE, False])
    if rng.random() < 0.3:
        options = sorted(set(SCOPE_OPTIONS) - {"dtype"})
        fields["surroundings"] = {
            "name": "outer",
            **{key: SCOPE_OPTIONS[key] for key in rng.sample(options, rng.randint(0, 2))},
        }
        if rng.random() < 0.2 and _can_be_cut(arguments):
            fields["surroundings"]["partitioner"] = 2
    calls: dict[str, float] = {"one": 6, "default_names": 1}
    if scoped in arguments:
        calls = {"one": 3, "reuse": 2}
    if name == "layers.repeat":
        calls = {"one": 1}
    fields["calls"] = weighted(rng, calls)
    if fields["calls"] == "one" and arguments.get("trainable") is not False and fields["dtype"] != "float16":
        fields["learning_rate"] = rng.choice([None, None, 0.0625])
    if fields["dtype"] != "float32" and "normalizer_fn" in arguments:
        # The original has no float64 in its fused paths and in renorm, and half precision has cases of its own.
        fields["dtype"] = "float32"


def _can_be_cut(arguments: dict[str, Any]) -> bool:
    """Whether every parameter has two rows; the initializers of those have to serve any shape."""
    size = arguments.get("kernel_size", 2)
    outputs = [arguments.get(name, 2) for name in ("num_outputs", "filters", "units")]
    return min(size if isinstance(size, list) else [size]) > 1 and None not in outputs and min(outputs) > 1


def _second_order(rng: random.Random, name: str, fields: dict[str, Any]) -> None:
    relu = fields["arguments"].get("activation_fn", RELU) == RELU
    smooth = name in CONVOLVING[:1] + ("layers.fully_connected",) and not relu
    fields["second_order"] = smooth and fields["dtype"] != "float16" and rng.random() < 0.3


def _into_arg_scope(rng: random.Random, name: str, fields: dict[str, Any]) -> None:
    """Give some of the arguments by arg_scopes: of the layer, and of the batch norm that it calls."""
    if rng.random() < 0.7:
        return
    arguments = fields["arguments"]
    moved = {key: arguments.pop(key) for key in sorted(arguments) if _may_move(key) and rng.random() < 0.5}
    scopes = [{"$functions": [name], **moved}]
    params = arguments.get("normalizer_params")
    if arguments.get("normalizer_fn") == BATCH_NORM and params:
        own = {key: params.pop(key) for key in sorted(params) if rng.random() < 0.5}
        scopes.append({"$functions": ["batch_norm"], **own})
        if rng.random() < 0.3:
            scopes.append({"$functions": ["batch_norm", name], "trainable": False})
            arguments.pop("learning_rate", None)
            fields["learning_rate"] = None
    fields["arg_scope"] = scopes


def _may_move(name: str) -> bool:
    needed = ("num_outputs", "kernel_size", "reuse", "scope", "normalizer_fn", "normalizer_params")
    return name not in (*needed, "data_format", "trainable")


def _spoil(rng: random.Random, name: str, fields: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Make the case one that has to be refused."""
    # One error at a time: where there are two, which of them is found first is not specified.
    fields.update(calls="one", dtype="float32", control_flow_v2=False, second_order=False, learning_rate=None)
    fields.pop("surroundings", None)
    fields["dynamic"], fields["batches"] = [], None
    arguments.pop("reuse", None)
    ways: list[Any] = ["unknown"]
    if name in POOLS or "conv" in name:
        wrong = {"padding": "FULL"}
        ways += [wrong, {"data_format": "NWHC"}]
        ways += [{"pool_size" if "pool_size" in arguments else "kernel_size": [1, 1, 1]}]
    if functions.FUNCTIONS[name].has_variables and name != "layers.repeat":
        ways += ["dtype", "twice", {"reuse": True, functions.FUNCTIONS[name].scope: "unused"}]
        if not name.startswith("layers.v1."):
            ways += [{"reuse": True, "scope": None}]
    if name.endswith(("fully_connected", "dense", "softmax")):
        ways += ["rank"]
    how = rng.choice(ways)
    if how == "unknown":
        arguments["no_such_argument"] = 1
    elif how == "dtype":
        fields["dtype"] = rng.choice(["int32", "string"])
    elif how == "rank":
        fields["unknown_rank"] = True
    elif how == "twice":
        fields["calls"] = "same_scope"
        arguments[functions.FUNCTIONS[name].scope] = "s"
    else:
        arguments.update(how)
