"""recalibrate_module beside other threads and with functions traced before: it observes its own layers, all of them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.recalibrate.networks import ROUNDED, batches, whole
from tfbn.recalibrate import recalibrate_module

SERVED = batches((3,))
TRAINED = [oracle.batch((4, 3), seed=number).astype(np.float32) for number in range(4)]
DECAY = 0.5
STEPS = {"rtol": 1e-6}  # a few steps in float32


class Model(tf.Module):
    """A layer in a tf.function, which counts how often its Python code runs."""

    def __init__(self):
        super().__init__()
        self.norm = tfbn.BatchNorm(3, decay=DECAY, name="norm")
        self.runs = 0

    @tf.function(autograph=False)
    def __call__(self, inputs, is_training):
        self.runs += 1
        return self.norm(inputs, is_training)


def builder(inputs, is_training):
    return tfbn.batch_norm(inputs, decay=DECAY, is_training=is_training, scope="norm")


def tf1_module():
    """One that has its variables, as they start."""
    module = tfbn.TF1Module(builder)
    module.build(tf.TensorSpec([None, 3]), True)
    return module


def assert_recalibrated(moving_mean, moving_variance, parts=SERVED):
    data = whole(parts)
    mean, variance = oracle.moments(data)
    np.testing.assert_allclose(moving_mean.numpy(), mean, **ROUNDED)
    np.testing.assert_allclose(moving_variance.numpy(), oracle.unbiased(data, variance), **ROUNDED)


def assert_trained(moving_mean, parts=TRAINED):
    """From 0, by a step for each part."""
    mean = np.zeros(3)
    for part in parts:
        mean = DECAY * mean + (1 - DECAY) * part.astype(np.float64).mean(0)
    np.testing.assert_allclose(moving_mean.numpy(), mean, **STEPS)


def in_a_thread(function, *arguments):
    """Calls the function in another thread; raises what it raises."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()


def training_beside(step):
    """The batches to recalibrate with, while another thread trains."""
    for part, other in zip(SERVED, TRAINED):
        in_a_thread(step, other, True)
        yield part


class TestOtherLayers:
    """Those that are not in the module train as always while it is recalibrated."""

    @pytest.mark.parametrize("kind", ["eager", "traced before", "traced meanwhile"])
    def test_in_another_thread(self, kind):
        """In eager code, and in a function that stays a graph."""
        served, trained = Model(), Model()
        if kind == "traced before":
            trained.__call__.get_concrete_function(tf.TensorSpec([4, 3]), True)
        recalibrate_module(served, training_beside(trained.norm if kind == "eager" else trained))
        assert_recalibrated(served.norm.moving_mean, served.norm.moving_variance)
        assert_trained(trained.norm.moving_mean)
        assert trained.runs == (0 if kind == "eager" else 1)

    def test_a_tf1_module_in_another_thread(self):
        served, trained = tf1_module(), tf1_module()
        recalibrate_module(served, training_beside(trained))
        variables = served.tf1_variables
        assert_recalibrated(variables["norm/moving_mean"], variables["norm/moving_variance"])
        assert_trained(trained.tf1_variables["norm/moving_mean"])

    @pytest.mark.parametrize("make", [Model, tf1_module], ids=["BatchNorm", "TF1Module"])
    def test_in_the_call(self, make):
        """In this thread, which runs functions as Python code; a TF1Module's stays a graph."""
        served, trained = Model(), make()
        trained(TRAINED[0], True)

        def call(parts):
            trained(parts[1], True)
            served(parts[0], True)

        recalibrate_module(served, list(zip(SERVED, TRAINED[1:] + TRAINED[:1])), call)
        assert_recalibrated(served.norm.moving_mean, served.norm.moving_variance)
        (mean,) = [variable for variable in trained.variables if "moving_mean" in variable.name]
        assert_trained(mean, TRAINED + TRAINED[:1])


class TestSwitch:
    """tf.config.run_functions_eagerly, which is one for all threads, says what it said."""

    @pytest.fixture(params=[False, True], ids=["graphs", "eager"])
    def switch(self, request):
        tf.config.run_functions_eagerly(request.param)
        yield request.param
        tf.config.run_functions_eagerly(False)

    @pytest.mark.parametrize("failure", [None, "call", "batches", "no data"])
    def test_for_others(self, switch, failure):
        """In other threads, in this one between calls, and afterwards: what it says, and what functions do."""
        executed = []
        function = tf.function(lambda: executed.append(tf.executing_eagerly()), autograph=False)
        function.get_concrete_function()

        def look():
            executed.clear()
            function()
            return tf.config.functions_run_eagerly(), executed == [True]

        outside, inside = [], []

        def parts():
            for part in SERVED[:0] if failure == "no data" else SERVED:
                outside.extend([look(), in_a_thread(look)])
                yield part
            if failure == "batches":
                raise KeyboardInterrupt

        def call(part):
            inside.append(look())
            outside.append(in_a_thread(look))
            norm(part)
            if failure == "call":
                raise KeyboardInterrupt

        norm = tfbn.BatchNorm(3)
        if failure is None:
            recalibrate_module(norm, parts(), call)
        else:
            with pytest.raises((KeyboardInterrupt, ValueError)):
                recalibrate_module(norm, parts(), call)
        assert set(outside) <= {(switch, switch)}
        assert set(inside) <= {(switch, True)}
        assert len(inside) == {None: 4, "call": 1, "batches": 4, "no data": 0}[failure]
        assert look() == in_a_thread(look) == (switch, switch)
        norm(TRAINED[0])
        assert norm.moving_mean.numpy().any()


class TestSeveralAtOnce:
    @pytest.mark.parametrize("make", [Model, tf1_module], ids=["BatchNorm", "TF1Module"])
    def test_different_modules(self, make):
        """In two threads that take turns, batch by batch."""
        modules, turns = [make(), make()], threading.Barrier(2, timeout=60)
        data = [SERVED, batches((3,), seed=1)]

        def parts(number):
            for part in data[number]:
                turns.wait()
                yield part
            turns.wait()

        with ThreadPoolExecutor(2) as pool:
            for result in [pool.submit(recalibrate_module, modules[n], parts(n)) for n in range(2)]:
                result.result()
        for module, expected in zip(modules, data):
            by_name = {variable.name.rpartition("/")[2]: variable for variable in module.variables}
            assert_recalibrated(by_name["moving_mean:0"], by_name["moving_variance:0"], expected)

    @pytest.mark.parametrize("where", ["another thread", "the same thread"])
    @pytest.mark.parametrize("around", [False, True], ids=["same module", "module around"])
    def test_the_same_layer(self, around, where):
        """The second is refused and changes nothing; the first ends as if there had been none."""
        model = Model()
        second = tf.Module()
        second.inner = model
        errors = []

        def again():
            with pytest.raises(RuntimeError) as error:
                recalibrate_module(second if around else model, TRAINED, lambda part: model(part, True))
            errors.append(str(error.value))

        def parts():
            for part in SERVED:
                again() if where == "the same thread" else in_a_thread(again)
                yield part

        recalibrate_module(model, parts())
        assert_recalibrated(model.norm.moving_mean, model.norm.moving_variance)
        assert set(errors) == {
            "norm: expected a layer that no other recalibration uses, got one that another is replacing the "
            "statistics of. Wait until that one has ended."
        }
        recalibrate_module(model, batches((3,), seed=1))
        assert_recalibrated(model.norm.moving_mean, model.norm.moving_variance, batches((3,), seed=1))

    def test_after_a_failure(self):
        """A layer whose recalibration failed is free for the next."""
        model = Model()
        with pytest.raises(ValueError, match="batches: expected at least one batch"):
            recalibrate_module(model, [])
        recalibrate_module(model, SERVED)
        assert_recalibrated(model.norm.moving_mean, model.norm.moving_variance)


def nested(model):
    """A function around that of the model."""
    return tf.function(lambda part: model(part, True), autograph=False)


TRACED = {
    "the module": lambda model: None,
    "a lambda": lambda model: lambda part: model(part, True),
    "nested": nested,
    "nested twice": lambda model: tf.function(nested(model), autograph=False),
    "compiled": lambda model: tf.function(nested(model), autograph=False, jit_compile=True),
    "autograph": lambda model: tf.function(lambda part: model(part, True) if tf.size(part) > 0 else part),
    "a loop": lambda model: tf.function(
        lambda part: tf.while_loop(lambda n, _: n < 1, lambda n, x: (n + 1, model(x, True)), [0, part])
    ),
}


class TestTracedBefore:
    @pytest.mark.parametrize("make", TRACED.values(), ids=TRACED)
    def test_functions(self, make):
        """What was traced without an observer is observed; afterwards the old traces train on."""
        model = Model()
        call = make(model)
        step = call or (lambda part: model(part, True))
        for part in SERVED:
            step(part)
        recalibrate_module(model, SERVED, call)
        assert_recalibrated(model.norm.moving_mean, model.norm.moving_variance)
        mean, runs = model.norm.moving_mean.numpy(), model.runs
        step(SERVED[0])
        np.testing.assert_allclose(
            model.norm.moving_mean.numpy(), DECAY * mean + (1 - DECAY) * SERVED[0].mean(0), **STEPS
        )
        assert model.runs == runs

    def test_within_a_tf1_module(self):
        """A function that the builder calls, and that has a layer of its own."""
        norm = tfbn.BatchNorm(3, name="inner")
        inner = tf.function(lambda inputs: norm(inputs, True), autograph=False)
        model = tfbn.TF1Module(lambda inputs, is_training: builder(inner(inputs), is_training))
        model.norm = norm
        model(SERVED[0], True)
        recalibrate_module(model, SERVED)
        assert_recalibrated(norm.moving_mean, norm.moving_variance)

    def test_in_replicas(self):
        """A strategy calls the function in a thread for each of its devices."""
        strategy = tf.distribute.MirroredStrategy(["CPU:0"])
        with strategy.scope():
            model = Model()
        threads = set()

        def step(part):
            threads.add(threading.current_thread())
            return model(part, True)

        def call(part):
            return strategy.run(step, [part])

        for part in SERVED:
            tf.function(call, autograph=False)(part)
            strategy.run(step, [part])
        threads.clear()
        recalibrate_module(model, SERVED, call)
        assert threading.current_thread() not in threads
        assert_recalibrated(model.norm.moving_mean, model.norm.moving_variance)

    def test_in_threads_of_the_call(self):
        """Whichever thread calls a layer, its inputs count."""
        norm = tfbn.BatchNorm(3)
        with ThreadPoolExecutor(3) as pool:
            recalibrate_module(norm, [SERVED[:2], SERVED[2:]], lambda parts: list(pool.map(norm, parts)))
        assert_recalibrated(norm.moving_mean, norm.moving_variance)


class TestGraphs:
    """In a graph that outlives the recalibration, layers do what they always do: it is not observed."""

    def test_traced_meanwhile(self):
        """By another thread; afterwards it trains."""
        model = Model()

        def parts():
            in_a_thread(model.__call__.get_concrete_function, tf.TensorSpec([4, 3]), True)
            yield from SERVED

        recalibrate_module(model, parts(), lambda part: model.norm(part, True))
        assert_recalibrated(model.norm.moving_mean, model.norm.moving_variance)
        assert model.runs == 1
        model.norm.moving_mean.assign([0.0, 0.0, 0.0])
        for part in TRAINED:
            model(part, True)
        assert_trained(model.norm.moving_mean)
        assert model.runs == 1

    @pytest.mark.parametrize("kind", ["another thread", "concrete function", "tf.data", "also observed"])
    def test_refused_where_it_moves_statistics(self, kind):
        """All statistics are as they were."""
        model = Model()
        concrete = model.__call__.get_concrete_function(tf.TensorSpec([None, 3]), True)
        model.norm.moving_mean.assign([1.0, -2.0, np.nan])
        call = {
            "another thread": lambda part: in_a_thread(concrete, tf.constant(part)) is model(part, True),
            "concrete function": lambda part: concrete(tf.constant(part)),
            "tf.data": lambda part: list(tf.data.Dataset.from_tensors(part).map(lambda x: model.norm(x, True))),
            "also observed": lambda part: concrete(model(part, True)),
        }[kind]
        before = [variable.numpy() for variable in model.variables]
        text = (
            "^norm: expected statistics that nothing else updates during the pass, but moving_mean has changed. A graph"
        )
        with pytest.raises(RuntimeError, match=f"{text} .* All statistics are as they were.$"):
            recalibrate_module(model, SERVED, call)
        for variable, value in zip(model.variables, before):
            np.testing.assert_array_equal(variable.numpy(), value)
