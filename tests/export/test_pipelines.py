"""Input pipelines in the training graph: cut off at what they yield, or refused."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import leftovers, run
from tests.graph.regimes import graph, session

tf1 = tf.compat.v1
ROWS = np.random.RandomState(3).normal(5.0, 2.0, [8, 3]).astype(np.float32)


def dataset():
    return tf.data.Dataset.from_tensor_slices(ROWS).repeat().batch(4)


def one_shot():
    return tf1.data.make_one_shot_iterator(dataset()).get_next()


def initializable():
    return tf1.data.make_initializable_iterator(dataset()).get_next()


def feedable():
    handle = tf1.placeholder(tf.string, [], name="handle")
    return tf1.data.Iterator.from_string_handle(handle, tf.float32, [None, 3]).get_next()


def by_phase():
    """An iterator for training and one for evaluation; that for evaluation is what inference has."""
    is_training = tf1.placeholder(tf.bool, [], name="is_training")
    train, evaluate = (tf1.data.make_one_shot_iterator(dataset()) for _ in range(2))
    return tf1.cond(is_training, train.get_next, evaluate.get_next)


def shape_told():
    """Where set_shape has said more than the op says."""
    rows = tf.numpy_function(lambda: ROWS, [], tf.float32)
    rows.set_shape([None, 3])
    return rows


def batched():
    (row,) = tf1.train.slice_input_producer([ROWS])
    return tf1.train.batch([row], 4)


def fifo_queue():
    queue = tf1.FIFOQueue(10, [tf.int64, tf.float32], [[], [4, 3]])
    return queue.dequeue()[1]


def staged():
    """An op that fills the area again is not waited for."""
    area = tf.raw_ops.Unstage(dtypes=[tf.float32], shared_name="area")[0]
    with tf.control_dependencies([tf.raw_ops.Stage(values=[ROWS[:4]], shared_name="area")]):
        return tf.identity(tf.ensure_shape(area, [4, 3]))


def text_reader():
    """Bytes of a file, which the model decodes."""
    _, line = tf1.TextLineReader().read(tf1.train.string_input_producer(["rows.csv"]))
    return tf.stack([tf.stack(tf.io.decode_csv(line, [[0.0]] * 3))])


def single_element():
    return dataset().take(1).get_single_element()


def optional():
    return tf1.data.make_one_shot_iterator(dataset()).get_next_as_optional().get_value()


PIPELINES = {
    one_shot: ("IteratorGetNext", 0, [None, 3]),
    initializable: ("IteratorGetNext", 0, [None, 3]),
    feedable: ("IteratorGetNext", 0, [None, 3]),
    by_phase: ("IteratorGetNext", 0, [None, 3]),
    shape_told: ("PyFunc", 0, [None, 3]),
    batched: ("QueueDequeueManyV2", 0, [4, 3]),
    fifo_queue: ("QueueDequeueV2", 1, [4, 3]),
    staged: ("Unstage", 0, None),
    text_reader: ("ReaderReadV2", 1, []),
    single_element: ("DatasetToSingleElement", 0, [None, 3]),
    optional: ("OptionalGetValue", 0, [None, 3]),
}


def network(rows):
    return tf.identity(tfbn.batch_norm(tf.reshape(rows, [-1, 3]) * 2.0, is_training=True, scope="norm"), name="y")


@pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda each: each.__name__)
def test_a_pipeline_becomes_a_placeholder(pipeline, v2):
    """Of the tensor's shape and dtype; the export runs where the pipeline is not, and the report names the place."""
    op, index, shape = PIPELINES[pipeline]
    with graph(control_flow_v2=v2) as built:
        y = network(pipeline())
        pinned = "is_training" if pipeline is by_phase else None
        with session() as running:
            exported = tfbn.export.inference_graph(running, y, is_training=pinned)
        types = {node.name: node.op for node in built.as_graph_def().node}
    (cut,) = exported.report.pipeline
    name, _, number = cut.cut.partition(":")
    # Within the branch of control flow v2, the op is in a function.
    assert types.get(name, op) == op
    assert (int(number), cut.shape) == (index, shape)
    assert exported.inputs == (cut.tensor,)
    assert leftovers(exported.graph_def, [cut.tensor.partition(":")[0]]) == []
    fed = np.array(b"4.0,6.0,5.0") if cut.dtype == "string" else ROWS[:4]
    rows = np.array([[4.0, 6.0, 5.0]]) if cut.dtype == "string" else ROWS[:4]
    np.testing.assert_allclose(run(exported.graph_def, y.name, {cut.tensor: fed}), rows * 2 / np.sqrt(1.001), rtol=1e-5)


def two_outputs():
    data = tf.data.Dataset.from_tensor_slices((ROWS, np.arange(8))).batch(4)
    return tf1.data.make_one_shot_iterator(data).get_next()


def test_all_that_is_yielded_is_named():
    """In the order of the op's outputs, in the report as text and as data, and in a SavedModel's signature."""
    with graph():
        rows, labels = two_outputs()
        outputs = {"y": network(rows), "next": tf.add(labels, 1, name="next")}
        with session() as running:
            exported = tfbn.export.inference_graph(running, list(outputs.values()))
            with pytest.raises(ValueError, match=r"got none for \['IteratorGetNext:1'\]. Add them"):
                tfbn.export.inference_graph(running, list(outputs.values()), inputs=rows)
            with pytest.raises(ValueError, match="that the model.*got IteratorGetNext:1, which belongs to its input"):
                tfbn.export.inference_graph(running, [outputs["y"], labels])
            with pytest.raises(ValueError, match="that the model.*got OneShotIterator:0, which belongs to its input"):
                tfbn.export.inference_graph(running, "OneShotIterator")
    assert exported.inputs == ("IteratorGetNext:0", "IteratorGetNext_1:0")
    assert str(exported.report).split("\n")[1:3] == [
        "input pipeline cut at: IteratorGetNext:0 float32 [?, 3]",
        "input pipeline cut at: IteratorGetNext_1:0 int64 [?] (before: IteratorGetNext:1)",
    ]
    assert exported.report.as_dict()["pipeline"][1] == {
        "tensor": "IteratorGetNext_1:0",
        "cut": "IteratorGetNext:1",
        "dtype": "int64",
        "shape": [None],
    }
    fed = {"IteratorGetNext:0": ROWS, "IteratorGetNext_1:0": np.arange(3, 11)}
    np.testing.assert_array_equal(run(exported.graph_def, "next:0", fed), np.arange(4, 12))


def test_a_dataset_of_an_input_is_a_part_of_the_model():
    """What computes with a placeholder stays, and is fed by it."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        y = network(tf.data.Dataset.from_tensors(x).map(lambda rows: rows + 1.0).get_single_element())
        with session() as running:
            exported = tfbn.export.inference_graph(running, y)
    assert (exported.inputs, exported.report.pipeline) == (("x:0",), ())
    found = run(exported.graph_def, y.name, {"x:0": ROWS})
    np.testing.assert_allclose(found, (ROWS + 1) * 2 / np.sqrt(1.001), rtol=1e-5)


def in_a_branch():
    return tf1.cond(tf1.placeholder(tf.bool, [], name="fresh"), one_shot, lambda: tf.ones([4, 3]))


def in_a_loop():
    iterator = tf1.data.make_one_shot_iterator(dataset())
    return tf1.while_loop(
        lambda i, total: i < 3, lambda i, total: (i + 1, total + iterator.get_next()), [0, tf.zeros([4, 3])]
    )[1]


@pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize("pipeline, place", [(in_a_branch, "branch"), (in_a_loop, "loop")])
def test_where_no_placeholder_can_stand(pipeline, place, v2):
    """Refused by name; what is behind it can be named, and is cut as the error says."""
    with graph(control_flow_v2=v2):
        rows = pipeline()
        y = network(rows)
        with session() as running:
            with pytest.raises(ValueError, match=rf"IteratorGetNext \(IteratorGetNext\) in the {place} of .*inputs="):
                tfbn.export.inference_graph(running, y)
            exported = tfbn.export.inference_graph(running, y, inputs=rows)
    assert (exported.inputs, exported.report.pipeline) == ((rows.name,), ())
