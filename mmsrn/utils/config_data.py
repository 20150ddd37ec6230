"""Configs in json and yaml are data: nothing that they name is run.

Importing this module makes mmengine read them so. By itself it unpickles what
tags of yaml say, imports what ``custom_imports`` and scopes name, and calls
any function that a dotted ``type`` names. Configs in Python are programs and
stay so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from mmengine.config import Config
from mmengine.fileio.handlers import YamlHandler
from mmengine.registry import Registry

from .model_config import OPERATORS, SCOPES
from .one_line import one_line

__all__: list[str] = []

_DATA = ('.json', '.yaml', '.yml')
_PACKAGES = {*SCOPES, 'mmsrn'}
#: mmengine looks up what they name, or imports and calls it.
_PARTS = (
    'type', 'constructor', 'runner_type', 'auto_wrap_policy', 'check_fn',
    'param_init_fn',
)  # fmt: skip
_SCOPE_KEYS = ('_scope_', 'default_scope')
#: mmdet and mmcv evaluate these as expressions; names alone are harmless.
_EVALUATED = ('search_op', 'warp_mode')
_NAME = re.compile(r'[\w.]*')
_MOST_VALUES = 200_000
_REMEDY = 'write it in Python (.py), which is read as a program'


class _Loader(yaml.SafeLoader):
    """Reads plain values, and tuples as ``Config.dump`` writes them."""

    def construct_document(self, node: yaml.Node) -> Any:
        # A few lines of aliases can stand for a billion values.
        pending = [node]
        for _ in range(_MOST_VALUES):
            if not pending:
                return super().construct_document(node)
            value = pending.pop().value
            if isinstance(value, list):
                for inner in value:
                    pending += inner if isinstance(inner, tuple) else [inner]
        raise ValueError(
            f'it has more than {_MOST_VALUES:,} values, aliases (*) included'
        )


_Loader.add_constructor(
    'tag:yaml.org,2002:python/tuple',
    lambda loader, node: tuple(loader.construct_sequence(node, deep=True)),
)


def _load_yaml(self: YamlHandler, file: Any, **kwargs: Any) -> Any:
    return yaml.load(file, **{**kwargs, 'Loader': _Loader})


def _is_data(file: Any) -> bool:
    return str(file).lower().endswith(_DATA)


def _check(config: Any) -> None:
    """Refuse a config that names code.

    Raises:
        ValueError: If it does.
    """
    known = _registered()
    pending = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, (list, tuple)):
            pending += value
        elif isinstance(value, dict):
            pending += value.values()
            _check_imports(value.get('custom_imports') or {})
            for key, text in value.items():
                wrong = isinstance(text, str) and _wrong(key, text, known)
                if wrong:
                    raise ValueError(
                        f'it has {key}={one_line(repr(text), 60)}, which is '
                        f'{wrong}; {_REMEDY}'
                    )


def _wrong(key: str, text: str, known: set[str]) -> str | None:
    """Say what the text is, if Python would run because of it."""
    if key in _PARTS and not _is_part(text, known):
        return 'no registered part'
    if key in _SCOPE_KEYS and text not in _PACKAGES:
        return 'no known scope'
    if key == 'teacher_config' and not _is_data(text):
        return 'a program'
    if key in _EVALUATED and not _NAME.fullmatch(text):
        return 'no name'
    return None


def _check_imports(imports: Any) -> None:
    names = imports.get('imports') if isinstance(imports, dict) else imports
    for name in [names] if isinstance(names, str) else names or ():
        if str(name).split('.')[0] not in _PACKAGES:
            raise ValueError(
                f'its custom_imports name {one_line(repr(name), 60)}; '
                f'{_REMEDY}'
            )


def _is_part(kind: str, known: set[str]) -> bool:
    scope, dot, plain = kind.rpartition('.')
    return plain in known and (not dot or scope in SCOPES)


def _registered() -> set[str]:
    import mmdet.registry
    import mmengine.registry
    from mmcv.transforms import TRANSFORMS

    from .registration import register_all_modules

    register_all_modules(init_default_scope=False)
    registries = [TRANSFORMS]
    for package in (mmengine.registry, mmdet.registry):
        values = vars(package).values()
        registries += [x for x in values if isinstance(x, Registry)]
    return OPERATORS.union(*(x.module_dict for x in registries))


def _guard_mmengine() -> None:
    read, find_bases = Config._file2dict, Config._get_base_files

    def file2dict(filename: str, *args: Any, **kwargs: Any) -> tuple:
        found = read(filename, *args, **kwargs)
        if _is_data(filename):
            _check(found[0])
        return found

    def get_base_files(filename: str) -> list:
        bases = find_bases(filename)
        if _is_data(filename):
            for base in _texts(bases):
                if not _is_data(base):
                    raise ValueError(
                        f'its _base_ {one_line(repr(base), 60)} is a program; '
                        f'{_REMEDY}'
                    )
        return bases

    if read.__module__ != __name__:  # once, even if this is reloaded
        Config._file2dict = staticmethod(file2dict)
        Config._get_base_files = staticmethod(get_base_files)
        YamlHandler.load_from_fileobj = _load_yaml


def _texts(bases: Any) -> Iterator[str]:
    for base in bases if isinstance(bases, (list, tuple)) else [bases]:
        yield str(base)


_guard_mmengine()
