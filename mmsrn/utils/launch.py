"""What the tools that take a config share.

torch and mmengine are imported where they are used: ``--help`` and a mistyped
path answer at once.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .cpu_processes import start_cpu_processes
from .one_line import one_line

if TYPE_CHECKING:
    from mmengine.config import Config, ConfigDict
    from mmengine.runner import Runner
    from torch import nn

__all__ = [
    'add_cfg_options',
    'add_common_arguments',
    'apply_tta',
    'build_runner',
    'check_checkpoint',
    'check_config',
    'check_data',
    'check_parts',
    'check_writable',
    'fail',
    'keep_results',
    'leaves',
    'load_config',
    'load_weights',
    'one_line_errors',
    'open_checkpoint',
    'positive',
    'read_config',
    'require_mmdet',
]

_CONFIG_SUFFIXES = ('.py', '.json', '.yaml', '.yml')
_TRACEBACK = 'MMSRN_TRACEBACK'
_IMAGE_READER = 'mmcv/transforms/loading.py'
# Of a call whose arguments do not suit the function.
_WRONG_ARGUMENTS = re.compile(
    r'\(\) (got an unexpected keyword argument|missing \d+ required|'
    r'got multiple values)'
)


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


def require_mmdet(root: Path) -> None:
    """End with a clear message where this Python has no mmdet.

    Tools call it before they import what comes with mmdet.

    Args:
        root (Path): The root of the repository, to look for its environment.
    """
    if importlib.util.find_spec('mmdet') is not None:
        return
    activate = root / '.venv/bin/activate'
    remedy = 'make env makes an environment, see docs/install.md'
    if activate.is_file():
        remedy = f'first run: source {activate}'
    sys.exit(f'error: {sys.executable} has no mmdet; {remedy}')


def fail(parser: argparse.ArgumentParser, message: str) -> NoReturn:
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


def share(text: str) -> float:
    """Read a share, for ``type=`` of an option.

    Args:
        text (str): What the user gave.

    Returns:
        float: From 0 to 1.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(
            f'expected a share from 0 to 1, such as 0.03, not {text!r}'
        )
    return value


def _explain(error: Exception) -> str | None:
    """Say what in config or data an exception comes from, if from there.

    What was raised while a part of the config was built or got its initial
    weights, and tells of a value, is the config's fault. So are names that
    the registry does not know and arguments that a class does not take.
    """
    import cv2

    frames = traceback.extract_tb(error.__traceback__)
    is_key = isinstance(error, KeyError) and error.args  # str() quotes it
    text = str(error.args[0] if is_key else error).strip()
    if not text:
        return None
    # A worker of a data loader sends its traceback as the text.
    readers = [x for x in frames if x.filename.endswith(_IMAGE_READER)]
    if (readers or _IMAGE_READER in text) and isinstance(
        error, (AssertionError, OSError, cv2.error)
    ):
        return (
            f'an image cannot be read: {text.splitlines()[-1]}; restore or '
            'remove it. tools/misc/verify_dataset.py finds all such images '
            'of WIDER FACE and DARK FACE'
        )
    builders = [
        x
        for x in frames
        if x.name.startswith(('build', '_init_model_weights'))
        and '/mmengine/' in x.filename
    ]
    if not builders:
        return None
    if isinstance(error, KeyError):
        # Of the registry itself: a bug may look up a wrong key elsewhere.
        unknown = builders[-1] is frames[-1]
        return text.split('. Please')[0] if unknown else None
    if isinstance(error, TypeError):
        return text if _WRONG_ARGUMENTS.search(text) else None
    if isinstance(error, (AssertionError, OSError, ValueError)):
        return text
    return None


@contextmanager
def one_line_errors(
    parser: argparse.ArgumentParser,
    config: str,
    explain: Callable[[Exception], str | None] = _explain,
) -> Iterator[None]:
    """End with one line where the config or the data are to blame.

    All other exceptions are bugs and keep their traceback; with
    ``MMSRN_TRACEBACK=1`` in the environment every exception does.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        config (str): The path of the config, for the message.
        explain (Callable): Takes an exception and returns what is wrong, or
            None for a bug.
    """
    try:
        yield
    except Exception as error:
        reason = explain(error)
        if reason is None or os.environ.get(_TRACEBACK) == '1':
            raise
        reason = one_line(reason)
        fail(
            parser,
            f'{config}: {reason} ({_TRACEBACK}=1 shows where it comes from)',
        )


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Add the option that overwrites settings of the config.

    Args:
        parser (argparse.ArgumentParser): The parser to add it to.
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


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that training and testing share with mmdet.

    Args:
        parser (argparse.ArgumentParser): The parser to add them to.
    """
    add_cfg_options(parser)
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


def read_config(
    parser: argparse.ArgumentParser, config: str, options: dict | None
) -> Config:
    """Load a config and put the settings of the command line into it.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        config (str): The path of the config.
        options (dict, optional): ``--cfg-options``.

    Returns:
        Config: The config; the registries are filled on return.
    """
    from mmengine.config import Config

    from .registration import register_all_modules

    # For configs that use parts of mmsrn without naming it.
    register_all_modules(init_default_scope=False)

    # A config is code of the user: whatever it raises is about the config.
    def explain(error: Exception) -> str:
        return f'cannot be loaded: {type(error).__name__}: {error}'

    with one_line_errors(parser, f'config {config}', explain):
        cfg = Config.fromfile(config)
    if options is not None:
        remarks = _check_settings(parser, cfg, options)
        try:
            cfg.merge_from_dict(options)
        except (KeyError, TypeError) as error:
            # mmengine may print the whole list that an index exceeds.
            reason = one_line(error.args[0], most=160)
            fail(parser, f'--cfg-options does not fit the config: {reason}')
        for remark in remarks:
            print(f'{parser.prog}: warning: {remark}', file=sys.stderr)
    return cfg


def _check_settings(
    parser: argparse.ArgumentParser, cfg: Config, options: dict
) -> list[str]:
    """End at the first unknown setting; return what has no effect."""
    from .settings import no_effect, unknown_setting

    for key in options:
        wrong = unknown_setting(cfg, key)
        if wrong is not None:
            fail(parser, f'--cfg-options {key}: {wrong}')
    remarks = [no_effect(cfg, key) for key in options]
    return [remark for remark in remarks if remark is not None]


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

    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    setup_cache_size_limit_of_dynamo()
    cfg = read_config(parser, args.config, args.cfg_options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    return cfg


def check_parts(
    parser: argparse.ArgumentParser,
    cfg: Config,
    config: str,
    parts: tuple[str, ...],
) -> None:
    """End with a clear message unless a config has what a run needs.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        cfg (Config): The complete config.
        config (str): Its path, for the message.
        parts (tuple[str]): Names that must be set.
    """
    missing = [name for name in parts if cfg.get(name) is None]
    if missing:
        fail(
            parser,
            f'config {config} has no {", ".join(missing)}; is it meant for '
            '_base_ of another one?',
        )


def leaves(dataset: ConfigDict) -> Iterator[ConfigDict]:
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
            yield from leaves(part)


def check_data(
    parser: argparse.ArgumentParser, cfg: Config, splits: tuple[str, ...]
) -> None:
    """End with a clear message unless the folders of the data are there.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        cfg (Config): The complete config.
        splits (tuple[str]): Of ``'train'``, ``'val'`` and ``'test'``; those
            without data in the config are passed over.
    """
    for split in splits:
        loader = cfg.get(f'{split}_dataloader') or {}
        for leaf in leaves(loader.get('dataset', {})):
            root = leaf.get('data_root')
            # Other backends than files have roots that are no folders.
            if not root or leaf.get('backend_args') or '://' in root:
                continue
            if not Path(root).is_dir():
                fail(
                    parser,
                    f'data folder {root} does not exist. Lay the data out as '
                    'data/README.md shows, start from the root of the '
                    'repository, or name another folder: --cfg-options '
                    f'{split}_dataloader.dataset.data_root=DIR',
                )


def open_checkpoint(parser: argparse.ArgumentParser, path: str) -> dict:
    """Read a checkpoint into the memory of the CPU, or end with what is wrong.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        path (str): A file, or an address that mmengine knows.

    Returns:
        dict: The checkpoint.
    """
    from .checkpoint import read_checkpoint

    try:
        return read_checkpoint(path)
    except ValueError as error:
        fail(parser, str(error))


def load_weights(
    parser: argparse.ArgumentParser,
    config: str,
    model: nn.Module,
    path: str,
    checkpoint: dict,
) -> None:
    """Load all weights of a checkpoint, or end with what does not fit.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        config (str): The path of the config, for the message.
        model (nn.Module): Its model.
        path (str): The path of the checkpoint, for the message.
        checkpoint (dict): What it holds.
    """
    from . import checkpoint as checkpoints

    try:
        checkpoints.load_weights(model, checkpoint)
    except ValueError as error:
        fail(parser, f'checkpoint {path} does not fit {config}: {error}')


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
    for dataset in leaves(cfg.test_dataloader.dataset):
        dataset.pipeline = cfg.tta_pipeline
    return []


def keep_results(cfg: Config, resume: bool) -> str | None:
    """Let a test keep the results of finished images.

    Args:
        cfg (Config): The config, changed in place unless its loop is another
            one than mmengine's.
        resume (bool): Whether to use the results that are there.

    Returns:
        str, optional: The loop of the config if that cannot; None if all is
        well.
    """
    loop = cfg.test_cfg.get('type', 'TestLoop')
    if loop not in ('TestLoop', 'ResumableTestLoop'):
        return str(loop)
    cfg.test_cfg.type = 'ResumableTestLoop'
    cfg.test_cfg.resume = resume
    return None


def build_runner(cfg: Config) -> Runner:
    """Build the runner the config asks for.

    Args:
        cfg (Config): The complete config.

    Returns:
        Runner: mmengine's default runner, or the one of ``runner_type``.
    """
    from mmengine.device import get_device

    if cfg.launcher == 'pytorch' and get_device() == 'cpu':
        start_cpu_processes(cfg)
    if 'runner_type' in cfg:
        from mmengine.registry import RUNNERS

        return RUNNERS.build(cfg)
    from mmengine.runner import Runner

    return Runner.from_cfg(cfg)
