"""Names that tell TF1 code from TF2 code, of TensorFlow 2.12 to 2.21; a name stands for all below it, too.

Made by `python -m tests.migrate.tensorflow_names`; a test holds it against the installed TensorFlow.
"""

from __future__ import annotations

# What tf.compat.v1 has, and TensorFlow 2 itself has not.
V1_ONLY = frozenset(
    """
    AUTO_REUSE AttrValue COMPILER_VERSION CXX11_ABI_FLAG CXX_VERSION ConditionalAccumulator ConditionalAccumulatorBase
    ConfigProto Dimension Event FIFOQueue FixedLenFeature FixedLenSequenceFeature FixedLengthRecordReader GIT_VERSION
    GPUOptions GRAPH_DEF_VERSION GRAPH_DEF_VERSION_MIN_CONSUMER GRAPH_DEF_VERSION_MIN_PRODUCER GraphDef GraphKeys
    GraphOptions HistogramProto IdentityReader InteractiveSession LMDBReader LogMessage MONOLITHIC_BUILD MetaGraphDef
    NameAttrList NoGradient NodeDef NotDifferentiable OpError OptimizerOptions PaddingFIFOQueue Print PriorityQueue
    QUANTIZED_DTYPES QueueBase RandomShuffleQueue ReaderBase RunMetadata RunOptions Session SessionLog
    SparseConditionalAccumulator SparseFeature SparseTensorValue Summary SummaryMetadata TFRecordReader TensorInfo
    TextLineReader VERSION VarLenFeature VariableScope WholeFileReader accumulate_n add_check_numerics_ops
    add_to_collection add_to_collections all_variables angle app arg_max arg_min assert_greater_equal assert_integer
    assert_less_equal assert_near assert_negative assert_non_negative assert_non_positive assert_none_equal
    assert_positive assert_proper_iterable assert_rank_at_least assert_rank_in assert_same_float_dtype assert_scalar
    assert_type assert_variables_initialized assign assign_add assign_sub batch_gather batch_scatter_update
    batch_to_space_nd betainc bincount ceil check_numerics cholesky cholesky_solve clip_by_average_norm colocate_with
    confusion_matrix conj container control_flow_v2_enabled convert_to_tensor_or_indexed_slices
    convert_to_tensor_or_sparse_tensor count_nonzero count_up_to create_partitioned_variables cross cumprod
    data.experimental.DatasetStructure data.experimental.OptionalStructure data.experimental.RaggedTensorStructure
    data.experimental.SparseTensorStructure data.experimental.Structure data.experimental.TensorArrayStructure
    data.experimental.TensorStructure data.experimental.map_and_batch_with_legacy_function data.get_output_classes
    data.get_output_shapes data.get_output_types data.make_initializable_iterator data.make_one_shot_iterator
    debugging.is_finite debugging.is_inf debugging.is_nan debugging.is_non_decreasing debugging.is_strictly_increasing
    decode_base64 decode_compressed decode_csv decode_json_example decode_raw delete_session_tensor depth_to_space
    dequantize deserialize_many_sparse diag diag_part digamma dimension_at_index dimension_value disable_control_flow_v2
    disable_eager_execution disable_resource_variables disable_tensor_equality disable_v2_behavior
    disable_v2_tensorshape distribute.get_loss_reduction distributions div div_no_nan dtypes.as_string
    enable_control_flow_v2 enable_eager_execution enable_resource_variables enable_tensor_equality enable_v2_behavior
    enable_v2_tensorshape encode_base64 erf erfc errors.error_code_from_exception_type
    errors.exception_type_from_error_code errors.raise_exception_on_not_ok_status estimator.experimental.KMeans
    estimator.experimental.dnn_logit_fn_builder estimator.experimental.linear_logit_fn_builder estimator.inputs
    estimator.tpu executing_eagerly_outside_functions experimental.output_all_intermediates expm1 extract_image_patches
    fake_quant_with_min_max_args fake_quant_with_min_max_args_gradient fake_quant_with_min_max_vars
    fake_quant_with_min_max_vars_gradient fake_quant_with_min_max_vars_per_channel
    fake_quant_with_min_max_vars_per_channel_gradient feature_column.input_layer feature_column.linear_model
    feature_column.shared_embedding_columns fft fft2d fft3d fixed_size_partitioner flags floor_div floordiv floormod
    get_collection get_collection_ref get_default_graph get_default_session get_local_variable get_seed
    get_session_handle get_session_tensor get_variable get_variable_scope gfile global_norm global_variables
    global_variables_initializer glorot_normal_initializer glorot_uniform_initializer
    graph_util.convert_variables_to_constants graph_util.extract_sub_graph graph_util.must_run_on_cpu
    graph_util.remove_training_nodes graph_util.tensor_shape_from_node_def_name ifft ifft2d ifft3d igamma igammac imag
    image.extract_image_patches image.resize_area image.resize_bicubic image.resize_bilinear
    image.resize_image_with_crop_or_pad image.resize_image_with_pad image.resize_images image.resize_nearest_neighbor
    image.transpose_image initialize_all_tables initialize_all_variables initialize_local_variables initialize_variables
    initializers.global_variables initializers.local_variables initializers.tables_initializer
    initializers.uniform_unit_scaling initializers.variables invert_permutation io.PaddingFIFOQueue io.PriorityQueue
    io.QueueBase io.RandomShuffleQueue io.TFRecordCompressionType io.tf_record_iterator is_finite is_inf is_nan
    is_non_decreasing is_numeric_tensor is_strictly_increasing is_variable_initialized layers lbeta lgamma lin_space
    linalg.transpose lite.OpHint lite.TocoConverter lite.constants lite.experimental.convert_op_hints_to_stubs
    lite.toco_convert load_file_system_library local_variables local_variables_initializer log log1p log_sigmoid logging
    logical_xor losses.absolute_difference losses.add_loss losses.compute_weighted_loss losses.cosine_distance
    losses.get_losses losses.get_regularization_loss losses.get_regularization_losses losses.get_total_loss
    losses.hinge_loss losses.huber_loss losses.log_loss losses.mean_pairwise_squared_error losses.sigmoid_cross_entropy
    losses.softmax_cross_entropy losses.sparse_softmax_cross_entropy make_template manip matching_files matrix_band_part
    matrix_determinant matrix_diag matrix_diag_part matrix_inverse matrix_set_diag matrix_solve matrix_solve_ls
    matrix_transpose matrix_triangular_solve metrics.accuracy metrics.auc metrics.average_precision_at_k
    metrics.false_negatives metrics.false_negatives_at_thresholds metrics.false_positives
    metrics.false_positives_at_thresholds metrics.mean metrics.mean_cosine_distance metrics.mean_iou
    metrics.mean_per_class_accuracy metrics.mean_relative_error metrics.mean_tensor metrics.percentage_below
    metrics.precision metrics.precision_at_k metrics.precision_at_thresholds metrics.precision_at_top_k metrics.recall
    metrics.recall_at_k metrics.recall_at_thresholds metrics.recall_at_top_k metrics.root_mean_squared_error
    metrics.sensitivity_at_specificity metrics.sparse_average_precision_at_k metrics.sparse_precision_at_k
    metrics.specificity_at_sensitivity metrics.true_negatives metrics.true_negatives_at_thresholds
    metrics.true_positives metrics.true_positives_at_thresholds min_max_variable_partitioner mixed_precision mod
    model_variables moving_average_variables multinomial nn.avg_pool_v2 nn.bidirectional_dynamic_rnn
    nn.conv2d_backprop_filter nn.conv2d_backprop_input nn.conv3d_backprop_filter nn.conv3d_backprop_filter_v2
    nn.ctc_beam_search_decoder_v2 nn.ctc_loss_v2 nn.depthwise_conv2d_native nn.depthwise_conv2d_native_backprop_filter
    nn.depthwise_conv2d_native_backprop_input nn.dynamic_rnn nn.fused_batch_norm nn.log_uniform_candidate_sampler
    nn.max_pool_v2 nn.quantized_avg_pool nn.quantized_conv2d nn.quantized_max_pool nn.quantized_relu_x nn.raw_rnn
    nn.relu_layer nn.rnn_cell nn.softmax_cross_entropy_with_logits_v2 nn.static_bidirectional_rnn nn.static_rnn
    nn.static_state_saving_rnn nn.uniform_candidate_sampler nn.xw_plus_b no_regularizer op_scope orthogonal_initializer
    parse_example parse_single_example parse_single_sequence_example parse_tensor placeholder placeholder_with_default
    polygamma profiler.AdviceProto profiler.GraphNodeProto profiler.MultiGraphNodeProto profiler.OpLogProto
    profiler.ProfileOptionBuilder profiler.Profiler profiler.advise profiler.profile profiler.write_op_log py_func
    python_io qr quantize quantize_v2 quantized_concat ragged.RaggedTensorValue ragged.constant_value ragged.placeholder
    random.get_seed random.multinomial random.set_random_seed random.stateless_multinomial random_crop random_gamma
    random_normal random_poisson random_shuffle random_uniform read_file real reciprocal reduce_join regex_replace
    report_uninitialized_variables reset_default_graph resource_loader resource_variables_enabled reverse_v2 rint rsqrt
    saved_model.Builder saved_model.LEGACY_INIT_OP_KEY saved_model.MAIN_OP_KEY saved_model.build_signature_def
    saved_model.build_tensor_info saved_model.builder saved_model.classification_signature_def saved_model.constants
    saved_model.experimental.save saved_model.get_tensor_from_tensor_info saved_model.is_valid_signature
    saved_model.load_v2 saved_model.loader saved_model.main_op saved_model.main_op_with_restore
    saved_model.maybe_saved_model_directory saved_model.predict_signature_def saved_model.regression_signature_def
    saved_model.signature_constants saved_model.signature_def_utils saved_model.simple_save saved_model.tag_constants
    saved_model.utils scatter_add scatter_div scatter_max scatter_min scatter_mul scatter_nd_add scatter_nd_sub
    scatter_nd_update scatter_sub scatter_update segment_max segment_mean segment_min segment_prod segment_sum
    self_adjoint_eig self_adjoint_eigvals serialize_many_sparse serialize_sparse serialize_tensor set_random_seed
    setdiff1d sets.set_difference sets.set_intersection sets.set_size sets.set_union space_to_depth
    sparse.SparseConditionalAccumulator sparse.matmul sparse.merge sparse.placeholder sparse.reduce_max_sparse
    sparse.reduce_sum_sparse sparse_add sparse_concat sparse_fill_empty_rows sparse_mask sparse_matmul sparse_maximum
    sparse_merge sparse_minimum sparse_placeholder sparse_reduce_max sparse_reduce_max_sparse sparse_reduce_sum
    sparse_reduce_sum_sparse sparse_reorder sparse_reset_shape sparse_reshape sparse_retain sparse_segment_mean
    sparse_segment_sqrt_n sparse_segment_sum sparse_slice sparse_softmax sparse_split sparse_tensor_dense_matmul
    sparse_tensor_to_dense sparse_to_dense sparse_to_indicator sparse_transpose spectral squared_difference string_join
    string_split string_strip string_to_hash_bucket string_to_hash_bucket_fast string_to_hash_bucket_strong
    string_to_number substr summary.Event summary.FileWriter summary.FileWriterCache summary.SessionLog summary.Summary
    summary.SummaryDescription summary.TaggedRunMetadata summary.all_v2_summary_ops summary.get_summary_description
    summary.initialize summary.merge summary.merge_all summary.tensor_summary svd tables_initializer tensor_scatter_add
    tensor_scatter_sub tensor_scatter_update test.StubOutForTesting test.compute_gradient_error test.get_temp_dir
    test.mock test.test_src_dir_path to_bfloat16 to_complex128 to_complex64 to_double to_float to_int32 to_int64
    tpu.CrossShardOptimizer tpu.PaddingSpec tpu.batch_parallel tpu.bfloat16_scope tpu.core tpu.cross_replica_sum
    tpu.experimental.AdagradParameters tpu.experimental.AdamParameters tpu.experimental.FtrlParameters
    tpu.experimental.StochasticGradientDescentParameters tpu.experimental.embedding_column
    tpu.experimental.shared_embedding_columns tpu.initialize_system tpu.outside_compilation tpu.replicate tpu.rewrite
    tpu.shard tpu.shutdown_system trace train.AdadeltaOptimizer train.AdagradDAOptimizer train.AdagradOptimizer
    train.AdamOptimizer train.CheckpointSaverHook train.CheckpointSaverListener train.ChiefSessionCreator
    train.FeedFnHook train.FinalOpsHook train.FtrlOptimizer train.GlobalStepWaiterHook train.GradientDescentOptimizer
    train.LoggingTensorHook train.LooperThread train.MomentumOptimizer train.MonitoredSession
    train.MonitoredTrainingSession train.NanLossDuringTrainingError train.NanTensorHook train.NewCheckpointReader
    train.Optimizer train.ProfilerHook train.ProximalAdagradOptimizer train.ProximalGradientDescentOptimizer
    train.QueueRunner train.RMSPropOptimizer train.Saver train.SaverDef train.Scaffold train.SecondOrStepTimer
    train.Server train.SessionCreator train.SessionManager train.SessionRunArgs train.SessionRunContext
    train.SessionRunHook train.SessionRunValues train.SingularMonitoredSession train.StepCounterHook
    train.StopAtStepHook train.SummarySaverHook train.Supervisor train.SyncReplicasOptimizer train.VocabInfo
    train.WorkerSessionCreator train.add_queue_runner train.assert_global_step train.basic_train_loop train.batch
    train.batch_join train.checkpoint_exists train.cosine_decay train.cosine_decay_restarts train.create_global_step
    train.do_quantize_training_on_graphdef train.experimental.DynamicLossScale train.experimental.FixedLossScale
    train.experimental.LossScale train.experimental.MixedPrecisionLossScaleOptimizer
    train.experimental.disable_mixed_precision_graph_rewrite train.experimental.enable_mixed_precision_graph_rewrite
    train.exponential_decay train.export_meta_graph train.generate_checkpoint_state_proto train.get_checkpoint_mtimes
    train.get_global_step train.get_or_create_global_step train.global_step train.import_meta_graph
    train.init_from_checkpoint train.input_producer train.inverse_time_decay train.limit_epochs
    train.linear_cosine_decay train.match_filenames_once train.maybe_batch train.maybe_batch_join
    train.maybe_shuffle_batch train.maybe_shuffle_batch_join train.natural_exp_decay train.noisy_linear_cosine_decay
    train.piecewise_constant train.piecewise_constant_decay train.polynomial_decay train.queue_runner
    train.range_input_producer train.remove_checkpoint train.replica_device_setter train.sdca_fprint
    train.sdca_optimizer train.sdca_shrink_l1 train.shuffle_batch train.shuffle_batch_join train.slice_input_producer
    train.start_queue_runners train.string_input_producer train.summary_iterator train.update_checkpoint_state
    train.warm_start train.write_graph trainable_variables truncated_normal truncated_normal_initializer
    uniform_unit_scaling_initializer unsorted_segment_max unsorted_segment_mean unsorted_segment_min
    unsorted_segment_prod unsorted_segment_sqrt_n unsorted_segment_sum user_ops variable_axis_size_partitioner
    variable_op_scope variable_scope variables_initializer variance_scaling_initializer verify_tensor_all_finite
    where_v2 wrap_function write_file zeta
    """.split()
)

# What TensorFlow 2 has, and tf.compat.v1 has not.
V2_ONLY = frozenset(
    """
    autodiff config.experimental.enable_op_determinism data.IteratorSpec data.experimental.at data.experimental.load
    data.experimental.save data.experimental.service.DispatchServer data.experimental.service.WorkerServer
    distribute.DistributedDataset distribute.DistributedIterator distribute.DistributedValues distribute.InputOptions
    distribute.MultiWorkerMirroredStrategy distribute.ParameterServerStrategy distribute.TPUStrategy
    distribute.coordinator distribute.experimental.PreemptionCheckpointHandler distribute.experimental.PreemptionWatcher
    distribute.experimental.TerminationConfig distribute.experimental.ValueContext distribute.experimental.coordinator
    distribute.experimental.partitioners distribute.experimental.rpc eig eigvals errors.OperatorNotAllowedInGraphError
    estimator.experimental.RNNClassifier estimator.experimental.RNNEstimator experimental.dlpack experimental.dtensor
    experimental.numpy experimental.tensorrt feature_column.shared_embeddings get_current_name_scope
    image.resize_with_pad image.stateless_random_brightness image.stateless_random_contrast image.stateless_random_crop
    image.stateless_random_flip_left_right image.stateless_random_flip_up_down image.stateless_random_hue
    image.stateless_random_jpeg_quality image.stateless_random_saturation image.stateless_sample_distorted_bounding_box
    initializers.Constant initializers.GlorotNormal initializers.GlorotUniform initializers.HeNormal
    initializers.HeUniform initializers.Identity initializers.IdentityInitializer initializers.Initializer
    initializers.LecunNormal initializers.LecunUniform initializers.Ones initializers.Orthogonal
    initializers.OrthogonalInitializer initializers.RandomNormal initializers.RandomUniform initializers.STFT
    initializers.STFTInitializer initializers.TruncatedNormal initializers.VarianceScaling initializers.Zeros
    initializers.deserialize initializers.get initializers.serialize initializers.stft inside_function
    linalg.banded_triangular_solve linalg.eig linalg.eigvals losses.BinaryCrossentropy losses.BinaryFocalCrossentropy
    losses.CTC losses.CategoricalCrossentropy losses.CategoricalFocalCrossentropy
    losses.CategoricalGeneralizedCrossEntropy losses.CategoricalHinge losses.Circle losses.CosineSimilarity losses.Dice
    losses.Hinge losses.Huber losses.KLD losses.KLDivergence losses.LogCosh losses.Loss losses.MAE losses.MAPE
    losses.MSE losses.MSLE losses.MeanAbsoluteError losses.MeanAbsolutePercentageError losses.MeanSquaredError
    losses.MeanSquaredLogarithmicError losses.Poisson losses.SparseCategoricalCrossentropy losses.SquaredHinge
    losses.Tversky losses.binary_crossentropy losses.binary_focal_crossentropy losses.categorical_crossentropy
    losses.categorical_focal_crossentropy losses.categorical_generalized_cross_entropy losses.categorical_hinge
    losses.circle losses.cosine_similarity losses.ctc losses.deserialize losses.dice losses.get losses.hinge
    losses.huber losses.kl_divergence losses.kld losses.kullback_leibler_divergence losses.log_cosh losses.logcosh
    losses.mae losses.mape losses.mean_absolute_error losses.mean_absolute_percentage_error
    losses.mean_squared_logarithmic_error losses.mse losses.msle losses.poisson losses.serialize
    losses.sparse_categorical_crossentropy losses.squared_hinge losses.tversky metrics.AUC metrics.Accuracy
    metrics.BinaryAccuracy metrics.BinaryCrossentropy metrics.BinaryIoU metrics.CategoricalAccuracy
    metrics.CategoricalCrossentropy metrics.CategoricalHinge metrics.ConcordanceCorrelation metrics.CosineSimilarity
    metrics.F1Score metrics.FBetaScore metrics.FalseNegatives metrics.FalsePositives metrics.Hinge metrics.IoU
    metrics.KLD metrics.KLDivergence metrics.LogCoshError metrics.MAE metrics.MAPE metrics.MSE metrics.MSLE metrics.Mean
    metrics.MeanAbsoluteError metrics.MeanAbsolutePercentageError metrics.MeanIoU metrics.MeanMetricWrapper
    metrics.MeanRelativeError metrics.MeanSquaredError metrics.MeanSquaredLogarithmicError metrics.MeanTensor
    metrics.Metric metrics.OneHotIoU metrics.OneHotMeanIoU metrics.PearsonCorrelation metrics.Poisson metrics.Precision
    metrics.PrecisionAtRecall metrics.R2Score metrics.Recall metrics.RecallAtPrecision metrics.RootMeanSquaredError
    metrics.SensitivityAtSpecificity metrics.SparseCategoricalAccuracy metrics.SparseCategoricalCrossentropy
    metrics.SparseTopKCategoricalAccuracy metrics.SpecificityAtSensitivity metrics.SquaredHinge metrics.Sum
    metrics.TopKCategoricalAccuracy metrics.TrueNegatives metrics.TruePositives metrics.binary_accuracy
    metrics.binary_crossentropy metrics.binary_focal_crossentropy metrics.categorical_accuracy
    metrics.categorical_crossentropy metrics.categorical_focal_crossentropy metrics.categorical_hinge
    metrics.concordance_correlation metrics.deserialize metrics.get metrics.hinge metrics.huber metrics.kl_divergence
    metrics.kld metrics.kullback_leibler_divergence metrics.log_cosh metrics.logcosh metrics.mae metrics.mape
    metrics.mean_absolute_percentage_error metrics.mean_squared_logarithmic_error metrics.mse metrics.msle
    metrics.pearson_correlation metrics.poisson metrics.serialize metrics.sparse_categorical_accuracy
    metrics.sparse_categorical_crossentropy metrics.sparse_top_k_categorical_accuracy metrics.squared_hinge
    metrics.top_k_categorical_accuracy nn.RNNCellDeviceWrapper nn.RNNCellDropoutWrapper nn.RNNCellResidualWrapper
    nn.gelu nn.isotonic_regression optimizers profiler.experimental random.set_seed saved_model.LoadOptions
    saved_model.experimental.Fingerprint saved_model.experimental.read_fingerprint sparse.map_values
    sparse.sampled_addmm summary.SummaryWriter summary.create_file_writer summary.create_noop_writer
    summary.experimental summary.flush summary.graph summary.record_if summary.should_record_summaries
    summary.trace_export summary.trace_off summary.trace_on summary.write train.CheckpointView train.TrackableView
    types.experimental.AtomicFunction types.experimental.Callable types.experimental.ConcreteFunction
    types.experimental.GenericFunction types.experimental.PolymorphicFunction types.experimental.SupportsTracingProtocol
    types.experimental.TraceType types.experimental.TracingContext types.experimental.distributed
    """.split()
)

# The modules of tf.compat.v1.
V1_MODULES = frozenset(
    """
    app audio autograph autograph.experimental bitwise config config.experimental config.optimizer config.threading data
    data.experimental data.experimental.service debugging debugging.experimental distribute distribute.cluster_resolver
    distribute.experimental distributions dtypes dtypes.experimental errors experimental experimental.extension_type
    feature_column gfile graph_util image initializers io io.gfile linalg linalg.experimental lite lite.constants
    lite.experimental lite.experimental.authoring logging lookup lookup.experimental losses manip math math.special
    metrics mixed_precision mixed_precision.experimental mlir mlir.experimental nest nn nn.experimental profiler
    python_io quantization queue ragged random random.experimental raw_ops resource_loader saved_model
    saved_model.builder saved_model.constants saved_model.experimental saved_model.loader saved_model.main_op
    saved_model.signature_constants saved_model.signature_def_utils saved_model.tag_constants saved_model.utils sets
    signal sparse spectral strings summary sysconfig test test.experimental tpu tpu.experimental
    tpu.experimental.embedding train train.experimental train.queue_runner types types.experimental user_ops version xla
    xla.experimental
    """.split()
)

# Names of older TensorFlows that the newest has neither as tf nor as tf.compat.v1, or only with Keras 2.
GONE = frozenset(
    """
    config.experimental_list_devices data.experimental.CheckpointInputPipelineHook
    data.experimental.MapVectorizationOptions data.experimental.StatsAggregator data.experimental.StatsOptions
    data.experimental.bytes_produced_stats data.experimental.latency_stats estimator keras.applications.RegNetX002
    keras.applications.RegNetX004 keras.applications.RegNetX006 keras.applications.RegNetX008
    keras.applications.RegNetX016 keras.applications.RegNetX032 keras.applications.RegNetX040
    keras.applications.RegNetX064 keras.applications.RegNetX080 keras.applications.RegNetX120
    keras.applications.RegNetX160 keras.applications.RegNetX320 keras.applications.RegNetY002
    keras.applications.RegNetY004 keras.applications.RegNetY006 keras.applications.RegNetY008
    keras.applications.RegNetY016 keras.applications.RegNetY032 keras.applications.RegNetY040
    keras.applications.RegNetY064 keras.applications.RegNetY080 keras.applications.RegNetY120
    keras.applications.RegNetY160 keras.applications.RegNetY320 keras.applications.ResNetRS101
    keras.applications.ResNetRS152 keras.applications.ResNetRS200 keras.applications.ResNetRS270
    keras.applications.ResNetRS350 keras.applications.ResNetRS420 keras.applications.ResNetRS50
    keras.applications.regnet keras.applications.resnet_rs keras.backend.experimental keras.backend.function
    keras.backend.get_session keras.backend.in_test_phase keras.backend.in_train_phase keras.backend.learning_phase
    keras.backend.learning_phase_scope keras.backend.local_conv1d keras.backend.local_conv2d
    keras.backend.manual_variable_initialization keras.backend.normalize_batch_in_training keras.backend.placeholder
    keras.backend.print_tensor keras.backend.random_binomial keras.backend.reset_uids keras.backend.set_learning_phase
    keras.backend.set_session keras.callbacks.BaseLogger keras.callbacks.experimental keras.constraints.RadialConstraint
    keras.constraints.radial_constraint keras.dtensor keras.estimator keras.experimental keras.initializers.normal
    keras.initializers.uniform keras.layers.AbstractRNNCell keras.layers.CuDNNGRU keras.layers.CuDNNLSTM
    keras.layers.DenseFeatures keras.layers.LocallyConnected1D keras.layers.LocallyConnected2D
    keras.layers.disable_v2_dtype_behavior keras.layers.enable_v2_dtype_behavior keras.layers.experimental
    keras.losses.cosine keras.losses.cosine_proximity keras.losses.kl_divergence keras.losses.log_cosh
    keras.losses.mean_absolute_error keras.losses.mean_absolute_percentage_error keras.losses.mean_squared_error
    keras.losses.mean_squared_logarithmic_error keras.metrics.MeanRelativeError keras.metrics.MeanTensor
    keras.metrics.cosine keras.metrics.cosine_proximity keras.metrics.kl_divergence keras.metrics.log_cosh
    keras.metrics.mean_absolute_error keras.metrics.mean_absolute_percentage_error keras.metrics.mean_squared_error
    keras.metrics.mean_squared_logarithmic_error keras.mixed_precision.experimental keras.models.LinearModel
    keras.models.WideDeepModel keras.models.experimental keras.models.model_from_config keras.models.model_from_yaml
    keras.optimizers.experimental keras.optimizers.legacy.Adadelta keras.optimizers.legacy.Adamax
    keras.optimizers.legacy.Nadam keras.saving keras.utils.DeterministicRandomTestTool keras.utils.GeneratorEnqueuer
    keras.utils.HDF5Matrix keras.utils.OrderedEnqueuer keras.utils.SequenceEnqueuer keras.utils.SidecarEvaluator
    keras.utils.convert_all_kernels_in_model keras.utils.experimental keras.utils.get_or_create_layer
    keras.utils.multi_gpu_model keras.utils.to_ordinal keras.utils.track_tf1_style_variables
    keras.utils.warmstart_embedding_matrix keras.wrappers.scikit_learn layers
    lite.experimental.get_potentially_supported_ops lite.experimental.nn losses.kl_divergence losses.log_cosh
    losses.mean_absolute_error losses.mean_absolute_percentage_error losses.mean_squared_logarithmic_error
    metrics.MeanRelativeError metrics.MeanTensor metrics.kl_divergence metrics.log_cosh
    metrics.mean_absolute_percentage_error metrics.mean_squared_logarithmic_error nn.rnn_cell optimizers.experimental
    optimizers.legacy.Adadelta optimizers.legacy.Adamax optimizers.legacy.Nadam
    python.client._pywrap_tf_session.AddControlInput python.client._pywrap_tf_session.RemoveAllControlInputs
    python.client._pywrap_tf_session.SetRequestedDevice python.client._pywrap_tf_session.SetRequireShapeInferenceFns
    python.client._pywrap_tf_session.TF_DeleteGraph python.client._pywrap_tf_session.TF_Graph
    python.client._pywrap_tf_session.TF_GraphGetOpDef python.client._pywrap_tf_session.TF_GraphGetTensorShapeHelper
    python.client._pywrap_tf_session.TF_GraphGetTensorShape_wrapper
    python.client._pywrap_tf_session.TF_GraphSetTensorShape_wrapper python.client._pywrap_tf_session.TF_GraphVersions
    python.client._pywrap_tf_session.TF_NewGraph python.client._pywrap_tf_session.TF_OperationGetControlInputs_wrapper
    python.client._pywrap_tf_session.TF_OperationOutputConsumers_wrapper python.data.ops.dataset_ops.AutotuneAlgorithm
    python.data.ops.dataset_ops.CacheDataset python.data.ops.dataset_ops.ConcatenateDataset
    python.data.ops.dataset_ops.FilterDataset python.data.ops.dataset_ops.FlatMapDataset
    python.data.ops.dataset_ops.InterleaveDataset python.data.ops.dataset_ops.MapDataset
    python.data.ops.dataset_ops.Options python.data.ops.dataset_ops.PaddedBatchDataset
    python.data.ops.dataset_ops.ParallelInterleaveDataset python.data.ops.dataset_ops.ParallelMapDataset
    python.data.ops.dataset_ops.RangeDataset python.data.ops.dataset_ops.ShardDataset
    python.data.ops.dataset_ops.SkipDataset python.data.ops.dataset_ops.SparseTensorSliceDataset
    python.data.ops.dataset_ops.TakeDataset python.data.ops.dataset_ops.TensorDataset
    python.data.ops.dataset_ops.TensorSliceDataset python.data.ops.dataset_ops.WindowDataset
    python.data.ops.dataset_ops.ZipDataset python.data.ops.dataset_ops._GeneratorDataset
    python.data.ops.dataset_ops._MaxIntraOpParallelismDataset python.data.ops.dataset_ops._MemoryCache
    python.data.ops.dataset_ops._MemoryCacheDeleter python.data.ops.dataset_ops._ModelDataset
    python.data.ops.dataset_ops._OptimizeDataset python.data.ops.dataset_ops._PrivateThreadPoolDataset
    python.data.ops.dataset_ops._RandomSeedGenerator python.data.ops.dataset_ops._RandomSeedGeneratorDeleter
    python.data.ops.dataset_ops._SetStatsAggregatorDataset python.data.ops.dataset_ops._UnbatchDataset
    python.data.ops.dataset_ops._apply_rewrite python.data.ops.dataset_ops._default_padding
    python.data.ops.dataset_ops._is_padded_shape_compatible_with python.data.ops.dataset_ops._padded_shape_to_tensor
    python.data.ops.dataset_ops._padding_value_to_tensor python.data.ops.dataset_ops._should_unpack_args
    python.data.ops.iterator_ops.IteratorResourceDeleter python.data.ops.iterator_ops.IteratorV2
    python.data.ops.multi_device_iterator_ops.MultiDeviceIteratorResourceDeleter
    python.data.ops.multi_device_iterator_ops.MultiDeviceIteratorV2 python.eager.backprop._record_gradient
    python.eager.backprop.aggregate_indexed_slices_gradients python.eager.backprop.flatten_nested_indexed_slices
    python.eager.context.VirtualDeviceConfiguration python.eager.context._ThreadLocalData
    python.eager.context.add_function python.eager.context.list_devices python.eager.context.mirroring_policy
    python.eager.context.namescope python.eager.context.shared_name python.eager.def_function.FunctionDeleter
    python.eager.def_function.UnliftedInitializerVariable python.eager.forwardprop.ForwardGradientAccumulator
    python.eager.forwardprop._forward_gradient python.eager.function.CacheKey
    python.eager.function.ConcreteFunctionGarbageCollector python.eager.function.Function
    python.eager.function.FunctionCache python.eager.function.FunctionSpec
    python.eager.function._DelayedRewriteGradientFunctions python.eager.function._EagerDefinedFunction
    python.eager.function._EagerDefinedFunctionDeleter python.eager.function._FirstOrderTapeGradientFunctions
    python.eager.function._FunctionGarbageCollector python.eager.function._HigherOrderTapeGradientFunctions
    python.eager.function._InterpolateFunctionError python.eager.function._PossibleTapeGradientTypes
    python.eager.function._TapeGradientFunctions python.eager.function._backward_name
    python.eager.function._compatible_shapes python.eager.function._convert_inputs_to_signature
    python.eager.function._convert_numpy_inputs python.eager.function._deterministic_dict_values
    python.eager.function._flat_shape_list python.eager.function._forward_name python.eager.function._parse_func_attrs
    python.eager.function._shape_less_specific_than python.eager.function.class_method_to_instance_method
    python.eager.function.common_shape python.eager.function.defun python.eager.function.defun_with_attributes
    python.eager.function.is_same_structure python.eager.function.register python.eager.function.validate_signature
    python.eager.graph_only_ops.graph_zeros_like python.eager.tape.VariableWatcher
    python.eager.tape.could_possibly_record python.eager.tape.delete_trace python.eager.tape.record_operation
    python.eager.tape.record_operation_backprop_only python.eager.tape.record_operation_forwardprop_only
    python.eager.tape.should_record python.eager.tape.should_record_backprop python.eager.tape.stop_recording
    python.framework.c_api_util.ScopedTFGraph python.framework.c_api_util.new_tf_operations
    python.framework.c_api_util.tf_operations python.framework.common_shapes._call_cpp_shape_fn_impl
    python.framework.common_shapes.avg_pool_shape python.framework.common_shapes.call_cpp_shape_fn
    python.framework.common_shapes.conv2d_shape python.framework.common_shapes.depthwise_conv2d_native_shape
    python.framework.common_shapes.get2d_conv_output_size python.framework.common_shapes.get_conv_output_size
    python.framework.common_shapes.has_fully_defined_shape python.framework.common_shapes.matmul_shape
    python.framework.common_shapes.max_pool_shape python.framework.common_shapes.no_outputs
    python.framework.common_shapes.rank python.framework.common_shapes.scalar_shape
    python.framework.common_shapes.separable_conv2d_shape python.framework.common_shapes.unchanged_shape
    python.framework.common_shapes.unchanged_shape_with_rank
    python.framework.common_shapes.unchanged_shape_with_rank_at_least
    python.framework.common_shapes.unchanged_shape_with_rank_at_most python.framework.common_shapes.unknown_shape
    python.framework.config.get_virtual_device_configuration python.framework.config.set_virtual_device_configuration
    python.framework.constant_op._constant_tensor_conversion_function python.framework.constant_op._eager_const
    python.framework.convert_to_constants._get_control_flow_function_data
    python.framework.convert_to_constants._get_new_function_name
    python.framework.convert_to_constants._get_node_defs_list python.framework.convert_to_constants._get_tensor_data
    python.framework.convert_to_constants._get_tensor_name python.framework.convert_to_constants._populate_const_op
    python.framework.convert_to_constants._populate_identity_op python.framework.convert_to_constants._populate_if_op
    python.framework.convert_to_constants._populate_while_op python.framework.cpp_shape_inference_pb2._b
    python.framework.error_interpolation._build_error_message
    python.framework.error_interpolation._find_index_of_defining_frame_for_op
    python.framework.error_interpolation._get_defining_frame_from_op
    python.framework.error_interpolation._sources_for_node python.framework.error_interpolation.compute_field_dict
    python.framework.error_interpolation.interpolate python.framework.error_interpolation.traceback_files_common_prefix
    python.framework.errors_impl._compact_stack_trace python.framework.func_graph._create_substitute_placeholder
    python.framework.func_graph._get_defun_inputs python.framework.func_graph._get_defun_inputs_from_args
    python.framework.func_graph._get_defun_inputs_from_kwargs python.framework.func_graph.check_mutation
    python.framework.func_graph.maybe_captured python.framework.function.function_def_from_tf_function
    python.framework.graph_util.absolute_import python.framework.graph_util.convert_variables_to_constants
    python.framework.graph_util.division python.framework.graph_util.print_function
    python.framework.graph_util_impl.convert_variables_to_constants python.framework.meta_graph._op_name
    python.framework.op_callbacks._OpCallbackContextManager python.framework.op_callbacks.op_callback
    python.framework.op_def_library.OpDefLibrary python.framework.op_def_library._OpInfo
    python.framework.op_def_registry.get_registered_ops python.framework.op_def_registry.register_op_list
    python.framework.ops.RegisterShape python.framework.ops.Tensor python.framework.ops._DefaultStack
    python.framework.ops._TensorIterator python.framework.ops._call_cpp_shape_fn
    python.framework.ops._call_cpp_shape_fn_and_require_op python.framework.ops._default_session_stack
    python.framework.ops._error_prefix python.framework.ops._eval_using_default_session
    python.framework.ops._is_keras_symbolic_tensor python.framework.ops._operation_conversion_error
    python.framework.ops._override_helper python.framework.ops._set_call_cpp_shape_fn
    python.framework.ops.convert_to_tensor_v1 python.framework.ops.convert_to_tensor_v1_with_dispatch
    python.framework.ops.convert_to_tensor_v2 python.framework.ops.convert_to_tensor_v2_with_dispatch
    python.framework.ops.default_session python.framework.ops.disable_tensor_equality
    python.framework.ops.enable_numpy_style_type_promotion python.framework.ops.enable_tensor_equality
    python.framework.ops.enter_eager_name_scope python.framework.ops.get_handle_data
    python.framework.ops.register_dense_tensor_like_type
    python.framework.tensor_conversion_registry._default_conversion_function python.framework.tensor_shape.matrix
    python.framework.tensor_shape.scalar python.framework.tensor_shape.vector
    python.framework.tensor_spec._BoundedTensorSpecCodec python.framework.tensor_spec._TensorSpecCodec
    python.framework.tensor_spec.sanitize_spec_name python.framework.tensor_util.ExtractBitsFromFloat8e4m3fn
    python.framework.tensor_util.ExtractBitsFromFloat8e5m2 python.framework.tensor_util.maybe_set_static_shape
    python.framework.tensor_util.shape_tensor python.ops.array_ops._SliceHelperVar python.ops.array_ops._check_index
    python.ops.array_ops._is_undefined_dimension python.ops.array_ops._normalize_sparse_shape
    python.ops.array_ops._slice_helper python.ops.array_ops.stack python.ops.array_ops.unstack
    python.ops.bincount_ops.sparse_bincount python.ops.bincount_ops.validate_ragged_weights
    python.ops.bincount_ops.validate_sparse_weights python.ops.check_ops._get_diff_for_monotonic_comparison
    python.ops.control_flow_ops.Assert python.ops.control_flow_ops._SetShapeInvariants
    python.ops.control_flow_ops._UnpackIfSingleton python.ops.control_flow_ops._assert_at_most_n_true
    python.ops.control_flow_ops._case_create_default_action python.ops.control_flow_ops._case_helper
    python.ops.control_flow_ops._case_verify_and_canonicalize_args
    python.ops.control_flow_ops._cast_indexed_slice_indices python.ops.control_flow_ops._convert_flows_to_tensorarrays
    python.ops.control_flow_ops._eager_cond_implementation python.ops.control_flow_ops._get_shape_invariant
    python.ops.control_flow_ops._indexed_case_helper
    python.ops.control_flow_ops._indexed_case_verify_and_canonicalize_args python.ops.control_flow_ops._summarize_eager
    python.ops.control_flow_ops.case python.ops.control_flow_ops.case_v2 python.ops.control_flow_ops.cond
    python.ops.control_flow_ops.cond_for_tf_v2 python.ops.control_flow_ops.execute_fn_for_device
    python.ops.control_flow_ops.switch_case python.ops.control_flow_ops.while_loop
    python.ops.control_flow_ops.while_loop_v2 python.ops.control_flow_state.ZerosLikeOutsideLoop
    python.ops.control_flow_v2_toggles.output_all_intermediates python.ops.custom_gradient.copy_handle_data
    python.ops.custom_gradient.get_dependent_variables python.ops.embedding_ops.embedding_lookup_ragged
    python.ops.functional_ops._set_read_only_resource_inputs_attr python.ops.functional_ops.partitioned_call
    python.ops.gen_array_ops._InitOpDefLibrary python.ops.gen_audio_ops._InitOpDefLibrary
    python.ops.gen_batch_ops._InitOpDefLibrary python.ops.gen_bitwise_ops._InitOpDefLibrary
    python.ops.gen_boosted_trees_ops._InitOpDefLibrary python.ops.gen_candidate_sampling_ops._InitOpDefLibrary
    python.ops.gen_checkpoint_ops._InitOpDefLibrary python.ops.gen_clustering_ops._InitOpDefLibrary
    python.ops.gen_collective_ops._InitOpDefLibrary python.ops.gen_control_flow_ops._InitOpDefLibrary
    python.ops.gen_ctc_ops._InitOpDefLibrary python.ops.gen_cudnn_rnn_ops._InitOpDefLibrary
    python.ops.gen_data_flow_ops._InitOpDefLibrary python.ops.gen_dataset_ops.OptionalFromValue
    python.ops.gen_dataset_ops.OptionalGetValue python.ops.gen_dataset_ops.OptionalHasValue
    python.ops.gen_dataset_ops.OptionalNone python.ops.gen_dataset_ops._InitOpDefLibrary
    python.ops.gen_dataset_ops.optional_from_value python.ops.gen_dataset_ops.optional_from_value_eager_fallback
    python.ops.gen_dataset_ops.optional_get_value python.ops.gen_dataset_ops.optional_get_value_eager_fallback
    python.ops.gen_dataset_ops.optional_has_value python.ops.gen_dataset_ops.optional_has_value_eager_fallback
    python.ops.gen_dataset_ops.optional_none python.ops.gen_dataset_ops.optional_none_eager_fallback
    python.ops.gen_decode_proto_ops._InitOpDefLibrary python.ops.gen_encode_proto_ops._InitOpDefLibrary
    python.ops.gen_experimental_dataset_ops.DatasetCardinality python.ops.gen_experimental_dataset_ops._InitOpDefLibrary
    python.ops.gen_experimental_dataset_ops.dataset_cardinality
    python.ops.gen_experimental_dataset_ops.dataset_cardinality_eager_fallback
    python.ops.gen_functional_ops._InitOpDefLibrary python.ops.gen_image_ops._InitOpDefLibrary
    python.ops.gen_io_ops._InitOpDefLibrary python.ops.gen_linalg_ops._InitOpDefLibrary
    python.ops.gen_list_ops._InitOpDefLibrary python.ops.gen_logging_ops._InitOpDefLibrary
    python.ops.gen_lookup_ops._InitOpDefLibrary python.ops.gen_manip_ops._InitOpDefLibrary
    python.ops.gen_math_ops.BesselI0e python.ops.gen_math_ops.BesselI1e python.ops.gen_math_ops.CompareAndBitpack
    python.ops.gen_math_ops._InitOpDefLibrary python.ops.gen_math_ops.bessel_i0e
    python.ops.gen_math_ops.bessel_i0e_eager_fallback python.ops.gen_math_ops.bessel_i1e
    python.ops.gen_math_ops.bessel_i1e_eager_fallback python.ops.gen_math_ops.compare_and_bitpack
    python.ops.gen_math_ops.compare_and_bitpack_eager_fallback python.ops.gen_nccl_ops._InitOpDefLibrary
    python.ops.gen_nn_ops._InitOpDefLibrary python.ops.gen_parsing_ops._InitOpDefLibrary
    python.ops.gen_ragged_array_ops._InitOpDefLibrary python.ops.gen_ragged_conversion_ops._InitOpDefLibrary
    python.ops.gen_ragged_math_ops._InitOpDefLibrary python.ops.gen_random_ops._InitOpDefLibrary
    python.ops.gen_resource_variable_ops._InitOpDefLibrary python.ops.gen_rnn_ops._InitOpDefLibrary
    python.ops.gen_script_ops._InitOpDefLibrary python.ops.gen_sdca_ops._InitOpDefLibrary
    python.ops.gen_set_ops._InitOpDefLibrary python.ops.gen_sparse_ops._InitOpDefLibrary
    python.ops.gen_spectral_ops._InitOpDefLibrary python.ops.gen_state_ops._InitOpDefLibrary
    python.ops.gen_stateful_random_ops._InitOpDefLibrary python.ops.gen_stateless_random_ops._InitOpDefLibrary
    python.ops.gen_string_ops._InitOpDefLibrary python.ops.gen_summary_ops._InitOpDefLibrary
    python.ops.gen_tpu_ops.LoadTPUEmbeddingADAMParametersGradAccumDebug
    python.ops.gen_tpu_ops.LoadTPUEmbeddingAdadeltaParametersGradAccumDebug
    python.ops.gen_tpu_ops.LoadTPUEmbeddingAdagradParametersGradAccumDebug
    python.ops.gen_tpu_ops.LoadTPUEmbeddingFTRLParametersGradAccumDebug
    python.ops.gen_tpu_ops.LoadTPUEmbeddingMomentumParametersGradAccumDebug
    python.ops.gen_tpu_ops.LoadTPUEmbeddingProximalAdagradParametersGradAccumDebug
    python.ops.gen_tpu_ops.LoadTPUEmbeddingRMSPropParametersGradAccumDebug
    python.ops.gen_tpu_ops.RetrieveTPUEmbeddingADAMParametersGradAccumDebug
    python.ops.gen_tpu_ops.RetrieveTPUEmbeddingAdadeltaParametersGradAccumDebug
    python.ops.gen_tpu_ops.RetrieveTPUEmbeddingAdagradParametersGradAccumDebug
    python.ops.gen_tpu_ops.RetrieveTPUEmbeddingFTRLParametersGradAccumDebug
    python.ops.gen_tpu_ops.RetrieveTPUEmbeddingMomentumParametersGradAccumDebug
    python.ops.gen_tpu_ops.RetrieveTPUEmbeddingProximalAdagradParametersGradAccumDebug
    python.ops.gen_tpu_ops.RetrieveTPUEmbeddingRMSPropParametersGradAccumDebug python.ops.gen_tpu_ops._InitOpDefLibrary
    python.ops.gen_tpu_ops._RetrieveTPUEmbeddingADAMParametersGradAccumDebugOutput
    python.ops.gen_tpu_ops._RetrieveTPUEmbeddingAdadeltaParametersGradAccumDebugOutput
    python.ops.gen_tpu_ops._RetrieveTPUEmbeddingAdagradParametersGradAccumDebugOutput
    python.ops.gen_tpu_ops._RetrieveTPUEmbeddingFTRLParametersGradAccumDebugOutput
    python.ops.gen_tpu_ops._RetrieveTPUEmbeddingMomentumParametersGradAccumDebugOutput
    python.ops.gen_tpu_ops._RetrieveTPUEmbeddingProximalAdagradParametersGradAccumDebugOutput
    python.ops.gen_tpu_ops._RetrieveTPUEmbeddingRMSPropParametersGradAccumDebugOutput
    python.ops.gen_tpu_ops.load_tpu_embedding_adadelta_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.load_tpu_embedding_adadelta_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.load_tpu_embedding_adagrad_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.load_tpu_embedding_adagrad_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.load_tpu_embedding_adam_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.load_tpu_embedding_adam_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.load_tpu_embedding_ftrl_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.load_tpu_embedding_ftrl_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.load_tpu_embedding_momentum_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.load_tpu_embedding_momentum_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.load_tpu_embedding_proximal_adagrad_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.load_tpu_embedding_proximal_adagrad_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.load_tpu_embedding_rms_prop_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.load_tpu_embedding_rms_prop_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_adadelta_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_adadelta_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_adagrad_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_adagrad_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_adam_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_adam_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_ftrl_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_ftrl_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_momentum_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_momentum_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_proximal_adagrad_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_proximal_adagrad_parameters_grad_accum_debug_eager_fallback
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_rms_prop_parameters_grad_accum_debug
    python.ops.gen_tpu_ops.retrieve_tpu_embedding_rms_prop_parameters_grad_accum_debug_eager_fallback
    python.ops.gradients_util.IsTrainable python.ops.gradients_util._IsBackpropagatable
    python.ops.lookup_ops._check_table_dtypes python.ops.map_fn._most_general_compatible_type
    python.ops.math_grad._safe_shape_div python.ops.math_ops._BroadcastShape
    python.ops.math_ops._OverrideBinaryOperatorHelper python.ops.math_ops._calc_batch_mat_mul_flops
    python.ops.math_ops._calc_mat_mul_flops python.ops.math_ops._maybe_get_dtype
    python.ops.math_ops._promote_dtypes_decorator python.ops.math_ops._sparse_dense_truediv
    python.ops.math_ops.bincount_v1 python.ops.math_ops.maybe_promote_tensors python.ops.nn.absolute_import
    python.ops.nn.bidirectional_dynamic_rnn python.ops.nn.control_flow_ops python.ops.nn.division python.ops.nn.ds
    python.ops.nn.dynamic_rnn python.ops.nn.embedding_lookup_ragged python.ops.nn.function_eager
    python.ops.nn.l2_normalize_v2 python.ops.nn.logging python.ops.nn.print_function python.ops.nn.ragged_functional_ops
    python.ops.nn.ragged_tensor python.ops.nn.raw_rnn python.ops.nn.rnn_cell python.ops.nn.static_rnn
    python.ops.nn.static_state_saving_rnn python.ops.nn.xrange python.ops.nn_grad._BatchNormGrad
    python.ops.nn_grad._FusedBatchNormGradGrad python.ops.nn_grad._FusedBatchNormGradGradV2
    python.ops.nn_grad._FusedBatchNormGradGradV3 python.ops.nn_impl._enclosing_tpu_context
    python.ops.nn_impl.compute_average_loss python.ops.nn_impl.l2_normalize_v2
    python.ops.nn_impl.scale_regularization_loss python.ops.nn_ops._convert_padding
    python.ops.nn_ops._enclosing_tpu_context python.ops.nn_ops._softmax python.ops.numpy_ops.max
    python.ops.numpy_ops.min python.ops.numpy_ops.round python.ops.op_selector._path_from
    python.ops.parsing_ops._features_to_raw_params python.ops.parsing_ops._parse_single_example_raw
    python.ops.parsing_ops._parse_single_example_v2_raw python.ops.parsing_ops._process_raw_parameters
    python.ops.parsing_ops.parse_single_example_v2_unoptimized python.ops.random_ops.random_crop
    python.ops.random_ops.stateless_random_crop python.ops.resource_variable_ops._to_proto_fn
    python.ops.resource_variable_ops.variable_handle_from_shape_and_dtype python.ops.rnn._is_keras_rnn_cell
    python.ops.rnn_cell_impl._LSTMStateTuple python.ops.rnn_cell_impl._RNNCellWrapperV1
    python.ops.rnn_cell_impl._check_rnn_cell_input_dtypes python.ops.rnn_cell_impl._check_supported_dtypes
    python.ops.special_math_ops._einsum_parse_and_resolve_equation python.ops.special_math_ops._einsum_reduction
    python.ops.special_math_ops._exponential_space_einsum python.ops.stateless_random_ops.Algorithm
    python.ops.stateless_random_ops._get_key_counter python.ops.stateless_random_ops._get_key_counter_alg
    python.ops.stateless_random_ops._philox_scramble_seed python.ops.stateless_random_ops.convert_alg_to_int
    python.ops.stateless_random_ops.uint32s_to_uint64 python.ops.stateless_random_ops.unsupported_alg_error_msg
    python.ops.summary_ops_v2.NoopSummaryWriter python.ops.summary_ops_v2.ResourceSummaryWriter
    python.ops.summary_ops_v2._flush_fn python.ops.summary_ops_v2._graph
    python.ops.summary_ops_v2._should_record_summaries_v2 python.ops.summary_ops_v2.create_db_writer
    python.ops.summary_ops_v2.keras_model python.ops.variable_scope.default_variable_creator
    python.ops.variable_scope.default_variable_creator_v2 python.ops.variable_scope.disable_resource_variables
    python.ops.variable_scope.enable_resource_variables python.ops.variable_scope.resource_variables_enabled
    python.ops.variables.AbstractVariable python.ops.variables.AbstractVariableMetaclass
    python.ops.variables.RefVariable python.ops.variables.VariableV1 python.ops.variables.is_variable_initialized
    python.ops.while_v2._OperationWithOutputs python.ops.while_v2._graph_name
    python.saved_model.function_deserialization._fix_fdef python.saved_model.load._RestoredResource
    python.saved_model.load.load_internal python.saved_model.loader_impl._parse_saved_model
    python.saved_model.nested_structure_coder.StructureCoder python.saved_model.nested_structure_coder._TensorShapeCodec
    python.saved_model.nested_structure_coder._TensorSpecCodec python.saved_model.save._CapturedConstant
    python.saved_model.save._call_function_with_mapped_captures python.saved_model.save._map_captures_to_created_tensors
    python.saved_model.save._process_asset python.saved_model.save._trace_resource_initializers
    python.saved_model.signature_serialization._is_flat
    python.saved_model.signature_serialization.validate_saveable_view
    python.saved_model.utils_impl.byte_swap_tensor_content python.saved_model.utils_impl.get_assets_dir
    python.saved_model.utils_impl.get_or_create_assets_dir python.saved_model.utils_impl.get_or_create_variables_dir
    python.saved_model.utils_impl.get_variables_dir python.saved_model.utils_impl.get_variables_path
    python.training.checkpoint_state_pb2._b python.training.training.absolute_import python.training.training.division
    python.training.training.do_quantize_training_on_graphdef
    python.training.training.enable_mixed_precision_graph_rewrite python.training.training.functools
    python.training.training.learning_rate_schedule python.training.training.print_function python.training.training.sys
    python.training.training.vs python.training.training.xrange
    python.util._pywrap_utils.IsBF16SupportedByOneDNNOnThisCPU python.util._pywrap_utils.RegisterType
    python.util._tf_stack.StackTraceWrapper python.util._tf_stack.extract_stack_for_op
    python.util.deprecation.DeprecatedNamesAlreadySet python.util.keras_deps.get_load_context_function
    python.util.keras_deps.register_load_context_function python.util.nest._DOT python.util.nest._DotString
    python.util.nest._get_attrs_items python.util.nest._pack_sequence_as python.util.nest._packed_nest_with_indices
    python.util.nest._sorted python.util.nest._yield_flat_up_to python.util.nest.is_sequence
    python.util.tf_export.SymbolAlreadyExposedError python.util.tf_should_use.must_use_result_or_fatal
    python.util.tf_stack.convert_stack python.util.tf_stack.extract_stack_for_op raw_ops.CompareAndBitpack
    raw_ops.LoadTPUEmbeddingADAMParametersGradAccumDebug raw_ops.LoadTPUEmbeddingAdadeltaParametersGradAccumDebug
    raw_ops.LoadTPUEmbeddingAdagradParametersGradAccumDebug raw_ops.LoadTPUEmbeddingFTRLParametersGradAccumDebug
    raw_ops.LoadTPUEmbeddingMomentumParametersGradAccumDebug
    raw_ops.LoadTPUEmbeddingProximalAdagradParametersGradAccumDebug
    raw_ops.LoadTPUEmbeddingRMSPropParametersGradAccumDebug raw_ops.RetrieveTPUEmbeddingADAMParametersGradAccumDebug
    raw_ops.RetrieveTPUEmbeddingAdadeltaParametersGradAccumDebug
    raw_ops.RetrieveTPUEmbeddingAdagradParametersGradAccumDebug raw_ops.RetrieveTPUEmbeddingFTRLParametersGradAccumDebug
    raw_ops.RetrieveTPUEmbeddingMomentumParametersGradAccumDebug
    raw_ops.RetrieveTPUEmbeddingProximalAdagradParametersGradAccumDebug
    raw_ops.RetrieveTPUEmbeddingRMSPropParametersGradAccumDebug tpu.experimental.AdagradParameters
    tpu.experimental.AdamParameters tpu.experimental.FtrlParameters tpu.experimental.StochasticGradientDescentParameters
    tpu_partitioned_output_v2 types.experimental.TracingContext
    """.split()
)

# Modules that older TensorFlows have, and the newest has not.
GONE_MODULES = frozenset(
    """
    compiler.tf2tensorrt._wrap_py_utils compiler.tf2tensorrt.utils compiler.tf2tensorrt.wrap_py_utils
    compiler.xla.experimental compiler.xla.python_api core.framework.remote_fused_graph_execute_info_pb2 core.kernels
    core.profiler.op_profile_pb2 core.profiler.profiler_analysis_pb2 core.profiler.profiler_analysis_pb2_grpc
    core.profiler.profiler_service_pb2 core.profiler.profiler_service_pb2_grpc core.profiler.protobuf core.protobuf.data
    core.protobuf.graph_debug_info_pb2 core.protobuf.tpu.tpu_embedding_output_layout_pb2 core.protobuf.trace_events_pb2
    dtensor.python.heartbeat examples lite.experimental.examples lite.experimental.tensorboard
    lite.python.interpreter_wrapper._tensorflow_wrap_interpreter_wrapper
    lite.python.interpreter_wrapper.tensorflow_wrap_interpreter_wrapper lite.python.metrics.converter_error_data_pb2
    lite.python.optimize._tensorflow_lite_wrap_calibration_wrapper
    lite.python.optimize.tensorflow_lite_wrap_calibration_wrapper lite.python.wrap_toco lite.toco.model_flags_pb2
    lite.toco.python python._tf_stack python.autograph.converters.arg_defaults
    python.autograph.converters.control_flow_deprecated_py2 python.autograph.converters.function_scopes
    python.autograph.converters.list_comprehensions python.autograph.core.naming
    python.autograph.operators.special_values python.autograph.operators.symbols python.autograph.pyct.compiler
    python.autograph.utils.py_func python.autograph.utils.type_check
    python.data.experimental.kernel_tests.reader_dataset_ops_test_base
    python.data.experimental.kernel_tests.serialization python.data.experimental.kernel_tests.stats_dataset_test_base
    python.data.experimental.ops.distribute_options python.data.experimental.ops.optimization
    python.data.experimental.ops.optimization_options python.data.experimental.ops.sleep
    python.data.experimental.ops.stats_aggregator python.data.experimental.ops.stats_ops
    python.data.experimental.ops.stats_options python.data.experimental.ops.threading_options
    python.data.experimental.ops.threadpool python.data.experimental.service._pywrap_utils python.debug.cli.curses_ui
    python.debug.cli.curses_widgets python.debug.examples python.distribute.all_reduce
    python.distribute.distribution_strategy_context python.distribute.estimator_training
    python.distribute.model_collection python.distribute.model_combinations python.distribute.saved_model_test_base
    python.eager.execution_callbacks python.eager.polymorphic_function.function_spec
    python.eager.polymorphic_function.monomorphic_function python.eager.polymorphic_function.quarantine
    python.eager.polymorphic_function.tracing_compiler python.eager.profiler python.eager.profiler_client
    python.estimator python.feature_column.dense_features python.feature_column.dense_features_v2
    python.framework._errors_test_helper python.framework._op_def_util python.framework._pywrap_python_api_info
    python.framework._pywrap_python_api_parameter_converter python.framework.composite_tensor_utils
    python.framework.fast_tensor_util python.framework.tensor_like python.keras.api python.keras.applications
    python.keras.datasets python.keras.distribute.distribute_strategy_test
    python.keras.distribute.keras_correctness_test_base python.keras.distribute.keras_dnn_correctness_test
    python.keras.distribute.keras_embedding_model_correctness_test
    python.keras.distribute.keras_image_model_correctness_test python.keras.distribute.keras_lstm_model_correctness_test
    python.keras.distribute.keras_stateful_lstm_model_correctness_test python.keras.distribute.keras_utils_test
    python.keras.distribute.multi_worker_testing_utils python.keras.distribute.multi_worker_training_state
    python.keras.engine.base_preprocessing_layer_v1 python.keras.engine.network python.keras.engine.training_arrays
    python.keras.engine.training_distributed python.keras.engine.training_eager python.keras.engine.training_generator
    python.keras.engine.training_v2 python.keras.engine.training_v2_utils python.keras.estimator
    python.keras.layers.cudnn_recurrent python.keras.layers.kernelized python.keras.layers.local
    python.keras.layers.noise python.keras.layers.normalization python.keras.layers.normalization_v2
    python.keras.layers.preprocessing python.keras.layers.recurrent_v2 python.keras.layers.wrappers
    python.keras.mixed_precision.experimental python.keras.model_subclassing_test_util python.keras.ops
    python.keras.premade python.keras.preprocessing python.keras.utils.multi_gpu_utils python.keras.wrappers
    python.lib.core._pywrap_bfloat16 python.lib.core._pywrap_custom_casts python.lib.core._pywrap_float8
    python.ops.distributions.transformed_distribution python.ops.gen_tensor_forest_ops python.ops.gen_user_ops
    python.ops.linalg.adjoint_registrations python.ops.linalg.cholesky_registrations
    python.ops.linalg.inverse_registrations python.ops.linalg.linear_operator_algebra
    python.ops.linalg.matmul_registrations python.ops.linalg.registrations_util python.ops.linalg.solve_registrations
    python.ops.losses.loss_reduction python.ops.numpy_ops.np_export python.ops.rnn_cell_wrapper_impl
    python.ops.spectral_ops_test_util python.ops.tensor_forest_ops python.platform.control_imports
    python.platform.parameterized python.platform.status_bar python.profiler.profile_context
    python.pywrap_tensorflow_internal python.tpu._tpu_estimator_embedding python.tpu.async_checkpoint
    python.tpu.error_handling python.tpu.ops.gen_tpu_embedding_ops python.tpu.profiler python.tpu.session_support
    python.tpu.tpu_config python.tpu.tpu_context python.tpu.tpu_embedding python.tpu.tpu_embedding_gradient
    python.tpu.tpu_estimator python.tpu.util python.training.distribute python.training.distribution_strategy_context
    python.training.gen_training_ops python.training.saving.checkpoint_options python.training.saving.functional_saver
    python.training.tensorboard_logging python.training.tracking python.training.training_ops
    python.util.compat_internal python.util.deprecation_wrapper python.util.future_api python.util.memory
    tools.docs.doc_generator_visitor tools.docs.generate_lib tools.docs.parser tools.docs.pretty_docs
    tools.docs.py_guide_parser tools.graph_transforms tools.pip_package.simple_console
    tsl.profiler.protobuf.profiler_analysis_pb2 tsl.profiler.protobuf.profiler_analysis_pb2_grpc
    tsl.profiler.protobuf.profiler_service_monitor_result_pb2 tsl.profiler.protobuf.profiler_service_pb2
    tsl.profiler.protobuf.profiler_service_pb2_grpc tsl.protobuf
    """.split()
)

# What functions of tf.compat.v1 take by name, and those of TensorFlow 2 do not.
LOST_ARGUMENTS = {
    "argmax": "dimension",
    "argmin": "dimension",
    "assert_equal": "data",
    "assert_greater": "data",
    "assert_less": "data",
    "assert_rank": "data summarize",
    "autograph.to_code": "arg_values arg_types indentation",
    "autograph.to_graph": "arg_values arg_types",
    "batch_to_space": "block_size",
    "cond": "strict fn1 fn2",
    "constant": "verify_shape",
    "constant_initializer": "dtype verify_shape",
    "convert_to_tensor": "preferred_dtype",
    "data.Iterator": "iterator_resource initializer output_types output_shapes output_classes",
    "debugging.assert_all_finite": "t msg",
    "debugging.assert_equal": "data",
    "debugging.assert_greater": "data",
    "debugging.assert_greater_equal": "data",
    "debugging.assert_less": "data",
    "debugging.assert_less_equal": "data",
    "debugging.assert_near": "data",
    "debugging.assert_negative": "data",
    "debugging.assert_non_negative": "data",
    "debugging.assert_non_positive": "data",
    "debugging.assert_none_equal": "data",
    "debugging.assert_positive": "data",
    "debugging.assert_rank": "data summarize",
    "debugging.assert_rank_at_least": "data summarize",
    "debugging.assert_rank_in": "data summarize",
    "device": "device_name_or_function",
    "distribute.experimental.TPUStrategy": "steps_per_run",
    "expand_dims": "dim",
    "gradients": "colocate_gradients_with_ops",
    "hessians": "colocate_gradients_with_ops",
    "image.crop_and_resize": "box_ind",
    "image.extract_glimpse": "uniform_noise",
    "image.resize": "align_corners",
    "image.sample_distorted_bounding_box": "seed2",
    "io.decode_raw": "bytes",
    "linalg.norm": "keep_dims",
    "lite.TFLiteConverter": (
        "graph_def input_tensors output_tensors input_arrays_with_shape output_arrays experimental_debug_info_func"
    ),
    "math.argmax": "dimension",
    "math.argmin": "dimension",
    "math.count_nonzero": "input_tensor reduction_indices keep_dims",
    "math.log_softmax": "dim",
    "math.reduce_all": "reduction_indices keep_dims",
    "math.reduce_any": "reduction_indices keep_dims",
    "math.reduce_logsumexp": "reduction_indices keep_dims",
    "math.reduce_max": "reduction_indices keep_dims",
    "math.reduce_mean": "reduction_indices keep_dims",
    "math.reduce_min": "reduction_indices keep_dims",
    "math.reduce_prod": "reduction_indices keep_dims",
    "math.reduce_sum": "reduction_indices keep_dims",
    "math.softmax": "dim",
    "name_scope": "default_name values",
    "nn.avg_pool": "value",
    "nn.avg_pool2d": "value",
    "nn.batch_norm_with_global_normalization": "t m v",
    "nn.conv1d": "value use_cudnn_on_gpu",
    "nn.conv2d": "filter use_cudnn_on_gpu",
    "nn.conv2d_transpose": "value filter",
    "nn.conv3d": "filter",
    "nn.conv3d_transpose": "value filter",
    "nn.convolution": "filter dilation_rate",
    "nn.ctc_beam_search_decoder": "merge_repeated",
    "nn.ctc_loss": (
        "inputs sequence_length preprocess_collapse_repeated ctc_merge_repeated ignore_longer_outputs_than_inputs"
        " time_major"
    ),
    "nn.depthwise_conv2d": "rate",
    "nn.dilation2d": "filter rates",
    "nn.dropout": "keep_prob",
    "nn.embedding_lookup": "partition_strategy validate_indices",
    "nn.embedding_lookup_sparse": "partition_strategy",
    "nn.erosion2d": "kernel rates",
    "nn.fractional_avg_pool": "deterministic seed2",
    "nn.fractional_max_pool": "deterministic seed2",
    "nn.log_softmax": "dim",
    "nn.max_pool": "value",
    "nn.max_pool_with_argmax": "Targmax",
    "nn.moments": "keep_dims",
    "nn.nce_loss": "partition_strategy",
    "nn.pool": "dilation_rate",
    "nn.safe_embedding_lookup_sparse": "partition_strategy",
    "nn.sampled_softmax_loss": "partition_strategy",
    "nn.separable_conv2d": "rate",
    "nn.softmax": "dim",
    "nn.softmax_cross_entropy_with_logits": "dim",
    "nn.space_to_batch": "block_size",
    "nn.sufficient_statistics": "keep_dims",
    "nn.weighted_cross_entropy_with_logits": "targets",
    "nn.weighted_moments": "keep_dims",
    "norm": "keep_dims",
    "ones_initializer": "dtype",
    "ones_like": "tensor optimize",
    "random_normal_initializer": "dtype",
    "random_uniform_initializer": "dtype",
    "reduce_all": "reduction_indices keep_dims",
    "reduce_any": "reduction_indices keep_dims",
    "reduce_logsumexp": "reduction_indices keep_dims",
    "reduce_max": "reduction_indices keep_dims",
    "reduce_mean": "reduction_indices keep_dims",
    "reduce_min": "reduction_indices keep_dims",
    "reduce_prod": "reduction_indices keep_dims",
    "reduce_sum": "reduction_indices keep_dims",
    "reverse_sequence": "seq_dim batch_dim",
    "saved_model.load": "sess import_scope saver_kwargs",
    "space_to_batch": "block_size",
    "sparse.add": "thresh",
    "sparse.concat": "expand_nonconcat_dim concat_dim",
    "sparse.reduce_max": "reduction_axes keep_dims",
    "sparse.reduce_sum": "reduction_axes keep_dims",
    "sparse.split": "keyword_required split_dim",
    "squeeze": "squeeze_dims",
    "strings.reduce_join": "keep_dims reduction_indices",
    "strings.split": "result_type source",
    "strings.to_hash_bucket": "string_tensor",
    "strings.to_number": "string_tensor",
    "summary.audio": "tensor collections family",
    "summary.histogram": "values collections family",
    "summary.image": "tensor collections family",
    "summary.scalar": "tensor collections family",
    "summary.text": "tensor collections",
    "test.assert_equal_graph_def": "checkpoint_v2 hash_table_shared_name",
    "test.compute_gradient": "x_shape y y_shape x_init_value init_targets extra_feed_dict",
    "while_loop": "return_same_structure",
    "zeros_initializer": "dtype",
    "zeros_like": "tensor optimize",
}
