"""Which of the old names tfbn has, under which name, and what to do about the others.

A name is looked up in full, so `slim.conv2d`, `tcl.conv2d` and `tf.contrib.layers.conv2d` are one function.
"""

from __future__ import annotations

from typing import NamedTuple

from tfbn.migrate import v1_names

CONTRIB = "contrib."  # names here are written without the `tensorflow.` in front
SLIM = "contrib.slim"
V1 = "tensorflow.compat.v1"


class Known(NamedTuple):
    """A name that some rule knows how to rewrite."""

    rule: str
    kind: str  # the family that it was found in
    leaf: str  # the last part of the old name
    target: str | None  # the name in tfbn; None where the rule has to look at the arguments as well


_LAYERS_PACKAGES = ["contrib.layers", "contrib.layers.python.layers", "contrib.slim.layers"]

# The modules that have the names, and the families of names that each of them has.
MODULES: dict[str, tuple[str, ...]] = {
    SLIM: ("layers", "framework"),
    "contrib.slim.variables": ("framework",),
    "contrib.slim.losses": ("losses",),
    "contrib.slim.learning": ("learning",),
    "contrib.slim.python.slim.learning": ("learning",),
    "contrib.slim.training": ("training",),
    "contrib.slim.training.training": ("training",),
    "contrib.slim.ops.arg_scope": ("framework",),
    "contrib.slim.ops.variables": ("framework",),
    "contrib.slim.losses.loss_ops": ("losses",),
    "contrib.slim.initializers": ("layers",),
    "contrib.slim.regularizers": ("layers",),
    "contrib.slim.model_analyzer": ("analyzer",),
    "contrib.slim.python.slim.model_analyzer": ("analyzer",),
    "contrib.slim.utils": ("utils",),
    "contrib.framework": ("framework",),
    "contrib.framework.python.framework.checkpoint_utils": ("framework",),
    "contrib.framework.python.ops": ("framework",),
    "contrib.framework.python.ops.arg_scope": ("framework",),
    "contrib.framework.python.ops.variables": ("framework",),
    "contrib.training": ("training",),
    "contrib.training.python.training": ("training",),
    "contrib.training.python.training.training": ("training",),
    "contrib.losses": ("losses",),
    "contrib.losses.python.losses": ("losses",),
    "contrib.losses.python.losses.loss_ops": ("losses",),
    "layers": ("tf.layers",),
    "python.layers.base": ("tf.layers",),
    "python.layers.convolutional": ("tf.layers",),
    "python.layers.core": ("tf.layers",),
    "python.layers.layers": ("tf.layers",),
    "python.layers.normalization": ("tf.layers",),
    "python.layers.pooling": ("tf.layers",),
}
# What tf.compat.v1 has elsewhere, with the arguments and the results of contrib: the module of each, and its names.
MOVED = {
    "contrib.cluster_resolver": ("distribute.cluster_resolver", "TPUClusterResolver"),
    "contrib.data": (
        "data.experimental",
        "AUTOTUNE Counter CsvDataset RandomDataset Reducer SqlDataset TFRecordWriter bucket_by_sequence_length "
        "choose_from_datasets copy_to_device dense_to_sparse_batch enumerate_dataset get_next_as_optional "
        "get_single_element group_by_reducer group_by_window ignore_errors make_batched_features_dataset "
        "make_csv_dataset make_saveable_from_iterator map_and_batch parallel_interleave parse_example_dataset "
        "prefetch_to_device rejection_resample sample_from_datasets scan shuffle_and_repeat unbatch unique",
    ),
    "contrib.distributions": (
        "distributions",
        "Bernoulli Beta Categorical Dirichlet DirichletMultinomial Exponential Gamma Laplace Multinomial Normal "
        "RegisterKL StudentT Uniform kl_divergence",
    ),
    "contrib.framework": ("", "TensorSpec argsort assert_same_float_dtype assert_scalar is_tensor sort"),
    "contrib.framework.nest": ("nest", "assert_same_structure flatten is_nested map_structure pack_sequence_as"),
    "contrib.lookup": ("lookup", "KeyValueTensorInitializer TextFileIndex TextFileInitializer"),
    "contrib.metrics": ("math", "confusion_matrix"),
    "contrib.rnn": ("nn", "static_bidirectional_rnn static_rnn static_state_saving_rnn"),
    "contrib.signal": (
        "signal",
        "frame hamming_window hann_window inverse_stft inverse_stft_window_fn linear_to_mel_weight_matrix "
        "mfccs_from_log_mel_spectrograms overlap_and_add stft",
    ),
    "contrib.tpu": (
        "tpu",
        "CrossShardOptimizer batch_parallel cross_replica_sum initialize_system outside_compilation replicate rewrite "
        "shard shutdown_system",
    ),
}
for _module in MOVED:
    MODULES[_module] = (*MODULES.get(_module, ()), _module)
for _package in _LAYERS_PACKAGES:
    MODULES[_package] = ("layers", "framework") if _package == "contrib.slim.layers" else ("layers",)
    MODULES[_package + ".layers"] = ("layers",)
    MODULES[_package + ".initializers"] = ("layers",)
    MODULES[_package + ".normalization"] = ("layers",)
    MODULES[_package + ".regularizers"] = ("layers",)
    MODULES[_package + ".utils"] = ("utils",)

_LAYERS = {
    **{
        name: name
        for name in (
            "apply_regularization avg_pool2d avg_pool3d conv1d conv2d conv2d_transpose conv3d conv3d_transpose "
            "convolution convolution2d dropout flatten fully_connected group_norm instance_norm l1_l2_regularizer "
            "l1_regularizer l2_regularizer layer_norm max_pool2d max_pool3d one_hot_encoding repeat separable_conv2d "
            "softmax variance_scaling_initializer xavier_initializer xavier_initializer_conv2d"
        ).split()
    },
    "convolution1d": "conv1d",
    "convolution2d_transpose": "conv2d_transpose",
    "convolution3d": "conv3d",
    "convolution3d_transpose": "conv3d_transpose",
    "separable_convolution2d": "separable_conv2d",
}
_VARIABLES = (
    "add_model_variable assign_from_checkpoint assign_from_checkpoint_fn create_global_step get_model_variables "
    "get_or_create_global_step get_variables get_variables_by_name get_variables_to_restore init_from_checkpoint "
    "model_variable variable"
).split()
_ARG_SCOPE = "add_arg_scope arg_scope arg_scope_func_key arg_scoped_arguments has_arg_scope".split()
_UTILS = "collect_named_outputs convert_collection_to_dict last_dimension".split()
_TF_LAYER_CLASSES = (
    "AveragePooling1D AveragePooling2D AveragePooling3D Conv1D Conv2D Conv2DTranspose Conv3D Conv3DTranspose Dense "
    "Dropout Flatten Layer MaxPooling1D MaxPooling2D MaxPooling3D SeparableConv1D SeparableConv2D"
).split()
_TF_LAYERS = [
    *_TF_LAYER_CLASSES,
    *(
        "average_pooling1d average_pooling2d average_pooling3d conv1d conv2d conv2d_transpose conv3d conv3d_transpose "
        "dense dropout flatten max_pooling1d max_pooling2d max_pooling3d separable_conv1d separable_conv2d"
    ).split(),
]
# What contrib.losses has and tf.compat.v1.losses has with the same numbers; mean_pairwise_squared_error is not there.
_LOSSES = (
    "absolute_difference add_loss compute_weighted_loss cosine_distance get_losses get_regularization_losses "
    "get_total_loss hinge_loss log_loss mean_squared_error sigmoid_cross_entropy softmax_cross_entropy "
    "sparse_softmax_cross_entropy"
).split()

KNOWN: dict[tuple[str, str], Known] = {
    (known.kind, known.leaf): known
    for known in [
        Known("batch-norm", "layers", "batch_norm", "tfbn.batch_norm"),
        *(Known("contrib-layers", "layers", leaf, f"tfbn.layers.{new}") for leaf, new in _LAYERS.items()),
        *(Known("contrib-layers", "framework", leaf, f"tfbn.layers.{leaf}") for leaf in _VARIABLES),
        *(Known("contrib-layers", "utils", leaf, f"tfbn.layers.utils.{leaf}") for leaf in _UTILS),
        *(Known("contrib-layers", "analyzer", leaf, f"tfbn.layers.{leaf}") for leaf in ("analyze_ops", "analyze_vars")),
        *(Known("arg-scope", "framework", leaf, f"tfbn.{leaf}") for leaf in _ARG_SCOPE),
        Known("train-op", "training", "create_train_op", "tfbn.create_train_op"),
        Known("slim-train-op", "learning", "create_train_op", None),
        Known("batch-normalization", "tf.layers", "batch_normalization", "tfbn.batch_normalization"),
        Known("batch-normalization", "tf.layers", "BatchNormalization", "tfbn.BatchNormalization"),
        *(Known("tf-layers", "tf.layers", leaf, f"tfbn.layers.v1.{leaf}") for leaf in _TF_LAYERS),
        *(Known("slim-losses", "losses", leaf, None) for leaf in _LOSSES),
        *(
            Known("moved-names", module, leaf, ".".join(filter(None, (V1, place, leaf))))
            for module, (place, leaves) in MOVED.items()
            for leaf in leaves.split()
        ),
    ]
}

_RNN_CELLS = (
    "pip install tf_keras and set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported: tf.compat.v1.nn.rnn_cell then "
    "has its cells, GRUCell and LSTMCell among them. Or write the cell: tf.compat.v1.nn.dynamic_rnn takes any object "
    "with state_size, output_size, zero_state(batch_size, dtype) and __call__(inputs, state, scope=None)"
)
_KERAS_2 = (
    "use what Keras 3 has in its place; or, for Keras 2, pip install tf_keras and set TF_USE_LEGACY_KERAS=1 before "
    "TensorFlow is imported"
)
_PHASES = "pass training=True or False to the layers and to the model, in place of a phase for all of them"
_KERAS_SESSIONS = "make the session with tf.compat.v1.Session, and layers with tfbn.layers.v1 or tfbn.layers"
_ESTIMATORS = (
    "run the train op in a tf.compat.v1.train.MonitoredTrainingSession; what model_fn and input_fn build stays as it is"
)
_PRIVATE = "it was private to TensorFlow: use what is public in its place, or copy its source into the project"

# What to do about the others: the longest prefix counts.
ADVICE = {
    "": "TensorFlow's release notes may name a successor; else copy its source into the project",
    "contrib": "tf.contrib is gone from TensorFlow 2: find what replaces it, or copy its source",
    "contrib.data.batch_and_drop_remainder": "use lambda dataset: dataset.batch(batch_size, drop_remainder=True)",
    "contrib.data.padded_batch_and_drop_remainder": (
        "use lambda dataset: dataset.padded_batch(batch_size, padded_shapes, padding_values, drop_remainder=True)"
    ),
    "contrib.data.sloppy_interleave": "use tf.data.experimental.parallel_interleave with sloppy=True",
    "contrib.framework": "see the tables of contrib's layers in the migration guide; contrib.framework is among them",
    "contrib.framework.current_arg_scope": "keep the scope that `with tfbn.arg_scope(...) as scope` gives",
    "contrib.framework.get_trainable_variables": "use tfbn.layers.get_variables(scope, suffix, 'trainable_variables')",
    "contrib.layers": "see the table of contrib's layers in the migration guide; tf.nn has most of the operations",
    "contrib.layers.linear": "use tfbn.layers.fully_connected(..., activation_fn=None)",
    "contrib.layers.optimize_loss": "use tfbn.create_train_op with a tf.compat.v1.train optimizer",
    "contrib.layers.relu": "use tfbn.layers.fully_connected(..., activation_fn=tf.nn.relu)",
    "contrib.layers.relu6": "use tfbn.layers.fully_connected(..., activation_fn=tf.nn.relu6)",
    "contrib.learn": "train with tf.compat.v1.train.MonitoredTrainingSession",
    "contrib.lookup": "tf.lookup has tables; tf.lookup.experimental.MutableHashTable is one of them",
    "contrib.lookup.HashTable": "use tf.lookup.StaticHashTable; tf.lookup.KeyValueTensorInitializer stays as it is",
    "contrib.losses.mean_pairwise_squared_error": (
        "tf.compat.v1.losses.mean_pairwise_squared_error counts the pairs otherwise and gives other numbers: "
        "decide which you want"
    ),
    "contrib.metrics": "use the function of tf.compat.v1.metrics; its arguments have another order",
    "contrib.rnn": f"some of it is in tf.compat.v1.nn: static_rnn, static_bidirectional_rnn. Cells: {_RNN_CELLS}",
    **dict.fromkeys(
        [f"contrib.slim.{name}" for name in ("data", "dataset", "dataset_data_provider", "tfexample_decoder")],
        "use tf.data",
    ),
    "contrib.slim.evaluation": "run the evaluation in a session of your own",
    "contrib.slim.get_trainable_variables": "use tfbn.layers.get_variables(scope, suffix, 'trainable_variables')",
    "contrib.slim.learning.train": "run the train op in a tf.compat.v1.train.MonitoredTrainingSession",
    "contrib.slim.metrics": "use the function of tf.compat.v1.metrics; its arguments have another order",
    "contrib.slim.model_analyzer": "use tfbn.layers.analyze_vars; tfbn.list_layers lists the batch norms",
    "contrib.slim.nets": (
        "copy the network's source into the project, from the folder nets of tf_slim, import it from there and migrate "
        "it: the guide's page on tf_slim has the commands"
    ),
    "contrib.summary": "use tf.compat.v1.summary or tf.summary",
    "contrib.training.clip_gradient_norms_fn": (
        "give create_train_op lambda pairs: [(g if g is None else tf.clip_by_norm(g, norm), v) for g, v in pairs] as "
        "transform_grads_fn"
    ),
    "contrib.training.HParams": "use types.SimpleNamespace(**values), setattr for set_hparam, and vars for values",
    "core": _PRIVATE,
    "compiler": _PRIVATE,
    "config.experimental_list_devices": "use tf.config.list_logical_devices",
    "data.experimental": "leave it out of the pipeline: it only measured or tuned tf.data, or see tf.data.Options",
    "estimator": _ESTIMATORS,
    "examples": "its data are in tf.keras.datasets, MNIST as tf.keras.datasets.mnist; copy the rest of its source",
    "keras": _KERAS_2,
    **{
        f"keras.backend.{name}": _PHASES
        for name in ("in_test_phase in_train_phase learning_phase learning_phase_scope set_learning_phase").split()
    },
    "keras.backend.get_session": _KERAS_SESSIONS,
    "keras.backend.placeholder": "use tf.keras.Input, or tf.compat.v1.placeholder in a graph",
    "keras.backend.print_tensor": "use tf.print",
    "keras.backend.set_session": _KERAS_SESSIONS,
    "keras.estimator": _ESTIMATORS,
    "keras.initializers.normal": "use tf.keras.initializers.RandomNormal",
    "keras.initializers.uniform": "use tf.keras.initializers.RandomUniform",
    "keras.layers.CuDNNGRU": "use tf.keras.layers.GRU, which takes the kernel of cuDNN by itself",
    "keras.layers.CuDNNLSTM": "use tf.keras.layers.LSTM, which takes the kernel of cuDNN by itself",
    "keras.layers.experimental": "the preprocessing layers are in tf.keras.layers: tf.keras.layers.Rescaling",
    **{
        f"keras.{module}.{name}": f"use tf.keras.losses.{successor}"
        for module in ("losses", "metrics")
        for name, successor in {
            "cosine": "cosine_similarity",
            "cosine_proximity": "cosine_similarity",
            "kl_divergence": "KLD",
            "log_cosh": "LogCosh()",
            "mean_absolute_error": "MAE",
            "mean_absolute_percentage_error": "MAPE",
            "mean_squared_error": "MSE",
            "mean_squared_logarithmic_error": "MSLE",
        }.items()
    },
    "keras.mixed_precision.experimental": "use tf.keras.mixed_precision.set_global_policy",
    "keras.models.model_from_yaml": "save the model with to_json, and use tf.keras.models.model_from_json",
    "keras.utils.multi_gpu_model": "build the model in the scope of a tf.distribute.MirroredStrategy",
    "losses": "write the loss with TensorFlow's operations, or use one of tf.keras.losses",
    "metrics": "compute it with TensorFlow's operations, or use one of tf.keras.metrics",
    "nn.rnn_cell": _RNN_CELLS,
    "optimizers": "use one of tf.keras.optimizers, or of tf.compat.v1.train in a graph",
    "python": _PRIVATE,
    "python.distribute.estimator_training": _ESTIMATORS,
    "python.estimator": _ESTIMATORS,
    "python.training.tracking": "use tf.train.Checkpoint and tf.Module, which are what is public of it",
    "python.training.distribution_strategy_context": (
        "use tf.distribute.get_strategy and tf.distribute.get_replica_context"
    ),
    "python.tpu": _PRIVATE,
    "tools.graph_transforms": "use tfbn.export and tfbn.fold for inference; the rest of it runs under TensorFlow 1.15",
    "layers": "raises under Keras 3; write the layer with tfbn.layers or tf.nn",
}


def below_tensorflow(name: str) -> str | None:
    """`contrib.slim.conv2d` for every way to spell it in full; None for what is not of TensorFlow or tf_slim."""
    root, _, rest = name.partition(".")
    if root == "tf_slim":
        return f"{SLIM}.{rest}" if rest else SLIM
    if root not in ("tensorflow", "tensorflow_core"):
        return None
    while rest.partition(".")[0] == "compat" and rest.split(".")[1:2] in (["v1"], ["v2"]):
        rest = rest.partition(".")[2].partition(".")[2]
    return rest


def known(name: str) -> Known | None:
    """The function that a full name such as `tensorflow.contrib.slim.batch_norm` stands for, if some rule knows it."""
    rest = below_tensorflow(name)
    if rest is None:
        return _ours(name)
    module, _, leaf = rest.rpartition(".")
    families = MODULES.get(module, ())
    return next((KNOWN[family, leaf] for family in families if (family, leaf) in KNOWN), None)


def _ours(name: str) -> Known | None:
    """What has been migrated already: no rule rewrites it, and the rules that look for mistakes do see it."""
    classes = [f"layers.v1.{leaf}" for leaf in _TF_LAYER_CLASSES]
    known_by_rules = ("batch_norm", "batch_normalization", "BatchNormalization", *classes)
    place, _, leaf = name.partition(".")
    return Known("", "tfbn", leaf.rpartition(".")[2], name) if place == "tfbn" and leaf in known_by_rules else None


def is_of_contrib(name: str) -> bool:
    """Whether it is contrib, tf_slim (which fails from 2.13 on), or something in them."""
    rest = below_tensorflow(name)
    return rest is not None and (rest == "contrib" or rest.startswith(CONTRIB))


def is_dead(name: str) -> bool:
    """Whether TensorFlow 2 has no such name: contrib, tf_slim and tf.layers."""
    rest = below_tensorflow(name)
    return rest is not None and (
        is_of_contrib(name)
        or rest == "layers"
        or any(rest == module or rest.startswith(module + ".") for module in MODULES)
    )


def is_lacking(name: str) -> bool:
    """Whether TensorFlow 2 has no such name as it is spelled: `tensorflow.log`, unlike `tensorflow.compat.v1.log`."""
    rest = below_tensorflow(name)
    if rest is None:
        return False
    is_v1_only = name == f"tensorflow.{rest}" and v1_names.v1_only(rest) is not None
    return is_v1_only or is_dead(name) or v1_names.gone(rest) is not None


def what_is_wrong(name: str) -> str:
    """What to say of a dead name that no rule rewrites; tf_slim can be installed, unlike contrib."""
    if name.partition(".")[0] == "tf_slim":
        return f"tfbn has no {name}, and tf_slim itself fails from TensorFlow 2.13 on"
    return f"TensorFlow 2 has no {name}"


def advice(name: str) -> str:
    """What to do about a name that newer TensorFlow lacks and no rule knows."""
    rest = below_tensorflow(name) or name
    module, _, leaf = rest.rpartition(".")
    places = [rest]
    places += [f"contrib.{family}.{leaf}" for family in MODULES.get(module, ())]
    for place in places:
        if place in ADVICE:
            return ADVICE[place]
    streamed = f"metrics.{leaf.partition('streaming_')[2]}"
    if module in ("contrib.metrics", "contrib.slim.metrics") and v1_names.v1_only(streamed):
        return f"use tf.compat.v1.{streamed}, where labels come before predictions"
    while rest and rest not in ADVICE:
        rest = rest.rpartition(".")[0]
    families = [f"contrib.{family}" for family in MODULES.get(module, ())]
    if rest == "contrib":
        rest = next((family for family in families if family in ADVICE), rest)
    return ADVICE[rest]
