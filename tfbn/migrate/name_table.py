"""The successors of the names of TensorFlow 1, written by hand: the table behind rules, advice and the guide.

Names are written without `tensorflow.` in front; each also stands for names below it that have no entry. Which names
TensorFlow has and has lost is in tensorflow_names.py, which a script generates from TensorFlow itself.
"""

from __future__ import annotations

from typing import NamedTuple


class Rewrites(NamedTuple):
    """Names that a rule rewrites."""

    rule: str
    family: str
    names: str  # with spaces between them
    home: str = ""  # where they are; empty where the rule has to look at the arguments as well


class Answer(NamedTuple):
    """The advice for names that no rule rewrites."""

    module: str
    names: str  # in the module, with spaces between them; empty for the module itself
    use: str  # names of TensorFlow 2 and of tfbn in backticks: each is evaluated by a test
    since: str = "2.0"  # the first TensorFlow without them; empty if that differs from name to name
    example: str = ""  # lines that run in a graph, where `tf` is tensorflow.compat.v1


LAYERS_PACKAGES = ["contrib.layers", "contrib.layers.python.layers", "contrib.slim.layers"]

# The modules, and the families of names that each of them has.
MODULES: dict[str, tuple[str, ...]] = {
    "contrib.slim": ("layers", "framework"),
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
TF_LAYER_CLASSES = (
    "AveragePooling1D AveragePooling2D AveragePooling3D Conv1D Conv2D Conv2DTranspose Conv3D Conv3DTranspose Dense "
    "Dropout Flatten Layer MaxPooling1D MaxPooling2D MaxPooling3D SeparableConv1D SeparableConv2D"
)
# What tfbn has, by the family of the old name; `old=new` if the name has changed.
REWRITES = (
    Rewrites("batch-norm", "layers", "batch_norm", "tfbn"),
    Rewrites(
        "contrib-layers",
        "layers",
        "apply_regularization avg_pool2d avg_pool3d conv1d conv2d conv2d_transpose conv3d conv3d_transpose convolution "
        "convolution2d dropout flatten fully_connected group_norm instance_norm l1_l2_regularizer l1_regularizer "
        "l2_regularizer layer_norm max_pool2d max_pool3d one_hot_encoding repeat separable_conv2d softmax "
        "variance_scaling_initializer xavier_initializer xavier_initializer_conv2d convolution1d=conv1d "
        "convolution2d_transpose=conv2d_transpose convolution3d=conv3d convolution3d_transpose=conv3d_transpose "
        "separable_convolution2d=separable_conv2d",
        "tfbn.layers",
    ),
    Rewrites(
        "contrib-layers",
        "framework",
        "add_model_variable assign_from_checkpoint assign_from_checkpoint_fn create_global_step get_model_variables "
        "get_or_create_global_step get_variables get_variables_by_name get_variables_to_restore init_from_checkpoint "
        "model_variable variable",
        "tfbn.layers",
    ),
    Rewrites(
        "contrib-layers",
        "utils",
        "collect_named_outputs convert_collection_to_dict last_dimension",
        "tfbn.layers.utils",
    ),
    Rewrites(
        "arg-scope",
        "framework",
        "add_arg_scope arg_scope arg_scope_func_key arg_scoped_arguments has_arg_scope",
        "tfbn",
    ),
    Rewrites("contrib-layers", "analyzer", "analyze_ops analyze_vars", "tfbn.layers"),
    Rewrites("train-op", "training", "create_train_op", "tfbn"),
    Rewrites("slim-train-op", "learning", "create_train_op"),
    Rewrites("batch-normalization", "tf.layers", "batch_normalization BatchNormalization", "tfbn"),
    Rewrites(
        "tf-layers",
        "tf.layers",
        f"{TF_LAYER_CLASSES} average_pooling1d average_pooling2d average_pooling3d conv1d conv2d conv2d_transpose "
        "conv3d conv3d_transpose dense dropout flatten max_pooling1d max_pooling2d max_pooling3d separable_conv1d "
        "separable_conv2d",
        "tfbn.layers.v1",
    ),
    # tf.compat.v1.losses has them with the same numbers; mean_pairwise_squared_error is not one of them.
    Rewrites(
        "slim-losses",
        "losses",
        "absolute_difference add_loss compute_weighted_loss cosine_distance get_losses get_regularization_losses "
        "get_total_loss hinge_loss log_loss mean_squared_error sigmoid_cross_entropy softmax_cross_entropy "
        "sparse_softmax_cross_entropy",
    ),
)

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
    "contrib.slim.init_ops": (
        "",
        "constant_initializer glorot_normal_initializer glorot_uniform_initializer ones_initializer "
        "orthogonal_initializer random_normal_initializer random_uniform_initializer truncated_normal_initializer "
        "uniform_unit_scaling_initializer variance_scaling_initializer zeros_initializer",
    ),
    "contrib.tpu": (
        "tpu",
        "CrossShardOptimizer batch_parallel cross_replica_sum initialize_system outside_compilation replicate rewrite "
        "shard shutdown_system",
    ),
}

ANSWERS = (
    Answer(
        "",
        "",
        "TensorFlow's release notes may name a successor; else copy its source into the project",
        since="",
    ),
    # What was renamed before TensorFlow 1.15.
    Answer("", "pack", "use `tf.stack`", since="1.0"),
    Answer("", "unpack", "use `tf.unstack`", since="1.0"),
    Answer("", "mul", "use `tf.multiply`", since="1.0"),
    Answer("", "sub", "use `tf.subtract`", since="1.0"),
    Answer("", "neg", "use `tf.negative`", since="1.0"),
    Answer("", "select", "use `tf.compat.v1.where`", since="1.0"),
    Answer("", "batch_matmul", "use `tf.matmul`", since="1.0"),
    Answer("", "complex_abs", "use `tf.abs`", since="1.0"),
    Answer("", "listdiff", "use `tf.compat.v1.setdiff1d`", since="1.0"),
    Answer("", "inv", "use `tf.math.reciprocal`", since="1.0"),
    Answer("", "concat_v2", "use `tf.concat`", since="1.0"),
    Answer("", "split_v", "use `tf.split`", since="1.0"),
    Answer("", "scalar_summary", "use `tf.compat.v1.summary.scalar`", since="1.0"),
    Answer("", "histogram_summary", "use `tf.compat.v1.summary.histogram`", since="1.0"),
    Answer("", "image_summary", "use `tf.compat.v1.summary.image`", since="1.0"),
    Answer("", "audio_summary", "use `tf.compat.v1.summary.audio`", since="1.0"),
    Answer("", "merge_summary", "use `tf.compat.v1.summary.merge`", since="1.0"),
    Answer("", "merge_all_summaries", "use `tf.compat.v1.summary.merge_all`", since="1.0"),
    Answer("", "batch_cholesky", "use `tf.linalg.cholesky`", since="1.0"),
    Answer("", "batch_matrix_band_part", "use `tf.linalg.band_part`", since="1.0"),
    Answer("", "batch_matrix_determinant", "use `tf.linalg.det`", since="1.0"),
    Answer("", "batch_matrix_diag", "use `tf.linalg.diag`", since="1.0"),
    Answer("", "batch_matrix_inverse", "use `tf.linalg.inv`", since="1.0"),
    Answer("", "batch_matrix_solve", "use `tf.linalg.solve`", since="1.0"),
    Answer("", "batch_matrix_transpose", "use `tf.linalg.matrix_transpose`", since="1.0"),
    Answer("", "batch_self_adjoint_eig", "use `tf.linalg.eigh`", since="1.0"),
    Answer("", "batch_svd", "use `tf.linalg.svd`", since="1.0"),
    Answer("nn", "rnn", "use `tf.compat.v1.nn.static_rnn`", since="1.0"),
    Answer("nn", "bidirectional_rnn", "use `tf.compat.v1.nn.static_bidirectional_rnn`", since="1.0"),
    Answer("nn", "state_saving_rnn", "use `tf.compat.v1.nn.static_state_saving_rnn`", since="1.0"),
    Answer("nn", "deconv2d", "use `tf.nn.conv2d_transpose`", since="1.0"),
    Answer("train", "SummaryWriter", "use `tf.compat.v1.summary.FileWriter`", since="1.0"),
    Answer("image", "per_image_whitening", "use `tf.image.per_image_standardization`", since="1.0"),
    Answer(
        "", "pywrap_tensorflow", "use `tf.compat.v1.train.NewCheckpointReader` for its NewCheckpointReader", since="1.0"
    ),
    Answer("python.ops", "rnn_cell seq2seq", "copy its source into the project", since="1.0"),
    Answer("python.ops.rnn_cell_impl", "_linear", "use `tfbn.layers.fully_connected` of `tf.concat`", since="1.0"),
    Answer("python.ops.gen_nn_ops", "_max_pool_grad", "use `tf.raw_ops.MaxPoolGrad`", since="1.0"),
    Answer("python.pywrap_tensorflow", "NewCheckpointReader", "use `tf.compat.v1.train.NewCheckpointReader`"),
    Answer("nn", "seq2seq", "write the decoder in a `tf.while_loop`, or copy its source into the project", since="1.0"),
    Answer(
        "contrib",
        "",
        "`tf.contrib` is gone from TensorFlow 2: find what replaces it, or copy its source",
    ),
    Answer(
        "contrib.layers",
        "relu",
        "use `tfbn.layers.fully_connected` with activation_fn=tf.nn.relu",
    ),
    Answer(
        "contrib.layers",
        "relu6",
        "use `tfbn.layers.fully_connected` with activation_fn=tf.nn.relu6",
    ),
    Answer(
        "contrib.layers",
        "elu",
        "use `tfbn.layers.fully_connected` with activation_fn=tf.nn.elu",
    ),
    Answer(
        "contrib.layers",
        "linear",
        "use `tfbn.layers.fully_connected` with activation_fn=None",
    ),
    Answer(
        "contrib.layers",
        "legacy_fully_connected legacy_linear legacy_relu",
        "use `tfbn.layers.fully_connected`; the variable `bias` is called `biases` there",
    ),
    Answer(
        "contrib.layers",
        "bias_add",
        "use `tf.nn.bias_add` with a variable of `tf.compat.v1.get_variable`",
    ),
    Answer(
        "contrib.layers",
        "unit_norm",
        "use `tf.nn.l2_normalize`",
    ),
    Answer(
        "contrib.layers",
        "conv2d_in_plane convolution2d_in_plane",
        "use `tf.nn.depthwise_conv2d` with one kernel tiled over the channels",
    ),
    Answer(
        "contrib.layers",
        "scale_gradient",
        "write it with `tf.custom_gradient`",
    ),
    Answer(
        "contrib.layers",
        "sum_regularizer",
        "use `tf.add_n` over what the regularizers return",
    ),
    Answer(
        "contrib.layers",
        ("summarize_activation summarize_activations summarize_collection summarize_tensor summarize_tensors"),
        "use `tf.compat.v1.summary.histogram` and `tf.compat.v1.summary.scalar` for each tensor",
    ),
    Answer(
        "contrib.layers",
        "optimize_loss",
        "use `tfbn.create_train_op` with an optimizer of `tf.compat.v1.train`",
    ),
    Answer(
        "contrib.layers",
        "embed_sequence bow_encoder embedding_lookup_unique",
        "use `tf.nn.embedding_lookup` in a variable of `tf.compat.v1.get_variable`",
    ),
    Answer(
        "contrib.layers",
        "safe_embedding_lookup_sparse",
        'use `tf.compat.v1.nn.safe_embedding_lookup_sparse`; its combiner is "mean" unless told',
    ),
    Answer(
        "contrib.layers",
        "dense_to_sparse",
        "use `tf.sparse.from_dense`",
    ),
    Answer(
        "contrib.layers",
        "images_to_sequence sequence_to_images",
        "use `tf.reshape` and `tf.transpose`",
    ),
    Answer(
        "contrib.layers",
        "recompute_grad",
        "use `tf.recompute_grad`",
    ),
    Answer(
        "contrib.layers",
        "gdn GDN rev_block RevBlock multi_class_target regression_target",
        "copy its source into the project",
    ),
    Answer(
        "contrib.layers",
        (
            "bucketized_column check_feature_columns create_feature_spec_for_parsing crossed_column "
            "embedding_column infer_real_valued_columns input_from_feature_columns "
            "joint_weighted_sum_from_feature_columns make_place_holder_tensors_for_base_features one_hot_column "
            "parse_feature_columns_from_examples parse_feature_columns_from_sequence_examples real_valued_column "
            "scattered_embedding_column sequence_input_from_feature_columns shared_embedding_columns "
            "sparse_column_with_hash_bucket sparse_column_with_integerized_feature sparse_column_with_keys "
            "sparse_column_with_vocabulary_file transform_features weighted_sparse_column "
            "weighted_sum_from_feature_columns"
        ),
        "use `tf.feature_column`, whose columns have other names",
    ),
    Answer(
        "contrib.layers",
        "stack",
        "write the loop, with the scopes that stack gave",
        example="""\
import tfbn

net = tf.zeros([2, 8])
with tf.variable_scope("fc"):
    for number, size in enumerate([32, 16], start=1):
        net = tfbn.layers.fully_connected(net, size, scope=f"fc_{number}")
""",
    ),
    Answer(
        "contrib.layers",
        "maxout",
        "take the largest of each group of channels",
        example="""\
net, num_units = tf.zeros([2, 12]), 4
net = tf.reduce_max(tf.reshape(net, [-1, num_units, net.shape[-1] // num_units]), axis=-1)
""",
    ),
    Answer(
        "contrib.layers",
        "spatial_softmax",
        "take `tf.nn.softmax` over the positions, and with it the mean position",
    ),
    Answer(
        "contrib.layers",
        "",
        "copy its source into the project, or write it with `tf.nn`",
    ),
    Answer(
        "contrib.framework",
        "current_arg_scope",
        "keep the scope that `tfbn.arg_scope` yields: with tfbn.arg_scope(...) as scope",
    ),
    Answer(
        "contrib.framework",
        "get_trainable_variables",
        'use `tfbn.layers.get_variables` with collection="trainable_variables"',
    ),
    Answer(
        "contrib.framework",
        "get_local_variables",
        'use `tfbn.layers.get_variables` with collection="local_variables"',
    ),
    Answer(
        "contrib.framework",
        "get_variables_by_suffix",
        "use `tfbn.layers.get_variables` with suffix",
    ),
    Answer(
        "contrib.framework",
        "get_global_step",
        "use `tf.compat.v1.train.get_global_step`",
    ),
    Answer(
        "contrib.framework",
        "assert_global_step assert_or_get_global_step",
        "use `tf.compat.v1.train.assert_global_step`",
    ),
    Answer(
        "contrib.framework",
        "global_variable",
        "use `tf.compat.v1.Variable` with trainable=False",
    ),
    Answer(
        "contrib.framework",
        "local_variable",
        'use `tf.compat.v1.Variable` with trainable=False, collections=["local_variables"]',
    ),
    Answer(
        "contrib.framework",
        "assign_from_values assign_from_values_fn",
        "use variable.load(value, session) for each variable",
    ),
    Answer(
        "contrib.framework",
        "load_checkpoint list_variables load_variable",
        "use the same name in `tf.train`; the first argument is called ckpt_dir_or_file",
    ),
    Answer(
        "contrib.framework",
        "get_unique_variable get_variable_full_name filter_variables",
        "select from `tf.compat.v1.global_variables`",
    ),
    Answer(
        "contrib.framework",
        "VariableDeviceChooser",
        "use `tf.compat.v1.train.replica_device_setter`",
    ),
    Answer(
        "contrib.framework",
        "get_placeholders get_graph_from_inputs get_name_scope prepend_name_scope strip_name_scope",
        "ask `tf.compat.v1.get_default_graph`, and work on strings",
    ),
    Answer(
        "contrib.framework",
        "assert_scalar_int",
        "use `tf.compat.v1.assert_scalar` and `tf.debugging.assert_integer`",
    ),
    Answer(
        "contrib.framework",
        "py_func",
        "use `tf.compat.v1.py_func`; its arguments are func, inp and Tout",
    ),
    Answer(
        "contrib.framework",
        "smart_cond",
        "write an if where the condition is a Python value, which `tf.cond` refuses; else use `tf.cond`",
    ),
    Answer(
        "contrib.framework",
        "smart_case",
        "use `tf.case`",
    ),
    Answer(
        "contrib.framework",
        "smart_constant_value",
        "use `tf.get_static_value`",
    ),
    Answer(
        "contrib.framework",
        "convert_to_tensor_or_sparse_tensor",
        "use `tf.compat.v1.convert_to_tensor_or_sparse_tensor`",
    ),
    Answer(
        "contrib.framework",
        "reduce_sum_n",
        "use `tf.add_n` over `tf.reduce_sum` of each",
    ),
    Answer(
        "contrib.framework",
        "remove_squeezable_dimensions",
        "use `tf.squeeze`",
    ),
    Answer(
        "contrib.framework",
        "with_shape with_same_shape",
        "use `tf.ensure_shape`",
    ),
    Answer(
        "contrib.framework",
        "zero_initializer",
        "use `tf.compat.v1.zeros_initializer`",
    ),
    Answer(
        "contrib.framework",
        (
            "convolutional_delta_orthogonal convolutional_orthogonal_1d convolutional_orthogonal_2d "
            "convolutional_orthogonal_3d"
        ),
        "use `tf.compat.v1.orthogonal_initializer`, whose numbers are others",
    ),
    Answer(
        "contrib.framework",
        (
            "load_and_remap_matrix_initializer load_embedding_initializer load_linear_multiclass_bias_initializer "
            "load_variable_slot_initializer"
        ),
        "use `tf.compat.v1.train.init_from_checkpoint`",
    ),
    Answer(
        "contrib.framework",
        "deprecated deprecated_args deprecated_arg_values",
        "use warnings.warn of Python",
    ),
    Answer(
        "contrib.framework",
        "fuse_op RecordInput BoundedTensorSpec",
        "copy its source into the project",
    ),
    Answer(
        "contrib.framework",
        "nest",
        ("use `tf.nest`, which has flatten, map_structure, pack_sequence_as, is_nested and assert_same_structure"),
    ),
    Answer(
        "contrib.framework",
        "",
        "copy its source into the project, or write it with `tf.compat.v1`",
    ),
    Answer(
        "contrib.data",
        "batch_and_drop_remainder",
        "batch in a function",
        example="""\
batch_size = 2
dataset = tf.data.Dataset.range(5)
dataset = dataset.apply(lambda elements: elements.batch(batch_size, drop_remainder=True))
""",
    ),
    Answer(
        "contrib.data",
        "padded_batch_and_drop_remainder",
        "pad in a function",
        example="""\
batch_size, padded_shapes = 2, [None]
dataset = tf.data.Dataset.range(5).map(lambda n: tf.fill([n], n))
dataset = dataset.apply(lambda elements: elements.padded_batch(batch_size, padded_shapes, drop_remainder=True))
""",
    ),
    Answer(
        "contrib.data",
        "sloppy_interleave",
        "use `tf.data.experimental.parallel_interleave` with sloppy=True",
    ),
    Answer(
        "contrib.data",
        "Dataset Iterator FixedLengthRecordDataset TFRecordDataset TextLineDataset",
        ("use the same name in `tf.compat.v1.data`: map takes num_parallel_calls there, and prefetch is a method"),
    ),
    Answer(
        "contrib.data",
        "",
        "use `tf.data`",
    ),
    Answer(
        "contrib.learn",
        "preprocessing preprocessing.VocabularyProcessor",
        "number the words in a few lines of your own",
        example="""\
import re

TOKEN = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z][a-z]+(?=[A-Z])|['\\w\\-]+")


def number_words(texts, length):
    numbers = {}  # of each word, from 1 on: keep it with the checkpoint; 0 stands for no word
    rows = [[numbers.setdefault(word, len(numbers) + 1) for word in TOKEN.findall(text)] for text in texts]
    return [(row + [0] * length)[:length] for row in rows], numbers
""",
    ),
    Answer(
        "contrib.learn",
        "",
        "train with `tf.compat.v1.train.MonitoredTrainingSession`",
    ),
    Answer(
        "contrib.lookup",
        "HashTable",
        "use `tf.compat.v1.lookup.StaticHashTable`, which has no argument shared_name",
        example="""\
keys, values = tf.constant(["a", "b"]), tf.constant([3, 4])
table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default_value=-1)
# then table.lookup(words), where the session has run tf.tables_initializer()
""",
    ),
    Answer(
        "contrib.lookup",
        "MutableHashTable",
        "use `tf.lookup.experimental.MutableHashTable`, with the same arguments",
    ),
    Answer(
        "contrib.lookup",
        "MutableDenseHashTable",
        "use `tf.lookup.experimental.DenseHashTable`, with the same arguments",
    ),
    Answer(
        "contrib.lookup",
        "index_table_from_tensor string_to_index_table_from_tensor",
        ("use `tf.lookup.StaticVocabularyTable`, or without buckets `tf.compat.v1.lookup.StaticHashTable`"),
        example="""\
words = tf.constant(["the", "cat"])
numbers = tf.range(tf.size(words, out_type=tf.int64), dtype=tf.int64)
table = tf.lookup.StaticVocabularyTable(tf.lookup.KeyValueTensorInitializer(words, numbers), num_oov_buckets=1)
""",
    ),
    Answer(
        "contrib.lookup",
        "index_table_from_file string_to_index_table_from_file",
        "use `tf.lookup.StaticVocabularyTable` over `tf.lookup.TextFileInitializer`",
        example="""\
def index_table_from_file(path, num_oov_buckets=1):
    index = tf.lookup.TextFileIndex
    words = tf.lookup.TextFileInitializer(path, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER)
    return tf.lookup.StaticVocabularyTable(words, num_oov_buckets)
""",
    ),
    Answer(
        "contrib.lookup",
        "",
        "`tf.lookup` has tables; `tf.lookup.experimental.MutableHashTable` is one of them",
    ),
    Answer(
        "contrib.losses",
        "mean_pairwise_squared_error",
        (
            "`tf.compat.v1.losses.mean_pairwise_squared_error` counts the pairs otherwise and gives other "
            "numbers: decide which you want"
        ),
    ),
    Answer(
        "contrib.metrics",
        "",
        "use the function of `tf.compat.v1.metrics`; its arguments have another order",
    ),
    Answer(
        "contrib.rnn",
        "BasicLSTMCell LSTMCell",
        (
            "pip install tf_keras and set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported: "
            "`tf.compat.v1.nn.rnn_cell` then has its cells; or write the cell, which "
            "`tf.compat.v1.nn.dynamic_rnn` takes"
        ),
        example="""\
class BasicLSTMCell:
    def __init__(self, num_units, forget_bias=1.0):
        self.output_size, self.forget_bias = num_units, forget_bias
        self.state_size = num_units, num_units

    def zero_state(self, batch_size, dtype):
        return tuple(tf.zeros([batch_size, size], dtype) for size in self.state_size)

    def __call__(self, inputs, state, scope=None):
        c, h = state
        with tf.variable_scope(scope or "basic_lstm_cell", reuse=tf.AUTO_REUSE):
            sizes, dtype = [inputs.shape[-1] + self.output_size, 4 * self.output_size], inputs.dtype
            kernel = tf.get_variable("kernel", sizes, dtype)
            bias = tf.get_variable("bias", sizes[1:], dtype, initializer=tf.zeros_initializer())
        i, j, f, o = tf.split(tf.matmul(tf.concat([inputs, h], 1), kernel) + bias, 4, axis=1)
        c = c * tf.sigmoid(f + self.forget_bias) + tf.sigmoid(i) * tf.tanh(j)
        h = tf.tanh(c) * tf.sigmoid(o)
        return h, (c, h)
""",
    ),
    Answer(
        "contrib.rnn",
        "GRUCell",
        (
            "pip install tf_keras and set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported: "
            "`tf.compat.v1.nn.rnn_cell` then has its cells; or write the cell, which "
            "`tf.compat.v1.nn.dynamic_rnn` takes"
        ),
        example="""\
class GRUCell:
    def __init__(self, num_units):
        self.output_size = self.state_size = num_units

    def zero_state(self, batch_size, dtype):
        return tf.zeros([batch_size, self.state_size], dtype)

    def __call__(self, inputs, state, scope=None):
        with tf.variable_scope(scope or "gru_cell", reuse=tf.AUTO_REUSE):

            def dense(x, size, name, bias):
                kernel = tf.get_variable(f"{name}/kernel", [x.shape[-1], size], x.dtype)
                return tf.matmul(x, kernel) + tf.get_variable(f"{name}/bias", [size], x.dtype, initializer=bias)

            gates = dense(tf.concat([inputs, state], 1), 2 * self.state_size, "gates", tf.ones_initializer())
            r, u = tf.split(tf.sigmoid(gates), 2, axis=1)
            c = tf.tanh(dense(tf.concat([inputs, r * state], 1), self.state_size, "candidate", tf.zeros_initializer()))
        state = u * state + (1 - u) * c
        return state, state
""",
    ),
    Answer(
        "contrib.rnn",
        "LSTMStateTuple",
        "use a pair (c, h), or a collections.namedtuple of these fields",
        example="""\
import collections

LSTMStateTuple = collections.namedtuple("LSTMStateTuple", ["c", "h"])
""",
    ),
    Answer(
        "contrib.rnn",
        "",
        (
            "pip install tf_keras and set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported: "
            "`tf.compat.v1.nn.rnn_cell` then has its cells; or write the cell, which "
            "`tf.compat.v1.nn.dynamic_rnn` takes as any object with state_size, output_size, "
            "zero_state(batch_size, dtype) and __call__(inputs, state, scope=None)"
        ),
    ),
    Answer(
        "nn.rnn_cell",
        "BasicLSTMCell LSTMCell",
        (
            "pip install tf_keras and set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported: "
            "`tf.compat.v1.nn.rnn_cell` then has its cells; or write the cell, which "
            "`tf.compat.v1.nn.dynamic_rnn` takes"
        ),
        since="2.16",
        example="""\
class BasicLSTMCell:
    def __init__(self, num_units, forget_bias=1.0):
        self.output_size, self.forget_bias = num_units, forget_bias
        self.state_size = num_units, num_units

    def zero_state(self, batch_size, dtype):
        return tuple(tf.zeros([batch_size, size], dtype) for size in self.state_size)

    def __call__(self, inputs, state, scope=None):
        c, h = state
        with tf.variable_scope(scope or "basic_lstm_cell", reuse=tf.AUTO_REUSE):
            sizes, dtype = [inputs.shape[-1] + self.output_size, 4 * self.output_size], inputs.dtype
            kernel = tf.get_variable("kernel", sizes, dtype)
            bias = tf.get_variable("bias", sizes[1:], dtype, initializer=tf.zeros_initializer())
        i, j, f, o = tf.split(tf.matmul(tf.concat([inputs, h], 1), kernel) + bias, 4, axis=1)
        c = c * tf.sigmoid(f + self.forget_bias) + tf.sigmoid(i) * tf.tanh(j)
        h = tf.tanh(c) * tf.sigmoid(o)
        return h, (c, h)
""",
    ),
    Answer(
        "nn.rnn_cell",
        "GRUCell",
        (
            "pip install tf_keras and set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported: "
            "`tf.compat.v1.nn.rnn_cell` then has its cells; or write the cell, which "
            "`tf.compat.v1.nn.dynamic_rnn` takes"
        ),
        since="2.16",
        example="""\
class GRUCell:
    def __init__(self, num_units):
        self.output_size = self.state_size = num_units

    def zero_state(self, batch_size, dtype):
        return tf.zeros([batch_size, self.state_size], dtype)

    def __call__(self, inputs, state, scope=None):
        with tf.variable_scope(scope or "gru_cell", reuse=tf.AUTO_REUSE):

            def dense(x, size, name, bias):
                kernel = tf.get_variable(f"{name}/kernel", [x.shape[-1], size], x.dtype)
                return tf.matmul(x, kernel) + tf.get_variable(f"{name}/bias", [size], x.dtype, initializer=bias)

            gates = dense(tf.concat([inputs, state], 1), 2 * self.state_size, "gates", tf.ones_initializer())
            r, u = tf.split(tf.sigmoid(gates), 2, axis=1)
            c = tf.tanh(dense(tf.concat([inputs, r * state], 1), self.state_size, "candidate", tf.zeros_initializer()))
        state = u * state + (1 - u) * c
        return state, state
""",
    ),
    Answer(
        "nn.rnn_cell",
        "LSTMStateTuple",
        "use a pair (c, h), or a collections.namedtuple of these fields",
        since="2.16",
        example="""\
import collections

LSTMStateTuple = collections.namedtuple("LSTMStateTuple", ["c", "h"])
""",
    ),
    Answer(
        "nn.rnn_cell",
        "",
        (
            "pip install tf_keras and set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported: "
            "`tf.compat.v1.nn.rnn_cell` then has its cells; or write the cell, which "
            "`tf.compat.v1.nn.dynamic_rnn` takes as any object with state_size, output_size, "
            "zero_state(batch_size, dtype) and __call__(inputs, state, scope=None)"
        ),
        since="2.16",
    ),
    Answer(
        "contrib.rnn",
        "stack_bidirectional_dynamic_rnn stack_bidirectional_rnn",
        ("call `tf.compat.v1.nn.bidirectional_dynamic_rnn` for each layer, over `tf.concat` of the outputs"),
    ),
    Answer(
        "contrib.rnn",
        "transpose_batch_time",
        "use `tf.transpose` with perm=[1, 0, 2]",
    ),
    Answer(
        "contrib.seq2seq",
        "sequence_loss",
        "weight the cross-entropies",
        example="""\
logits, targets, weights = tf.zeros([2, 3, 5]), tf.zeros([2, 3], tf.int32), tf.ones([2, 3])
losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
loss = tf.reduce_sum(losses * weights) / (tf.reduce_sum(weights) + 1e-12)
""",
    ),
    Answer(
        "contrib.seq2seq",
        "tile_batch",
        "use `tf.repeat` with axis=0",
    ),
    Answer(
        "contrib.seq2seq",
        "hardmax",
        "use `tf.one_hot` of `tf.argmax`",
        example="""\
logits = tf.zeros([2, 5])
outputs = tf.one_hot(tf.argmax(logits, axis=-1), logits.shape[-1], dtype=logits.dtype)
""",
    ),
    Answer(
        "contrib.seq2seq",
        "",
        ("decode in a `tf.while_loop` or with `tf.compat.v1.nn.raw_rnn`, or copy its source into the project"),
        example="""\
def decode(cell, step, state, first, length):  # `step` turns outputs into ids and the next inputs
    def body(time, inputs, state, ids):
        outputs, state = cell(inputs, state)
        new_ids, inputs = step(outputs)
        return time + 1, inputs, state, ids.write(time, new_ids)

    ids = tf.TensorArray(tf.int32, length)
    *_, ids = tf.while_loop(lambda time, *_: time < length, body, (0, first, state, ids))
    return ids.stack()
""",
    ),
    Answer(
        "contrib.slim",
        "data dataset dataset_data_provider tfexample_decoder",
        "use `tf.data`",
    ),
    Answer(
        "contrib.slim",
        "evaluation",
        "run the evaluation in a session of your own",
    ),
    Answer(
        "contrib.slim",
        "get_trainable_variables",
        'use `tfbn.layers.get_variables` with collection="trainable_variables"',
    ),
    Answer(
        "contrib.slim",
        "learning.train",
        "run the train op in a `tf.compat.v1.train.MonitoredTrainingSession`",
    ),
    Answer(
        "contrib.slim",
        "metrics",
        "use the function of `tf.compat.v1.metrics`; its arguments have another order",
    ),
    Answer(
        "contrib.slim",
        "nets",
        (
            "copy the network's source into the project, from the folder nets of tf_slim, import it from there "
            "and migrate it: the guide's page on tf_slim has the commands"
        ),
    ),
    Answer(
        "contrib.slim",
        "model_analyzer",
        "use `tfbn.layers.analyze_vars`; `tfbn.list_layers` lists the batch norms",
    ),
    Answer(
        "contrib.summary",
        "",
        "use `tf.compat.v1.summary` or `tf.summary`",
    ),
    Answer(
        "contrib.training",
        "clip_gradient_norms_fn",
        "give create_train_op a transform_grads_fn",
        example="""\
def clip(pairs, norm=1.0):
    return [(None if gradient is None else tf.clip_by_norm(gradient, norm), variable) for gradient, variable in pairs]
""",
    ),
    Answer(
        "contrib.training",
        "HParams",
        "keep them in a class of the project",
        example="""\
import ast
import types


class HParams(types.SimpleNamespace):
    def add_hparam(self, name, value):
        setattr(self, name, value)

    def set_hparam(self, name, value):
        setattr(self, name, type(getattr(self, name))(value))

    def values(self):
        return dict(vars(self))

    def parse(self, text):  # "learning_rate=0.1,layers=[8,16],kind='small'"
        for keyword in ast.parse(f"f({text})", mode="eval").body.keywords:
            self.set_hparam(keyword.arg, ast.literal_eval(keyword.value))
        return self
""",
    ),
    Answer(
        "core",
        "",
        ("it was private to TensorFlow: use what is public in its place, or copy its source into the project"),
        since="",
    ),
    Answer(
        "compiler",
        "",
        ("it was private to TensorFlow: use what is public in its place, or copy its source into the project"),
        since="",
    ),
    Answer(
        "python",
        "",
        ("it was private to TensorFlow: use what is public in its place, or copy its source into the project"),
        since="",
    ),
    Answer(
        "python.tpu",
        "",
        ("it was private to TensorFlow: use what is public in its place, or copy its source into the project"),
        since="",
    ),
    Answer(
        "config.experimental_list_devices",
        "",
        "use `tf.config.list_logical_devices`",
        since="",
    ),
    Answer(
        "data.experimental",
        "",
        "leave it out of the pipeline: it only measured or tuned tf.data, or see `tf.data.Options`",
        since="",
    ),
    Answer(
        "estimator",
        "",
        (
            "run the train op in a `tf.compat.v1.train.MonitoredTrainingSession`; what model_fn and input_fn "
            "build stays as it is"
        ),
        since="2.16",
    ),
    Answer(
        "keras.estimator",
        "",
        (
            "run the train op in a `tf.compat.v1.train.MonitoredTrainingSession`; what model_fn and input_fn "
            "build stays as it is"
        ),
        since="2.16",
    ),
    Answer(
        "python.estimator",
        "",
        (
            "run the train op in a `tf.compat.v1.train.MonitoredTrainingSession`; what model_fn and input_fn "
            "build stays as it is"
        ),
        since="2.16",
    ),
    Answer(
        "python.distribute.estimator_training",
        "",
        (
            "run the train op in a `tf.compat.v1.train.MonitoredTrainingSession`; what model_fn and input_fn "
            "build stays as it is"
        ),
        since="2.16",
    ),
    Answer(
        "examples",
        "",
        ("its data are in `tf.keras.datasets`, MNIST as `tf.keras.datasets.mnist`; copy the rest of its source"),
    ),
    Answer(
        "keras",
        "",
        (
            "use what Keras 3 has in its place; or, for Keras 2, pip install tf_keras and set "
            "TF_USE_LEGACY_KERAS=1 before TensorFlow is imported"
        ),
        since="2.16",
    ),
    Answer(
        "keras.layers",
        (
            "advanced_activations attention convolutional convolutional_recurrent core cudnn_recurrent embeddings "
            "local locally_connected merge merging noise normalization pooling recurrent regularization reshaping rnn "
            "wrappers"
        ),
        "import the layers from `tf.keras.layers`, or from keras.layers",
        since="2.16",
    ),
    Answer(
        "keras.utils",
        "data_utils generic_utils image_utils io_utils layer_utils np_utils vis_utils",
        "import from `tf.keras.utils`, or from keras.utils, what it has of them",
        since="2.16",
    ),
    Answer(
        "keras.engine",
        "",
        "import Layer and InputSpec from `tf.keras.layers`, and Model from `tf.keras.models`",
        since="2.16",
    ),
    Answer(
        "keras.objectives",
        "",
        "use `tf.keras.losses`",
        since="2.16",
    ),
    Answer(
        "keras.backend",
        "tensorflow_backend",
        "use `tf.keras.backend`, which has no session: make one with `tf.compat.v1.Session`",
        since="2.16",
    ),
    Answer(
        "keras.backend",
        "in_test_phase in_train_phase learning_phase learning_phase_scope set_learning_phase",
        ("pass training=True or False to the layers and to the model, in place of a phase for all of them"),
        since="2.16",
    ),
    Answer(
        "keras.backend",
        "get_session set_session",
        ("make the session with `tf.compat.v1.Session`, and layers with `tfbn.layers.v1` or `tfbn.layers`"),
        since="2.16",
    ),
    Answer(
        "keras.backend",
        "placeholder",
        "use `tf.keras.Input`, or `tf.compat.v1.placeholder` in a graph",
        since="2.16",
    ),
    Answer(
        "keras.backend",
        "print_tensor",
        "use `tf.print`",
        since="2.16",
    ),
    Answer(
        "keras.initializers",
        "normal",
        "use `tf.keras.initializers.RandomNormal`",
        since="2.16",
    ),
    Answer(
        "keras.initializers",
        "uniform",
        "use `tf.keras.initializers.RandomUniform`",
        since="2.16",
    ),
    Answer(
        "keras.layers",
        "CuDNNGRU",
        "use `tf.keras.layers.GRU`, which takes the kernel of cuDNN by itself",
        since="2.16",
    ),
    Answer(
        "keras.layers",
        "CuDNNLSTM",
        "use `tf.keras.layers.LSTM`, which takes the kernel of cuDNN by itself",
        since="2.16",
    ),
    Answer(
        "keras.layers",
        "experimental",
        "the preprocessing layers are in `tf.keras.layers`: `tf.keras.layers.Rescaling`",
        since="2.16",
    ),
    Answer(
        "keras.losses",
        "cosine cosine_proximity",
        "use `tf.keras.losses.cosine_similarity`",
        since="2.16",
    ),
    Answer(
        "keras.losses",
        "kl_divergence",
        "use `tf.keras.losses.KLD`",
        since="2.16",
    ),
    Answer(
        "keras.losses",
        "log_cosh",
        "use `tf.keras.losses.LogCosh`, a class",
        since="2.16",
    ),
    Answer(
        "keras.losses",
        "mean_absolute_error",
        "use `tf.keras.losses.MAE`",
        since="2.16",
    ),
    Answer(
        "keras.losses",
        "mean_absolute_percentage_error",
        "use `tf.keras.losses.MAPE`",
        since="2.16",
    ),
    Answer(
        "keras.losses",
        "mean_squared_error",
        "use `tf.keras.losses.MSE`",
        since="2.16",
    ),
    Answer(
        "keras.losses",
        "mean_squared_logarithmic_error",
        "use `tf.keras.losses.MSLE`",
        since="2.16",
    ),
    Answer(
        "keras.metrics",
        "cosine cosine_proximity",
        "use `tf.keras.losses.cosine_similarity`",
        since="2.16",
    ),
    Answer(
        "keras.metrics",
        "kl_divergence",
        "use `tf.keras.losses.KLD`",
        since="2.16",
    ),
    Answer(
        "keras.metrics",
        "log_cosh",
        "use `tf.keras.losses.LogCosh`, a class",
        since="2.16",
    ),
    Answer(
        "keras.metrics",
        "mean_absolute_error",
        "use `tf.keras.losses.MAE`",
        since="2.16",
    ),
    Answer(
        "keras.metrics",
        "mean_absolute_percentage_error",
        "use `tf.keras.losses.MAPE`",
        since="2.16",
    ),
    Answer(
        "keras.metrics",
        "mean_squared_error",
        "use `tf.keras.losses.MSE`",
        since="2.16",
    ),
    Answer(
        "keras.metrics",
        "mean_squared_logarithmic_error",
        "use `tf.keras.losses.MSLE`",
        since="2.16",
    ),
    Answer(
        "keras.mixed_precision",
        "experimental",
        "use `tf.keras.mixed_precision.set_global_policy`",
        since="2.16",
    ),
    Answer(
        "keras.models",
        "model_from_yaml",
        "save the model with to_json, and use `tf.keras.models.model_from_json`",
        since="2.16",
    ),
    Answer(
        "keras.utils",
        "multi_gpu_model",
        "build the model in the scope of a `tf.distribute.MirroredStrategy`",
        since="2.16",
    ),
    Answer(
        "losses",
        "",
        "write the loss with TensorFlow's operations, or use one of `tf.keras.losses`",
        since="2.16",
    ),
    Answer(
        "metrics",
        "",
        "compute it with TensorFlow's operations, or use one of `tf.keras.metrics`",
        since="2.16",
    ),
    Answer(
        "optimizers",
        "",
        "use one of `tf.keras.optimizers`, or of `tf.compat.v1.train` in a graph",
        since="2.16",
    ),
    Answer(
        "python.training.tracking",
        "",
        "use `tf.train.Checkpoint` and `tf.Module`, which are what is public of it",
        since="",
    ),
    Answer(
        "python.training.distribution_strategy_context",
        "",
        "use `tf.distribute.get_strategy` and `tf.distribute.get_replica_context`",
        since="",
    ),
    Answer(
        "tools.graph_transforms",
        "",
        ("use `tfbn.export` and `tfbn.fold` for inference; the rest of it runs under TensorFlow 1.15"),
    ),
    Answer(
        "layers",
        "",
        "raises under Keras 3; write the layer with `tfbn.layers` or `tf.nn`",
        since="2.16",
    ),
)
