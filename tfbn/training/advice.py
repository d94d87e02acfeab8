"""Remedies for what the audits find: one text for each kind of finding."""

NOT_REACHED = """\
  Make the step wait for the updates: read the collection after all layers are built, and put `minimize` under it.
      updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
      with tf.control_dependencies(updates):
          train_op = optimizer.minimize(loss)
  Or use tfbn.create_train_op(loss, optimizer), which does this; or updates_collections=None, which needs neither.
  These look right but are not:
      updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)  # before the network: the list is empty
      logits = network(images)

      with tf.control_dependencies(updates):
          optimizer = tf.train.AdamOptimizer()              # the constructor creates no op that could wait
      train_op = optimizer.minimize(loss)

      with tf.control_dependencies(updates):
          train_op = train_op                               # an op that already exists does not wait

      session.run(loss)                                     # without the train op; a Saver runs no updates either
  If the step should not update the layer, as a discriminator's step the generator, say what it trains:
      tfbn.check_updates(train_op, scope="discriminator")"""

NOT_ASSIGNED = """\
  In inference the layer would normalize by the statistics' initial values, 0 and 1. Build it with updates: without
  trainable=False, by tfbn.batch_norm or tfbn.batch_normalization; or with is_training=False to use statistics from a
  checkpoint."""

FROZEN = """\
  trainable=False freezes statistics, beta and gamma, but still normalizes by the batch. If the layer should behave as
  in inference, build it with is_training=False."""

STUCK = """\
  Ops inside a branch or a loop cannot be fetched from outside, so the body has to run the updates itself:
  updates_collections=None. tfbn.batch_norm does that there whatever updates_collections is. To switch a layer between
  training and inference no branch is needed: is_training takes a tensor."""

UNORDERED = """\
  Both may read the variable before either has assigned it, so that moving_variance can become negative and then NaN.
  Run the updates of one call only,
      updates = [u for u in tf.get_collection(tf.GraphKeys.UPDATE_OPS) if u.name.startswith("tower_0/")]
  or one after the other; or build the layers with tfbn, whose calls take turns on the variables that they share."""

IN_EVALUATION = """\
  Make the train op wait for the updates, not the loss or the outputs:
      with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
          train_op = optimizer.minimize(loss)
  and evaluate with is_training=False, which leaves the statistics alone; is_training takes a placeholder."""

TRAINABLE = """\
  Moving statistics follow the batches and have no gradient; weight decay or an average over the trainable variables
  would change them. Keep TRAINABLE_VARIABLES out of variables_collections, or pass it for beta and gamma only:
      variables_collections={"beta": [...], "gamma": [...]}"""

NOT_COPIED = """\
  Moving statistics are not trainable: copying the trainable variables leaves them at their initial values, 0 and 1.
  Copy the statistics too, and copy them directly even if beta and gamma follow slowly:
      main, target = (
          [v for v in tf.global_variables(scope) if "moving_" in v.op.name] for scope in ("main", "target"))
      copy = tf.group(*(new.assign(old) for new, old in zip(target, main)))"""

NOT_SAVED = """\
  A model restored from such a checkpoint normalizes by the initial values, 0 and 1, or cannot be restored.
      saver = tf.train.Saver()                              # all global variables
  or add the missing variables to the list:
      statistics = [v for v in tf.global_variables() if "moving_" in v.op.name or "renorm_" in v.op.name]
      saver = tf.train.Saver(tf.trainable_variables() + statistics)"""

NOT_IN_CHECKPOINT = """\
  Restoring it would fail, or give a variable another shape than the graph has. Where the checkpoint has another name
  for a variable, map the names, for each variable that it has,
      saver = tf.train.Saver({"name in the checkpoint": variable})
  and initialize the rest; or rename the variables of the checkpoint: tfbn checkpoint convert OLD NEW --to contrib
  --rename PATTERN=REPLACEMENT."""

NOT_COMPARED = """\
  Compare the names by hand: those of the checkpoint are in tfbn.checkpoint.open(path).entries."""

UNRECOGNIZED = """\
  Whether its averages are updated is unknown. If nothing is meant to average these statistics, as for advantages in
  reinforcement learning or standardized targets, that is right; leave it out of the audit with scope. Otherwise assign
  both averages from the statistics that normalize, or build the layer with tfbn.batch_norm."""
UNKNOWN_FORM = """\
  If it is a batch norm, check yourself that the step runs its updates and that inference normalizes by the averages, or
  build the layer with tfbn.batch_norm, which is checked. If it is not, for example if rewards, targets or features are
  standardized by running statistics, nothing is wrong; leave it out of the audit with scope."""
