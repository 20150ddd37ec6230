"""Detect settings of the command line that have no effect.

mmengine accepts any name and reads only those it knows.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['no_effect', 'unknown_setting']

#: What runners and mmdet's tools look up beside the arguments of ``Runner``.
_LOOKED_UP = {
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'runner_type',
    'strategy',
    'sync_bn',
    'tta_model',
    'tta_pipeline',
}
#: Variables of the configs and the arguments they are used for, where the
#: two differ.
_ARGUMENTS = {
    'base_lr': 'lr',
    'crop_size': 'scale',
    'test_pipeline': 'pipeline',
    'train_pipeline': 'pipeline',
}


def _known() -> set[str]:
    from mmengine.runner import Runner

    arguments = set(inspect.signature(Runner.__init__).parameters)
    return arguments - {'self', 'cfg'} | _LOOKED_UP


def unknown_setting(cfg: Config, key: str) -> str | None:
    """Describe what is wrong with a name that is in no config.

    Args:
        cfg (Config): The config, before the setting.
        key (str): The setting, as ``model.bbox_head.theta``.

    Returns:
        str, optional: What is wrong; None if the first part is in the config
        or is an optional one of mmengine.
    """
    first, dot, rest = key.partition('.')
    known = {*cfg, *_known()}
    if first in known:
        return None
    close = difflib.get_close_matches(first, sorted(known), n=1)
    hint = f'; did you mean {close[0]}{dot}{rest}?' if close else ''
    return f'the config has no {first}{hint}'


def no_effect(cfg: Config, key: str) -> str | None:
    """Say where a variable of a config file is used instead.

    Args:
        cfg (Config): The config, before the setting.
        key (str): The setting.

    Returns:
        str, optional: The remark; None if the setting has an effect.
    """
    first, dot, rest = key.partition('.')
    known = _known()
    if first in known or first not in cfg:
        return None
    used = {name: cfg[name] for name in cfg if name in known}
    names = {first, _ARGUMENTS.get(first, first)}
    found = [f'{x}{dot}{rest}' for x in _places(used, names, cfg[first])]
    return (
        f'{key} has no effect on the command line, because it is a variable '
        'of the config file; set '
        f'{", ".join(found) or "the place that uses it"}'
    )


def _places(tree: Any, names: set[str], value: Any, at: str = '') -> Iterator:
    """Settings of one of these names that have this value."""
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, (list, tuple)):
        items = enumerate(tree)
    else:
        return
    for key, child in items:
        place = f'{at}{key}'
        if key in names and child == value:
            yield place
        yield from _places(child, names, value, f'{place}.')
