"""`recalibrate_session`: population statistics of the layers of a TF1 graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.progress import Progress
from tfbn.recalibrate import pooled
from tfbn.recalibrate.pooled import Pooled, Recalibrated
from tfbn.recalibrate.sites import Layer, Site, find
from tfbn.recalibrate.stored import Stored


def recalibrate_session(
    session: tf.compat.v1.Session,
    feeds: Iterable[Mapping[Any, Any]],
    *,
    layers: Any = None,
    progress: bool | None = None,
) -> list[Recalibrated]:
    """Replaces the moving statistics of a graph's layers by the mean and variance of the data.

    Each feed dict is run once as in training, where each layer normalizes by the batch, and what goes into each is
    pooled in float64: the mean and the variance over all samples of all batches, weighted by batch_weights and masks,
    as if they had been one batch. The variance has the layer's own estimator. One pass is enough for all layers
    together: in training the inputs of a layer depend on the batch's statistics in the layers before it, not on moving
    ones. Collected update ops do not run; changes by inline updates are undone.

    A layer with renorm is the exception: its outputs depend on its averages. Recalibrate layers behind it in a second
    call, after it; both at once are refused. With zero debias, the start at zero counts as forgotten. All samples of
    virtual batches are pooled, and so are those of all calls that share variables: towers, or the batches of a
    discriminator. Calls with is_training=False are ignored.

    Layers that tfbn did not build (of an imported graph of contrib or tf.layers, of Keras in graph mode) are
    recalibrated if they normalize by the fused op, whose statistics are those of its input. These are refused by name,
    unless `layers` leaves them out: layers of composed ops, which may contain weights; layers with renorm that tfbn did
    not build; layers in the body of a loop or in a branch, whose inputs no run can fetch.

    Args:
      session: session with the variables' values, such as restored ones. The first call for a layer adds a few ops to
        its graph, which must not be finalized.
      feeds: iterable of feed dicts, gone through once. Each must make is_training true, where it is a tensor. Large
        batches are better: later layers see what the layers before them compute from a batch of this size.
      layers: the scopes to recalibrate ('net/BatchNorm', or 'net' for all within), a string or a list. Default None,
        for all layers that train in this graph.
      progress: whether to draw a progress bar; it needs rich. Default: on terminals.

    Returns:
      A list with a Recalibrated for each layer: its scope, how many samples, how far its statistics were off.

    Raises:
      ValueError: no layers that train, or not those asked for; layers that are refused, see above; a finalized graph;
        no feed dict, one that makes is_training false, no sample; NaN or infinities. Whatever is raised, Ctrl-C
        included, all statistics are then as they were before.

    Example:
      >>> import tensorflow.compat.v1 as tf1, tfbn
      >>> with tf1.Graph().as_default(), tf1.Session() as session:
      ...     inputs = tf1.placeholder(tf1.float32, [None, 2])
      ...     is_training = tf1.placeholder_with_default(False, [])
      ...     outputs = tfbn.batch_norm(inputs, is_training=is_training, scope="norm")
      ...     session.run(tf1.global_variables_initializer())
      ...     feeds = [{inputs: batch, is_training: True} for batch in ([[1.0, 5.0], [3.0, 5.0]], [[8.0, 5.0]])]
      ...     reports = tfbn.recalibrate.recalibrate_session(session, feeds)
      ...     print(session.run(tf1.global_variables("norm/moving_mean")), reports[0].samples)
      [array([4., 5.], dtype=float32)] 3.0

    References:
      Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979.
    """
    graph = session.graph
    layers_to_replace, others = find(graph, layers)
    summaries = {layer.scope: [summarize_site(graph, site) for site in layer.sites] for layer in layers_to_replace}
    stored = {layer.scope: Stored(graph, layer.variables) for layer in (*layers_to_replace, *others)}
    before = {scope: variables.read(session) for scope, variables in stored.items()}
    try:
        sums = _run(session, feeds, layers_to_replace, summaries, progress)
        reports = []
        for layer in layers_to_replace:
            if not sums[layer.scope].samples:
                raise ValueError(f"feeds: expected samples for every layer, got none for {layer.scope}, or no weight.")
            values = pooled.values_of(layer.scope, sums[layer.scope], layer.variables, layer.unbiased, layer.epsilon)
            reports.append(pooled.compare(layer.scope, sums[layer.scope].samples, before[layer.scope], values))
            stored[layer.scope].write(session, values)
        for layer in others:
            stored[layer.scope].write(session, before[layer.scope])
    except BaseException:
        for scope, variables in stored.items():
            variables.write(session, before[scope])
        raise
    return reports


def _run(
    session: Any,
    feeds: Iterable[Mapping[Any, Any]],
    layers: list[Layer],
    summaries: dict[str, list[Any]],
    progress: bool | None,
) -> dict[str, Pooled]:
    if isinstance(feeds, Mapping):
        raise ValueError("feeds: expected an iterable of feed dicts, got one feed dict. Put it into a list: [feed].")
    sums = {layer.scope: Pooled() for layer in layers}
    number = 0
    with Progress("Recalibrating", pooled.length(feeds), show=progress) as bar:
        for number, feed in enumerate(feeds, 1):
            for scope, site_summaries in session.run(summaries, dict(feed)).items():
                for active, summary in site_summaries:
                    if active:
                        sums[scope].add(pooled.Summary(*summary))
                if not any(active for active, _ in site_summaries):
                    raise ValueError(
                        f"feeds: expected feed dicts that make is_training true, got one, number {number}, in which "
                        f"{scope} normalizes by its moving statistics. Feed True for it."
                    )
            bar.update()
    if not number:
        raise ValueError("feeds: expected at least one feed dict, got none. Was the iterator already used up?")
    return sums


def summarize_site(graph: tf.Graph, site: Site) -> tuple[Any, pooled.Summary]:
    """Whether the call trains, and its summary, as tensors, which later requests reuse."""
    summaries = _tensorflow.graph_table(graph).setdefault("recalibrate", {})
    key = (site.inputs.name, site.axes, *(weight.name if weight is not None else "" for weight in site.weights))
    key += tuple((tensor.name, expected) for tensor, expected in site.conditions)
    if key not in summaries:
        if graph.finalized:
            raise ValueError(
                "session: expected a graph that ops can be added to, got one that is finalized. Do it before a "
                "MonitoredSession finalizes the graph: recalibrate in a tf.compat.v1.Session that restores the "
                "checkpoint."
            )
        with graph.as_default(), tf.control_dependencies(None), tf.name_scope("recalibrate"):
            active = tf.constant(True)
            for tensor, expected in site.conditions:
                active = tf.logical_and(active, tf.equal(tensor, expected))
            summaries[key] = active, pooled.summarize(site.inputs, site.axes, site.sample_weights())
    return summaries[key]
