"""`diagnose`: whether the statistics in a checkpoint are fit for inference."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np

from tfbn.checkpoint import naming, rules
from tfbn.checkpoint.layers import find
from tfbn.checkpoint.open import open as open_checkpoint
from tfbn.checkpoint.reader import Reader
from tfbn.checkpoint.rename import renamed_entries
from tfbn.errors import Finding
from tfbn.lines import Lines, one_line
from tfbn.progress import Progress
from tfbn.tables import columns, format_table

GLOBAL_STEP = "global_step"


class Diagnosis(list):
    """A list of `Finding`, printed as a table and with each remedy once.

    Attributes:
      layers: the layers checked, records with `layer` and `values`, arrays in float64 by short name.
    """

    def __init__(self, findings: Iterable[Finding], layers: list[rules.Arrays]) -> None:
        super().__init__(findings)
        self.layers = layers

    def __str__(self) -> str:
        if not self:
            layers = "1 batch norm layer" if len(self.layers) == 1 else f"{len(self.layers)} batch norm layers"
            return f"No problem in {layers}."
        rows = [(finding.severity, finding.kind, finding.layer, finding.problem) for finding in self]
        remedies = {finding.remedy: finding.kind for finding in self}
        lines = [format_table([("severity", "rule", "layer", "problem"), *rows]), ""]
        return "\n".join([*lines, *(f"{kind}: {remedy}" for remedy, kind in remedies.items())])

    __repr__ = __str__


# A median of two values near the largest float is infinite; the rules compare with it all the same.
@np.errstate(over="ignore", invalid="ignore")
def diagnose(
    path: str | os.PathLike[str] | Reader, decay: float | None = None, *, rename: Sequence[tuple[str, str]] = ()
) -> Diagnosis:
    """Checks the moving statistics of the batch norm layers in a checkpoint, as found by `list_layers`.

    The rules that give errors:
      not finite: NaN or infinity in any variable.
      negative variance: moving_variance, moving_stddev or renorm_stddev below 0.
      never updated: moving_mean is all 0 and moving_variance all 1; or all 0, as averages of tensors start.
      never copied: the same in a target network, whose beta and gamma come from a layer that was updated.
      missing statistics: beta or gamma, no moving_mean or no moving_variance, and nothing that may be these.
      frozen: moving_variance is of 16 bits and, in a layer that was updated, still 1 in some channel.
    And warnings:
      unrecognized: beta or gamma, and variables that may be the statistics, under names that are not known.
      half precision: statistics of 16 bits, which with this decay stop more than 1 % from those of the batches.
      zero debias unpaired: a part of the pair is missing, a layer has none while others do, or a pair is in no layer.
      slow decay: less than 90 % of the statistics come from data: by 1 - decay**global_step, by the weights of renorm
        up to 1.14, or by zero debias' pair.
      dead channels: gamma below 1e-3, or moving_variance below 1e-6, of the layer's median.
      outlier: a median variance above 1e4 times, or below 1e-4 times, that of each layer around it, the two before and
        the two after; or means more than 100 standard deviations from 0 and 100 times as many as those of each.

    Args:
      path: as for `open`, or what `open` returned.
      decay: of the moving averages, which checkpoints do not store. Default None: 'slow decay' is checked only by the
        pairs, and 'half precision' with contrib's 0.999.
      rename: as for `list_layers`. Default ().

    Returns:
      A list of findings, errors first, each with kind (the rule), severity, layer, problem and remedy; `print` shows it
      as a table.

    Raises:
      FileNotFoundError, ImportError: as `open`.
      ValueError: as `open`; a checkpoint in which no batch norm layer is recognized; a decay outside of [0, 1]; a
        pattern that matches nothing.

    Example:
      >>> import tempfile, tensorflow as tf, tfbn
      >>> path = tf.train.Checkpoint(norm=tfbn.BatchNorm(2)).write(tempfile.mkdtemp() + "/model")
      >>> for finding in tfbn.checkpoint.diagnose(path):
      ...     print(finding.severity, finding.layer, finding.problem)
      error norm moving_mean is all 0 and moving_variance all 1, as they are initialized
    """
    if decay is not None and not 0 <= decay <= 1:
        raise ValueError(f"decay: expected a number in [0, 1], got {decay}.")
    if not isinstance(path, Reader):
        with open_checkpoint(path) as reader:
            return diagnose(reader, decay, rename=rename)
    reader, result = path, find(renamed_entries(path, rename))
    if not result.layers:
        raise ValueError(
            Lines(
                f"{one_line(reader.path)}: expected a checkpoint with batch norm layers, got one in which none is "
                f"recognized. It has\n{columns(entry.path for entry in reader.entries.values() if entry.path)}\n"
                f"A layer is recognized by its statistics: {naming.KNOWN}. If they have other names, pass "
                "rename=[(pattern, replacement)], or --rename PATTERN=REPLACEMENT."
            )
        )
    layers = []
    with Progress("Reading", len(result.layers), "layers") as bar:
        for layer in result.layers:
            arrays = {short: np.ravel(reader[name]).astype(np.float64) for short, name in layer.variables.items()}
            layers.append(rules.Arrays(layer, arrays))
            bar.update()
    network = rules.Network(layers, _steps(reader), decay, result.unclaimed)
    return Diagnosis(rules.findings(network, result.orphans), layers)


def _steps(reader: Reader) -> int | None:
    for entry in reader.entries.values():
        if entry.path.rpartition("/")[2] == GLOBAL_STEP and not entry.shape and entry.dtype.startswith("int"):
            return int(reader[entry.name])
    return None
