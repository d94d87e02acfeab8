"""check_updates: trainable statistics, scopes, fetches, and what an audit costs.

Numbers in brackets are entries of the list of what users struggled with; TF, TM and TP are tensorflow/tensorflow,
tensorflow/models and tensorpack/tensorpack.
"""

import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph
from tests.training.networks import BOTH_FORGOTTEN, dense, forgotten, images, kinds, loss_of, network, updates, wired
from tfbn.graphdef import dataflow
from tfbn.training import step as step_module

tf1 = tf.compat.v1


class TestTrainable:
    """facenet's variables_collections=[TRAINABLE_VARIABLES]."""

    def layer(self):
        return tfbn.batch_norm(
            images(), scope="bn", fused=False, variables_collections=[tf1.GraphKeys.TRAINABLE_VARIABLES]
        )

    def test_among_the_trainable_variables(self):
        with graph():
            loss = loss_of(dense(self.layer(), "logits"))
            (finding,) = tfbn.check_updates(wired(loss, updates()))
        assert finding[:3] == ("trainable", "warning", "bn")
        assert finding.problem == "moving_mean, moving_variance are among the trainable variables."

    @pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
    def test_and_decayed(self, resource):
        with graph(resource):
            decay = tf.add_n([tf.nn.l2_loss(v) for v in (self.layer(), *tf1.trainable_variables())])
            found = tfbn.check_updates(wired(decay, updates()), raise_on_error=False)
        assert [finding[:3] for finding in found] == [("trainable", "error", "bn")]
        assert "the optimizer changes them (Adam/update_bn/moving_mean/" in found[0].problem

    def test_and_decayed_by_an_optimizer_of_all_variables(self):
        with graph():
            y = tfbn.batch_norm(images(), scope="bn")
            loss = loss_of(y) + tf.add_n([tf.nn.l2_loss(v) for v in tf1.global_variables()])
            with tf.control_dependencies(updates()):
                step = tf1.train.GradientDescentOptimizer(0.1).minimize(loss, var_list=tf1.global_variables())
            (finding,) = tfbn.check_updates(step, raise_on_error=False)
        assert finding[:3] == ("trainable", "error", "bn")
        assert "moving_mean, moving_variance are among what the optimizer was given to train" in finding.problem


def test_a_scope_that_nothing_is_under_is_refused():
    """A slip of the pen would switch the audit off."""
    with graph():
        with tf1.variable_scope("critic") as critic:
            loss = loss_of(tfbn.batch_norm(images()))
        for scope in ("critik", ["critic", "critik"], "crit"):
            with pytest.raises(ValueError, match="scope: expected a scope of the graph, got 'crit.*list_layers"):
                tfbn.check_updates(loss, scope=scope)
        for scope in ("critic", "critic/", critic, ["critic"], ""):
            assert len(tfbn.check_updates(loss, scope=scope, raise_on_error=False)) == 1


@pytest.mark.parametrize(
    "scope, expected",
    [(None, 2), ("net", 2), ("net/", 2), ("net/a", 1), (["net/a", "net/b"], 2), ("", 2), ([], 0)],
)
def test_scopes_are_whole_names(scope, expected):
    with graph():
        assert len(kinds(forgotten(), scope=scope)) == expected


def test_fetches_that_are_none():
    with graph():
        with pytest.raises(ValueError, match=r"fetches: expected what a step fetches, such as a train op, got \[\]"):
            tfbn.check_updates([])
        forgotten()
        with pytest.raises(ValueError, match="of the graph, got 'Adamm:0'. The nearest names are Adam"):
            tfbn.check_updates("Adamm:0")


def test_another_graph_is_audited():
    with graph() as opened:
        step = forgotten()
    with graph():
        assert kinds(step, graph=opened) == BOTH_FORGOTTEN


def test_nothing_is_added_to_the_graph():
    with graph() as opened:
        step = wired(loss_of(network(images())), updates())
        before = opened.as_graph_def().SerializeToString(deterministic=True)
        opened.finalize()
        tfbn.check_updates(step)
        assert opened.as_graph_def().SerializeToString(deterministic=True) == before


def test_findings_print_themselves():
    with graph():
        finding = tfbn.check_updates(forgotten(), raise_on_error=False)[0]
    assert str(finding).startswith("error: net/a: the step normalizes by the statistics of its batch (net/a/")
    assert str(finding).endswith(finding.remedy)


@pytest.mark.process
@pytest.mark.parametrize("imported", [False, True])
def test_audit_cost_is_linear(monkeypatch, imported):
    """So that the time grows with the graph and not with its square: the passes over an op do not become more."""

    def looks(layers):
        counts = {}

        def counting(function):
            def counted(node):
                counts[node] = counts.get(node, 0) + 1
                return function(node)

            return counted

        with graph() as opened:
            x = images()
            for _ in range(layers):
                x = tfbn.batch_norm(x, scope=None)
                y = tfbn.batch_norm(x, scope="shared", reuse=tf1.AUTO_REUSE)
            step = wired(loss_of(dense(x + y, "logits")), updates())
            if imported:
                opened = tf.Graph()
                with opened.as_default():
                    tf.import_graph_def(step.graph.as_graph_def(), name="")
                step = step.name
        with monkeypatch.context() as patched:
            for module in (step_module, dataflow):
                for name in ("data", "requirements"):
                    patched.setattr(module, name, counting(getattr(dataflow, name)))
            tfbn.check_updates(step, graph=opened)
        return max(counts.values()), len(counts)

    (few, small), (many, large) = looks(3), looks(30)
    assert large > 5 * small
    assert many == few <= 16
