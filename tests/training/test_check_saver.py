"""check_saver: what a checkpoint will lack [9: SfMLearner#17, facenet#424; 15: TF#6270]."""

import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph

tf1 = tf.compat.v1
every_kind = pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
RENORM = ["moving_stddev", "renorm_mean", "renorm_stddev"]
DEBIAS = ["debias/moving_mean/biased", "debias/moving_mean/local_step"]
STATISTICS = ["moving_mean", "moving_variance"]


def layers():
    """All kinds of variables."""
    x = tf1.placeholder(tf.float32, [None, 3])
    tfbn.batch_norm(x, scope="plain", scale=True)
    tfbn.batch_norm(x, scope="renorm", renorm=True)
    tfbn.batch_norm(x, scope="debias", zero_debias_moving_mean=True)


def without(*names):
    return [v for v in tf1.global_variables() if not v.op.name.endswith(names)]


def found(saver, **kwargs):
    return [
        (finding.severity, finding.layer, finding.problem.partition("leaves out ")[2].rstrip(".").split(", "))
        for finding in tfbn.check_saver(saver, raise_on_error=False, **kwargs)
    ]


def full(layer, names):
    return [f"{layer}/{name}" for name in names]


@every_kind
class TestSaver:
    def test_all_variables(self, resource):
        with graph(resource):
            layers()
            assert tfbn.check_saver(tf1.train.Saver()) == []
            assert tfbn.check_saver(tf1.train.Saver(tf1.global_variables())) == []
            assert tfbn.check_saver(tf1.train.Saver(sharded=True)) == []

    def test_trainable_variables(self, resource):
        with graph(resource):
            layers()
            saver = tf1.train.Saver(tf1.trainable_variables())
            assert found(saver) == [
                ("error", "plain", full("plain", STATISTICS)),
                ("error", "renorm", full("renorm", STATISTICS + RENORM)),
                ("error", "debias", full("debias", STATISTICS + DEBIAS)),
            ]
            match = r"(?s)plain: the Saver leaves out plain/moving_mean, .*renorm: .*tf\.train\.Saver\(\)"
            with pytest.raises(tfbn.StatisticsNotSavedError, match=match) as raised:
                tfbn.check_saver(saver)
            assert len(raised.value.findings) == 3

    def test_one_statistic(self, resource):
        with graph(resource):
            layers()
            saver = tf1.train.Saver(without("plain/moving_variance"))
            assert found(saver) == [("error", "plain", ["plain/moving_variance"])]

    def test_what_only_further_training_needs(self, resource):
        """A warning, which does not raise."""
        with graph(resource):
            layers()
            saver = tf1.train.Saver(without("renorm_mean", "biased", "local_step"))
            expected = [("warning", "renorm", ["renorm/renorm_mean"]), ("warning", "debias", full("debias", DEBIAS))]
            assert found(saver) == expected
            assert len(tfbn.check_saver(saver)) == 2

    def test_a_dict_under_other_names(self, resource):
        with graph(resource):
            layers()
            names = {f"old/{i}": v for i, v in enumerate(tf1.global_variables())}
            assert tfbn.check_saver(tf1.train.Saver(names)) == []
            (left,) = [key for key, v in names.items() if v.op.name == "plain/moving_mean"]
            del names[left]
            assert found(tf1.train.Saver(names)) == [("error", "plain", ["plain/moving_mean"])]

    def test_a_partitioned_layer(self, resource):
        with graph(resource):
            with tf1.variable_scope("s", partitioner=tf1.fixed_size_partitioner(2)):
                layers()
            assert tfbn.check_saver(tf1.train.Saver()) == []
            saver = tf1.train.Saver(tf1.trainable_variables())
            assert [layer for _, layer, _ in found(saver)] == ["s/plain", "s/renorm", "s/debias"]

    def test_an_imported_one(self, resource):
        with graph(resource):
            layers()
            saver = tf1.train.Saver(tf1.trainable_variables())
            exported = saver.export_meta_graph()
        with graph(resource) as opened:
            imported = tf1.train.import_meta_graph(exported)
        assert [layer for _, layer, _ in found(imported, graph=opened)] == ["plain", "renorm", "debias"]
        assert found(exported.saver_def, graph=opened) == found(imported, graph=opened)

    def test_a_saver_that_waits_for_the_step(self, resource):
        """What its ops wait for is not what they save."""
        with graph(resource):
            layers()
            with tf.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)):
                saver = tf1.train.Saver(tf1.trainable_variables())
            assert [layer for _, layer, _ in found(saver)] == ["plain", "renorm", "debias"]


def test_weight_averages_are_saved_under_weight_names():
    """variables_to_restore of an ExponentialMovingAverage has the shadows, and the statistics as they are."""
    with graph():
        layers()
        average = tf1.train.ExponentialMovingAverage(0.99)
        average.apply(tf1.trainable_variables())
        assert tfbn.check_saver(tf1.train.Saver(average.variables_to_restore())) == []


def test_a_saver_without_ops():
    with graph():
        layers()
        saver = tf1.train.Saver(defer_build=True)
        with pytest.raises(ValueError, match=r"saver: expected a Saver with ops in this graph.*its build\(\)"):
            tfbn.check_saver(saver)
        saver = tf1.train.Saver()
    with graph(), pytest.raises(ValueError, match="or give the graph it was made in"):
        tfbn.check_saver(saver)


@pytest.mark.parametrize(
    "name, text",
    [("nothing:0", "'nothing' is not in it"), ("", "has no name"), ("x" * 9999, r"'x+ \.\.\. x+' is not in it")],
)
def test_a_saver_of_another_name(name, text):
    """The error says which, and prints no SaverDef."""
    with graph():
        layers()
        saver = tf1.train.Saver().as_saver_def()
        saver.save_tensor_name = name
        with pytest.raises(ValueError, match=rf"^saver: .*, got a SaverDef whose save op {text}.*export") as raised:
            tfbn.check_saver(saver)
    assert "restore_op_name" not in str(raised.value)
    assert len(str(raised.value)) < 900


class TestCheckpoint:
    """What a Saver will not find in a checkpoint, told before restoring it fails."""

    def write(self, path, renamed="", shape=3, dtype=tf.float32, leave_out=""):
        """A checkpoint of the layer `bn` and a weight, made by another program."""
        with graph(), tf1.Session() as session:
            x = tf1.placeholder(dtype, [None, shape])
            tfbn.batch_norm(x, scope=renamed or "bn", scale=True, param_dtype=dtype)
            tf1.get_variable("weight", [2])
            variables = [v for v in tf1.global_variables() if not leave_out or not v.op.name.endswith(leave_out)]
            session.run(tf1.global_variables_initializer())
            return tf1.train.Saver(variables).save(session, str(path / "model"))

    @every_kind
    @pytest.mark.parametrize(
        "change, where, problem",
        [
            ({}, [], ""),
            ({"leave_out": "moving_mean"}, ["moving_mean"], "it is not in PATH."),
            ({"renamed": "bn1"}, ["beta", "gamma", *STATISTICS], "it is not in PATH; bn1/beta is."),
            ({"shape": 4}, ["beta", "gamma", *STATISTICS], "it has the shape 3, and in PATH 4."),
            ({"dtype": tf.float64}, ["beta", "gamma", *STATISTICS], "it has the dtype float32, and in PATH float64."),
        ],
    )
    def test_what_restoring_would_do(self, change, where, problem, resource, tmp_path):
        """By name, shape and dtype, whatever the statistics are."""
        path = self.write(tmp_path, **change)
        with graph(resource), tf1.Session() as session:
            tfbn.batch_norm(tf1.placeholder(tf.float32, [None, 3]), scope="bn", scale=True)
            tf1.get_variable("weight", [2])
            saver = tf1.train.Saver()
            found = tfbn.check_saver(saver, raise_on_error=False, checkpoint=path)
            assert [finding.where for finding in found] == full("bn", where)
            if not where:
                saver.restore(session, path)
                return
            assert {(finding.kind, finding.severity) for finding in found} == {("not in the checkpoint", "error")}
            assert found[0].problem.endswith(problem.replace("PATH", path))
            with pytest.raises(tfbn.StatisticsNotSavedError, match="Restoring it would fail, or give"):
                tfbn.check_saver(saver, checkpoint=path)
            if "shape" in change and resource:  # taken over in silence
                saver.restore(session, path)
                assert session.run(tf1.global_variables("bn/beta")[0]).shape == (4,)
            else:
                with pytest.raises((tf.errors.OpError, ValueError)):
                    saver.restore(session, path)

    @pytest.mark.parametrize("computed", [False, True], ids=["no names", "names a run computes"])
    def test_unknown_names_are_said(self, computed, tmp_path):
        path = self.write(tmp_path)
        with graph():
            tfbn.batch_norm(tf1.placeholder(tf.float32, [None, 3]), scope="bn")
            definition = tf1.train.Saver().as_saver_def()
            names = tf1.placeholder(tf.string, [1])
            restored = tf.raw_ops.RestoreV2(prefix=path, tensor_names=names, shape_and_slices=[""], dtypes=[tf.float32])
            definition.restore_op_name = restored[0].op.name if computed else tf.no_op().name
            (finding,) = tfbn.check_saver(definition, checkpoint=path)
        assert (finding.kind, finding.severity) == ("not compared", "warning")
        assert finding.problem == f"the graph does not tell what it restores: nothing was compared with {path}."

    def test_names_in_the_saver(self, tmp_path):
        """Those of the dict count, and a partitioned variable is one in the checkpoint."""
        path = self.write(tmp_path)
        with graph():
            with tf1.variable_scope("new", partitioner=tf1.fixed_size_partitioner(2)):
                tf1.get_variable("w", [2])
            parts = tf1.global_variables()
            assert tfbn.check_saver(tf1.train.Saver({"weight": parts}), checkpoint=path) == []
            (finding,) = tfbn.check_saver(tf1.train.Saver({"weigth": parts}), raise_on_error=False, checkpoint=path)
            assert finding.problem.endswith("; weight is.")

    def test_a_checkpoint_by_objects(self, tmp_path):
        """Which a Saver reads by the names that its variables had."""
        with graph(True), tf1.Session() as session:
            v = tf1.get_variable("a/b", [2])
            session.run(v.initializer)
            path = tf1.train.Checkpoint(other=v).write(str(tmp_path / "model"), session=session)
            saver = tf1.train.Saver()
            assert tfbn.check_saver(saver, checkpoint=path) == []
            saver.restore(session, path)
            assert len(tfbn.check_saver(tf1.train.Saver({"c": v}), raise_on_error=False, checkpoint=path)) == 1
