"""Utilities; names are imported when first used, so this stays light."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .env import collect_env, env_is_usable, format_env
    from .registration import register_all_modules

__all__ = [
    'collect_env',
    'env_is_usable',
    'format_env',
    'register_all_modules',
]

_HOMES = {
    'collect_env': 'env',
    'env_is_usable': 'env',
    'format_env': 'env',
    'register_all_modules': 'registration',
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    home = importlib.import_module(f'.{_HOMES[name]}', __name__)
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
