"""What stands between a head and its losses: anchors, codes, matches."""

from .assigners import *  # noqa: F403
from .coders import *  # noqa: F403
from .prior_generators import *  # noqa: F403
