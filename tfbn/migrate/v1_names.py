"""Which names of TensorFlow tell TF1 code from TF2 code, and which are gone; without `tensorflow.` in front."""

from __future__ import annotations

from collections.abc import Collection

from tfbn.migrate.name_table import ANSWERS, REWRITES
from tfbn.migrate.tensorflow_names import GONE, GONE_MODULES, V1_MODULES, V1_ONLY, V2_ONLY

# Calls that make a file a program, or a part of one that needs a graph around it.
SESSIONS_AND_INPUTS = frozenset(
    "InteractiveSession Session placeholder placeholder_with_default sparse_placeholder train.MonitoredSession "
    "train.MonitoredTrainingSession train.Supervisor".split()
)
# Names that raise in eager mode; optimizers do so when they get a loss.
NEEDS_GRAPH = (
    SESSIONS_AND_INPUTS
    | {name for name in V1_ONLY if name.startswith("metrics.") and name != "metrics.recall_at_top_k"}
    | {name for name in V1_ONLY if name.startswith("train.") and name.endswith("Optimizer") and name.count(".") == 1}
    | set(
        "add_check_numerics_ops data.make_initializable_iterator gradients saved_model.build_tensor_info "
        "summary.FileWriter summary.merge summary.merge_all train.QueueRunner train.Saver train.batch "
        "train.batch_join train.export_meta_graph train.import_meta_graph train.input_producer "
        "train.range_input_producer train.shuffle_batch train.shuffle_batch_join train.slice_input_producer "
        "train.start_queue_runners train.string_input_producer".split()
    )
)
# tfbn's layers, which raise there as well.
_WITHOUT_GRAPH = ("_initializer", "_initializer_conv2d", "_regularizer", "apply_regularization", "repeat")
LAYERS = frozenset(
    f"{rewrites.home}.{name.rpartition('=')[2]}"
    for rewrites in REWRITES
    if rewrites.family in ("layers", "tf.layers")
    for name in rewrites.names.split()
    if name.islower() and not name.endswith(_WITHOUT_GRAPH)
)
# Calls at module level that show that a file is run.
IN_PROGRAMS = NEEDS_GRAPH | {"app.run"}


# Names lost before TensorFlow 1.15, from which the tables are generated.
OLDER = frozenset(
    f"{answer.module}.{name}".lstrip(".")
    for answer in ANSWERS
    if answer.since.startswith("1.") or answer.module == "python.pywrap_tensorflow"
    for name in answer.names.split()
)


def v1_only(name: str) -> str | None:
    """The part of a name that tf.compat.v1 has and TensorFlow 2 lacks, `train.Saver` of `train.Saver.restore`."""
    return part_in(name, V1_ONLY)


def v2_only(name: str) -> str | None:
    """The part of a name that TensorFlow 2 has and tf.compat.v1 lacks."""
    return part_in(name, V2_ONLY)


def gone(name: str) -> str | None:
    """The part of a name, public or private, that newer TensorFlow has neither as tf nor as tf.compat.v1."""
    return part_in(name, GONE) or part_in(name, GONE_MODULES) or part_in(name, OLDER)


def is_v1_module(name: str) -> bool:
    """Whether tf.compat.v1 has a module of this name to import from."""
    return name in V1_MODULES or v1_only(name) is not None


def part_in(name: str, names: Collection[str]) -> str | None:
    parts = name.split(".")
    leading = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return next((part for part in leading if part in names), None)
