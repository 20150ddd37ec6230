"""Fill mmdet's registries with everything mmsrn has."""

from __future__ import annotations

import importlib

__all__ = ['register_all_modules']

#: Subpackages that register modules when they are imported.
_SUBPACKAGES = ('datasets', 'engine', 'evaluation.metrics', 'models')


def register_all_modules(init_default_scope: bool = True) -> None:
    """Register all modules of mmsrn, and of mmdet, into mmdet's registries.

    Everything of mmsrn lives in mmdet's own registries, so that a config can
    mix parts of both without a prefix.  Configs shipped with mmsrn do this
    themselves through ``custom_imports``; call it before building from a
    config that does not, or from plain dicts.

    Args:
        init_default_scope (bool): Whether to make ``mmdet`` the default
            scope. Defaults to True.

    Example:
        >>> from mmsrn.utils import register_all_modules
        >>> register_all_modules()
        >>> from mmdet.registry import MODELS
        >>> 'SRN' in MODELS
        True
    """
    from mmdet.utils import register_all_modules as register_mmdet

    register_mmdet(init_default_scope=init_default_scope)
    for name in _SUBPACKAGES:
        importlib.import_module(f'mmsrn.{name}')
