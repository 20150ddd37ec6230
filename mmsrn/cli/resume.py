"""The checkpoint that ``tools/train.py --resume`` continues from."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmsrn.utils.errors import UserError, program_name

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['last_checkpoint', 'something_left']

_NUMBERED = re.compile(r'(?:epoch|iter)_(\d+)\.pth')
#: Settings of schedules that a conversion to iterations leaves as they are.
_SCHEDULE = ('gamma', 'factor', 'start_factor', 'end_factor', 'power')
_SCHEDULE += ('eta_min', 'eta_min_ratio')


def last_checkpoint(work_dir: str | Path) -> str | None:
    """Find the last checkpoint of a training.

    The file ``last_checkpoint`` holds the path at which it was saved. The
    file of this name in the work folder itself goes first: the folder may
    have been moved, or be a copy.

    Args:
        work_dir (str | Path): The work folder.

    Returns:
        str, optional: Its path; None if there is none yet.

    Raises:
        UserError: If there was one, and it is gone.
    """
    folder = Path(work_dir)
    try:
        noted = (folder / 'last_checkpoint').read_text('utf-8').strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f'{folder}/last_checkpoint: cannot be read: {error}; name the '
            'checkpoint with --resume FILE'
        ) from error
    if not noted:  # the computer went down while it was written
        saved = [x for x in folder.glob('*.pth') if _number(x) is not None]
        return str(max(saved, key=_number)) if saved else None
    beside = folder / Path(noted).name
    if beside.is_file():
        return str(beside)
    if not Path(noted).is_file():
        raise UserError(
            f'{folder}/last_checkpoint names {noted}, which does not exist, '
            f'and {folder} has no {beside.name}; name the checkpoint with '
            '--resume FILE'
        )
    return noted


def something_left(cfg: Config, start: tuple[str, dict] | None) -> bool:
    """Print what is resumed and which settings of the config are ignored.

    Args:
        cfg (Config): The complete config.
        start (tuple[str, dict], optional): The path of the checkpoint, and
            what it holds; None: there is none yet.

    Returns:
        bool: Whether training is left to do.
    """
    is_first = os.environ.get('RANK', '0') == '0'
    say = print if is_first else lambda *args, **kwargs: None
    if start is None:
        say(
            f'{cfg.work_dir} has no checkpoint yet; the training starts '
            'from the beginning'
        )
        return True
    path, checkpoint = start
    meta, loop = checkpoint['meta'], cfg.train_cfg
    by_epoch = 'max_epochs' in loop
    what, key = ('epoch', 'epoch') if by_epoch else ('iteration', 'iter')
    done, total = meta.get(key, 0), loop.get(f'max_{key}s')
    say(
        f'resuming from {path}, {what} {done} of {total}, with its '
        'optimizer, schedule and seed'
    )
    for name, kept, given in _ignored(cfg, checkpoint):
        say(
            f'{program_name()}: warning: --resume keeps {name}={kept} of the '
            f'checkpoint and ignores {given} of the config. To use it, start '
            'a new training from these weights: --cfg-options '
            f'load_from={path}',
            file=sys.stderr,
        )
    if total is None or done < total:
        return True
    say(
        'the training is complete; to continue, add --cfg-options '
        f'train_cfg.max_{key}s=N with a larger N'
    )
    return False


def _number(path: Path) -> int | None:
    match = _NUMBERED.fullmatch(path.name)
    return None if match is None else int(match[1])


def _ignored(cfg: Config, checkpoint: dict) -> Iterator[tuple[str, Any, Any]]:
    """Settings that the checkpoint has others of: name, its own, given."""
    state = checkpoint.get('optimizer')
    given = (cfg.get('optim_wrapper') or {}).get('optimizer')
    if isinstance(state, dict) and isinstance(given, dict):
        groups = state.get('param_groups') or [{}]
        kept = state.get('base_param_settings') or groups[0]
        scaled = (cfg.get('auto_scale_lr') or {}).get('enable')
        for name, value in given.items():
            own = kept.get(name)
            if name == 'lr':
                own = None if scaled else kept.get('initial_lr', own)
            if own is not None and not _same(own, value):
                yield f'optim_wrapper.optimizer.{name}', own, value
    states, given = (
        checkpoint.get('param_schedulers'),
        cfg.get('param_scheduler'),
    )
    if isinstance(states, list) and isinstance(given, list):
        for i, (own, value) in enumerate(zip(states, given)):
            for name in _SCHEDULE:
                pair = own.get(name), value.get(name)
                if None not in pair and not _same(*pair):
                    yield f'param_scheduler.{i}.{name}', *pair


def _same(one: Any, other: Any) -> bool:
    numbers = int, float
    if isinstance(one, numbers) and isinstance(other, numbers):
        return math.isclose(one, other, rel_tol=1e-9)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return list(one) == list(other)
    return one == other
