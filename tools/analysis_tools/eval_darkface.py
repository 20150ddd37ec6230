#!/usr/bin/env python3
"""Evaluate results on DARK FACE as the published Octave tool does.

Result files NAME.txt hold lines of x1 y1 x2 y2 score, without a header. Every
label file of --gt, or every line of a split list, is an image to evaluate.
Where the published tool has an answer that is hardly the one wanted (missing
or invalid result files, scores that are NaN) the answer is its answer, with a
warning; a label file that is missing or malformed, which changes its answer in
silence, is an error.
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

from mmsrn.evaluation.functional import eval_darkface  # noqa: E402
from mmsrn.parsers import read_dark_face  # noqa: E402

EXAMPLES = """
examples:
  %(prog)s work_dirs/dark_pred --gt data/darkface/label
  %(prog)s mine baseline --gt labels --plot pr.png --json ap.json
  %(prog)s mine --gt data/darkface/split_5000_1000_test.txt
  %(prog)s detections.pkl --format-only submission.zip
"""
GT_HELP = (
    'folder of label files NAME.txt: a line with the number of faces, then '
    'x1 y1 x2 y2 for each; every file is evaluated. Or a split list of lines '
    'NAME COUNT X Y W H 1 ...'
)


def main(argv: list[str] | None = None) -> None:
    """Evaluate.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser(__doc__, EXAMPLES, GT_HELP)
    benchmark = Benchmark(read_dark_face, eval_darkface, False, True)
    run(parser, parser.parse_args(argv), benchmark)


if __name__ == '__main__':
    main()
