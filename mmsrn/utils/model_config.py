"""Configs inside weight files, checked before a model is built from them.

mmengine calls any function that a dotted ``type`` names, and model parts load
the files they are given. Here a config may name only registered parts.
"""

from __future__ import annotations

import inspect
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import module as torch_hooks

from .one_line import one_line

__all__ = [
    'OPERATORS',
    'SCOPES',
    'bounded_modules',
    'check_model_config',
    'without_pretrained',
]

_PACKAGES = {'mmcv', 'mmdet', 'mmengine', 'mmsrn', 'torch'}
SCOPES = {'mmcv', 'mmdet', 'mmengine'}
#: What mmdet looks up in ``mmcv.ops``, outside of registries, or
#: compares with words of its own.
OPERATORS = {
    'nms', 'soft_nms', 'RoIAlign', 'SimpleRoIAlign', 'RoIPool',
    'DeformRoIPoolPack', 'ModulatedDeformRoIPoolPack', 'dilation', 'offset',
    'conv', 'interpolation_conv', 'last_conv',
}  # fmt: skip
#: They load a file of their own accord.
_LOADING = {'ATSSVLFusionHead', 'BertModel', 'Detectron2Wrapper', 'Pretrained'}
_LOADING_KEY = re.compile(
    r'checkpoint|ckpt|config|dir$|file|imports|load_from|model_name|path$|'
    r'pretrained|root|url|^_.*_$'
)
_WORD = re.compile(r'[\w+-]{0,100}(\.\d\w{0,3})?')
_MAX_DEPTH, _MAX_VALUES, _MAX_NUMBER = 24, 20_000, 1 << 31
_REMEDY = (
    'name the checkpoint and its training config instead (config=..., '
    '--config)'
)


def without_pretrained(config: Any) -> Any:
    """Copy a config without its pretrained weights.

    Args:
        config (Any): A config, or a part of one.

    Returns:
        Any: The copy, with None in place of such weights.
    """
    if isinstance(config, dict):
        kept = {k: without_pretrained(v) for k, v in config.items()}
        init = kept.get('init_cfg')
        if isinstance(init, dict) and 'checkpoint' in init:
            kept['init_cfg'] = None
        if isinstance(kept.get('pretrained'), str):
            kept['pretrained'] = None
        return kept
    if isinstance(config, (list, tuple)):
        return type(config)(without_pretrained(x) for x in config)
    return config


def check_model_config(config: Any) -> None:
    """Check that the config of a model is harmless data.

    Args:
        config (dict): As ``json`` reads it.

    Raises:
        ValueError: If it names what is not registered by mmdet, mmcv,
            mmengine or mmsrn, a file, an address or other code, or is out of
            all proportion.
    """
    if not isinstance(config, dict) or not config.get('type'):
        raise ValueError('its config has no model')
    left = _MAX_VALUES
    pending: list[tuple[str, Any, int]] = [('', config, 0)]
    while pending:
        place, value, depth = pending.pop()
        left -= 1
        if left < 0 or depth > _MAX_DEPTH:
            raise ValueError('its config is too large')
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == 'type':
                    _check_type(f'{place}type', inner)
                    continue
                _check_key(place, key, inner)
                pending.append((f'{place}{key}.', inner, depth + 1))
        elif isinstance(value, (list, tuple)):
            pending += [(place, x, depth + 1) for x in value]
        else:
            _check_value(place, value)


def _check_key(place: str, key: Any, value: Any) -> None:
    if type(key) is not str or not _WORD.fullmatch(key):
        raise ValueError(f'its config has the key {_shown(key)}')
    loads = isinstance(value, (str, dict, list, tuple)) and value
    if key == '_scope_' and value in SCOPES:
        return
    if loads and _LOADING_KEY.search(key):
        raise ValueError(
            f'its config has {place}{key}, but it must not name files, '
            f'addresses or code; {_REMEDY}'
        )


def _check_value(place: str, value: Any) -> None:
    if value is None or type(value) is bool:
        return
    if type(value) is str:
        good = _WORD.fullmatch(value)
    else:
        # Infinity is where a range of sizes has no end.
        good = type(value) in (int, float) and (
            abs(value) <= _MAX_NUMBER or value == math.inf
        )
    if not good:
        raise ValueError(
            f'its config has {place.rstrip(".")}={_shown(value)}; {_REMEDY}'
        )


def _check_type(place: str, value: Any) -> None:
    if type(value) is not str:
        raise ValueError(f'its config has {place}={_shown(value)}')
    known = _find_part(value)
    if known is None or value.split('.')[-1] in _LOADING:
        raise ValueError(
            f'its config has {place}={_shown(value)}, which is not an '
            f'allowed part of mmdet, mmcv, mmengine or mmsrn; {_REMEDY}'
        )


def _find_part(name: str) -> Any:
    """Registered class of a name; nothing is imported to find it."""
    from mmdet import registry as mmdet
    from mmengine import registry as mmengine

    if name in OPERATORS:
        return name
    scope, dot, plain = name.rpartition('.')
    if dot and scope not in SCOPES:
        return None
    for registry in (
        mmdet.MODELS,
        mmdet.TASK_UTILS,
        mmengine.MODELS,
        mmengine.TASK_UTILS,
        mmengine.WEIGHT_INITIALIZERS,
    ):
        part = registry.module_dict.get(plain)
        if part is not None:
            ours = part.__module__.split('.')[0] in _PACKAGES
            return part if ours and inspect.isclass(part) else None
    return None


def _shown(value: Any) -> str:
    return one_line(repr(value)[:200], 60)


@contextmanager
def bounded_modules(weights: dict[str, Tensor]) -> Iterator[None]:
    """Stop building a model that is far larger than its weights.

    Args:
        weights (dict[str, Tensor]): All weights of the model.

    Raises:
        ValueError: If the parts exceed the limit.
    """
    # Tables that are not saved are small beside the weights.
    elements = 2 * sum(x.numel() for x in weights.values()) + 10_000_000
    parts = 20 * len(weights) + 2_000
    builder = threading.get_ident()

    def count(_: nn.Module, name: str, part: Any) -> None:
        nonlocal elements, parts
        if threading.get_ident() != builder:
            return
        parts -= 1
        elements -= part.numel() if isinstance(part, Tensor) else 0
        if parts < 0 or elements < 0:
            raise ValueError(f'the config belongs to a larger model ({name})')

    hooks = [
        register(count)
        for register in (
            torch_hooks.register_module_buffer_registration_hook,
            torch_hooks.register_module_module_registration_hook,
            torch_hooks.register_module_parameter_registration_hook,
        )
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
