"""recalibrate_session on graphs of the original."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tests.graph import regimes
from tests.recalibrate.networks import ROUNDED, batches, same, tf1, values, whole
from tfbn.recalibrate import recalibrate_session

CONTRIB = Path(__file__).parents[1] / "graphdef" / "data"


class TestForeign:
    """A MetaGraph of the original, tests/graphdef/data/contrib.meta.gz: every path, by three kinds of is_training."""

    EXACT = [
        f"{kind}/{name}" for kind in ("training", "dynamic") for name in ("core", "function_fused", "inline", "debias")
    ]

    @staticmethod
    def imported():
        with gzip.open(CONTRIB / "contrib.meta.gz") as file:
            tf1.train.import_meta_graph(tf1.MetaGraphDef.FromString(file.read()))
        return tf1.get_default_graph()

    def feeds(self, graph, shape=(2, 2, 3)):
        inputs, flag = (graph.get_tensor_by_name(f"{name}:0") for name in ("inputs", "is_training"))
        return [{inputs: part, flag: True} for part in batches(shape)]

    @pytest.mark.process
    def test_by_the_fused_op(self):
        """Exact, in cond branches as well; all other layers stay as they are."""
        with regimes.graph(False, False):
            graph = self.imported()
            with regimes.session() as session:
                before = values(session)
                recalibrate_session(session, self.feeds(graph), layers=self.EXACT)
                after = values(session)
        data = whole(batches((2, 2, 3)))
        mean, variance = oracle.moments(data)
        for scope in self.EXACT:
            np.testing.assert_allclose(after[f"{scope}/moving_mean"], mean, **ROUNDED)
            np.testing.assert_allclose(after[f"{scope}/moving_variance"], oracle.unbiased(data, variance), **ROUNDED)
        changed = {name.rpartition("/moving_")[0] for name in before if not np.array_equal(before[name], after[name])}
        # Of zero debias, what is named after the mean.
        debias = {f"{scope}/{scope}" for scope in self.EXACT if "debias" in scope}
        assert changed == {*self.EXACT, *debias}

    def test_refused(self):
        """By name, before anything runs."""
        reasons = {
            "training/core_nonfused": "it computes its statistics by composed ops",
            "dynamic/legacy": "it computes its statistics by composed ops",
            "training/core_renorm": "it has renorm, and tfbn did not build it",
            "inference/core": "it never normalizes by the batch in this graph",
        }
        with regimes.graph(False, False):
            graph = self.imported()
            with regimes.session() as session:
                before = values(session)
                with pytest.raises(ValueError, match="training/core_nonfused: ") as raised:
                    recalibrate_session(session, self.feeds(graph))
                assert "inference/core" not in str(raised.value)
                for scope, reason in reasons.items():
                    with pytest.raises(ValueError, match=f"{scope}: {reason}"):
                        recalibrate_session(session, self.feeds(graph), layers=scope)
                assert same(before, values(session))

    def test_keras_in_graph_mode(self):
        """A GraphDef without collections, whose branches are functions."""
        with gzip.open(CONTRIB / "keras2.pb.gz") as file:
            graph_def = tf1.GraphDef.FromString(file.read())
        with tf.Graph().as_default() as graph:
            tf.graph_util.import_graph_def(graph_def, name="")
            inputs, flag = (graph.get_tensor_by_name(f"{name}:0") for name in ("inputs", "training"))
            scopes = ["training_fused", "dynamic_fused"]
            with tf1.Session() as session:
                session.run([op for op in graph.get_operations() if op.name.endswith("/Assign")])
                feeds = [{inputs: part, flag: True} for part in batches((2, 2, 3))]
                assert [each.layer for each in recalibrate_session(session, feeds, layers=scopes)] == scopes
                read = [f"{scope}/moving_mean/Read/ReadVariableOp:0" for scope in scopes]
                found = session.run(read)
        for mean in found:
            np.testing.assert_allclose(mean, oracle.moments(whole(batches((2, 2, 3))))[0], **ROUNDED)
