"""Graphs in files: which are read how, and what is said of those that cannot be."""

import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph, session
from tfbn.graphdef.load import load

tf1 = tf.compat.v1


@pytest.fixture
def written(tmp_path):
    """A model in every kind of file."""
    with graph() as opened:
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        y = tfbn.batch_norm(x, is_training=False, scope="norm")
        with session() as running:
            tf1.train.Saver().save(running, str(tmp_path / "model"))
            tfbn.export.saved_model(tmp_path / "saved", running, {"b": y, "a": x}, inputs={"images": x})
        tf.io.write_graph(opened.as_graph_def(), str(tmp_path), "graph.pb", as_text=False)
        tf.io.write_graph(opened.as_graph_def(), str(tmp_path), "graph.pbtxt")
    return tmp_path, opened.as_graph_def()


def test_files(written):
    """A MetaGraph finds the checkpoint that was saved with it, under the same name; another, if named, is used."""
    folder, graph_def = written
    with load(folder / "model.meta", [], None) as found:
        assert graph_def.node[-1].name in [node.name for node in found.source.graph_def.node]
        assert found[1:] == (str(folder / "model"), None, None, folder / "model.meta")
    for name in ("graph.pb", "graph.pbtxt"):
        with load(folder / name, [], None) as found:
            assert found.source == graph_def
            assert found.checkpoint is None
    with load(folder / "model.meta", [], "elsewhere") as found:
        assert found.checkpoint == "elsewhere"
    with load(folder / "graph.pb", [], str(folder)) as found:
        assert found.checkpoint == str(folder / "model")  # the latest of the folder


def test_a_saved_model(written):
    """Through a session, with the tensors of its signature."""
    with load(written[0] / "saved", ["serve"], None) as found:
        assert found.outputs == {"a": "x:0", "b": "norm/" + found.outputs["b"][5:]}
        assert found.inputs == {"images": "x:0"}
        assert found.source.run("norm/beta:0").tolist() == [0.0] * 3


def test_what_cannot_be_read(written):
    folder, _ = written
    nothing = folder / "nothing.pb"
    with pytest.raises(FileNotFoundError, match="there is no such file or directory:"), load(nothing, [], None):
        pass
    (folder / "nothing.pb.meta").touch()
    match = r"no such file or directory; its graph is in .*nothing\.pb\.meta, give that"
    with pytest.raises(FileNotFoundError, match=match), load(nothing, [], None):
        pass
    (folder / "nothing.pb.meta").unlink()
    with (
        pytest.raises(ValueError, match=r"checkpoint: expected a GraphDef, got something else"),
        load(folder / "checkpoint", [], None),
    ):
        pass
    for tags in ([], ["train"]):
        with pytest.raises(ValueError, match="a SavedModel with the tags"), load(folder / "saved", tags, None):
            pass


@pytest.mark.parametrize("wrap", [lambda write: write(), lambda write: tf.function(write)()], ids=["op", "function"])
def test_a_saved_model_that_would_write_is_not_loaded(wrap, tmp_path):
    """Loading runs its initialization: an op there that writes is named, and nothing is written."""
    target, folder = str(tmp_path / "target"), str(tmp_path / "saved")
    with graph(), session() as running:
        tf1.get_variable("v", [3])
        running.run(tf1.global_variables_initializer())

        def write():
            written = tf.raw_ops.WriteFile(filename=target, contents="written")
            with tf.control_dependencies([written]):
                return tf.constant(1.0)

        builder = tf1.saved_model.Builder(folder)
        main_op = tf.group(wrap(write))
        builder.add_meta_graph_and_variables(running, ["serve"], main_op=main_op)
        builder.save()
    match = r"restores variables when it is loaded, got .*saved, which would run .*\(WriteFile\) as well"
    with pytest.raises(ValueError, match=match), load(folder, ["serve"], None):
        pass
    assert not tf.io.gfile.exists(target)


def test_a_saved_model_with_a_vocabulary(tmp_path):
    """Tables are filled as variables are restored."""
    words = tmp_path / "words"
    words.write_text("one\ntwo\n")
    with graph(), session() as running:
        asset = tf.constant(str(words))
        tf1.add_to_collection("asset_filepaths", asset)
        table = tf.lookup.StaticVocabularyTable(tf.lookup.TextFileInitializer(asset, tf.string, -2, tf.int64, -1), 1)
        ids = table.lookup(tf.constant(["two"]))
        running.run(tf1.tables_initializer())
        builder = tf1.saved_model.Builder(str(tmp_path / "saved"))
        builder.add_meta_graph_and_variables(
            running, ["serve"], assets_collection=[asset], main_op=tf1.tables_initializer()
        )
        builder.save()
    with load(tmp_path / "saved", ["serve"], None) as loaded:
        assert loaded.source.run(ids.name).tolist() == [1]
