"""Names of TensorFlow that tell TF1 code from TF2 code; a test holds them against the installed TensorFlow."""

from __future__ import annotations

import re

# What tf.compat.v1 has and TensorFlow 2 itself has not: those that programs use.
V1_ONLY = frozenset(
    """
    AUTO_REUSE ConfigProto FixedLenFeature GPUOptions GraphDef GraphKeys InteractiveSession Print RunMetadata
    RunOptions Session Summary TFRecordReader VarLenFeature VariableScope accumulate_n add_to_collection app arg_max
    arg_min assign assign_add assign_sub ceil check_numerics colocate_with confusion_matrix count_nonzero decode_raw
    depth_to_space diag disable_eager_execution disable_v2_behavior div enable_eager_execution erf fft
    fixed_size_partitioner flags floor_div get_collection get_collection_ref get_default_graph get_default_session
    get_local_variable get_variable get_variable_scope gfile global_norm global_variables
    global_variables_initializer glorot_normal_initializer glorot_uniform_initializer initialize_all_variables
    is_finite is_inf is_nan local_variables local_variables_initializer log log1p logging make_template
    matrix_band_part matrix_determinant matrix_diag matrix_inverse mod model_variables moving_average_variables
    multinomial orthogonal_initializer parse_example parse_single_example placeholder placeholder_with_default
    py_func python_io random_crop random_normal random_shuffle random_uniform read_file
    report_uninitialized_variables reset_default_graph rsqrt scatter_nd_update scatter_update set_random_seed
    space_to_depth sparse_placeholder sparse_tensor_dense_matmul sparse_to_dense squared_difference string_split
    string_to_number tables_initializer to_double to_float to_int32 to_int64 trace trainable_variables
    truncated_normal truncated_normal_initializer uniform_unit_scaling_initializer unsorted_segment_sum
    variable_scope variables_initializer variance_scaling_initializer data.make_one_shot_iterator image.resize_area
    image.resize_bicubic image.resize_bilinear image.resize_image_with_crop_or_pad image.resize_images
    image.resize_nearest_neighbor io.tf_record_iterator losses.absolute_difference losses.add_loss
    losses.compute_weighted_loss losses.get_losses losses.get_regularization_loss losses.get_regularization_losses
    losses.get_total_loss losses.huber_loss losses.log_loss losses.sigmoid_cross_entropy
    losses.softmax_cross_entropy losses.sparse_softmax_cross_entropy metrics.accuracy metrics.auc metrics.mean
    metrics.mean_iou metrics.precision metrics.recall nn.bidirectional_dynamic_rnn nn.dynamic_rnn
    nn.fused_batch_norm nn.rnn_cell nn.softmax_cross_entropy_with_logits_v2 nn.static_rnn nn.xw_plus_b
    random.set_random_seed summary.FileWriter summary.Summary summary.merge summary.merge_all
    train.AdadeltaOptimizer train.AdagradOptimizer train.AdamOptimizer train.FtrlOptimizer
    train.GradientDescentOptimizer train.MomentumOptimizer train.MonitoredSession train.MonitoredTrainingSession
    train.NewCheckpointReader train.Optimizer train.QueueRunner train.RMSPropOptimizer train.Saver train.Server
    train.SessionRunHook train.Supervisor train.SyncReplicasOptimizer train.add_queue_runner train.batch
    train.batch_join train.cosine_decay train.create_global_step train.exponential_decay train.get_global_step
    train.get_or_create_global_step train.import_meta_graph train.input_producer train.match_filenames_once
    train.piecewise_constant train.polynomial_decay train.range_input_producer train.replica_device_setter
    train.shuffle_batch train.shuffle_batch_join train.slice_input_producer train.start_queue_runners
    train.string_input_producer train.write_graph
    """.split()
)

# The other way round; and the classes of TensorFlow 2 among the functions of losses, metrics and initializers.
V2_ONLY = frozenset(
    "get_current_name_scope optimizers random.set_seed summary.create_file_writer summary.experimental summary.flush "
    "summary.record_if summary.trace_export summary.trace_on summary.write".split()
)
_V2_CLASSES = re.compile(r"(losses|metrics)\.(?!Reduction\b)[A-Z]\w*")

# Called by a module itself, not by its functions, in files that are run.
OF_PROGRAMS = (
    "Session",
    "InteractiveSession",
    "app.run",
    "placeholder",
    "placeholder_with_default",
    "train.MonitoredTrainingSession",
)


def is_of_v1_only(name: str) -> bool:
    """Whether TensorFlow 2 lacks a name, such as `train.Saver`, that tf.compat.v1 has."""
    return _is_in(name, V1_ONLY)


def is_of_v2_only(name: str) -> bool:
    """Whether tf.compat.v1 lacks a name that TensorFlow 2 has."""
    return _is_in(name, V2_ONLY) or _V2_CLASSES.match(name) is not None


def _is_in(name: str, of: frozenset[str]) -> bool:
    parts = name.split(".")
    return parts[0] in of or ".".join(parts[:2]) in of
