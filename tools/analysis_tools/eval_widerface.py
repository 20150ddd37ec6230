#!/usr/bin/env python3
"""Evaluate results on WIDER FACE: easy, medium and hard, as published.

The numbers are those of the official MATLAB tool to the last digit. Where it
has an answer that is hardly the one wanted (missing or invalid files, scores
that are NaN or all equal) the answer is its answer, with a warning; what it
has no certain answer for is an error.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from face_eval_cli import make_parser, run  # noqa: E402
from face_results import Benchmark  # noqa: E402

from mmsrn.evaluation.functional import FaceSet, eval_widerface  # noqa: E402
from mmsrn.parsers import (  # noqa: E402
    read_wider_face_mat,
    read_wider_face_set,
)

EXAMPLES = """
examples:
  %(prog)s work_dirs/pred --gt data/widerface/ground_truth
  %(prog)s mine.zip baseline.zip --gt data/widerface/ground_truth \\
      --plot pr.png --csv table.csv
  %(prog)s detections.pkl --gt data/widerface/ground_truth --extras all
  %(prog)s detections.pkl --format-only submission.zip
"""
GT_HELP = (
    'folder of wider_face_val.mat and wider_{easy,medium,hard}_val.mat; or '
    'annotations in the layout of wider_face_val_bbx_gt.txt, of any set: one '
    'setting, all, and the AP by face height'
)


def read_truth(path: str) -> FaceSet:
    """Read the ground truth.

    Args:
        path (str): Folder of the ``.mat`` files, or a text file.

    Returns:
        FaceSet: The faces.
    """
    if Path(path).is_file():
        return read_wider_face_set(path)
    return read_wider_face_mat(path)


def main(argv: list[str] | None = None) -> None:
    """Evaluate.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser(__doc__, EXAMPLES, GT_HELP)
    benchmark = Benchmark(read_truth, eval_widerface, True, False)
    run(parser, parser.parse_args(argv), benchmark)


if __name__ == '__main__':
    main()
