"""The private TensorFlow API behind tfbn._tensorflow, on whatever version runs this."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from tests.graph.regimes import graph, session
from tfbn import _tensorflow, table_file

tf1 = tf.compat.v1


@pytest.mark.parametrize("resource", [False, True])
def test_stored_variable(resource):
    with graph(resource):
        assert _tensorflow.stored_variable("a/x") is None
        with tf1.variable_scope("a"):
            x = tf1.get_variable("x", [2])
        with tf1.variable_scope("b", partitioner=tf1.fixed_size_partitioner(2)):
            tf1.get_variable("x", [2])
        tf1.Variable(1.0, name="plain")
        assert _tensorflow.stored_variable("a/x") is x
        assert _tensorflow.stored_variable("b/x").op.name == "b/x/part_0"
        assert _tensorflow.stored_variable("plain") is None
    with graph(resource):
        assert _tensorflow.stored_variable("a/x") is None


def found_inside(build, v2):
    """What the two predicates say inside a body, which knows the graph around it."""
    found, outer = [], []

    def body(*_):
        found.append((_tensorflow.in_v1_body(), _tensorflow.in_v2_body()))
        outer.append(_tensorflow.graph_around_bodies())
        return tf.constant(1.0)

    with graph(control_flow_v2=v2):
        assert not _tensorflow.in_v1_body()
        assert not _tensorflow.in_v2_body()
        opened = tf1.get_default_graph()
        build(body)
        assert not _tensorflow.in_v1_body()
        assert not _tensorflow.in_v2_body()
    assert all(around is opened for around in outer)
    return set(found)


BODIES = {
    "cond": lambda body: tf1.cond(tf1.placeholder(tf.bool, []), body, body),
    "case": lambda body: tf1.case([(tf1.placeholder(tf.bool, []), body)], default=body),
    "while": lambda body: tf1.while_loop(lambda x: x < 3.0, body, [tf.constant(0.0)]),
    "map": lambda body: tf1.map_fn(body, tf.ones([3])),
    "scan": lambda body: tf1.scan(body, tf.ones([3])),
    "nested": lambda body: tf1.cond(
        tf1.placeholder(tf.bool, []), lambda: tf1.map_fn(body, tf.ones([3])), lambda: tf.ones([3])
    ),
}


@pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize("name", BODIES)
def test_inside_a_body(name, v2):
    assert found_inside(BODIES[name], v2) == {(not v2, v2)}


@pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize("name", BODIES)
def test_right_in_the_body_of_a_loop(name, v2):
    found = []

    def body(*_):
        found.append(_tensorflow.in_loop_body())
        return tf.constant(1.0)

    with graph(control_flow_v2=v2):
        BODIES[name](body)
        assert not _tensorflow.in_loop_body()
    assert set(found) == {name not in ("cond", "case")}


@pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
def test_an_iteration_ends_after_ops(v2):
    """Iterations wait for an assignment that no output of the body needs, and that is slow to come."""
    with graph(control_flow_v2=v2):
        total = tf1.get_variable("total", [], initializer=tf1.zeros_initializer())

        def body(i):
            late = tf.reduce_sum(tf.range(200_000.0)) * 0
            with tf.control_dependencies([late]):
                change = total.assign(tf.cast(i, tf.float32) + 2 * total.read_value())
            _tensorflow.end_iteration_after([change.op])
            return i + 1

        last = tf1.while_loop(lambda i: i < 5, body, [0])
        with session() as opened:
            assert opened.run(last) == 5
            assert opened.run(total) == 26  # ((((0) 2 + 1) 2 + 2) 2 + 3) 2 + 4
        assert not tf1.get_collection(tf1.GraphKeys._SUMMARY_COLLECTION)


def test_a_branch_takes_what_is_switched_already():
    """With no Switch of its own, and an imported graph knows."""
    with graph(False):
        x, flag = tf1.placeholder(tf.float32, [], name="x"), tf1.placeholder(tf.bool, [], name="flag")
        switched = tf.raw_ops.Switch(data=x, pred=flag)

        def branch(tensor, factor):
            _tensorflow.take_into_branch([tensor])
            made = tensor * factor
            assert made.op.inputs[0] is tensor
            return made

        sides = [(switched.output_true, 2.0), (switched.output_false, 3.0)]
        y = tf1.cond(flag, *(lambda side=side: branch(*side) for side in sides))
        message = tf1.train.export_meta_graph()
    with graph(False) as imported:
        tf1.train.import_meta_graph(message)
        x, flag, y = (imported.get_tensor_by_name(name) for name in ("x:0", "flag:0", y.name))
        (slope,) = tf1.gradients(y, [x])
        with session() as opened:
            assert opened.run([y, slope], {x: 5.0, flag: True}) == [10.0, 2.0]
            assert opened.run([y, slope], {x: 5.0, flag: False}) == [15.0, 3.0]


def test_other_function_graphs_are_no_bodies():
    found = []

    def function(x):
        found.append((_tensorflow.in_v1_body(), _tensorflow.in_v2_body()))
        return x

    tf.function(function)(tf.constant(1.0))
    tf1.wrap_function(function, [tf.TensorSpec([], tf.float32)])
    assert set(found) == {(False, False)}


def test_table_is_per_graph_and_not_exported():
    with graph() as opened:
        table = _tensorflow.graph_table(opened)
        table["key"] = tf.constant(1.0)
        assert _tensorflow.graph_table(opened) is table
        exported = tf1.train.export_meta_graph(graph=opened)
        assert not exported.collection_def
    with graph() as opened:
        assert _tensorflow.graph_table(opened) == {}


@pytest.mark.parametrize("resource", [False, True])
def test_replace_input(resource):
    with graph(resource):
        variable = tf1.get_variable("x", [], initializer=tf1.zeros_initializer())
        op = variable.assign_sub(1.0).op
        _tensorflow.replace_input(op, 1, tf.constant(5.0))
        with session() as opened:
            opened.run(op)
            assert opened.run(variable) == -5


def test_change_gradients():
    """Twice on the same op, and nothing of it in the graph's message."""
    with graph():
        x = tf.constant(3.0)
        y = x * 5.0
        before = tf1.get_default_graph().as_graph_def()
        _tensorflow.change_gradients(y.op, lambda found: [2 * found[0], found[1]])
        _tensorflow.change_gradients(y.op, lambda found: [found[0] + 1, found[1]])
        assert tf1.get_default_graph().as_graph_def() == before
        with session() as opened:
            assert opened.run(tf1.gradients(y, x)) == [11]


def test_tape_may_record():
    assert _tensorflow.tape_may_record()  # eagerly one may always be opened around
    with graph():
        assert not _tensorflow.tape_may_record()
        with tf.GradientTape():
            assert _tensorflow.tape_may_record()


@pytest.mark.parametrize("forget", [False, True])
def test_forget_collections(forget):
    """A function's graph has variables and scope names of its own then, and the graph around it keeps what it had."""
    found = []

    @tf.function
    def function():
        if forget:
            _tensorflow.forget_collections()
        with tf1.variable_scope(None, "block") as scope:
            found.append((scope.name, _tensorflow.stored_variable("x") is None, len(tf1.global_variables())))

    with graph() as around:
        tf1.get_variable("x", [])
        with tf1.variable_scope(None, "block"):
            pass
        function.get_concrete_function()
        assert found == [("block", True, 0) if forget else ("block_1", False, 1)]
        assert _tensorflow.stored_variable("x") is around.get_collection(tf1.GraphKeys.GLOBAL_VARIABLES)[0]


def test_eager_variable():
    """Made by any trace of a function, whatever creators there are, and at once."""
    made = []

    @tf.function(autograph=False)
    def function(x, count):
        def asked(*_, **__):
            raise AssertionError

        with tf.variable_creator_scope(asked):
            made.append(_tensorflow.eager_variable(lambda: tf.fill([2], 3.0), name=f"a/{count}/", trainable=False))
        with tf.init_scope():
            assert made[-1].numpy().tolist() == [3.0, 3.0]
        return x + made[-1]

    assert [function(1.0, count).numpy().tolist() for count in (1, 2)] == [[4.0, 4.0]] * 2
    assert [(v.name, v.op.name, v.trainable) for v in made] == [("a/1:0", "a/1", False), ("a/2:0", "a/2", False)]


def test_slice_of():
    with graph():
        parts = list(tf1.get_variable("a/x", [5, 2], partitioner=tf1.fixed_size_partitioner(2)))
        expected = [("a/x", [5, 2], "5 2 0,3:0,2"), ("a/x", [5, 2], "5 2 3,2:0,2")]
        assert [_tensorflow.slice_of(part) for part in parts] == expected
        assert _tensorflow.slice_of(tf1.get_variable("y", [2])) is None
    assert _tensorflow.slice_of(tf.Variable(1.0)) is None


def test_in_program_order():
    """In tf.function and its bodies; in no graph, wrapped function or their bodies."""
    found = []

    def function():
        found.append(_tensorflow.in_program_order())
        tf.cond(tf.constant(1.0) > 0, lambda: found.append(_tensorflow.in_program_order()), lambda: None)

    with graph(control_flow_v2=True):
        function()
    tf1.wrap_function(function, [])
    assert set(found) == {False}
    found.clear()
    tf.function(function, autograph=False).get_concrete_function()
    assert found == [True, True]


WHERE_OPS_LAND = {
    "eager code": lambda look: look(),
    "a graph": lambda look: in_graph(look),
    "a branch in a graph": lambda look: in_graph(lambda: tf.cond(tf1.placeholder(tf.bool, []), look, look)),
    "a function in a graph": lambda look: in_graph(lambda: trace(look)),
    "a function": lambda look: trace(look),
    "a branch in a function": lambda look: trace(lambda: tf.cond(tf.constant(1.0) > 0, look, look)),
    "a function in a function": lambda look: trace(lambda: trace(look)),
    "a function that keeps variables": lambda look: trace(lambda: (_tensorflow.keep_variables(), look())[1]),
    "a function in that": lambda look: trace(lambda: (_tensorflow.keep_variables(), trace(look))[1]),
    "a wrapped function": lambda look: tf1.wrap_function(look, []),
    "a function in that of a data set": lambda look: tf.data.Dataset.range(2).map(lambda _: trace(look)),
}


def in_graph(look):
    with graph(control_flow_v2=True):
        return look()


def trace(function):
    return tf.function(function, autograph=False)()


@pytest.mark.parametrize("where", WHERE_OPS_LAND)
def test_where_ops_land(where):
    """In what a session runs, or in a function that eager code calls and that keeps no variables."""
    found = []

    def look():
        found.append((_tensorflow.in_tf1_graph(), _tensorflow.in_plain_function()))
        return tf.constant(1.0)

    WHERE_OPS_LAND[where](look)
    in_tf1_graph = where in ("a graph", "a branch in a graph")
    in_plain_function = where in ("a function", "a branch in a function", "a function in a function")
    assert set(found) == {(in_tf1_graph, in_plain_function)}


def test_compiled_by_xla():
    """What a scope or a function around asks for, not what one beside it does or forbids."""
    found = {}

    def look(name):
        found[name] = (_tensorflow.compiled_by_xla(), _tensorflow.compiled_whole())
        return tf.constant(1.0)

    with graph():
        look("graph")
        with tf1.xla.experimental.jit_scope():
            look("scope")
            trace(lambda: look("function in a scope"))
        with tf1.xla.experimental.jit_scope(compile_ops=False):
            look("scope that forbids")
        with tf1.xla.experimental.jit_scope(compile_ops=lambda node_def: False):
            look("scope that asks op by op")
    trace(lambda: look("function"))
    tf.function(lambda: look("compiled"), jit_compile=True, autograph=False).get_concrete_function()
    tf.config.optimizer.set_jit("autoclustering")
    try:
        look("switch")
    finally:
        tf.config.optimizer.set_jit(False)
    assert {name for name, (by_xla, _) in found.items() if by_xla} == {
        *("scope", "function in a scope", "scope that asks op by op", "compiled", "switch")
    }
    assert {name for name, (_, whole) in found.items() if whole} == {"compiled"}


def test_set_trainable():
    """Tapes and the modules around follow it, and it can be taken back."""
    module = tf.Module()
    module.variable = tf.Variable(1.0)
    for trainable in (False, True):
        _tensorflow.set_trainable(module.variable, trainable)
        with tf.GradientTape() as tape:
            module.variable.read_value()
        assert len(tape.watched_variables()) == len(module.trainable_variables) == trainable


def test_function_to_graph_def():
    """The outputs of ops have names in a function and numbers in a graph."""
    with graph(control_flow_v2=True) as opened:
        x = tf1.placeholder(tf.float32, [None, 2, 2, 3])
        ones = tf.ones([3])
        tf1.cond(
            tf1.placeholder(tf.bool, []),
            lambda: tf1.nn.fused_batch_norm(x, ones, ones, is_training=True)[1],
            lambda: tf.split(ones, 3)[1],
        )
        functions = opened.as_graph_def().library.function
    found = {}
    for function in functions:
        graph_def, names = _tensorflow.function_to_graph_def(function)
        arguments = [argument.name for argument in function.signature.input_arg]
        assert {node.op for node in graph_def.node if node.name in arguments} == {"Placeholder"}
        name, _, index = names[next(iter(function.ret.values()))].partition(":")
        found[{node.name: node.op for node in graph_def.node}[name]] = index
    assert found == {"FusedBatchNormV3": "1", "Split": "1"}


def test_op_definition():
    """Outputs by name, with what their numbers go by; nothing of what is not registered."""
    definition = _tensorflow.op_definition("Split")
    assert [(output.name, output.number_attr) for output in definition.output_arg] == [("output", "num_split")]
    assert _tensorflow.op_definition("SomebodysOwn") is None


def test_object_graph_type(tmp_path):
    """It reads what tf.train.Checkpoint writes: each variable's key and its own name."""
    path = tf.train.Checkpoint(x=tf.Variable([1.0, 2.0], name="own_name")).write(str(tmp_path / "model"))
    written = tf.train.load_checkpoint(path).get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH")
    message = _tensorflow.object_graph_type().FromString(written)
    found = {each.checkpoint_key: each.full_name for node in message.nodes for each in node.attributes}
    assert found == {"x/.ATTRIBUTES/VARIABLE_VALUE": "own_name"}


def test_bundle_types(tmp_path):
    """They read the index that TensorFlow writes: its header, and where a variable lies."""
    path = tf.train.Checkpoint(x=tf.Variable([1.0, 2.0])).write(str(tmp_path / "model"))
    table = table_file.read((tmp_path / "model.index").read_bytes())
    header_type, entry_type = _tensorflow.bundle_types()
    header = header_type.FromString(table[b""])
    assert (header.num_shards, header.version.producer) == (1, 1)
    entry = entry_type.FromString(table[b"x/.ATTRIBUTES/VARIABLE_VALUE"])
    data = (tmp_path / "model.data-00000-of-00001").read_bytes()
    assert np.frombuffer(data[entry.offset : entry.offset + entry.size], np.float32).tolist() == [1.0, 2.0]
    assert (entry.dtype, entry.crc32c) == (tf.float32.as_datatype_enum, table_file.masked_crc32c(data[: entry.size]))
    assert path.endswith("model")


@pytest.mark.process
def test_graph_of_replica():
    """That in which the function began, also where it calls another; nothing outside of replicas."""
    found = []

    def function(x):
        found.append((_tensorflow.graph_of_replica(), tf1.get_default_graph()))
        return x

    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    tf.function(lambda: strategy.run(function, [1.0]), autograph=False)()
    tf.function(lambda: strategy.run(lambda: tf.function(function)(tf.constant(1.0))), autograph=False)()
    assert [began is here for began, here in found] == [True, False]
    assert found[1][0] is not None
    assert _tensorflow.graph_of_replica() is None


@pytest.mark.parametrize("nested", [False, True])
def test_in_vectorized_map(nested):
    """In its body, also in name scopes there; not beside it, nor in another scope of that name."""
    found = []

    def body(x):
        with tf.name_scope("inner"):
            found.append(_tensorflow.in_vectorized_map())
        return x

    def function(x):
        tf.vectorized_map((lambda y: tf.vectorized_map(body, y)) if nested else body, x)
        with tf.name_scope("loop_body"):
            body(x)

    tf.function(function, autograph=False)(tf.ones([2, 3]))
    assert found[0]
    assert not found[-1]
    assert not _tensorflow.in_vectorized_map()


@pytest.mark.parametrize("value", [1.0, [1, 2]])
def test_a_scope_of_that_name_with_another_placeholder(value):
    """The number of an iteration is a single int32."""
    with graph(), tf.name_scope("loop_body"):
        tf1.placeholder_with_default(value, None)
        assert not _tensorflow.in_vectorized_map()


class TestFunctionsRunEagerly:
    @pytest.fixture
    def look(self):
        """Whether a function that was traced before runs as Python code."""
        executed = []
        function = tf.function(lambda: executed.append(tf.executing_eagerly()), autograph=False)
        function.get_concrete_function()

        def run():
            executed.clear()
            function()
            return executed == [True]

        return run

    def test_in_this_thread(self, look):
        """Until the outermost block ends, whatever ends it, and not where one for graphs is within."""

        def blocks():
            with _tensorflow.functions_run_eagerly():
                assert look()
                with _tensorflow.functions_run_eagerly():
                    assert look()
                with _tensorflow.functions_run_as_graphs():
                    assert not look()
                assert look()
                raise KeyError

        assert not look()
        with pytest.raises(KeyError):
            blocks()
        assert not look()
        with _tensorflow.functions_run_as_graphs():
            assert not look()

    def test_in_others(self, look):
        """A thread is not changed by what another does, nor when it ends first."""
        results = []
        with _tensorflow.functions_run_eagerly():
            inner = threading.Thread(target=lambda: results.append(look()))
            inner.start()
            inner.join()

            def run():
                with _tensorflow.functions_run_eagerly():
                    results.append(look())
                results.append(look())

            inner = threading.Thread(target=run)
            inner.start()
            inner.join()
            assert look()
        assert results == [False, True, False]

    def test_the_public_switch(self, look):
        """Counts where there is no block, and not within one for graphs in one for Python code."""
        switch = property_of_functions()
        tf.config.run_functions_eagerly(True)
        try:
            assert look()
            with _tensorflow.functions_run_as_graphs():
                assert look()
            with _tensorflow.functions_run_eagerly(), _tensorflow.functions_run_as_graphs():
                assert not look()
            assert look()
        finally:
            tf.config.run_functions_eagerly(False)
        assert property_of_functions() is switch


def property_of_functions():
    """Where TensorFlow reads the switch."""
    return type(tf.function(lambda: None)).__dict__["_run_functions_eagerly"]


def test_mask_from_keras():
    """Of the output of a layer that makes a mask, and None of any other tensor."""
    ids = tf.constant([[1, 2, 0]])
    assert _tensorflow.mask_from_keras(ids) is None
    embedded = tf.keras.layers.Embedding(5, 4, mask_zero=True)(ids)
    np.testing.assert_array_equal(_tensorflow.mask_from_keras(embedded), [[True, True, False]])
