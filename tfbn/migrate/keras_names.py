"""Names and arguments of Keras 1 and 2 that Keras 3 has lost, without `keras.` in front.

Made by `python -m tests.migrate.keras_names`; a test holds it against the installed Keras.
"""

from __future__ import annotations

# Names, each for all below it, too.
KERAS_GONE = frozenset(
    """
    applications.ResNetRS101 applications.ResNetRS152 applications.ResNetRS200 applications.ResNetRS270
    applications.ResNetRS350 applications.ResNetRS420 applications.ResNetRS50 applications.backend
    applications.convnext.ConvNeXt applications.convnext.ConvNeXtBlock applications.convnext.Head
    applications.convnext.LayerScale applications.convnext.PreStem applications.convnext.StochasticDepth
    applications.densenet.DenseNet applications.densenet.conv_block applications.densenet.dense_block
    applications.densenet.layers applications.densenet.transition_block applications.efficientnet.EfficientNet
    applications.efficientnet.block applications.efficientnet.layers applications.efficientnet_v2.EfficientNetV2
    applications.efficientnet_v2.FusedMBConvBlock applications.efficientnet_v2.MBConvBlock
    applications.efficientnet_v2.round_filters applications.efficientnet_v2.round_repeats
    applications.imagenet_utils.correct_pad applications.imagenet_utils.obtain_input_shape
    applications.imagenet_utils.validate_activation applications.inception_resnet_v2.CustomScaleLayer
    applications.inception_resnet_v2.conv2d_bn applications.inception_resnet_v2.inception_resnet_block
    applications.inception_resnet_v2.layers applications.inception_v3.conv2d_bn applications.inception_v3.layers
    applications.keras_modules_injection applications.layers applications.mobilenet.layers applications.mobilenet.relu6
    applications.mobilenet_v2.layers applications.mobilenet_v3.MobileNetV3 applications.mobilenet_v3.MobileNetV3Large
    applications.mobilenet_v3.MobileNetV3Small applications.mobilenet_v3.hard_sigmoid
    applications.mobilenet_v3.hard_swish applications.mobilenet_v3.layers applications.mobilenet_v3.relu
    applications.mobilenetv2 applications.models applications.nasnet.NASNet applications.nasnet.layers
    applications.regnet applications.resnet.ResNet applications.resnet.block1 applications.resnet.block2
    applications.resnet.block3 applications.resnet.layers applications.resnet.stack1 applications.resnet.stack2
    applications.resnet.stack3 applications.resnet50.conv_block applications.resnet50.identity_block
    applications.resnet_rs applications.utils applications.vgg16.layers applications.vgg19.layers
    applications.xception.layers backend.ContextValueCache backend.GraphExecutionFunction backend.RandomGenerator
    backend.SessionLocal backend.abs backend.all backend.any backend.arange backend.argmax backend.argmin
    backend.batch_dot backend.batch_flatten backend.batch_get_value backend.batch_normalization backend.batch_set_value
    backend.bias_add backend.binary_crossentropy backend.binary_focal_crossentropy backend.cast backend.cast_to_floatx
    backend.categorical_crossentropy backend.clip backend.cntk_backend backend.common backend.concatenate
    backend.configure_and_create_distributed_session backend.constant backend.control_dependencies backend.conv1d
    backend.conv2d backend.conv2d_transpose backend.conv3d backend.conv3d_transpose backend.convert_inputs_if_ragged
    backend.cos backend.count_params backend.ctc_batch_cost backend.ctc_decode backend.ctc_label_dense_to_sparse
    backend.cumprod backend.cumsum backend.deprecated_internal_learning_phase_scope
    backend.deprecated_internal_set_learning_phase backend.depthwise_conv2d backend.disable_tf_random_generator
    backend.dot backend.dropout backend.dtype backend.dtype_numpy backend.eager backend.eager_learning_phase_scope
    backend.elu backend.enable_tf_random_generator backend.equal backend.eval backend.exp backend.expand_dims
    backend.eye backend.flatten backend.foldl backend.foldr backend.function backend.gather
    backend.get_default_graph_uid_map backend.get_default_session_config backend.get_graph backend.get_session
    backend.get_value backend.global_learning_phase_is_set backend.gradients backend.greater backend.greater_equal
    backend.hard_sigmoid backend.identity backend.in_test_phase backend.in_top_k backend.in_train_phase
    backend.int_shape backend.is_placeholder backend.is_sparse backend.is_tensor backend.is_tf_random_generator_enabled
    backend.is_tpu_strategy backend.is_variable backend.l2_normalize backend.learning_phase backend.learning_phase_scope
    backend.less backend.less_equal backend.load_backend backend.local_conv backend.local_conv1d backend.local_conv2d
    backend.log backend.logsumexp backend.manual_variable_initialization backend.map_fn backend.max backend.maximum
    backend.maybe_convert_to_ragged backend.mean backend.min backend.minimum backend.moving_average_update
    backend.name_scope backend.ndim backend.normalize_batch_in_training backend.normalize_data_format backend.not_equal
    backend.numpy_backend backend.observe_object_name backend.one_hot backend.ones backend.ones_like
    backend.permute_dimensions backend.placeholder backend.pool2d backend.pool3d backend.pow backend.print_tensor
    backend.prod backend.py_all backend.py_any backend.py_sum backend.random_bernoulli backend.random_binomial
    backend.random_normal backend.random_normal_variable backend.random_uniform backend.random_uniform_variable
    backend.relu backend.repeat backend.repeat_elements backend.reset_uids backend.reshape backend.resize_images
    backend.resize_volumes backend.reverse backend.rnn backend.round backend.separable_conv1d backend.separable_conv2d
    backend.set_learning_phase backend.set_session backend.set_value backend.shape backend.sigmoid backend.sign
    backend.sin backend.size backend.slice backend.softmax backend.softplus backend.softsign
    backend.sparse_categorical_crossentropy backend.spatial_2d_padding backend.spatial_3d_padding backend.sqrt
    backend.square backend.squeeze backend.stack backend.std backend.stop_gradient backend.sum backend.switch
    backend.symbolic backend.symbolic_learning_phase backend.tanh backend.temporal_padding backend.tensorflow_backend
    backend.theano_backend backend.tile backend.to_dense backend.track_tf_optimizer backend.track_variable
    backend.transpose backend.truncated_normal backend.unique_object_name backend.update backend.update_add
    backend.update_sub backend.var backend.variable backend.zeros backend.zeros_like backend_config
    callbacks.BackupAndRestoreExperimental callbacks.BaseLogger callbacks.K callbacks.callbacks
    callbacks.configure_callbacks callbacks.keras_model_summary callbacks.make_logs callbacks.set_callback_parameters
    callbacks.tensorboard_v1 callbacks.tensorboard_v2 callbacks_v1 constraints.RadialConstraint constraints.maxnorm
    constraints.nonneg constraints.radial_constraint constraints.unitnorm datasets.cifar distribute dtensor engine
    estimator export.export_lib feature_column initializers.generic_utils initializers.initializers
    initializers.initializers_v1 initializers.inspect initializers.legacy_serialization initializers.normal
    initializers.one initializers.populate_deserializable_objects initializers.uniform initializers.zero
    layers.AbstractRNNCell layers.AtrousConv1D layers.AtrousConv2D layers.AtrousConvolution1D layers.AtrousConvolution2D
    layers.ClassMethod layers.ConvLSTM2DCell layers.ConvRNN2D layers.ConvRecurrent2D layers.CuDNNGRU layers.CuDNNLSTM
    layers.Deconv2D layers.Deconv3D layers.Deconvolution2D layers.Deconvolution3D layers.DeviceWrapper
    layers.DropoutWrapper layers.Highway layers.InstanceMethod layers.InstanceProperty layers.LocallyConnected1D
    layers.LocallyConnected2D layers.MaxoutDense layers.Merge layers.PreprocessingLayer layers.RandomFourierFeatures
    layers.RandomHeight layers.RandomWidth layers.Recurrent layers.ResidualWrapper layers.SlicingOpLambda
    layers.SyncBatchNormalization layers.TFOpLambda layers.ThresholdedReLU layers.VersionAwareLayers layers.activation
    layers.advanced_activations layers.attention layers.convolutional layers.convolutional_recurrent layers.core
    layers.cudnn_recurrent layers.deserialize_from_json layers.deserialize_keras_object layers.embeddings
    layers.get_builtin_layer layers.kernelized layers.local layers.locally_connected layers.merge layers.merging
    layers.noise layers.normalization layers.pooling layers.preprocessing layers.recurrent layers.regularization
    layers.reshaping layers.rnn layers.serialization layers.wrappers legacy.interfaces legacy.layers legacy.models
    legacy_tf_layers losses.LossFunctionWrapper losses.bce losses.cosine losses.cosine_proximity losses.huber_loss
    losses.is_categorical_crossentropy losses.kld losses.kullback_leibler_divergence losses.logcosh losses.mae
    losses.mape losses.mse losses.msle metrics.BaseMeanIoU metrics.MeanRelativeError metrics.MeanTensor metrics.Reduce
    metrics.SensitivitySpecificityBase metrics.SumOverBatchSize metrics.SumOverBatchSizeMetricWrapper metrics.acc
    metrics.accuracy metrics.accuracy_metrics metrics.base_metric metrics.bce metrics.clone_metric metrics.clone_metrics
    metrics.confusion_metrics metrics.cosine metrics.cosine_proximity metrics.cosine_similarity
    metrics.deserialize_keras_object metrics.hinge_metrics metrics.iou_metrics metrics.kullback_leibler_divergence
    metrics.legacy_serialization metrics.logcosh metrics.mae metrics.mape metrics.mse metrics.msle
    metrics.probabilistic_metrics metrics.regression_metrics metrics.serialize_keras_object
    mixed_precision.autocast_variable mixed_precision.device_compatibility_check mixed_precision.loss_scale_optimizer
    mixed_precision.policy mixed_precision.test_util models.Functional models.SharpnessAwareMinimization
    models.clone_and_build_model models.cloning models.model_from_config models.model_from_yaml models.share_weights
    models.sharpness_aware_minimization objectives optimizers.TFOptimizer optimizers.adadelta optimizers.adadelta_legacy
    optimizers.adafactor optimizers.adagrad optimizers.adagrad_legacy optimizers.adam optimizers.adam_legacy
    optimizers.adamax optimizers.adamax_legacy optimizers.adamw optimizers.backend optimizers.base_optimizer
    optimizers.base_optimizer_legacy optimizers.clip_norm optimizers.convert_to_legacy_optimizer
    optimizers.deserialize_keras_object optimizers.ftrl optimizers.ftrl_legacy optimizers.gradient_descent_legacy
    optimizers.is_arm_mac optimizers.learning_rate_schedule optimizers.legacy.adadelta optimizers.legacy.adagrad
    optimizers.legacy.adam optimizers.legacy.adamax optimizers.legacy.ftrl optimizers.legacy.gradient_descent
    optimizers.legacy.nadam optimizers.legacy.optimizer_v2 optimizers.legacy.rmsprop
    optimizers.legacy_learning_rate_decay optimizers.legacy_serialization optimizers.nadam optimizers.nadam_legacy
    optimizers.optimizer optimizers.optimizer_v1 optimizers.rmsprop optimizers.rmsprop_legacy
    optimizers.schedules.learning_rate_schedule optimizers.serialize_keras_object optimizers.sgd optimizers.utils
    premade_models preprocessing.backend preprocessing.image.BatchFromFilesMixin preprocessing.image.DataFrameIterator
    preprocessing.image.DirectoryIterator preprocessing.image.ImageDataGenerator preprocessing.image.Iterator
    preprocessing.image.NumpyArrayIterator preprocessing.image.apply_affine_transform
    preprocessing.image.apply_brightness_shift preprocessing.image.apply_channel_shift
    preprocessing.image.apply_transform preprocessing.image.flip_axis preprocessing.image.list_pictures
    preprocessing.image.random_brightness preprocessing.image.random_channel_shift preprocessing.image.random_rotation
    preprocessing.image.random_shear preprocessing.image.random_shift preprocessing.image.random_zoom
    preprocessing.image.transform_matrix_offset_center preprocessing.image.validate_filename
    preprocessing.sequence.TimeseriesGenerator preprocessing.sequence.make_sampling_table
    preprocessing.sequence.skipgrams preprocessing.text preprocessing.utils saving.legacy saving.object_registration
    saving.pickle_utils saving.saving_api saving.saving_lib saving.serialization_lib utils.GeneratorEnqueuer
    utils.H5Dict utils.HDF5Matrix utils.OrderedEnqueuer utils.SequenceEnqueuer utils.SidecarEvaluator
    utils.audio_dataset utils.control_flow_util utils.conv_utils utils.convert_all_kernels_in_model utils.data_utils
    utils.dataset_creator utils.dataset_utils utils.feature_space utils.generic_utils utils.h5dict utils.image_dataset
    utils.image_utils utils.io_utils utils.keras_logging utils.kernelized_utils utils.kpl_test_utils utils.layer_utils
    utils.losses_utils utils.metrics_utils utils.mode_keys utils.multi_gpu_model utils.multi_gpu_utils utils.np_utils
    utils.object_identity utils.print_summary utils.sidecar_evaluator utils.test_utils utils.text_dataset
    utils.tf_contextlib utils.tf_inspect utils.tf_utils utils.timeseries_dataset utils.to_ordinal utils.traceback_utils
    utils.training_utils utils.version_utils utils.vis_utils wrappers.scikit_learn
    """.split()
)

# Those of them that tf.keras still has.
KERAS_IN_TENSORFLOW = frozenset(
    """
    backend.abs backend.all backend.any backend.arange backend.argmax backend.argmin backend.batch_dot
    backend.batch_flatten backend.batch_get_value backend.batch_normalization backend.batch_set_value backend.bias_add
    backend.binary_crossentropy backend.binary_focal_crossentropy backend.cast backend.cast_to_floatx
    backend.categorical_crossentropy backend.clip backend.concatenate backend.constant backend.conv1d backend.conv2d
    backend.conv2d_transpose backend.conv3d backend.cos backend.count_params backend.ctc_batch_cost backend.ctc_decode
    backend.ctc_label_dense_to_sparse backend.cumprod backend.cumsum backend.depthwise_conv2d backend.dot
    backend.dropout backend.dtype backend.elu backend.equal backend.eval backend.exp backend.expand_dims backend.eye
    backend.flatten backend.foldl backend.foldr backend.gather backend.get_value backend.gradients backend.greater
    backend.greater_equal backend.hard_sigmoid backend.in_top_k backend.int_shape backend.is_sparse backend.l2_normalize
    backend.less backend.less_equal backend.log backend.map_fn backend.max backend.maximum backend.mean backend.min
    backend.minimum backend.moving_average_update backend.name_scope backend.ndim backend.not_equal backend.one_hot
    backend.ones backend.ones_like backend.permute_dimensions backend.pool2d backend.pool3d backend.pow backend.prod
    backend.random_bernoulli backend.random_normal backend.random_normal_variable backend.random_uniform
    backend.random_uniform_variable backend.relu backend.repeat backend.repeat_elements backend.reshape
    backend.resize_images backend.resize_volumes backend.reverse backend.rnn backend.round backend.separable_conv2d
    backend.set_value backend.shape backend.sigmoid backend.sign backend.sin backend.softmax backend.softplus
    backend.softsign backend.sparse_categorical_crossentropy backend.spatial_2d_padding backend.spatial_3d_padding
    backend.sqrt backend.square backend.squeeze backend.stack backend.std backend.stop_gradient backend.sum
    backend.switch backend.tanh backend.temporal_padding backend.tile backend.to_dense backend.transpose
    backend.truncated_normal backend.update backend.update_add backend.update_sub backend.var backend.variable
    backend.zeros backend.zeros_like layers.RandomHeight layers.RandomWidth layers.ThresholdedReLU losses.kld
    losses.kullback_leibler_divergence losses.logcosh losses.mae losses.mape losses.mse losses.msle
    metrics.kullback_leibler_divergence metrics.logcosh metrics.mae metrics.mape metrics.mse metrics.msle
    preprocessing.image.DirectoryIterator preprocessing.image.ImageDataGenerator preprocessing.image.Iterator
    preprocessing.image.NumpyArrayIterator preprocessing.image.apply_affine_transform
    preprocessing.image.apply_brightness_shift preprocessing.image.apply_channel_shift
    preprocessing.image.random_brightness preprocessing.image.random_channel_shift preprocessing.image.random_rotation
    preprocessing.image.random_shear preprocessing.image.random_shift preprocessing.image.random_zoom
    preprocessing.sequence.TimeseriesGenerator preprocessing.sequence.make_sampling_table
    preprocessing.sequence.skipgrams preprocessing.text
    """.split()
)

# What constructors took by name, and Keras 3's refuse.
KERAS_LOST_ARGUMENTS = {
    "callbacks.ModelCheckpoint": "options period",
    "callbacks.ProgbarLogger": "count_mode stateful_metrics",
    "callbacks.TensorBoard": "batch_size embeddings_data embeddings_layer_names write_grads",
    "initializers.Identity": "dtype name trainable",
    "layers.AdditiveAttention": "force_generator rng_type",
    "layers.AlphaDropout": "force_generator rng_type",
    "layers.Attention": "force_generator rng_type",
    "layers.BatchNormalization": "adjustment beta_init fused gamma_init virtual_batch_size",
    "layers.Conv1D": (
        "W_constraint W_regularizer b_constraint b_regularizer bias border_mode conv_op filter_length init nb_filter"
        " subsample_length"
    ),
    "layers.Conv1DTranspose": "conv_op groups",
    "layers.Conv2D": (
        "W_constraint W_regularizer b_constraint b_regularizer bias border_mode conv_op dim_ordering init nb_filter"
        " subsample"
    ),
    "layers.Conv2DTranspose": (
        "W_constraint W_regularizer b_constraint b_regularizer bias border_mode conv_op dim_ordering groups init"
        " nb_filter subsample"
    ),
    "layers.Conv3D": (
        "W_constraint W_regularizer b_constraint b_regularizer bias border_mode conv_op dim_ordering init nb_filter"
        " subsample"
    ),
    "layers.Conv3DTranspose": (
        "W_constraint W_regularizer b_constraint b_regularizer bias border_mode conv_op dim_ordering groups init"
        " nb_filter subsample"
    ),
    "layers.ConvLSTM1D": "time_major",
    "layers.ConvLSTM2D": (
        "U_regularizer W_regularizer b_regularizer bias border_mode dim_ordering dropout_U dropout_W init"
        " inner_activation inner_init nb_filter subsample time_major"
    ),
    "layers.ConvLSTM3D": "time_major",
    "layers.Cropping1D": "data_format",
    "layers.Cropping2D": "dim_ordering",
    "layers.Cropping3D": "dim_ordering",
    "layers.Dense": "W_constraint W_regularizer b_constraint b_regularizer bias init output_dim",
    "layers.DepthwiseConv1D": "conv_op filters groups kernel_constraint kernel_initializer kernel_regularizer",
    "layers.DepthwiseConv2D": (
        "W_constraint W_regularizer b_constraint b_regularizer bias border_mode conv_op dim_ordering filters groups"
        " init kernel_constraint kernel_initializer kernel_regularizer nb_filter subsample"
    ),
    "layers.Discretization": "trainable",
    "layers.Dropout": "force_generator p rng_type",
    "layers.Embedding": "W_constraint W_regularizer init sparse",
    "layers.GRU": (
        "U_regularizer W_regularizer b_regularizer consume_less dropout_U dropout_W force_generator init"
        " inner_activation inner_init output_dim rng_type time_major"
    ),
    "layers.GRUCell": "force_generator rng_type",
    "layers.GaussianDropout": "force_generator p rng_type",
    "layers.GaussianNoise": "force_generator rng_type sigma",
    "layers.GlobalAveragePooling2D": "dim_ordering",
    "layers.GlobalAveragePooling3D": "dim_ordering",
    "layers.GlobalMaxPooling2D": "dim_ordering",
    "layers.GlobalMaxPooling3D": "dim_ordering",
    "layers.Identity": "gain",
    "layers.LSTM": (
        "U_regularizer W_regularizer b_regularizer consume_less dropout_U dropout_W init inner_activation inner_init"
        " output_dim time_major"
    ),
    "layers.MaxPooling1D": "border_mode pool_function pool_length stride",
    "layers.MaxPooling2D": "border_mode dim_ordering pool_function",
    "layers.MaxPooling3D": "border_mode dim_ordering pool_function",
    "layers.PReLU": "init",
    "layers.RandomBrightness": "force_generator rng_type",
    "layers.RandomContrast": "force_generator rng_type",
    "layers.RandomCrop": "force_generator rng_type",
    "layers.RandomFlip": "force_generator rng_type",
    "layers.RandomRotation": "force_generator rng_type",
    "layers.SeparableConv1D": "conv_op groups kernel_constraint kernel_initializer kernel_regularizer",
    "layers.SeparableConv2D": (
        "b_constraint b_regularizer bias border_mode conv_op dim_ordering groups kernel_constraint kernel_initializer"
        " kernel_regularizer nb_filter subsample"
    ),
    "layers.SimpleRNN": (
        "U_regularizer W_regularizer b_regularizer consume_less dropout_U dropout_W init inner_activation inner_init"
        " output_dim time_major"
    ),
    "layers.SimpleRNNCell": "force_generator rng_type",
    "layers.SpatialDropout1D": "force_generator noise_shape p rng_type trainable",
    "layers.SpatialDropout2D": "dim_ordering force_generator noise_shape p rng_type trainable",
    "layers.SpatialDropout3D": "dim_ordering force_generator noise_shape p rng_type trainable",
    "layers.UpSampling1D": "data_format length",
    "layers.UpSampling2D": "dim_ordering",
    "layers.UpSampling3D": "dim_ordering",
    "layers.ZeroPadding2D": "dim_ordering",
    "layers.ZeroPadding3D": "dim_ordering",
    "optimizers.Adadelta": "gradient_aggregator gradient_transformers lr",
    "optimizers.Adagrad": "gradient_aggregator gradient_transformers lr",
    "optimizers.Adam": "gradient_aggregator gradient_transformers lr",
    "optimizers.Adamax": "gradient_aggregator gradient_transformers lr",
    "optimizers.Ftrl": "gradient_aggregator gradient_transformers",
    "optimizers.Nadam": "gradient_aggregator gradient_transformers lr schedule_decay",
    "optimizers.RMSprop": "gradient_aggregator gradient_transformers lr",
    "optimizers.SGD": "gradient_aggregator gradient_transformers lr",
}
