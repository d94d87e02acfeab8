"""Names of contrib that TensorFlow 2 has in another place, with the same arguments and the same results."""

from __future__ import annotations

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module, Use, last_part
from tfbn.migrate.names import V1
from tfbn.migrate.rule import Rule, call_of, keyword_arguments, may_rewrite
from tfbn.migrate.tensorflow_home import name_of_v1

NAME = "moved-names"
VALID = [
    "import tensorflow as tf\ny = tf.data.experimental.map_and_batch(f, 8), tf.nest.flatten(x)\n",
    "from my_project import data\ny = data.map_and_batch(f, 8)\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import tensorflow as tf

def batches(dataset, parse):
    dataset = dataset.apply(tf.contrib.data.shuffle_and_repeat(1000))
    return dataset.apply(tf.contrib.data.map_and_batch(parse, 32, drop_remainder=True))
""",
        """\
import tensorflow as tf

def batches(dataset, parse):
    dataset = dataset.apply(tf.compat.v1.data.experimental.shuffle_and_repeat(1000))
    return dataset.apply(tf.compat.v1.data.experimental.map_and_batch(parse, 32, drop_remainder=True))
""",
    ),
    (
        "import tensorflow.compat.v1 as tf\nnest = tf.contrib.framework.nest\ny = nest.flatten(tf.x)\n",
        "import tensorflow.compat.v1 as tf\ny = tf.nest.flatten(tf.x)\n",
    ),
    (
        "from tensorflow.contrib.rnn import static_rnn\ny = static_rnn(cell, x)\n",
        "from tensorflow.compat.v1.nn import static_rnn\ny = static_rnn(cell, x)\n",
    ),
    (
        "from tensorflow.contrib import signal\ny = signal.stft(x, 16, 8)\n",
        "import tensorflow.compat.v1 as tf\ny = tf.signal.stft(x, 16, 8)\n",
    ),
    ("from tensorflow.contrib import lookup\ntf = 1\ny = lookup.KeyValueTensorInitializer(k, v)\n", 3),
]
SEED_INDEX = 2  # of shuffle_and_repeat


def check_file(module: Module, changes: Changes) -> None:
    for use in module.uses:
        if use.known and use.known.rule == NAME and use.known.target and may_rewrite(use, module, changes):
            place = use.known.target[len(V1) :]
            home = name_of_v1(module, changes, use.node)
            if home is not None:
                changes.replace(use.node, f"{home}{place}", NAME)
                _report_seed(module, changes, use)
            else:
                problem = f"{use.name} is {use.known.target} now, and no name for TensorFlow is free here"
                changes.find(use.node, NAME, problem, f"import tensorflow.compat.v1 and write {use.known.target}")


def _report_seed(module: Module, changes: Changes, use: Use) -> None:
    """Warns that a seed gives another order of elements, as it does for `shuffle` of tf.data itself."""
    call = call_of(module, use.node)
    if call is not None and last_part(use.node) == "shuffle_and_repeat":
        if len(call.args) > SEED_INDEX or "seed" in keyword_arguments(call):
            problem = "TensorFlow 2 shuffles with a seed in another order than TensorFlow 1, here as in Dataset.shuffle"
            changes.find(
                use.node, NAME, problem, "compare only runs of the same TensorFlow version", severity="warning"
            )


RULE = Rule(
    name=NAME,
    summary="renames what TensorFlow 2 has in another place: contrib.data, contrib.signal, contrib.framework.nest",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
)
