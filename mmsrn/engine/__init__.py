"""Hooks; importing registers them in mmdet."""

from .hooks import *  # noqa: F403
