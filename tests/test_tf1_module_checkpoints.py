"""`TF1Module` in checkpoints: by TF1 names and by object."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.cli import attacks
from tests.tf1_models import BATCHES, IMAGES, check_same, model, state

tf1 = tf.compat.v1
ORIGINAL = Path(__file__).parent / "checkpoint" / "data"


class TestCheckpoints:
    def test_by_object_also_before_the_first_call(self, tmp_path):
        module, other = tfbn.TF1Module(model), tfbn.TF1Module(model)
        module(IMAGES, is_training=True)
        path = tf.train.Checkpoint(model=module).save(str(tmp_path / "object"))
        status = tf.train.Checkpoint(model=other).restore(path)
        np.testing.assert_array_equal(other(IMAGES, is_training=False), module(IMAGES, is_training=False))
        status.assert_consumed()
        check_same(state(other), state(module), rtol=0, atol=0)

    def test_dependencies_by_name_cover_later_calls(self, tmp_path):
        """A phase of training that has more variables than inference gets theirs from the same checkpoint."""

        def builder(x, is_training):
            return tfbn.batch_norm(x, 0.5, is_training=is_training, zero_debias_moving_mean=True, scope="bn")

        module, other = tfbn.TF1Module(builder), tfbn.TF1Module(builder)
        module(IMAGES, is_training=True)
        other.restore(module.save(str(tmp_path / "names")))
        for _ in range(2):
            other(IMAGES, is_training=False)
        assert "bn/bn/moving_mean/local_step" not in other.tf1_variables
        for each in (module, other):
            each(BATCHES[0], is_training=True)
        assert other.tf1_variables["bn/bn/moving_mean/local_step"] == 2.0
        assert state(other).keys() == state(module).keys()
        for name, value in state(module).items():
            np.testing.assert_array_equal(state(other)[name], value)

    def test_all_or_none(self, tmp_path):
        """A refusal names every variable that does not fit, and changes nothing; partial takes what there is."""
        module = tfbn.TF1Module(lambda x: tfbn.batch_norm(x, scope="bn"))
        module(IMAGES + 1)
        path = module.save(str(tmp_path / "small"))
        larger = tfbn.TF1Module(lambda x: tfbn.batch_norm(x, scope="bn", scale=True))
        larger(IMAGES)
        before = state(larger)
        with pytest.raises(ValueError, match=r"restore: .*\nbn/gamma: it is not there\nIt has .*partial=True"):
            larger.restore(path)
        check_same(state(larger), before, rtol=0, atol=0)
        larger.restore(path, partial=True)
        np.testing.assert_array_equal(larger.tf1_variables["bn/moving_mean"], module.tf1_variables["bn/moving_mean"])
        wider = tfbn.TF1Module(lambda x: tfbn.batch_norm(tf.concat([x, x], 3), scope="bn"))
        wider.restore(path, partial=True)  # nothing to compare yet
        # Again and again: a call never goes on with the initial values.
        for _ in range(2):
            with pytest.raises(ValueError, match=r"bn/beta: it has shape \[3\].*float32, the variable has \[6\]"):
                wider(IMAGES)
            assert not wider.tf1_variables

    def test_an_index_that_would_end_the_process(self, tmp_path):
        """It is refused before TensorFlow reads it."""
        attacks.odd_entry(lambda entry: setattr(entry, "dtype", 0))(tmp_path / "odd.index")
        module = tfbn.TF1Module(lambda x: tfbn.batch_norm(x, scope="bn"))
        module(IMAGES)
        with pytest.raises(ValueError, match=r"odd\.index says of 'bn/moving_mean' that its dtype is number 0"):
            module.restore(str(tmp_path / "odd"))

    def test_by_folder(self, tmp_path):
        """The latest in it, as `save` has noted."""
        module, other = (tfbn.TF1Module(lambda x: tfbn.batch_norm(x, 0.5, scope="bn")) for _ in range(2))
        with pytest.raises(ValueError, match="path: expected the prefix.* got the folder .*without .index"):
            other.restore(str(tmp_path))
        for step in range(2):
            module(IMAGES)
            module.save(str(tmp_path / f"model-{step}"))
        other.restore(str(tmp_path))
        other.build(tf.TensorSpec([None, 5, 4, 3]))
        check_same(state(other), state(module), rtol=0, atol=0)
        assert [path.name for path in tmp_path.glob("checkpoint*")] == ["checkpoint"]

    def test_before_any_variable(self):
        module = tfbn.TF1Module(model)
        with pytest.raises(ValueError, match="save: expected a module with variables, got one that was never called"):
            module.save("anywhere")
        module.build(tf.TensorSpec([None, 5, 4, 3]), is_training=False)
        assert len(module.tf1_variables) == 15

    def test_local_variables_are_left_out(self, tmp_path):
        """As by TF1's Saver."""

        def builder(x):
            count = tf1.get_local_variable("count", [], initializer=tf1.zeros_initializer())
            return tfbn.batch_norm(x, scope="bn") + count.assign_add(1.0)

        module = tfbn.TF1Module(builder)
        module(IMAGES)
        names = {name for name, _ in tf.train.list_variables(module.save(str(tmp_path / "x")))}
        assert names == set(module.tf1_variables) - {"count"}
        assert module.tf1_variables["count"] == 1.0


@pytest.mark.parametrize("name", ["contrib", "contrib_v1", "renorm", "zero_debias"])
def test_of_the_original(name):
    """Checkpoints that TensorFlow 1.15.5 trained and wrote give the outputs that it had of them."""
    arguments = {
        "renorm": {"renorm": True, "renorm_decay": 0.9},
        "zero_debias": {"zero_debias_moving_mean": True},
    }.get(name, {})
    expected = np.load(ORIGINAL / "expected.npz")

    def builder(inputs, is_training):
        net = inputs
        for scope, (channels_in, channels_out) in (("first", (3, 4)), ("second", (4, 2))):
            with tf1.variable_scope(scope):
                partitioner = tf1.fixed_size_partitioner(2, axis=3) if name.endswith("_v1") else None
                shape = [1, 1, channels_in, channels_out]
                weights = tf.convert_to_tensor(tf1.get_variable("weights", shape, partitioner=partitioner))
                net = tf.nn.conv2d(net, weights, 1, "SAME")
                net = tfbn.batch_norm(net, decay=0.9, scale=True, is_training=is_training, **arguments)
                net = tf.nn.relu(net) if scope == "first" else net
        return net

    module = tfbn.TF1Module(builder)
    module.build(expected["inputs"], True)
    module.restore(str(ORIGINAL / name))
    before = expected[f"{name}_before"]
    # Two convolutions and normalizations in float32, by other kernels.
    np.testing.assert_allclose(module(expected["inputs"], False), before, rtol=1e-5, atol=1e-5 * np.abs(before).max())
