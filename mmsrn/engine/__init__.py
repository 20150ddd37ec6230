"""Hooks and loops; importing registers them in mmdet."""

from .hooks import *  # noqa: F403
from .runner import *  # noqa: F403
