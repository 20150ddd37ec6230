"""Numbers of a finished run: accuracy, selection, cost."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.registry import DATASETS, METRICS
from mmengine.config import Config

from benchmarks.dark_face.experiments import read_test_set
from mmsrn.evaluation.metrics.face_metric import FaceMetric
from mmsrn.evaluation.protocols import DARK_FACE
from mmsrn.evaluation.results import evaluate_path
from mmsrn.models.utils.model_cost import (
    build_model,
    count_operations,
    count_parameters,
)
from mmsrn.utils.errors import UserError
from mmsrn.visualization import load_scalars

from .runs import Run

#: Further analyses of faces.
EXTRAS = ('iou', 'fp')
#: What the log says of the selection.
SELECTION = (
    *('pos_fs', 'pos_ss', 'neg_ss', 'stc_removed', 'stc_removed_ratio'),
    *('iou_anchor', 'iou_moved'),
)
FLOPS_SIZE = 640  # pixels, of the image whose operations are counted
_LAST = 0.1  # of the iterations, for the means of these


def _face_metric(cfg: Config) -> bool:
    evaluator = cfg.test_evaluator
    if not isinstance(evaluator, dict):
        return False
    kind = METRICS.get(evaluator['type'])
    return isinstance(kind, type) and issubclass(kind, FaceMetric)


def test_options(cfg: Config) -> list[str]:
    """Options of the test that add the analyses, where the metric has them."""
    if not _face_metric(cfg):
        return []
    given = cfg.test_evaluator.get('extras', ())
    given = (given,) if isinstance(given, str) else tuple(given)
    if 'all' in given:
        return []
    names = dict.fromkeys((*given, *EXTRAS))
    return [f'test_evaluator.extras={",".join(names)}']


def collect(run: Run, cfg: Config) -> dict[str, Any]:
    """Collect the numbers of a run whose test is finished."""
    metrics = _metrics(run)
    protocol = metrics.pop('protocol', None)
    try:
        numbers = {
            **metrics,
            **_analyses(run, cfg),
            **_training(run.folder),
            **cost(cfg, FLOPS_SIZE),
        }
    except ValueError as error:
        raise UserError(f'{run}: {error}') from None
    return dict(protocol=protocol, numbers=numbers)


def _metrics(run: Run) -> dict[str, Any]:
    """Numbers of the last test, and its protocol."""
    files = sorted((run.folder / 'test').glob('*/*.json'))
    if not files:
        raise UserError(
            f'{run}: {run.folder / "test"} has no json of a test; remove the '
            'folder, and it is done again'
        )
    try:
        content = json.loads(files[-1].read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise UserError(f'{files[-1]}: cannot be read: {error}') from None
    content.pop('time', None)
    content.pop('data_time', None)
    return {
        # A recall that was not reached is no number.
        name: value if name == 'protocol' or math.isfinite(value) else None
        for name, value in content.items()
        if isinstance(value, (int, float)) or name == 'protocol'
    }


def _analyses(run: Run, cfg: Config) -> dict[str, float | None]:
    """Analyses of the detections, where the metric of the config has none."""
    if _face_metric(cfg):
        return {}
    settings = cfg.test_dataloader.dataset
    dataset = DATASETS.build({**settings, 'pipeline': [], 'lazy_init': True})
    if len(dataset.metainfo.get('classes', ())) != 1:
        return {}  # of one class alone
    truth = read_test_set(cfg).truth
    result = evaluate_path(
        str(run.dump), run.name, truth, DARK_FACE, extras=EXTRAS
    )
    return {f'faces/{name}': x for name, x in result.numbers.items()}


def _training(folder: Path) -> dict[str, float]:
    """Time and selection, from the logs of all parts of a training."""
    found: dict[str, list[np.ndarray]] = {}
    for file in sorted(folder.glob('*/vis_data/scalars.json')):
        train, _ = load_scalars(file)
        for name in (*SELECTION, 'time'):
            if name in train:
                found.setdefault(name, []).append(np.stack(train[name]))
    if 'time' not in found:
        return {}
    numbers = {}
    steps, seconds = np.hstack(found['time'])
    last = steps.max()
    for name in SELECTION:
        if name in found:
            at, values = np.hstack(found[name])
            values = values[at > (1 - _LAST) * last]
            if len(values):
                numbers[name] = float(values.mean())
    # Breaks between the parts, and validation, do not count.
    numbers['training hours'] = float(seconds.mean() * last / 3600)
    return numbers


def cost(cfg: Config, size: int) -> dict[str, float | None]:
    """Count the parameters and operations of a model."""
    model = build_model(cfg)
    parameters = count_parameters(model) / 1e6
    try:
        operations = count_operations(model, (size, size)) / 1e9
    except (RuntimeError, TypeError, ValueError):
        operations = None
    return {
        'million parameters': parameters,
        f'GFLOPs at {size} x {size}': operations,
    }
