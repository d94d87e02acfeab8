"""What recalibrate_session leaves when it fails, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.graph import regimes
from tests.recalibrate.networks import Network, same, tf1, values
from tfbn.recalibrate import recalibrate_session


class Boom(Exception):
    pass


class TestFailures:
    """All statistics are as they were before, to the last bit."""

    @pytest.mark.parametrize("error", [Boom, KeyboardInterrupt])
    @pytest.mark.parametrize("when", ["between batches", "while writing"])
    def test_interrupted(self, error, when, monkeypatch):
        """Inline updates that ran are undone, and what was written before the interruption."""
        from tfbn.recalibrate import stored

        with regimes.graph():
            network = Network()
            with regimes.session() as session:
                session.run(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS), network.feeds()[0])
                before = values(session)

                def feeds():
                    yield from network.feeds()[:2]
                    if when == "between batches":
                        assert not same(before, values(session))  # the inline update has run
                        raise error

                write, calls = stored.Stored.write, []

                def interrupted(self, session, values):
                    write(self, session, values)
                    calls.append(self)
                    if len(calls) == 2:
                        raise error

                if when == "while writing":
                    monkeypatch.setattr(stored.Stored, "write", interrupted)
                with pytest.raises(error):
                    recalibrate_session(session, feeds())
                assert same(before, values(session))

    def test_an_error_of_the_graph(self):
        """Such as a feed of another shape."""
        with regimes.graph():
            network = Network()
            with regimes.session() as session:
                before = values(session)
                with pytest.raises(ValueError, match="Cannot feed value of shape"):
                    recalibrate_session(session, [*network.feeds(), {network.inputs: np.ones((2, 2, 2))}])
                assert same(before, values(session))

    @pytest.mark.parametrize(
        "parts, flag, text",
        [
            ([], True, "feeds: expected at least one feed dict, got none"),
            ([np.ones((0, 4, 3))], True, "feeds: expected samples for every layer, got none for net/first"),
            ([np.full((2, 4, 3), np.nan)], True, "net/first: expected inputs that are finite, got NaN or infinities"),
            ([np.ones((2, 4, 3))], False, "is_training true, got one, number 1, in which net/first normalizes by its"),
        ],
    )
    def test_data_that_does_not_do(self, parts, flag, text):
        """Say what was expected."""
        with regimes.graph():
            network = Network()
            with regimes.session() as session:
                before = values(session)
                feeds = [{network.inputs: part, network.is_training: flag} for part in parts]
                with pytest.raises(ValueError, match=text):
                    recalibrate_session(session, feeds)
                assert same(before, values(session))

    def test_one_feed_dict(self):
        """It stands for its keys, were it iterated."""
        with regimes.graph():
            network = Network()
            with (
                regimes.session() as session,
                pytest.raises(ValueError, match=r"got one feed dict\. Put it into a list"),
            ):
                recalibrate_session(session, network.feeds()[0])

    def test_a_finalized_graph(self):
        """With what to do."""
        with regimes.graph() as graph:
            network = Network()
            with regimes.session() as session:
                graph.finalize()
                with pytest.raises(
                    ValueError, match="expected a graph that ops can be added to, got one that is final"
                ):
                    recalibrate_session(session, network.feeds())

    def test_no_layers(self):
        with regimes.graph():
            inputs = tf1.placeholder(tf.float32, [None, 3])
            tfbn.batch_norm(inputs, is_training=False)
            with regimes.session() as session, pytest.raises(ValueError, match="in which none does. Build it"):
                recalibrate_session(session, [{inputs: np.ones((2, 3))}])
