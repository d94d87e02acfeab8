"""Names of contrib that tf.compat.v1 has elsewhere."""

from __future__ import annotations

import functools
import inspect

import pytest
import tensorflow.compat.v1 as tf

from tests.migrate.helpers import migrated, run
from tfbn.migrate import name_table, names

# Each name with the parameters that it has in TensorFlow 1.15.5.
ORIGINAL = """
    contrib.cluster_resolver.TPUClusterResolver tpu zone project job_name coordinator_name coordinator_address
        credentials service discovery_url
    contrib.data.AUTOTUNE
    contrib.data.Counter start step dtype
    contrib.data.CsvDataset filenames record_defaults compression_type buffer_size header field_delim
        use_quote_delim na_value select_cols
    contrib.data.RandomDataset seed
    contrib.data.Reducer init_func reduce_func finalize_func
    contrib.data.SqlDataset driver_name data_source_name query output_types
    contrib.data.TFRecordWriter filename compression_type
    contrib.data.bucket_by_sequence_length element_length_func bucket_boundaries bucket_batch_sizes padded_shapes
        padding_values pad_to_bucket_boundary no_padding
    contrib.data.choose_from_datasets datasets choice_dataset
    contrib.data.copy_to_device target_device source_device
    contrib.data.dense_to_sparse_batch batch_size row_shape
    contrib.data.enumerate_dataset start
    contrib.data.get_next_as_optional iterator
    contrib.data.get_single_element dataset
    contrib.data.group_by_reducer key_func reducer
    contrib.data.group_by_window key_func reduce_func window_size window_size_func
    contrib.data.ignore_errors
    contrib.data.make_batched_features_dataset file_pattern batch_size features reader label_key reader_args
        num_epochs shuffle shuffle_buffer_size shuffle_seed prefetch_buffer_size reader_num_threads
        parser_num_threads sloppy_ordering drop_final_batch
    contrib.data.make_csv_dataset file_pattern batch_size column_names column_defaults label_name select_columns
        field_delim use_quote_delim na_value header num_epochs shuffle shuffle_buffer_size shuffle_seed
        prefetch_buffer_size num_parallel_reads sloppy num_rows_for_inference compression_type
    contrib.data.make_saveable_from_iterator iterator
    contrib.data.map_and_batch map_func batch_size num_parallel_batches drop_remainder num_parallel_calls
    contrib.data.parallel_interleave map_func cycle_length block_length sloppy buffer_output_elements
        prefetch_input_elements
    contrib.data.parse_example_dataset features num_parallel_calls
    contrib.data.prefetch_to_device device buffer_size
    contrib.data.rejection_resample class_func target_dist initial_dist seed
    contrib.data.sample_from_datasets datasets weights seed
    contrib.data.scan initial_state scan_func
    contrib.data.shuffle_and_repeat buffer_size count seed
    contrib.data.unbatch
    contrib.data.unique
    contrib.distributions.Bernoulli logits probs dtype validate_args allow_nan_stats name
    contrib.distributions.Beta concentration1 concentration0 validate_args allow_nan_stats name
    contrib.distributions.Categorical logits probs dtype validate_args allow_nan_stats name
    contrib.distributions.Dirichlet concentration validate_args allow_nan_stats name
    contrib.distributions.DirichletMultinomial total_count concentration validate_args allow_nan_stats name
    contrib.distributions.Exponential rate validate_args allow_nan_stats name
    contrib.distributions.Gamma concentration rate validate_args allow_nan_stats name
    contrib.distributions.Laplace loc scale validate_args allow_nan_stats name
    contrib.distributions.Multinomial total_count logits probs validate_args allow_nan_stats name
    contrib.distributions.Normal loc scale validate_args allow_nan_stats name
    contrib.distributions.RegisterKL dist_cls_a dist_cls_b
    contrib.distributions.StudentT df loc scale validate_args allow_nan_stats name
    contrib.distributions.Uniform low high validate_args allow_nan_stats name
    contrib.distributions.kl_divergence distribution_a distribution_b allow_nan_stats name
    contrib.framework.TensorSpec shape dtype name
    contrib.framework.argsort values axis direction stable name
    contrib.framework.assert_same_float_dtype tensors dtype
    contrib.framework.assert_scalar tensor name message
    contrib.framework.is_tensor x
    contrib.framework.nest.assert_same_structure nest1 nest2 check_types expand_composites
    contrib.framework.nest.flatten structure expand_composites
    contrib.framework.nest.is_nested seq
    contrib.framework.nest.map_structure func structure kwargs
    contrib.framework.nest.pack_sequence_as structure flat_sequence expand_composites
    contrib.framework.sort values axis direction name
    contrib.lookup.KeyValueTensorInitializer keys values key_dtype value_dtype name
    contrib.lookup.TextFileIndex
    contrib.lookup.TextFileInitializer filename key_dtype key_index value_dtype value_index vocab_size delimiter
        name
    contrib.metrics.confusion_matrix labels predictions num_classes dtype name weights
    contrib.rnn.static_bidirectional_rnn cell_fw cell_bw inputs initial_state_fw initial_state_bw dtype
        sequence_length scope
    contrib.rnn.static_rnn cell inputs initial_state dtype sequence_length scope
    contrib.rnn.static_state_saving_rnn cell inputs state_saver state_name sequence_length scope
    contrib.signal.frame signal frame_length frame_step pad_end pad_value axis name
    contrib.signal.hamming_window window_length periodic dtype name
    contrib.signal.hann_window window_length periodic dtype name
    contrib.signal.inverse_stft stfts frame_length frame_step fft_length window_fn name
    contrib.signal.inverse_stft_window_fn frame_step forward_window_fn name
    contrib.signal.linear_to_mel_weight_matrix num_mel_bins num_spectrogram_bins sample_rate lower_edge_hertz
        upper_edge_hertz dtype name
    contrib.signal.mfccs_from_log_mel_spectrograms log_mel_spectrograms name
    contrib.signal.overlap_and_add signal frame_step name
    contrib.signal.stft signals frame_length frame_step fft_length window_fn pad_end name
    contrib.slim.init_ops.constant_initializer value dtype verify_shape
    contrib.slim.init_ops.glorot_normal_initializer seed dtype
    contrib.slim.init_ops.glorot_uniform_initializer seed dtype
    contrib.slim.init_ops.ones_initializer dtype
    contrib.slim.init_ops.orthogonal_initializer gain seed dtype
    contrib.slim.init_ops.random_normal_initializer mean stddev seed dtype
    contrib.slim.init_ops.random_uniform_initializer minval maxval seed dtype
    contrib.slim.init_ops.truncated_normal_initializer mean stddev seed dtype
    contrib.slim.init_ops.uniform_unit_scaling_initializer factor seed dtype
    contrib.slim.init_ops.variance_scaling_initializer scale mode distribution seed dtype
    contrib.slim.init_ops.zeros_initializer dtype
    contrib.tpu.CrossShardOptimizer opt reduction name group_assignment
    contrib.tpu.batch_parallel computation inputs num_shards infeed_queue device_assignment name
    contrib.tpu.cross_replica_sum x group_assignment name
    contrib.tpu.initialize_system embedding_config job
    contrib.tpu.outside_compilation computation args kwargs
    contrib.tpu.replicate computation inputs infeed_queue device_assignment name maximum_shapes
    contrib.tpu.rewrite computation inputs infeed_queue device_assignment name
    contrib.tpu.shard computation inputs num_shards input_shard_axes outputs_from_all_shards output_shard_axes
        infeed_queue device_assignment name
    contrib.tpu.shutdown_system job
"""
PARAMETERS = {line.split()[0]: line.split()[1:] for line in ORIGINAL.replace("\n        ", " ").splitlines() if line}


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_arguments_are_the_originals(name):
    """In their order; newer ones come after them."""
    target = names.known(f"tensorflow.{name}").target
    value = functools.reduce(getattr, target.split(".")[3:], tf)
    if name != "contrib.data.AUTOTUNE":
        assert list(inspect.signature(value).parameters)[: len(PARAMETERS[name])] == PARAMETERS[name]
    assert migrated(f"import tensorflow as tf\ny = tf.{name}\n").endswith(
        f"\ny = {target.replace('tensorflow', 'tf', 1)}\n"
    )


def test_all_names_are_recorded():
    """And no others."""
    assert set(PARAMETERS) == {
        f"{module}.{leaf}" for module, (_, leaves) in name_table.MOVED.items() for leaf in leaves.split()
    }


PIPELINE = """import tensorflow as tf
data = tf.contrib.data

def batches():
    return tf.data.Dataset.range(6).apply(data.map_and_batch(lambda x: x * x, 4))

def pairs():
    repeat = lambda x: tf.data.Dataset.from_tensors(x).repeat(2)
    return tf.data.Dataset.range(4).apply(data.parallel_interleave(repeat, cycle_length=2)).batch(8)

def shuffled():
    return tf.data.Dataset.range(5).apply(data.shuffle_and_repeat(3, count=2, seed=7)).batch(10)
"""


def test_order_of_elements():
    """That of TensorFlow 1.15.5; shuffled with a seed that of tf.data, which TensorFlow 2 has changed for both."""
    ((kind, severity),) = ((one.kind, one.severity) for one in run(PIPELINE, compat=True).findings)
    assert (kind, severity) == ("moved-names", "warning")
    program: dict = {}
    exec(migrated(PIPELINE, compat=True), program)
    with tf.Graph().as_default(), tf.Session() as session:
        together = tf.data.Dataset.range(5).shuffle(3, seed=7).repeat(2).batch(10)
        batches, pairs, shuffled, expected = (
            tf.data.make_one_shot_iterator(dataset).get_next()
            for dataset in (program["batches"](), program["pairs"](), program["shuffled"](), together)
        )
        assert [session.run(batches).tolist() for _ in range(2)] == [[0, 1, 4, 9], [16, 25]]
        assert session.run(pairs).tolist() == [0, 1, 0, 1, 2, 3, 2, 3]
        assert session.run(shuffled).tolist() == session.run(expected).tolist()


@pytest.mark.parametrize(
    ("source", "after"),
    [
        (
            "from tensorflow.contrib.framework import nest, sort\nnest.flatten(sort(x))\n",
            "import tensorflow.compat.v1 as tf\nfrom tensorflow.compat.v1 import sort\ntf.nest.flatten(sort(x))\n",
        ),
        ("import tensorflow.contrib.lookup as l\nl.KeyValueTensorInitializer(k, v), l.HashTable\n", None),
    ],
)
def test_imports(source, after):
    """Those that nothing needs any more go."""
    new = migrated(source)
    assert new == (after or new)
    assert ("contrib" in new) == (after is None)
