"""Box voting against the published loop, on four sets of detections.

passes   faces found by one to six passes of a multi-scale test each
random   boxes of random place, width and height
single   faces found once each, so that nothing overlaps on purpose
crowded  every face found 25 times: few rounds for the loop
"""

from __future__ import annotations

import argparse
import time
from functools import partial

import numpy as np

from mmsrn.structures import bbox_voting
from mmsrn.utils.errors import UserError
from tests.oracles.voting_loop import bbox_voting_loop

from .compare import compare

SIDES = (8, 200)  # pixels, of faces
IMAGE = 2000  # pixels, of both sides
VOTE_IOU = 0.5  # as published


def faces(
    rng: np.random.Generator, times: np.ndarray, jitter: float
) -> np.ndarray:
    """Detections of faces at random places.

    Args:
        rng (np.random.Generator): Source of randomness.
        times (np.ndarray): How often each face is found, int.
        jitter (float): Standard deviation of the corners over the width.

    Returns:
        np.ndarray: x1, y1, x2, y2 in pixels and score, (sum of times, 5).
    """
    num = len(times)
    width = np.exp(rng.uniform(*np.log(SIDES), num))
    start = rng.uniform(0, IMAGE, (num, 2))
    ends = start + width[:, None] * [1, 1.25]
    boxes = np.column_stack((start, ends)).repeat(times, axis=0)
    boxes += rng.normal(0, jitter, boxes.shape) * width.repeat(times)[:, None]
    return np.column_stack((boxes, rng.uniform(0, 1, len(boxes))))


def make_sets(num: int) -> dict[str, np.ndarray]:
    """Draw the sets of detections.

    Args:
        num (int): Detections of each.

    Returns:
        dict[str, np.ndarray]: (num, 5) by name.
    """
    rng = np.random.default_rng(0)
    start = rng.uniform(0, IMAGE, (num, 2))
    sides = rng.uniform(*SIDES, (num, 2))
    return {
        'passes': faces(rng, rng.integers(1, 7, num), 0.06)[:num],
        'random': np.column_stack(
            (start, start + sides, rng.uniform(0, 1, num))
        ),
        'single': faces(rng, np.ones(num, int), 0.0),
        'crowded': faces(rng, np.full(num // 25 + 1, 25), 0.06)[:num],
    }


def measure(args: argparse.Namespace) -> dict:
    """Measure both on all sets."""
    rows = {}
    for name, dets in make_sets(args.size).items():
        row, voted, expected = compare(
            partial(bbox_voting, dets, VOTE_IOU),
            partial(bbox_voting_loop, dets, VOTE_IOU),
            args.iters,
            time.process_time,
        )
        if voted.shape != expected.shape or not np.allclose(
            voted, expected, rtol=1e-9
        ):
            raise UserError(f'{name}: the voting differs from the loop')
        rows[name] = dict(row, note=f'{len(dets)} boxes, {len(voted)} left')
    return rows
