"""A discriminator built on real images and reused on generated ones: no step waits for what it does not need, and no
step moves the statistics of the network it does not train."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph, session, values

tf1 = tf.compat.v1
DECAY = 0.8
REAL, STORED = oracle.batch([6, 7], seed=1), oracle.batch([6, 7], seed=2) * 2
NOISE = np.random.RandomState(3).standard_normal([6, 4])
INLINE = {"updates_collections": None}
both_kinds = pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
both_ways = pytest.mark.parametrize("options", [{}, INLINE], ids=["collected", "inline"])


def dense(x, units, scope, options):
    with tf1.variable_scope(scope):
        kernel = tf1.get_variable("kernel", [x.shape[1], units], initializer=tf1.glorot_uniform_initializer(seed=4))
        return tfbn.batch_norm(x @ kernel, decay=DECAY, scope="bn", **options)


def generator(z, options):
    with tf1.variable_scope("G"):
        return dense(tf.nn.relu(dense(z, 8, "hidden", options)), 7, "images", options)


def discriminator(images, options, reuse=False):
    with tf1.variable_scope("D", reuse=reuse):
        net = tf.nn.relu(dense(images, 8, "hidden", options))
        return tf.reduce_sum(dense(net, 3, "top", options), axis=1)


class Gan:
    """As public DCGAN code has it: D on real images, G, D again on what G makes."""

    def __init__(self, options):
        self.real = tf1.placeholder(tf.float32, [None, 7])
        self.z = tf1.placeholder(tf.float32, [None, 4])
        before = len(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS))
        real_logits = discriminator(self.real, options)
        self.real_updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)[before:]
        self.generated = generator(self.z, options)
        fake_logits = discriminator(self.generated, options, reuse=True)
        self.real_loss = tf.reduce_mean(tf.nn.softplus(-real_logits))
        self.fake_loss = tf.reduce_mean(tf.nn.softplus(fake_logits))
        self.g_loss = tf.reduce_mean(tf.nn.softplus(-fake_logits))
        self.d_variables, self.g_variables = (tf1.trainable_variables(f"{name}/") for name in "DG")

    def step(self, loss, variables, **kwargs):
        optimizer = tf1.train.GradientDescentOptimizer(0.1)
        return tfbn.create_train_op(loss, optimizer, None, variables_to_train=variables, **kwargs)


def moved(before, after):
    """The networks whose statistics are not the same to the last bit."""
    names = [name for name in before if "moving" in name]
    assert len(names) == 8
    return {name[0] for name in names if before[name].tobytes() != after[name].tobytes()}


def run(opened, step, feed):
    """The networks whose statistics a step moves."""
    before = values(opened)
    opened.run(step, feed)
    return moved(before, values(opened))


@both_kinds
@both_ways
def test_a_generator_step_leaves_the_real_images_unfed(options, resource):
    """Public code minimizes with nothing around it; updates that run inline run with the outputs alone."""
    with graph(resource):
        gan = Gan(options)
        step = tf1.train.GradientDescentOptimizer(0.1).minimize(gan.g_loss, var_list=gan.g_variables)
        with session() as opened:
            assert run(opened, step, {gan.z: NOISE}) == ({"D", "G"} if options else set())


@both_kinds
def test_generator_step_updates_generator_statistics(resource):
    with graph(resource):
        gan = Gan({})
        with tf.control_dependencies(tfbn.get_updates("G")):
            by_hand = tf1.train.GradientDescentOptimizer(0.1).minimize(gan.g_loss, var_list=gan.g_variables)
        with session() as opened:
            for step in (by_hand, gan.step(gan.g_loss, gan.g_variables, update_scopes="G")):
                assert run(opened, step, {gan.z: NOISE}) == {"G"}


@both_kinds
@both_ways
def test_discriminator_step_needs_no_generator_feed(options, resource):
    with graph(resource):
        gan = Gan(options)
        kwargs = {"update_ops": gan.real_updates} if not options else {}
        step = gan.step(gan.real_loss, gan.d_variables, **kwargs)
        first = gan.step(gan.real_loss, gan.d_variables, update_scopes="D", towers="first")
        with session() as opened:
            assert run(opened, step, {gan.real: REAL}) == {"D"}
            assert run(opened, first, {gan.real: STORED}) == {"D"}


@both_kinds
def test_discriminator_step_on_both_keeps_generator_bits(resource):
    """And counts the real batch first, then the generated one."""
    with graph(resource):
        gan = Gan({})
        step = gan.step(gan.real_loss + gan.fake_loss, gan.d_variables, update_scopes="D")
        hidden = tf.stack([tf.reduce_mean(each, 0) for each in _inputs_of_the_layer(gan)])
        with session() as opened:
            feed = {gan.real: REAL, gan.z: NOISE}
            of_real, of_fake = opened.run(hidden, feed)
            assert run(opened, step, feed) == {"D"}
            found = values(opened)["D/hidden/bn/moving_mean"]
    expected = DECAY * (0.2 * of_real) + 0.2 * of_fake
    # The oracle is in float32 here, sums of a dozen terms that may cancel.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def _inputs_of_the_layer(gan):
    kernel = next(variable for variable in gan.d_variables if variable.op.name == "D/hidden/kernel")
    return [gan.real @ kernel, gan.generated @ kernel]


@both_kinds
def test_discriminator_step_on_generated_images_keeps_generator_bits(resource):
    """With images that the generator makes in the same run, though it normalizes by its batch; real ones unfed."""
    with graph(resource):
        gan = Gan({})
        assert len(tfbn.get_updates("D")) == 8  # of both calls: the real images would have to be fed
        own = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)[-4:]
        step = gan.step(gan.fake_loss, gan.d_variables, update_ops=own)
        with session() as opened:
            assert run(opened, step, {gan.z: NOISE}) == {"D"}


@both_kinds
def test_update_statistics_freezes_inline_networks(resource):
    """Inline updates run with the outputs; a switch for each network tells whose statistics a step moves."""
    with graph(resource):
        train_d, train_g = (tf1.placeholder_with_default(False, []) for _ in "DG")
        real, z = tf1.placeholder(tf.float32, [None, 7]), tf1.placeholder(tf.float32, [None, 4])
        of_d, of_g = ({**INLINE, "update_statistics": switch} for switch in (train_d, train_g))
        on_real = discriminator(real, of_d)
        on_fake = discriminator(generator(z, of_g), of_d, reuse=True)
        with session() as opened:
            assert run(opened, on_fake, {z: NOISE, train_d: True}) == {"D"}
            assert run(opened, on_fake, {z: NOISE, train_g: True}) == {"G"}
            assert run(opened, on_real, {real: REAL, train_d: True}) == {"D"}
            assert run(opened, [on_real, on_fake], {real: REAL, z: NOISE}) == set()


@both_kinds
def test_stored_images_replace_the_generator(resource):
    """A replay buffer: the generated images are fed, so the generator's input is not."""
    with graph(resource):
        gan = Gan({})
        step = gan.step(gan.real_loss + gan.fake_loss, gan.d_variables, update_scopes="D")
        with session() as opened:
            assert run(opened, step, {gan.real: REAL, gan.generated: STORED}) == {"D"}
