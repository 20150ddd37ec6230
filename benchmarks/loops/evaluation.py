"""The WIDER FACE evaluation against a transcription of the published code.

Both sides read the .mat files and one text file an image, and compute easy,
medium and hard.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import scipy.io

from mmsrn.evaluation.protocols import eval_widerface
from mmsrn.evaluation.readers import (
    read_submission,
    read_wider_face_mat,
    write_submission,
)
from mmsrn.testing.face_eval_loops import eval_by_loops, read_by_loops

from .compare import compare

NUM_EVENTS = 61
NUM_IMAGES = 3226
DETECTIONS = 50  # of a made-up image, on the average


def make_up(folder: Path, num_images: int) -> None:
    """Write ground truth and results of a made-up set.

    Args:
        folder (Path): Gets ``gt`` and ``pred``.
        num_images (int): Images.
    """
    rng = np.random.default_rng(0)
    names: list[list[str]] = [[] for _ in range(NUM_EVENTS)]
    faces: list[list[np.ndarray]] = [[] for _ in range(NUM_EVENTS)]
    found = {}
    for i in range(num_images):
        event = i % NUM_EVENTS
        name = f'{event}_Made_Up_{i}'
        num = 1 + int(rng.exponential(11.3))
        sides = np.exp(rng.normal(3.0, 0.9, num))[:, None] * [1, 1.25]
        boxes = np.hstack([rng.uniform(0, 900, (num, 2)), sides + 4])
        names[event].append(name)
        faces[event].append(boxes.astype(np.int32))
        num_found = rng.poisson(DETECTIONS)
        rows = boxes[rng.integers(num, size=num_found)]
        size = np.tile(rows[:, 2:], 2)
        rows = rows + rng.normal(0, 0.1, rows.shape) * size
        rows = np.hstack([rows, rng.beta(0.6, 1.2, (num_found, 1))])
        found[f'{event}--Made_Up/{name}'] = rows.round(3)
    write_submission(folder / 'pred.zip', found)
    with zipfile.ZipFile(folder / 'pred.zip') as archive:
        archive.extractall(folder / 'pred')
    (folder / 'gt').mkdir()
    content = dict(
        event_list=_cell([f'{x}--Made_Up' for x in range(NUM_EVENTS)]),
        file_list=_cell([_cell(x) for x in names]),
        face_bbx_list=_cell([_cell(x) for x in faces]),
    )
    scipy.io.savemat(folder / 'gt/wider_face_val.mat', content)
    for setting, least in (('easy', 40), ('medium', 25), ('hard', 8)):
        content['gt_list'] = _cell(
            [
                _cell([1.0 + np.flatnonzero(b[:, 3] > least) for b in x])
                for x in faces
            ]
        )
        scipy.io.savemat(folder / f'gt/wider_{setting}_val.mat', content)


def _cell(items: list) -> np.ndarray:
    """A column of cells."""
    column = np.empty((len(items), 1), object)
    for i, item in enumerate(items):
        column[i, 0] = item
    return column


def by_mmsrn(pred: Path, gt: Path) -> dict[str, float]:
    """Evaluate with what is measured.

    Args:
        pred (Path): Folder of results.
        gt (Path): Folder of the ``.mat`` files.

    Returns:
        dict[str, float]: AP by setting.
    """
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
    """Measure both sides; of the loops one run, which takes a minute or more.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        dict: One of ``rows``, its ``ratio``, and the ``ap`` by setting.

    Raises:
        ValueError: If the two sides do not agree, or inputs are wrong.
    """
    if len(args.inputs) not in (0, 2):
        raise ValueError('results and ground truth belong together')
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)
        if args.inputs:
            pred, gt = args.inputs
            if not any(pred.glob('*/*.txt')):
                raise ValueError(
                    f'{pred}: is no folder with EVENT/IMAGE.txt; unpack a zip '
                    'first'
                )
        else:
            make_up(Path(folder), args.size or NUM_IMAGES)
            pred, gt = Path(folder, 'pred'), Path(folder, 'gt')
        row, found, expected = compare(
            partial(by_mmsrn, pred, gt),
            partial(by_loops, pred, gt),
            args.iters,
            time.process_time,
            slow_iters=1,
        )
    for setting, ap in found.items():
        if abs(ap - expected[setting]) > 1e-12:
            raise ValueError(
                f'{setting}: {ap} by mmsrn, {expected[setting]} by the loops'
            )
    note = ', '.join(f'{k} {v:.6f}' for k, v in found.items())
    return dict(
        rows={'evaluation': dict(row, note=note)}, ratio=row['ratio'], ap=found
    )
