"""Population statistics recomputed from data, in a session and in modules."""

from tfbn.recalibrate.module import recalibrate_module
from tfbn.recalibrate.pooled import Recalibrated
from tfbn.recalibrate.session import recalibrate_session

__all__ = ["Recalibrated", "recalibrate_module", "recalibrate_session"]
