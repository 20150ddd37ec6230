"""Load configs for the command line and check them before a run.

torch and mmengine are imported where they are used: a mistyped path answers
at once.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mmsrn.utils.errors import UserError, program_name
from mmsrn.utils.one_line import one_line
from mmsrn.utils.trust import trust_checkpoints

from .config_errors import one_line_errors

if TYPE_CHECKING:
    from mmengine.config import Config, ConfigDict

__all__ = [
    'check_data',
    'check_parts',
    'innermost_datasets',
    'load_config',
    'read_config',
]

_CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
_SUFFIXES = ('.py', '.json', '.yaml', '.yml')


def read_config(config: str, options: dict | None = None) -> Config:
    """Load a config and apply the settings of the command line.

    Args:
        config (str): The path of the config.
        options (dict, optional): ``--cfg-options``.

    Returns:
        Config: The config; the registries are filled on return.

    Raises:
        UserError: If there is no such config, if it cannot be loaded, or if a
            setting does not fit it.
    """
    _check_path(config)
    from mmengine.config import Config

    from mmsrn.utils.registration import register_all_modules

    # For configs that use parts of mmsrn without naming it.
    register_all_modules(init_default_scope=False)
    # A config is code of the user: whatever it raises is about the config.
    with one_line_errors(
        f'config {config}',
        lambda error: f'cannot be loaded: {type(error).__name__}: {error}',
    ):
        cfg = Config.fromfile(config)
    if options is not None:
        _merge_options(cfg, options)
    return cfg


def _check_path(config: str) -> None:
    path = Path(config)
    if not path.is_file():
        what = 'is a folder' if path.is_dir() else 'does not exist'
        close = _similar_config(path)
        hint = f'did you mean {close}?' if close else f'see {_CONFIGS}'
        raise UserError(f'config {config} {what}; {hint}')
    if path.suffix not in _SUFFIXES:
        raise UserError(
            f'{config} is not a config: its name must end in '
            f'{", ".join(_SUFFIXES)}'
        )


def _similar_config(path: Path) -> Path | None:
    """Return the config in the repository closest to a mistyped path."""
    names = {x.stem: x for x in sorted(_CONFIGS.rglob('*.py'))}
    close = difflib.get_close_matches(path.stem, names, n=1)
    return names[close[0]] if close else None


def _merge_options(cfg: Config, options: dict) -> None:
    """Put settings into a config; warn of those without effect."""
    from mmsrn.utils.settings import no_effect, unknown_setting

    for key in options:
        wrong = unknown_setting(cfg, key)
        if wrong is not None:
            raise UserError(f'--cfg-options {key}: {wrong}')
    remarks = [no_effect(cfg, key) for key in options]
    try:
        cfg.merge_from_dict(options)
    except (KeyError, TypeError) as error:
        # mmengine may print the whole list that an index exceeds.
        reason = one_line(error.args[0], most=160)
        raise UserError(
            f'--cfg-options does not fit the config: {reason}'
        ) from error
    for remark in remarks:
        if remark is not None:
            print(f'{program_name()}: warning: {remark}', file=sys.stderr)


def load_config(args: argparse.Namespace, parts: tuple[str, ...]) -> Config:
    """Load the config and put what the command line says into it.

    The folder for logs and checkpoints is, in this order: ``--work-dir``,
    ``work_dir`` of the config, ``./work_dirs/NAME_OF_THE_CONFIG``.

    Args:
        args (argparse.Namespace): ``config``, ``cfg_options``, ``launcher``,
            ``local_rank``, ``trust_checkpoint`` and ``work_dir``.
        parts (tuple[str]): Names that the config must set.

    Returns:
        Config: The config to run.

    Raises:
        UserError: See :func:`read_config` and :func:`check_parts`.
    """
    trust_checkpoints(args.trust_checkpoint)
    cfg = read_config(args.config, args.cfg_options)
    check_parts(cfg, args.config, parts)
    from mmdet.utils import setup_cache_size_limit_of_dynamo

    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    setup_cache_size_limit_of_dynamo()
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    return cfg


def check_parts(cfg: Config, config: str, parts: tuple[str, ...]) -> None:
    """Check that a config has what a run needs.

    Args:
        cfg (Config): The complete config.
        config (str): Its path, for the message.
        parts (tuple[str]): Names that must be set.

    Raises:
        UserError: If one is missing.
    """
    missing = [name for name in parts if cfg.get(name) is None]
    if missing:
        raise UserError(
            f'config {config} has no {", ".join(missing)}; is it only a '
            '_base_ for other configs?'
        )


def check_data(cfg: Config, splits: tuple[str, ...]) -> None:
    """Check that the folders of the data are there.

    Args:
        cfg (Config): The complete config.
        splits (tuple[str]): Of ``'train'``, ``'val'`` and ``'test'``; those
            without data in the config are passed over.

    Raises:
        UserError: If a folder is missing.
    """
    for split in splits:
        loader = cfg.get(f'{split}_dataloader') or {}
        for dataset in innermost_datasets(loader.get('dataset', {})):
            root = dataset.get('data_root')
            # Other backends than files have roots that are no folders.
            if not root or dataset.get('backend_args') or '://' in root:
                continue
            if not Path(root).is_dir():
                raise UserError(
                    f'data folder {root} does not exist. Put the data where '
                    'data/README.md shows, run from the root of the '
                    'repository, or name the folder: --cfg-options '
                    f'{split}_dataloader.dataset.data_root=DIR'
                )


def innermost_datasets(dataset: ConfigDict) -> Iterator[ConfigDict]:
    """Innermost datasets, below RepeatDataset, ConcatDataset and the like.

    Args:
        dataset (ConfigDict): A dataset.

    Yields:
        ConfigDict: Each dataset that wraps no other.
    """
    inner = dataset.get('dataset', dataset.get('datasets'))
    if inner is None:
        yield dataset
    else:
        for part in inner if isinstance(inner, (list, tuple)) else [inner]:
            yield from innermost_datasets(part)
