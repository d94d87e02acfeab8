"""`TF1Module.losses`: the regularization losses of the builder."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph
from tests.tf1_models import IMAGES, check_same, l2, model, state

tf1 = tf.compat.v1


class TestLosses:
    def test_are_of_the_values_now(self):
        """Of get_variable, of the scope's regularizer and of batch_norm's; eagerly, traced, before and after a step."""
        module = tfbn.TF1Module(model)
        with pytest.raises(ValueError, match="losses: expected a module that was called"):
            module.losses  # noqa: B018
        module(IMAGES, is_training=True)
        traced = tf.function(lambda: module.losses)
        with graph():
            model(tf1.placeholder(tf.float32, IMAGES.shape), True)
            names = [loss.op.name for loss in tf1.losses.get_regularization_losses()]
        # The scope's and, second of a variable, batch_norm's own.
        scales = [0.01 if name.endswith("_1") else 0.02 for name in names]
        names = [name.partition("/Regularizer")[0] for name in names]
        assert len(scales) > scales.count(0.01) == 2
        for factor in (1.0, 2.0, 3.0):
            for variable in module.variables:
                variable.assign(variable * factor + 0.1)
            values = [module.tf1_variables[name].numpy().astype(float) for name in names]
            expected = [scale * np.sum(value**2) for scale, value in zip(scales, values)]
            for losses in (module.losses, traced()):
                np.testing.assert_allclose(losses, expected, rtol=1e-5)  # sums in float32

    def test_gradients(self):
        """Through the losses alone and beside the call's, in eager code and traced."""
        module = tfbn.TF1Module(lambda x: x * tf1.get_variable("w", [3], regularizer=l2(0.5)))
        x = tf.constant([[1.0, 2.0, 3.0]])

        def gradient():
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(module(x)) + tf.add_n(module.losses)
            return tape.gradient(loss, module.trainable_variables)[0]

        for each in (gradient(), tf.function(gradient)(), tf.function(gradient, jit_compile=True)()):
            np.testing.assert_allclose(each, x[0] + module.tf1_variables["w"], rtol=1e-6)

    def test_without_updates_and_without_those_of_the_inputs(self):
        """Asking moves nothing; a loss of the inputs has none to be of; a builder without regularizers has no loss."""

        def builder(x, some=True):
            outputs = tfbn.batch_norm(x, 0.5, is_training=True, scope="bn")
            if some:
                tf1.losses.add_loss(tf.reduce_sum(outputs), tf1.GraphKeys.REGULARIZATION_LOSSES)
                tf1.get_variable("w", [3], initializer=tf1.ones_initializer(), regularizer=l2(1.0))
            return outputs

        module = tfbn.TF1Module(builder)
        module(IMAGES)
        before = state(module)
        assert [loss.numpy() for loss in module.losses] == [3.0]
        check_same(state(module), before, rtol=0, atol=0)
        module(IMAGES, some=False)
        assert module.losses == []

    def test_of_a_branch(self):
        """A layer that is made in a branch has its loss, of the values now, too."""

        def builder(x):
            def layer():
                return tfbn.batch_norm(x, scale=True, param_regularizers={"gamma": l2(1.0)}, scope="bn")

            return tf1.cond(tf.reduce_sum(x) > 0, layer, lambda: x)

        module = tfbn.TF1Module(builder)
        module(IMAGES)
        for factor in (2.0, 3.0):
            module.tf1_variables["bn/gamma"].assign(tf.fill([3], factor))
            assert [loss.numpy() for loss in module.losses] == [3 * factor**2]
