"""What ``tools/train.py`` and ``tools/test.py`` share.

torch and mmengine are imported where they are used: ``--help`` and a mistyped
path answer at once.
"""

from __future__ import annotations

import argparse
import difflib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

__all__ = [
    'add_common_arguments',
    'apply_tta',
    'build_runner',
    'check_checkpoint',
    'check_config',
    'check_writable',
    'fail',
    'load_config',
    'positive',
]

_CONFIG_SUFFIXES = ('.py', '.json', '.yaml', '.yml')


class _LazyDictAction(argparse.Action):
    """mmengine's DictAction, imported only when the option is given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        from mmengine.config import DictAction

        wrong = [value for value in values if value.find('=') < 1]
        if wrong:
            fail(parser, f'{option_string} takes KEY=VALUE, not {wrong[0]!r}')
        action = DictAction(self.option_strings, self.dest)
        try:
            action(parser, namespace, values, option_string)
        except AssertionError as error:  # brackets that do not match
            fail(parser, f'{option_string}: {error}')


def fail(parser: argparse.ArgumentParser, message: str) -> None:
    """End with exit status 2 and one line, without the usage above it.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        message (str): What is wrong and what to do.
    """
    parser.exit(2, f'{parser.prog}: error: {message}\n')


def positive(text: str) -> int:
    """Read a number of things, for ``type=`` of an option.

    Args:
        text (str): What the user gave.

    Returns:
        int: The number.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(
            f'expected a whole number from 1 on, not {text!r}'
        )
    return value


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that training and testing share with mmdet.

    Args:
        parser (argparse.ArgumentParser): The parser to add them to.
    """
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        metavar='KEY=VALUE',
        action=_LazyDictAction,
        help='overwrite settings of the config, for example '
        'train_dataloader.batch_size=4 model.bbox_head.theta=0.99; lists as '
        'key="[a,b]" or key=a,b, nested ones as key="[(a,b),(c,d)]", '
        'quoted and without spaces',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started the processes of a distributed run',
    )
    # torch.distributed.launch passes either spelling, by its version.
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        help='set by the launcher',
    )


def _similar(path: Path, root: Path) -> str:
    """Return the config in the repository closest to a mistyped path."""
    configs = sorted((root / 'configs').rglob('*.py'))
    names = {config.stem: config for config in configs}
    close = difflib.get_close_matches(path.stem, names, n=1)
    return str(names[close[0]]) if close else ''


def check_config(
    parser: argparse.ArgumentParser, config: str, root: Path
) -> None:
    """End with a clear message unless the config file is there.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        config (str): The path the user gave.
        root (Path): The root of the repository, to look for a similar one.
    """
    path = Path(config)
    if path.is_file():
        if path.suffix not in _CONFIG_SUFFIXES:
            fail(
                parser,
                f'{config} is not a config: its name must end in '
                f'{", ".join(_CONFIG_SUFFIXES)}',
            )
        return
    what = 'is a folder' if path.is_dir() else 'does not exist'
    close = _similar(path, root)
    hint = f'did you mean {close}?' if close else f'see {root / "configs"}'
    fail(parser, f'config {config} {what}; {hint}')


def check_checkpoint(
    parser: argparse.ArgumentParser, checkpoint: str, remedy: str
) -> None:
    """End with a clear message unless the checkpoint can be there.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        checkpoint (str): A path, or an address with ``://``, which is left
            for mmengine to judge.
        remedy (str): What to do if there is no such file.
    """
    if '://' not in checkpoint and not Path(checkpoint).is_file():
        fail(parser, f'checkpoint {checkpoint} is not a file; {remedy}')


def check_writable(
    parser: argparse.ArgumentParser, folder: str | Path, what: str
) -> None:
    """End with a clear message unless files can be made in a folder.

    The folder is made, and a file in it for a moment: rights alone say little
    about network drives and full disks.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        folder (str | Path): The folder.
        what (str): What the user gave, for the message.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        fail(parser, f'{what} cannot be written: {error}')


def load_config(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> Config:
    """Load the config and put what the command line says into it.

    The folder for logs and checkpoints is, in this order: ``--work-dir``,
    ``work_dir`` of the config, ``./work_dirs/NAME_OF_THE_CONFIG``.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        args (argparse.Namespace): ``config``, ``cfg_options``, ``launcher``,
            ``local_rank`` and ``work_dir``.

    Returns:
        Config: The config to run.
    """
    from mmdet.utils import setup_cache_size_limit_of_dynamo
    from mmengine.config import Config

    from .registration import register_all_modules

    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    setup_cache_size_limit_of_dynamo()
    # For configs that use parts of mmsrn without naming it.
    register_all_modules(init_default_scope=False)
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    if args.cfg_options is not None:
        try:
            cfg.merge_from_dict(args.cfg_options)
        except (KeyError, TypeError) as error:
            # mmengine may print the whole list that an index exceeds.
            reason = str(error.args[0])
            if len(reason) > 160:
                reason = f'{reason[:160]}...'
            fail(parser, f'--cfg-options does not fit the config: {reason}')
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    return cfg


def apply_tta(cfg: Config) -> list[str]:
    """Wrap the model and the test pipeline for test-time augmentation.

    Args:
        cfg (Config): The config, changed in place if nothing is missing.

    Returns:
        list[str]: What the config lacks; empty if all is well.
    """
    from mmengine.config import ConfigDict

    missing = [key for key in ('tta_model', 'tta_pipeline') if key not in cfg]
    if missing:
        return missing
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:  # RepeatDataset and other wrappers
        dataset = dataset.dataset
    dataset.pipeline = cfg.tta_pipeline
    return []


def _start_cpu_processes(cfg: Config) -> None:
    """Join the processes of ``torchrun`` on a machine without accelerator.

    mmengine would select a GPU, whatever the backend.

    Args:
        cfg (Config): The complete config, changed in place.
    """
    import torch.distributed as dist

    dist.init_process_group('gloo')
    cfg.setdefault(
        'model_wrapper_cfg',
        {'type': 'MMDistributedDataParallel', 'device_ids': None},
    )


def build_runner(cfg: Config) -> Runner:
    """Build the runner the config asks for.

    Args:
        cfg (Config): The complete config.

    Returns:
        Runner: mmengine's default runner, or the one of ``runner_type``.
    """
    from mmengine.device import get_device

    if cfg.launcher == 'pytorch' and get_device() == 'cpu':
        _start_cpu_processes(cfg)
    if 'runner_type' in cfg:
        from mmengine.registry import RUNNERS

        return RUNNERS.build(cfg)
    from mmengine.runner import Runner

    return Runner.from_cfg(cfg)
