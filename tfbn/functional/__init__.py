"""Batch normalization as values: `init`, `train` and `infer`; parameters and state go in and come out.

Here steps are put together: moments, renorm, normalization and moving averages. Graphs and modules call what stands
below the public names. Nothing here knows of variables, scopes or collections.
"""

from tfbn.functional.averages import Rule as Rule
from tfbn.functional.averages import debiased as debiased
from tfbn.functional.averages import decrement as decrement
from tfbn.functional.averages import next_state as next_state
from tfbn.functional.averages import update_rate as update_rate
from tfbn.functional.averages import variance_of as variance_of
from tfbn.functional.modes import Seen as Seen
from tfbn.functional.modes import both as both
from tfbn.functional.modes import choose as choose
from tfbn.functional.modes import compute as compute
from tfbn.functional.modes import observed as observed
from tfbn.functional.modes import observing as observing
from tfbn.functional.normalization import FUSED_EPSILON_FLOOR as FUSED_EPSILON_FLOOR
from tfbn.functional.normalization import compute_dtype as compute_dtype
from tfbn.functional.normalization import normalize_batch as normalize_batch
from tfbn.functional.normalization import normalize_by_moving as normalize_by_moving
from tfbn.functional.normalization import sample_weights as sample_weights
from tfbn.functional.normalization import truth as truth
from tfbn.functional.pure import infer, init, train
from tfbn.functional.replicas import aggregation as aggregation
from tfbn.functional.replicas import check_created_for_replicas as check_created_for_replicas
from tfbn.functional.replicas import check_no_virtual_batches as check_no_virtual_batches
from tfbn.functional.replicas import several_replicas as several_replicas
from tfbn.functional.values import Batch as Batch
from tfbn.functional.values import Options as Options
from tfbn.functional.values import Params, State
from tfbn.ops.layout import layout_of as layout_of

__all__ = ["Params", "State", "infer", "init", "train"]
