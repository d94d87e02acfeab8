"""The attributes of the class of tf.layers, as 1.15.5 has them."""

import tensorflow as tf

import tfbn
from tests.graph.regimes import graph, session

tf1 = tf.compat.v1


def test_attributes_are_the_originals():
    """What `vars` of the original's layer shows without an underscore, before and after the first call (1.15.5)."""
    arguments = {
        f"{name}_{kind}": tf.nn.relu for name in ("beta", "gamma") for kind in ("constraint", "regularizer")
    } | {"gamma_initializer": tf1.random_uniform_initializer(1.0, 2.0), "moving_mean_initializer": "ones"}
    with graph():
        layer = tfbn.BatchNormalization(**arguments, renorm=True)
        assert {name: getattr(layer, name) for name in arguments} | {"moving_mean_initializer": "ones"} == arguments
        assert isinstance(layer.moving_mean_initializer, tf1.initializers.ones)
        assert isinstance(layer.beta_initializer, tf1.initializers.zeros)
        layer.moving_variance_initializer = tf1.constant_initializer(3.0)  # before build, which reads it then
        layer(tf1.placeholder(tf.float32, [None, 5]))
        with session() as opened:
            assert opened.run([layer.moving_mean, layer.moving_variance])[1].tolist() == [3.0] * 5
    recorded = (
        "adjustment axis beta beta_constraint beta_initializer beta_regularizer built center epsilon fused gamma "
        "gamma_constraint gamma_initializer gamma_regularizer momentum moving_mean moving_mean_initializer "
        "moving_stddev moving_variance moving_variance_initializer renorm renorm_clipping renorm_mean renorm_momentum "
        "renorm_stddev scale stateful supports_masking virtual_batch_size"
    )
    assert [name for name in recorded.split() if not hasattr(layer, name)] == []
    assert layer.fused is False
