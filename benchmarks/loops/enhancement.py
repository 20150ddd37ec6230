"""MSRCR with its fast surround against the direct Gaussian.

The direct Gaussian, which the usual ports call, is cv2.GaussianBlur with
sigma 15, 80 and 250 on doubles.
"""

from __future__ import annotations

import argparse
import time
from functools import partial

import cv2
import numpy as np

from mmsrn.apis.photos import read_photo
from mmsrn.enhance import gaussian_surround, gimp_sigmas, msrcr
from mmsrn.utils.errors import UserError

from .compare import compare


def direct(image: np.ndarray, sigmas: tuple[float, ...]) -> None:
    """Blur directly."""
    for sigma in sigmas:
        cv2.GaussianBlur(image + 1.0, (0, 0), sigma)


def fast(image: np.ndarray, sigmas: tuple[float, ...]) -> None:
    """Blur as mmsrn does."""
    planes = np.stack(cv2.split(image + np.float32(1)))
    for sigma in sigmas:
        gaussian_surround(planes, sigma)


def measure(args: argparse.Namespace) -> dict:
    """Measure the blurs alone, and the whole enhancement."""
    cv2.setNumThreads(args.threads or -1)
    sigmas = gimp_sigmas() if args.form == 'gimp' else (15, 80, 250)
    if not args.inputs:
        raise UserError('enhancement: name photos')
    rows = {}
    for path in args.inputs:
        image = read_photo(path, str(path))
        size = f'{image.shape[1]} x {image.shape[0]}'
        row, _, _ = compare(
            partial(fast, image, sigmas),
            partial(direct, image, sigmas),
            args.iters,
            time.perf_counter,
        )
        rows[f'{path.name}, blurs'] = dict(row, note=size)
        row, found, expected = compare(
            partial(msrcr, image, args.form),
            partial(msrcr, image, args.form, blur='exact'),
            args.iters,
            time.perf_counter,
        )
        psnr = cv2.PSNR(found, expected)
        note = f'{size}, PSNR {psnr:.1f} dB'
        rows[f'{path.name}, MSRCR'] = dict(row, note=note, psnr=psnr)
    return rows
