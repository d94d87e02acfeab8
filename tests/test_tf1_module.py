"""TF1Module against the same builder in a graph session, and against what TF1 promises of names, reuse and updates."""

import copy
import warnings

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph, session
from tests.tf1_models import BATCHES, IMAGES, OPTIONS, RANDOM, TARGETS, Program, check_same, model, reduced, state

tf1 = tf.compat.v1


@pytest.mark.process
@pytest.mark.parametrize("name", OPTIONS)
def test_from_a_graph_with_its_checkpoint(name, tmp_path):
    """The same outputs and updates, and after eight steps with a tape the same weights as the graph's.

    The ops are the same and sums may come in another order: some roundings of numbers up to ten, which eight steps with
    gradients of the order of one do not amplify by more than ten.
    """
    options = OPTIONS[name]
    module = tfbn.TF1Module(lambda images, is_training: model(images, is_training, **options))

    @tf.function
    def train(images, targets):
        with tf.GradientTape() as tape:
            loss = reduced(module(images, is_training=True), targets, module.losses)
        for variable, gradient in zip(module.trainable_variables, tape.gradient(loss, module.trainable_variables)):
            variable.assign_sub(0.1 * gradient)

    program = Program(**options)
    module.restore(program.save(tmp_path / "graph.ckpt"))
    for phase in (True, False):
        expected, _ = program.run([program.outputs, program.updates], IMAGES, phase)
        np.testing.assert_allclose(module(IMAGES, is_training=phase), expected, rtol=1e-5, atol=1e-6)
        check_same(state(module), program.state(), rtol=1e-6, atol=1e-6)
    before = state(module)["net/filters"]
    for images, targets in zip(BATCHES, TARGETS):
        program.run(program.train_op, images, True, targets)
        train(images, targets)
    assert np.abs(state(module)["net/filters"] - before).max() > 1e-2
    check_same(state(module), program.state(), rtol=1e-4, atol=1e-5)
    expected = program.run(program.outputs, IMAGES, False)
    np.testing.assert_allclose(module(IMAGES, is_training=False), expected, rtol=1e-4, atol=1e-5)
    # And back: the graph goes on from the module's checkpoint.
    train(BATCHES[0], TARGETS[0])
    program.restore(module.save(str(tmp_path / "made" / "module.ckpt")))
    check_same(program.state(), state(module), rtol=0, atol=0)
    assert tf.train.latest_checkpoint(tmp_path / "made") == str(tmp_path / "made" / "module.ckpt")


def counted(builder):
    """The builder and the list that grows with each trace of it."""
    traces = []

    def traced(*args, **kwargs):
        traces.append(args)
        return builder(*args, **kwargs)

    return traced, traces


@pytest.mark.process
def test_traces():
    """A second size makes sizes unknown, a third is not traced; nor is a tensor's other value; a Python value is."""
    builder, traces = counted(model)
    module = tfbn.TF1Module(builder)
    names = []
    for size, count in ((6, 1), (4, 2), (5, 2), (3, 2)):
        module(IMAGES[:size], is_training=True)
        assert len(traces) == count
        names.append(list(module.tf1_variables))
    module(IMAGES, is_training=False)
    assert len(traces) == 3
    before = state(module)
    for count, phase in enumerate((False, True, False, True)):
        module(IMAGES[: 3 + count], is_training=tf.constant(phase))
        moved = not np.array_equal(state(module)["net/BatchNorm/moving_mean"], before["net/BatchNorm/moving_mean"])
        assert moved == phase
        before = state(module)
    # As above: the first size, and any.
    assert len(traces) == 5
    names.append(list(module.tf1_variables))
    tf.function(lambda images: module(images, is_training=True))(IMAGES)
    assert len(traces) == 5
    assert all(each == names[0] for each in names)


def test_without_reduced_retracing_sizes_stay_known():
    """For builders that need them."""
    builder, traces = counted(lambda x: x + tf.zeros([x.shape[0], 3]))
    module = tfbn.TF1Module(builder, reduce_retracing=False)
    for size in (2, 3, 4):
        assert module(tf.ones([size, 3])).shape == [size, 3]
    assert len(traces) == 3


@pytest.mark.filterwarnings("ignore:batch_norm. updates_collections:tfbn.CompatibilityWarning")
@pytest.mark.parametrize("collections", [tf1.GraphKeys.UPDATE_OPS, None, "mine", ["mine", "others"]])
@pytest.mark.parametrize("where", ["eager", "function", "compiled", "tied"])
def test_updates_happen_once_a_call(collections, where):
    """Whatever would run them in a graph, and where the builder itself ties them to something."""

    def builder(x):
        outputs = tfbn.batch_norm(x, 0.5, is_training=True, updates_collections=collections, scope="bn")
        with tf.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS) if where == "tied" else []):
            return tf.identity(outputs)

    module = tfbn.TF1Module(builder)
    call = {"function": tf.function(module), "compiled": tf.function(module, jit_compile=True)}.get(where, module)
    expected = np.zeros(3)
    for x in BATCHES[:3]:
        call(x)
        expected += (x.astype(float).mean((0, 1, 2)) - expected) / 2
        np.testing.assert_allclose(module.tf1_variables["bn/moving_mean"], expected, rtol=1e-5)  # sums in float32


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("place", ["calls", "branches", "loop", "map"])
def test_updates_of_shared_variables_follow_the_program(place, compiled):
    """Two calls, and branches and rounds: each on what the one before left; inference after them sees it."""

    def layer(x, is_training=True, **options):
        return tfbn.batch_norm(x, 0.5, is_training=is_training, scope="bn", reuse=tf1.AUTO_REUSE, **options)

    def builder(x):
        first = layer(x[0])
        if place == "calls":
            outputs = first + layer(x[1], updates_collections=None) + layer(x[2])
        elif place == "branches":
            outputs = tf1.cond(x[0, 0, 0, 0, 0] < 99, lambda: layer(x[1]), lambda: x[1])
            outputs = tf1.cond(x[0, 0, 0, 0, 0] > 99, lambda: x[1], lambda: outputs + layer(x[2]))
        elif place == "loop":
            outputs = tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y + layer(x[i])), [1, first])[1]
        else:
            outputs = tf.reduce_sum(tf.map_fn(layer, x[1:3]), 0)
        return outputs, layer(x[0], is_training=False)

    module = tfbn.TF1Module(builder)
    _, inferred = (tf.function(module, jit_compile=True) if compiled else module)(BATCHES)
    expected, variance = np.zeros(3), np.ones(3)
    for x in BATCHES[:3].astype(float):
        expected += (x.mean((0, 1, 2)) - expected) / 2
        variance += (x.var((0, 1, 2), ddof=1) - variance) / 2
    # Three steps in float32.
    np.testing.assert_allclose(module.tf1_variables["bn/moving_mean"], expected, rtol=1e-5)
    np.testing.assert_allclose(inferred, (BATCHES[0] - expected) / np.sqrt(variance + 1e-3), rtol=1e-4, atol=1e-5)


def test_updates_take_no_mutexes():
    """The function orders them by itself, so they are as cheap as the original's."""
    module = tfbn.TF1Module(lambda x: tfbn.batch_norm(x, scope="bn"))
    definition = tf.function(module).get_concrete_function(tf.TensorSpec([None, 5, 4, 3])).graph.as_graph_def()
    ops = [node.op for function in definition.library.function for node in function.node_def]
    assert ops.count("AssignSubVariableOp") == 2
    assert not any(op.startswith("Mutex") for op in ops)


class TestVariables:
    def test_reuse_is_that_of_a_graph(self):
        """Within a call two of a name raise without reuse; reuse=True finds only what the call has made."""

        def twice(x):
            tfbn.batch_norm(x, scope="bn")
            return tfbn.batch_norm(x, scope="bn")

        def never_made(x):
            with tf1.variable_scope("a", reuse=True):
                return x + tf1.get_variable("bias", [3])

        for builder, text in ((twice, "bn/beta already exists"), (never_made, "a/bias does not exist")):
            module = tfbn.TF1Module(builder)
            for _ in range(2):
                with pytest.raises(ValueError, match=text):
                    module(IMAGES)
            assert not module.tf1_variables

    def test_a_failed_call_leaves_nothing(self):
        """Wrong inputs at first do not spoil the right ones that follow."""

        def builder(x, fail=False):
            outputs = tfbn.batch_norm(x, scope="bn")
            if fail:
                raise KeyError("mine")
            return outputs

        module = tfbn.TF1Module(builder)
        with pytest.raises(KeyError, match="mine"):
            module(IMAGES[..., :2], fail=True)
        assert not module.tf1_variables
        module(IMAGES)
        assert module.tf1_variables["bn/beta"].shape == [3]

    @pytest.mark.parametrize("images", [IMAGES[..., :2], IMAGES.astype(np.float64)], ids=["channels", "dtype"])
    def test_another_shape_or_dtype(self, images):
        module = tfbn.TF1Module(lambda x: tfbn.batch_norm(x, scope="bn"), reduce_retracing=False)
        module(IMAGES)
        with pytest.raises(ValueError, match=r"(?s)bn/beta.*expected the shape \(3,\) and dtype float32.*got.*for"):
            module(images)

    def test_names_are_those_of_a_graph(self):
        """Of get_variable, of tf.Variable in scopes, by default names, and whatever is open around the call."""

        def builder(x):
            for _ in range(2):
                tfbn.batch_norm(x)
                with tf1.variable_scope(None, "block"):
                    tf1.get_variable("weights", [2])
                    tf1.Variable(1.0)
            with tf1.name_scope("plain"):
                tf1.Variable(2.0, name="scale", trainable=False)
            tf1.Variable([3])
            tf1.train.get_or_create_global_step()
            return tf1.get_variable_scope().name + "|" + ",".join(v.name for v in tf1.global_variables())

        with graph():
            text = builder(tf1.placeholder(tf.float32, IMAGES.shape))
            names = [v.op.name for v in tf1.global_variables()]
            trained = {v.op.name for v in tf1.trainable_variables()}
        module = tfbn.TF1Module(builder)

        @tf.function
        def around(x):
            with tf1.variable_scope("around"):
                tf1.get_variable_scope().reuse_variables()
                return module(x)

        assert module(IMAGES).numpy().decode() == around(IMAGES[:3]).numpy().decode() == text
        assert list(module.tf1_variables) == names
        assert {v.name[:-2] for v in module.trainable_variables} == trained
        assert {id(v) for v in module.variables} == {id(v) for v in module.tf1_variables.values()}
        assert not any("BatchNorm" in v.name for v in tf1.global_variables())

    def test_ops_have_names(self):
        """What many builders choose variables by; and an optimizer of TF1 keeps its slots apart by them."""
        tf.random.set_seed(1)
        found = []

        def builder(x):
            outputs = tf.reduce_sum(model(x, True) ** 2)
            found.append([v.op.name for v in tf1.trainable_variables() if "beta" not in v.op.name])
            with tf.control_dependencies([tf1.train.MomentumOptimizer(0.001, 0.9).minimize(outputs)]):
                return tf.identity(outputs)

        module = tfbn.TF1Module(builder)
        first, second = module(IMAGES), module(IMAGES)
        assert found == [[name for name in module.tf1_variables if name in found[0]]]
        assert second < first
        slots = [name for name in module.tf1_variables if name.endswith("/Momentum")]
        trainable = [variable.op.name for variable in module.trainable_variables]
        assert sorted(slots) == sorted(f"{name}/Momentum" for name in trainable)

    def test_modules_have_variables_of_their_own(self):
        one, other = tfbn.TF1Module(model), tfbn.TF1Module(model)
        one(IMAGES, is_training=True)
        other(IMAGES, is_training=False)
        assert np.all(other.tf1_variables["net/BatchNorm/moving_mean"] == 0)
        assert not np.any(one.tf1_variables["net/BatchNorm/moving_mean"] == 0)

    def test_initial_values(self):
        """From a function, by shape, from a tensor, from a random one; each computed once."""
        calls = []

        def by_shape(shape, dtype=None, partition_info=None):
            calls.append(list(shape))
            return tf.fill(shape, float(shape[0]))

        def builder(x):
            return [
                tf1.get_variable("by_shape", [4], initializer=by_shape),
                tf1.get_variable("constant", initializer=tf.constant([1.0, 2.0]) * 3.0),
                tf1.get_variable("random", initializer=tf.random.normal([1000]) + 5.0),
                tf1.get_variable("number", initializer=7),
            ]

        module = tfbn.TF1Module(builder)
        first = [value.numpy() for value in module(tf.ones([2]))]
        for found, value in zip(module(tf.ones([3, 3])), first):
            np.testing.assert_array_equal(found, value)
        assert calls == [[4]]
        assert first[0].tolist() == [4.0] * 4
        assert first[1].tolist() == [3.0, 6.0]
        assert abs(first[2].mean() - 5.0) < 0.2  # six standard errors
        assert first[2].std() > 0.5
        assert first[3] == 7

    def test_initial_value_of_the_inputs(self):
        module = tfbn.TF1Module(lambda x: tf1.get_variable("w", initializer=tf.reduce_sum(x)))
        with pytest.raises(ValueError, match="Variable w: expected an initial value.* depends on inputs.*function"):
            module(IMAGES)

    def test_a_gradient_reaches_exactly_the_trained_ones(self):
        """trainable=False, the moving statistics and ON_READ variables are not trained."""

        def builder(x):
            scale = tf1.get_variable("scale", [], trainable=False)
            seen = tf1.get_variable("seen", [], synchronization=tf.VariableSynchronization.ON_READ)
            return tfbn.batch_norm(x * scale + seen, trainable=False, scope="held") * tf1.get_variable("w", [3])

        module = tfbn.TF1Module(builder)
        module(IMAGES)
        assert [v.name for v in module.trainable_variables] == ["w:0"]


def test_saved_model(tmp_path):
    """With an inference signature: the same outputs for any batch size, by the moving statistics."""
    module = tfbn.TF1Module(model)
    for images in BATCHES[:3]:
        module(images, is_training=True)

    @tf.function(input_signature=[tf.TensorSpec([None, 5, 4, 3], name="images")])
    def serve(images):
        return {"logits": module(images, is_training=False)}

    tf.saved_model.save(module, str(tmp_path), signatures=serve)
    signature = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    for size in (1, 4):
        found = signature(images=tf.constant(IMAGES[:size]))["logits"]
        np.testing.assert_allclose(found, module(IMAGES[:size], is_training=False), rtol=1e-6)


@pytest.mark.parametrize("first", ["eager", "compiled"])
def test_compiled_and_not(first):
    """Whichever is traced first, each has kernels of its own: far from zero the compiled one keeps its digits."""
    module = tfbn.TF1Module(lambda x: tfbn.batch_norm(x, 0.0, scope="bn"))
    far = (RANDOM.standard_normal((8, 6, 5, 3)) * 1e-2 + 1e4).astype(np.float32)
    calls = {"eager": module, "compiled": tf.function(module, jit_compile=True)}
    for name in (first, *(calls.keys() - {first})):
        calls[name](far)
        variance = module.tf1_variables["bn/moving_variance"].numpy()
        # A mean in float32 is right to 2e-3, two ulps of 1e4, whose square is what a variance about it is off by.
        np.testing.assert_allclose(variance, far.astype(float).var((0, 1, 2), ddof=1), atol=5e-6, err_msg=name)


def test_second_order_gradients():
    """Against the graph's own: a gradient penalty's gradient."""

    def builder(x):
        return tf.tanh(tfbn.batch_norm(x, scale=True, scope="bn") * tf1.get_variable("w", [3], initializer=by_index))

    def by_index(shape, **_):
        return tf.range(1.0, 1.0 + shape[0])

    module = tfbn.TF1Module(builder)

    @tf.function
    def penalty(x):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(x)
                outputs = module(x)
            loss = tf.reduce_sum(inner.gradient(outputs, x) ** 2)
        variables = [module.tf1_variables[name] for name in ("bn/gamma", "w")]
        return outer.gradient(loss, variables)

    with graph():
        x = tf.constant(IMAGES)
        outputs = builder(x)
        variables = [v for name in ("bn/gamma", "w") for v in tf1.global_variables() if v.op.name == name]
        gradients = tf.gradients(tf.reduce_sum(tf.gradients(outputs, x)[0] ** 2), variables)
        with session() as opened:
            expected = opened.run(gradients)
    for found, value in zip(penalty(tf.constant(IMAGES)), expected):
        np.testing.assert_allclose(found, value, rtol=1e-4)  # sums of 120 terms that partly cancel
        assert np.abs(value).max() > 1e-2


def test_an_audit_in_the_builder():
    """The function runs every update, so that there is nothing to find; a graph is still audited."""
    found = []

    def builder(x):
        outputs = model(x, True)
        found.append(tfbn.check_updates(tf.reduce_sum(outputs), raise_on_error=False))
        return outputs

    tfbn.TF1Module(builder)(IMAGES)
    with graph():
        builder(tf1.placeholder(tf.float32, IMAGES.shape))
    assert found[0] == []
    assert found[1]


@pytest.mark.parametrize("collections", ["mine", ["mine", "others"], [], None, ["update_ops", "mine"]])
def test_other_collections_are_warned_of(collections):
    module = tfbn.TF1Module(lambda x: tfbn.batch_norm(x, updates_collections=collections))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", tfbn.CompatibilityWarning)
        module(tf.ones([2, 3]))
    texts = [str(warning.message) for warning in caught if warning.category is tfbn.CompatibilityWarning]
    assert len(texts) == (collections is not None and "update_ops" not in collections)
    assert all("does not keep the updates from being run" in text for text in texts)


def made_placeholder(x, is_training):
    return tfbn.batch_norm(x + tf1.placeholder(tf.float32, [None, 3], "more"), is_training=is_training)


@pytest.mark.parametrize(
    "error, match, builder",
    [
        (AttributeError, r"as_list\(\)\[i\].*disable_v2_tensorshape", lambda x, **_: tf.ones(x.shape[-1].value)),
        (AttributeError, "^'str' object has no attribute 'value'$", lambda x, **_: "x".value),
        (ValueError, r"placeholders \['more'\], which nothing feeds. Make them arguments", made_placeholder),
    ],
)
def test_refused_builders(error, match, builder):
    module = tfbn.TF1Module(builder)
    with pytest.raises(error, match=match):
        module(tf.ones([2, 3]), is_training=True)
    assert not module.tf1_variables


def test_a_placeholder_that_nothing_needs():
    def builder(x):
        rate = tf1.placeholder(tf.float32, [])
        tf.identity(rate * x, "scaled")
        return x + tf1.placeholder_with_default(0.0, [])

    module = tfbn.TF1Module(builder)
    np.testing.assert_array_equal(module(tf.ones([2, 3])), np.ones([2, 3]))


def test_refusals():
    with pytest.raises(TypeError, match="builder: expected a function that builds the model, got 3"):
        tfbn.TF1Module(3)
    module = tfbn.TF1Module(model)
    with pytest.raises(TypeError, match="got a deep copy. Copy the values"):
        copy.deepcopy([module])
    for use in (lambda: module(IMAGES, is_training=True), lambda: module.save("x"), lambda: module.restore("x")):
        with graph(), pytest.raises(RuntimeError, match="expected eager code or a tf.function, got a TF1 graph"):
            use()
