"""The guide's pages of names say what the table says, and its examples do what the original did."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.keras.generations import WITH_KERAS_3
from tests.migrate import names_page
from tfbn.migrate import names, v1_names
from tfbn.migrate.name_table import ANSWERS

EXAMPLES = sorted({answer.example for answer in ANSWERS if answer.example})


def test_pages_are_as_they_were_made():
    """`python -m tests.migrate.names_page` makes them so."""
    assert names_page.PAGE.read_text() == names_page.page()
    layers = names_page.LAYERS.read_text()
    assert names_page.with_layer_tables(layers) == layers


def namespace_of(name: str) -> dict:
    """What the example of a name defines."""
    program = {"tf": tf}
    exec(names.ANSWERS[name].example, program)
    return program


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_run(example):
    """In a graph; the advice shows all lines of them."""
    with tf.Graph().as_default():
        exec(example, {"tf": tf})
    (name, *_) = (name for name, answer in names.ANSWERS.items() if answer.example == example)
    assert names.advice(f"tensorflow.{name}").endswith("\n".join(example.splitlines()))


@pytest.mark.parametrize("answer", [answer for answer in ANSWERS if answer.since], ids=lambda answer: answer.module)
def test_since(answer):
    """What 2.0 has lost is not here; what went with Keras 2 is here where that is."""
    for name in answer.names.split() or [""]:
        value = tf
        for part in filter(None, f"{answer.module}.{name}".split(".")):
            value = getattr(value, part, None)
        assert answer.since in ("1.0", "2.0", "2.16")
        is_one_of_many = v1_names.gone(f"{answer.module}.{name}".strip(".")) is None and answer.since > "2.0"
        if answer.since <= "2.0" or (WITH_KERAS_3 and not is_one_of_many):
            assert value is None or answer.module in ("layers", "nn.rnn_cell"), name


def test_numbered_words():
    """By hand, as VocabularyProcessor numbers them: from 1 on, in the order of their first use, with zeros behind."""
    number_words = namespace_of("contrib.learn.preprocessing.VocabularyProcessor")["number_words"]
    rows, numbers = number_words(["it's a well-known TFWord", "a b a"], 4)
    assert rows == [[1, 2, 3, 4], [2, 6, 2, 0]]
    assert numbers == {"it's": 1, "a": 2, "well-known": 3, "TF": 4, "Word": 5, "b": 6}


def sigmoid(x):
    """In float64."""
    return 1 / (1 + np.exp(-x))


def test_cells():
    """Two steps of each, against their formulas in float64; dynamic_rnn takes them."""
    random = np.random.default_rng(5)
    inputs = random.normal(0.4, 1.0, [3, 2, 4])
    lstm, gru = namespace_of("contrib.rnn.BasicLSTMCell"), namespace_of("contrib.rnn.GRUCell")
    with tf.Graph().as_default(), tf.Session() as session:
        cells = [lstm["BasicLSTMCell"](5, forget_bias=0.5), gru["GRUCell"](5)]
        runs = [tf.nn.dynamic_rnn(cell, tf.constant(inputs), dtype=tf.float64) for cell in cells]
        variables = {variable.op.name: variable for variable in tf.global_variables()}
        values = {name: random.normal(0.2, 0.7, variable.shape) for name, variable in variables.items()}
        for name, variable in variables.items():
            session.run(variable.assign(values[name]))
        results = session.run(runs)
    values = {name.partition("_cell/")[2].replace("/", "_"): value for name, value in values.items()}
    c = h = state = np.zeros([3, 5])
    for time in range(2):
        x = inputs[:, time]
        i, j, f, o = np.split(np.concatenate([x, h], 1) @ values["kernel"] + values["bias"], 4, axis=1)
        c = c * sigmoid(f + 0.5) + sigmoid(i) * np.tanh(j)
        h = np.tanh(c) * sigmoid(o)
        gates = np.concatenate([x, state], 1) @ values["gates_kernel"] + values["gates_bias"]
        r, u = np.split(sigmoid(gates), 2, axis=1)
        new = np.concatenate([x, r * state], 1) @ values["candidate_kernel"] + values["candidate_bias"]
        state = u * state + (1 - u) * np.tanh(new)
    (_, (lstm_c, lstm_h)), (gru_outputs, gru_state) = results
    for got, expected in [(lstm_c, c), (lstm_h, h), (gru_state, state), (gru_outputs[:, -1], state)]:
        np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_hparams():
    """As TensorFlow 1.15.5's: values keep the type that they began with."""
    hparams = namespace_of("contrib.training.HParams")["HParams"](rate=0.1, layers=[8], kind="a")
    hparams.add_hparam("steps", 10)
    hparams.set_hparam("steps", "20")
    assert hparams.parse("rate=1,layers=[4,2],kind='b'").values() == {
        "rate": 1.0,
        "layers": [4, 2],
        "kind": "b",
        "steps": 20,
    }
    with pytest.raises(AttributeError, match="missing"):
        hparams.set_hparam("missing", 1)


def test_small_ones():
    """Loss, table and decoding, against what they stand for."""
    random = np.random.default_rng(6)
    with tf.Graph().as_default(), tf.Session() as session:
        ids = namespace_of("contrib.lookup.HashTable")["table"].lookup(tf.constant(["b", "c"]))
        decode = namespace_of("contrib.seq2seq")["decode"]
        cell = lambda inputs, state: (inputs + state, state + 1)  # noqa: E731
        decoded = decode(cell, lambda outputs: (outputs, 2 * outputs), tf.constant([1]), tf.constant([0]), 4)
        session.run(tf.tables_initializer())
        assert session.run(ids).tolist() == [4, -1]
        assert session.run(decoded)[:, 0].tolist() == [1, 4, 11, 26]
    logits, weights = random.normal(0.3, 1.0, [2, 3, 5]), random.uniform(0.5, 1.0, [2, 3])
    program = {"tf": tf}
    lines = names.ANSWERS["contrib.seq2seq.sequence_loss"].example.splitlines()[1:]
    with tf.Graph().as_default(), tf.Session() as session:
        targets = random.integers(0, 5, [2, 3])
        program.update(logits=tf.constant(logits), targets=tf.constant(targets), weights=tf.constant(weights))
        exec("\n".join(lines), program)
        loss = session.run(program["loss"])
    cross = np.log(np.exp(logits).sum(-1)) - np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    np.testing.assert_allclose(loss, (cross * weights).sum() / weights.sum(), rtol=1e-9)
