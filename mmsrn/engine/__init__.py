"""Hooks, loops and optimizer wrappers; importing registers them in mmdet."""

from .hooks import *  # noqa: F403
from .optim_wrappers import *  # noqa: F403
from .runner import *  # noqa: F403
