"""Registration of mmsrn's modules in mmdet's registries."""

from __future__ import annotations

import importlib

__all__ = ['register_all_modules']

#: Subpackages that register modules when they are imported.
_SUBPACKAGES = ('datasets', 'engine', 'evaluation.metrics', 'models')


def register_all_modules(init_default_scope: bool = True) -> None:
    """Register all modules of mmsrn and mmdet in mmdet's registries.

    A config can then mix parts of both without a prefix. The configs of mmsrn
    do this through ``custom_imports``. Call this function before you build
    from plain dicts or from a config that does not.

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

    from . import config_data  # noqa: F401  configs of strangers run nothing

    register_mmdet(init_default_scope=init_default_scope)
    for name in _SUBPACKAGES:
        importlib.import_module(f'mmsrn.{name}')
