"""The WIDER FACE evaluation against a transcription of the published code.

Both sides read the .mat files and one text file an image, and compute easy,
medium and hard.
"""

from __future__ import annotations

import argparse
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from mmsrn.evaluation.protocols import eval_widerface
from mmsrn.evaluation.readers import (
    read_submission,
    read_wider_face_mat,
)
from mmsrn.utils.errors import UserError
from tests.oracles.face_eval_loops import eval_by_loops, read_by_loops

from .compare import compare


def by_mmsrn(pred: Path, gt: Path) -> dict[str, float]:
    """Evaluate with what is measured."""
    truth = read_wider_face_mat(gt)
    return eval_widerface(read_submission(pred, truth.names), truth).ap


def by_loops(pred: Path, gt: Path) -> dict[str, float]:
    """Evaluate with the transcription; same arguments and result."""
    truth = read_wider_face_mat(gt)
    predictions = []
    for name in truth.names:
        path = Path(pred, f'{name}.txt')
        empty = np.empty((0, 5))
        rows = read_by_loops(str(path)) if path.is_file() else empty
        predictions.append(rows)
    boxes = []
    for corners in truth.settings['hard'].faces:
        boxes.append(corners.copy())
        boxes[-1][:, 2:] -= corners[:, :2]
    ends = np.cumsum([len(x) for x in boxes])[:-1]
    indices = {
        name: [np.flatnonzero(x) for x in np.split(setting.counts, ends)]
        for name, setting in truth.settings.items()
    }
    return eval_by_loops(predictions, boxes, indices)


def measure(args: argparse.Namespace) -> dict:
    """Measure both sides; the loops, which take a minute or more, once."""
    if len(args.inputs) != 2:
        raise UserError('evaluation: name results and ground truth')
    pred, gt = args.inputs
    if not any(pred.glob('*/*.txt')):
        raise UserError(
            f'{pred}: is no folder with EVENT/IMAGE.txt; unpack a zip first'
        )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)
        row, found, expected = compare(
            partial(by_mmsrn, pred, gt),
            partial(by_loops, pred, gt),
            args.iters,
            time.process_time,
            slow_iters=1,
        )
    for setting, ap in found.items():
        if abs(ap - expected[setting]) > 1e-12:
            raise UserError(
                f'{setting}: {ap} by mmsrn, {expected[setting]} by the loops'
            )
    note = ', '.join(f'{k} {v:.6f}' for k, v in found.items())
    return {'evaluation': dict(row, note=note, ap=found)}
