"""tfbn.summaries of TF1 graphs: what the op gives in a run, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph import regimes
from tests.tensorboard.tags import assert_equal, expected, read, read_events, tf1

INITIAL = np.zeros(3), np.ones(3)


def data(seed, shape=(6, 4, 5, 3)):
    return oracle.batch(shape, seed=seed).astype(np.float32)


def unbiased_moments(x):
    mean, variance = oracle.moments(x)
    return mean, oracle.unbiased(x, variance)


@pytest.mark.parametrize("resource, v2", regimes.REGIMES, ids=regimes.NAMES)
@pytest.mark.parametrize("run_updates", [True, False])
def test_by_step(resource, v2, run_updates):
    """The statistics follow the update ops where these run, and stay where they do not; the batch's are the batch's."""
    with regimes.graph(resource, v2):
        inputs, is_training = tf1.placeholder(tf.float32, [None, 4, 5, 3]), tf1.placeholder(tf.bool, [])
        tfbn.batch_norm(inputs, decay=0.75, is_training=is_training, scope="net/norm")
        ops = len(tf1.get_default_graph().get_operations())
        serialized = tfbn.summaries()
        assert not tf1.get_collection(tf1.GraphKeys.SUMMARIES)
        assert len(tf1.get_default_graph().get_operations()) > ops
        updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS) if run_updates else []
        moving = INITIAL
        with regimes.session() as session:
            for step in range(3):
                mean, variance = unbiased_moments(data(step))
                if run_updates:
                    moving = 0.75 * moving[0] + 0.25 * mean, 0.75 * moving[1] + 0.25 * variance
                feed = {inputs: data(step), is_training: True}
                session.run(updates, feed)
                found = read(session.run(serialized, feed))
                assert_equal(found, expected("net/norm", moving, (mean, variance)))
            found = read(session.run(serialized, {**feed, is_training: False}))
            assert_equal(found, expected("net/norm", moving))


def test_weights_virtual_batches_and_calls_are_pooled():
    """Of all samples with their weights, be they of several calls; each layer by its own estimator."""
    first, second, weights = data(1), data(2), np.array([0.5, 2, 0, 1, 3, 0.25], np.float32)
    with regimes.graph():
        inputs = [tf1.placeholder(tf.float32, [None, 4, 5, 3]) for _ in range(2)]
        for reuse, tensor in enumerate(inputs):
            tfbn.batch_norm(tensor, scope="towers", reuse=bool(reuse))
        tfbn.batch_norm(inputs[0], batch_weights=tf.constant(weights), scope="weighted")
        tfbn.batch_norm(inputs[0], virtual_batch_size=2, scope="virtual")
        # Recalibrating refuses a layer behind one with renorm, whose outputs depend on its averages.
        tfbn.batch_norm(tfbn.batch_norm(inputs[0], renorm=True, scope="renorm"), scope="behind")
        tfbn.batch_norm(inputs[0], is_training=False, scope="inference")
        serialized = tfbn.summaries()
        some = tfbn.summaries(tf1.get_default_graph(), layers=["renorm", "virtual"])
        with regimes.session() as session:
            found = read(session.run(serialized, dict(zip(inputs, (first, second)))))
            of_some = read(session.run(some, {inputs[0]: first}))
            assert of_some.keys() == {tag for tag in found if "/renorm/" in tag or "/virtual/" in tag}
    pooled = np.concatenate([first, second])
    batches = {
        "towers": unbiased_moments(pooled),
        "weighted": oracle.moments(first, weights=weights),
        "virtual": unbiased_moments(first),
        "renorm": oracle.moments(first),
    }
    for scope, batch in batches.items():
        of_scope = {tag: value for tag, value in found.items() if f"/{scope}/" in tag}
        assert_equal(of_scope, expected(scope, INITIAL, batch))
    assert {tag.split("/")[1] for tag in found} == {*batches, "behind"}


@pytest.mark.parametrize(
    "x, batch", [(np.zeros([0, 3]), None), (np.array([[np.nan, 1.0, 2.0], [3.0, 4.0, 5.0]]), "nan")], ids=["0", "nan"]
)
def test_what_no_histogram_can_hold_ends_no_training(x, batch):
    """Without samples nothing of the batch is written; of NaN the distances are, which say so."""
    with regimes.graph():
        inputs = tf1.placeholder(tf.float32, [None, 3])
        tfbn.batch_norm(inputs, scope="norm")
        serialized = tfbn.summaries()
        with regimes.session() as session:
            found = read(session.run(serialized, {inputs: x}))
    distances = {f"statistics/norm/{name}_distance": np.nan for name in ("mean", "variance")} if batch else {}
    assert_equal(found, {**expected("norm", INITIAL), **distances})


def test_a_graph_of_others():
    """Of an imported graph too; the session is a source."""
    with regimes.graph():
        inputs = tf1.placeholder(tf.float32, [None, 4, 5, 3], name="inputs")
        tfbn.batch_normalization(inputs, training=True, name="norm")
        meta_graph = tf1.train.export_meta_graph()
    with regimes.graph():
        tf1.train.import_meta_graph(meta_graph)
        with regimes.session() as session:
            found = read(session.run(tfbn.summaries(session, layers="norm"), {"inputs:0": data(3)}))
    assert_equal(found, expected("norm", INITIAL, unbiased_moments(data(3))))


def test_refusals():
    """They name the layer and the remedy, and add no op."""
    with regimes.graph() as graph:
        with pytest.raises(ValueError, match="expected a graph with layers that normalize by the batch, got one in"):
            tfbn.summaries()
        inputs = tf1.placeholder(tf.float32, [None, 3])
        tfbn.batch_norm(inputs, scope="outside")
        tf1.while_loop(lambda total: total < 2.0, lambda total: total + tf.reduce_max(tfbn.batch_norm(inputs)), [0.0])
        ops = len(graph.get_operations())
        for arguments, text in [
            ({}, r"got some whose inputs it cannot:\n  BatchNorm: it is in a loop or a [^\n]*\nName the others in"),
            ({"layers": "net"}, "layers: expected scopes of layers, got 'net'"),
            ({"batch": inputs}, "batch: expected None for a graph, got .* Feed the op that is returned"),
        ]:
            with pytest.raises(ValueError, match=text):
                tfbn.summaries(**arguments)
        with pytest.raises(RuntimeError, match="source: expected eager code for a module, got a graph"):
            tfbn.summaries(tf.Module())
        assert len(graph.get_operations()) == ops
        graph.finalize()
        with pytest.raises(ValueError, match="expected a graph that ops can be added to, got one that is finalized"):
            tfbn.summaries(layers="outside")


class TestHook:
    @pytest.mark.parametrize("every_steps, steps", [(1, [1, 2, 3, 4, 5]), (2, [1, 3, 5])])
    def test_a_monitored_session(self, tmp_path, every_steps, steps):
        """Its event file has what NumPy says, at the steps that were asked for."""
        with regimes.graph():
            inputs = tf1.placeholder(tf.float32, [None, 4, 5, 3])
            outputs = tfbn.batch_norm(inputs, decay=0.75, scope="norm", center=False)
            tfbn.batch_norm(outputs, scope="other")
            step = tf1.train.get_or_create_global_step()
            # Of steps that run no update op the moving statistics are no matter of time.
            train_op = tf1.assign_add(step, 1)
            hook = tfbn.summaries_hook(tmp_path, every_steps, layers="norm")
            with tf1.train.MonitoredTrainingSession(hooks=[hook]) as session:
                for seed in range(5):
                    session.run(train_op, {inputs: data(seed)})
        found = read_events(tmp_path)
        assert list(found) == steps
        for at in steps:
            assert_equal(found[at], expected("norm", INITIAL, unbiased_moments(data(at - 1))))

    def test_without_a_global_step(self, tmp_path):
        with regimes.graph(), pytest.raises(ValueError, match="expected a graph with a global step, got one without"):
            tfbn.summaries_hook(tmp_path).begin()

    @pytest.mark.parametrize("every_steps", [0, True, 1.5])
    def test_steps_out_of_range(self, tmp_path, every_steps):
        with pytest.raises(ValueError, match=f"every_steps: expected an int of at least 1, got {every_steps}"):
            tfbn.summaries_hook(tmp_path, every_steps)
