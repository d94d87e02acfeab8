"""How to mend what the audits find: one text for each kind of finding."""

NOT_REACHED = """\
  Let the step wait for the updates: read the collection when all layers are built, and put `minimize` under it.
      updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
      with tf.control_dependencies(updates):
          train_op = optimizer.minimize(loss)
  Or tfbn.create_train_op(loss, optimizer), which does so; or updates_collections=None, which needs neither.
  What looks like it and is not:
      updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)  # before the network: the list is empty
      logits = network(images)

      with tf.control_dependencies(updates):
          optimizer = tf.train.AdamOptimizer()              # the constructor makes no op that could wait
      train_op = optimizer.minimize(loss)

      with tf.control_dependencies(updates):
          train_op = train_op                               # nor does an op that is there already

      session.run(loss)                                     # without the train op; a Saver runs no updates either
  Where the step is to leave the layer alone, as a discriminator's leaves the generator, say what it trains:
      tfbn.check_updates(train_op, scope="discriminator")"""

NOT_ASSIGNED = """\
  In inference the layer would normalize by the statistics' first values, 0 and 1. Build it with updates: without
  trainable=False, by tfbn.batch_norm or tfbn.batch_normalization; or with is_training=False if its statistics come from
  a checkpoint and are to be used."""

FROZEN = """\
  trainable=False keeps statistics, beta and gamma as they are, but still normalizes by the batch. If the layer is to
  behave as it will in inference, build it with is_training=False."""

STUCK = """\
  What is inside of a branch or a loop cannot be fetched from outside, so its body has to run the updates itself:
  updates_collections=None. tfbn.batch_norm does so there whatever updates_collections says. For a layer that is only
  switched between training and inference no branch is needed: is_training takes a tensor."""

UNORDERED = """\
  Both may read the variable before either has assigned it, so that moving_variance can become negative and then NaN.
  Run the updates of one call only,
      updates = [u for u in tf.get_collection(tf.GraphKeys.UPDATE_OPS) if u.name.startswith("tower_0/")]
  or one after the other; or build the layers with tfbn, whose calls take turns on the variables that they share."""

IN_EVALUATION = """\
  Let the train op wait for the updates, and not the loss or the outputs:
      with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
          train_op = optimizer.minimize(loss)
  and evaluate with is_training=False, which leaves the statistics alone; is_training takes a placeholder."""

TRAINABLE = """\
  Moving statistics follow the batches and have no gradient; weight decay or an average over the trainable variables
  would change them. Keep TRAINABLE_VARIABLES out of variables_collections, or give it for beta and gamma alone:
      variables_collections={"beta": [...], "gamma": [...]}"""

NOT_COPIED = """\
  Moving statistics are not trainable: a copy over the trainable variables leaves them at their first values, 0 and 1.
  Copy the statistics as well, and where beta and gamma follow slowly, the statistics as they are:
      main, target = (
          [v for v in tf.global_variables(scope) if "moving_" in v.op.name] for scope in ("main", "target"))
      copy = tf.group(*(new.assign(old) for new, old in zip(target, main)))"""

NOT_SAVED = """\
  A model restored from such a checkpoint normalizes by the statistics' first values, 0 and 1, or cannot be restored.
      saver = tf.train.Saver()                              # all global variables
  or add what is missing to the list:
      statistics = [v for v in tf.global_variables() if "moving_" in v.op.name or "renorm_" in v.op.name]
      saver = tf.train.Saver(tf.trainable_variables() + statistics)"""

NOT_IN_CHECKPOINT = """\
  Restoring it would fail, or give a variable another shape than the graph has. Where the checkpoint has another name
  for a variable, say so, for each variable that it has,
      saver = tf.train.Saver({"name in the checkpoint": variable})
  and initialize the rest; or rename what is in the checkpoint: tfbn checkpoint convert OLD NEW --to contrib
  --rename PATTERN=REPLACEMENT."""

NOT_COMPARED = """\
  Compare the names by hand: those of the checkpoint are in tfbn.checkpoint.open(path).entries."""

UNRECOGNIZED = """\
  Whether its averages are updated cannot be told. Where nothing is meant to average these statistics, as for advantages
  in reinforcement learning or standardized targets, that is right, and scope leaves it out of the audit. Otherwise
  assign both averages from the statistics that normalize, or build the layer by tfbn.batch_norm."""
UNKNOWN_FORM = """\
  If it is a batch norm, see yourself that the step runs its updates, and that inference normalizes by the averages; or
  build the layer by tfbn.batch_norm, which is checked. If it is none, as where rewards, targets or features are
  standardized by running statistics, all is well, and scope leaves it out of the audit."""
