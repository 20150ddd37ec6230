"""Start of a run: the parts that training and testing share.

torch and mmengine are imported where they are used: ``--help`` answers at
once.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmsrn.utils.cpu_processes import start_cpu_processes
from mmsrn.utils.errors import UserError

from .config import innermost_datasets
from .resume import last_checkpoint

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner
    from torch import nn

__all__ = [
    'apply_tta',
    'build_runner',
    'check_checkpoint',
    'keep_results',
    'load_weights',
    'open_checkpoint',
    'require_mmdet',
    'training_start',
]


def require_mmdet() -> None:
    """End with a clear message where this Python has no mmdet.

    Tools call it before they import what comes with mmdet.
    """
    if importlib.util.find_spec('mmdet') is not None:
        return
    activate = Path(__file__).resolve().parents[2] / '.venv/bin/activate'
    remedy = 'run `make env`, see docs/get_started.md'
    if activate.is_file():
        remedy = f'first run: source {activate}'
    sys.exit(f'error: {sys.executable} has no mmdet; {remedy}')


def check_checkpoint(path: str, remedy: str) -> None:
    """Check that a checkpoint exists, before torch is imported.

    Args:
        path (str): A file, or an address with ``://``, which is left for
            mmengine to judge.
        remedy (str): What to do if there is no such file.

    Raises:
        UserError: If there is none.
    """
    if '://' not in path and not Path(path).is_file():
        raise UserError(f'checkpoint {path} is not a file; {remedy}')


def open_checkpoint(path: str) -> dict:
    """Read a checkpoint into the memory of the CPU.

    Args:
        path (str): A file, or an address that mmengine knows.

    Returns:
        dict: The checkpoint.

    Raises:
        UserError: If it cannot be read.
    """
    from mmsrn.utils.checkpoint import read_checkpoint

    try:
        return read_checkpoint(path)
    except ValueError as error:
        raise UserError(str(error)) from error


def training_start(cfg: Config) -> tuple[str, dict] | None:
    """Read the checkpoint that a training starts from.

    Args:
        cfg (Config): The complete config; what ``--resume`` alone stands for
            is put into its ``load_from``.

    Returns:
        tuple[str, dict], optional: Its path and what it holds; None if the
        training starts from none.

    Raises:
        UserError: If it cannot be read, or if no training can go on from it.
    """
    if cfg.get('resume') and not cfg.get('load_from'):
        # mmengine would take the one of the folder that this is a copy of.
        cfg.load_from = last_checkpoint(cfg.work_dir)
    path = cfg.get('load_from')
    if not path:
        return None
    checkpoint = open_checkpoint(path)
    epoch = (checkpoint.get('meta') or {}).get('epoch')
    if cfg.get('resume') and type(epoch) is not int:
        raise UserError(
            f'checkpoint {path} holds only weights and cannot be resumed; '
            'start a new training from it with --cfg-options '
            f'load_from={path}'
        )
    return path, checkpoint


def load_weights(
    config: str, model: nn.Module, path: str, checkpoint: dict
) -> None:
    """Load all weights of a checkpoint.

    Args:
        config (str): The path of the config, for the message.
        model (nn.Module): Its model.
        path (str): The path of the checkpoint, for the message.
        checkpoint (dict): What it holds.

    Raises:
        UserError: If they do not fit.
    """
    from mmsrn.utils import checkpoint as checkpoints

    try:
        checkpoints.load_weights(model, checkpoint)
    except ValueError as error:
        raise UserError(
            f'checkpoint {path} does not fit {config}: {error}'
        ) from error


def apply_tta(cfg: Config, config: str) -> None:
    """Wrap the model and the test pipeline for test-time augmentation.

    Args:
        cfg (Config): The config, changed in place.
        config (str): Its path, for the message.

    Raises:
        UserError: If the config lacks ``tta_model`` or ``tta_pipeline``.
    """
    from mmengine.config import ConfigDict

    missing = [key for key in ('tta_model', 'tta_pipeline') if key not in cfg]
    if missing:
        raise UserError(f'--tta: {config} lacks {" and ".join(missing)}')
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    for dataset in innermost_datasets(cfg.test_dataloader.dataset):
        dataset.pipeline = cfg.tta_pipeline


def keep_results(cfg: Config, config: str, resume: bool) -> None:
    """Let a test keep the results of finished images.

    Args:
        cfg (Config): The config, changed in place unless its loop is another
            one than mmengine's.
        config (str): Its path, for the message.
        resume (bool): Whether to use the results that are there.

    Raises:
        UserError: If it should, and the loop of the config cannot.
    """
    loop = cfg.test_cfg.get('type', 'TestLoop')
    if loop in ('TestLoop', 'ResumableTestLoop'):
        cfg.test_cfg.type = 'ResumableTestLoop'
        cfg.test_cfg.resume = resume
    elif resume:
        raise UserError(
            f'--resume: test_cfg of {config} is a {loop}, which cannot '
            'resume; use ResumableTestLoop'
        )


def build_runner(cfg: Config) -> Runner:
    """Build the runner the config asks for.

    Args:
        cfg (Config): The complete config.

    Returns:
        Runner: mmengine's default runner, or the one of ``runner_type``.
    """
    from mmengine.device import get_device

    if cfg.launcher in ('pytorch', 'slurm') and get_device() == 'cpu':
        start_cpu_processes(cfg)
    if 'runner_type' in cfg:
        from mmengine.registry import RUNNERS

        return RUNNERS.build(cfg)
    from mmengine.runner import Runner

    return Runner.from_cfg(cfg)
