"""Old keys of train_cfg and test_cfg that now belong to execution."""

from __future__ import annotations

import warnings

from mmdet.utils import OptConfigType


def take_moved_keys(
    execution: OptConfigType,
    train_cfg: OptConfigType,
    test_cfg: OptConfigType,
) -> tuple[OptConfigType, OptConfigType, OptConfigType]:
    """Move old keys of ``train_cfg`` and ``test_cfg`` to ``execution``.

    They are ``forward`` and ``crossover`` of ``train_cfg``; ``inference``,
    ``crossover`` and ``coarse_first_step`` of ``test_cfg``.  One warning says
    what to write instead.

    Args:
        execution, train_cfg, test_cfg (dict, optional): See ``SRNHead``.

    Returns:
        tuple[dict | None, dict | None, dict | None]: The three without these
        keys; the arguments do not change.
    """
    train_cfg, trains = _split(train_cfg, ('forward', 'crossover'))
    test_cfg, tests = _split(
        test_cfg, ('inference', 'crossover', 'coarse_first_step')
    )
    if not trains and not tests:
        return execution, train_cfg, test_cfg
    # What is not named was dense.
    moved = dict(
        type='SelectiveExecution', inference='dense', training='dense'
    )
    moved.update(execution or {})
    if 'inference' in tests:
        moved['inference'] = tests['inference']
    if 'forward' in trains:
        moved['training'] = trains['forward']
    if 'coarse_first_step' in tests:
        coarse = tests['coarse_first_step']
        moved['coarse'] = False if coarse is None else coarse
    crossover = dict(moved.get('crossover') or {})
    for half, keys in (('inference', tests), ('training', trains)):
        if 'crossover' in keys:
            crossover[half] = keys['crossover']
    if crossover:
        moved['crossover'] = crossover
    names = [f'train_cfg.{x}' for x in trains] + [
        f'test_cfg.{x}' for x in tests
    ]
    warnings.warn(
        f'SRNHead: {", ".join(names)} moved: write '
        f'bbox_head.execution={moved} instead',
        FutureWarning,
        stacklevel=3,
    )
    return moved, train_cfg, test_cfg


def _split(cfg: OptConfigType, names: tuple[str, ...]) -> tuple:
    """A config without some keys, and these."""
    if cfg is None:
        return None, {}
    found = {k: v for k, v in cfg.items() if k in names}
    if not found:
        return cfg, {}
    return type(cfg)({k: v for k, v in cfg.items() if k not in names}), found
