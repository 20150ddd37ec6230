"""Networks, heads and losses; importing registers them in mmdet."""

from .backbones import *  # noqa: F403
from .dense_heads import *  # noqa: F403
from .detectors import *  # noqa: F403
from .enhancers import *  # noqa: F403
from .layers import *  # noqa: F403
from .losses import *  # noqa: F403
from .necks import *  # noqa: F403
from .prepare_for_inference import prepare_for_inference  # noqa: F401
from .roi_heads import *  # noqa: F403
from .selective import *  # noqa: F403
from .task_modules import *  # noqa: F403
from .test_time_augs import *  # noqa: F403
from .two_step import *  # noqa: F403
from .utils import *  # noqa: F403
