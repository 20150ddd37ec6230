"""Utilities that need no detector."""

from .registration import register_all_modules

__all__ = ['register_all_modules']
