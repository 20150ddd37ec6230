"""``mmsrn eval``: results on WIDER FACE or DARK FACE, as published."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mmsrn.evaluation.protocols import DARK_FACE, WIDER_FACE, FaceProtocol

from . import face_eval

__all__ = ['EVALUATIONS', 'Evaluation', 'add_arguments', 'run']


@dataclass(frozen=True)
class Evaluation:
    """The command line of one benchmark.

    Attributes:
        summary (str): A line of help.
        description (str): What it computes, and from what.
        examples (str): Of calls.
        gt_help (str): What ``--gt`` takes.
        protocol (FaceProtocol): The evaluation itself.
    """

    summary: str
    description: str
    examples: str
    gt_help: str
    protocol: FaceProtocol

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Set a parser up.

        Args:
            parser (argparse.ArgumentParser): The parser of the command.
        """
        parser.description = f'{self.summary}.\n\n{self.description}'
        parser.epilog = self.examples
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        face_eval.add_arguments(parser, self.gt_help)


#: By the name that the command has for them.
EVALUATIONS: Mapping[str, Evaluation] = MappingProxyType(
    {
        'widerface': Evaluation(
            summary='Compute the official WIDER FACE numbers: easy, medium '
            'and hard AP',
            description="""\
The numbers equal those of the official MATLAB tool to the last digit. For
missing or invalid files and for scores that are NaN or all equal, the command
returns the tool's result and prints a warning. Input without a defined result
is an error.
""",
            examples="""
examples:
  %(prog)s work_dirs/pred --gt data/widerface/ground_truth
  %(prog)s mine.zip baseline.zip --gt data/widerface/ground_truth \\
      --plot pr.png --csv table.csv
  %(prog)s detections.pkl --gt data/widerface/ground_truth --extras all
  %(prog)s detections.pkl --format-only submission.zip
""",
            gt_help='folder with wider_face_val.mat and '
            'wider_{easy,medium,hard}_val.mat; or, for any other '
            'set, a file in the layout of wider_face_val_bbx_gt.txt, '
            'which gives one AP over all faces and the AP by face '
            'height',
            protocol=WIDER_FACE,
        ),
        'darkface': Evaluation(
            summary='Compute the official DARK FACE number, the AP of the '
            'published Octave tool',
            description="""\
A prediction file NAME.txt has lines x1 y1 x2 y2 score and no header. Every
label file in --gt, or every line of a split list, is an image to evaluate. For
missing or invalid prediction files and NaN scores, the command returns the
result of the published tool and prints a warning. A missing or malformed label
file is an error.
""",
            examples="""
examples:
  %(prog)s work_dirs/dark_pred --gt data/darkface/label
  %(prog)s mine baseline --gt labels --plot pr.png --json ap.json
  %(prog)s mine --gt data/darkface/split_5000_1000_test.txt
  %(prog)s detections.pkl --format-only submission.zip
""",
            gt_help='folder of label files NAME.txt: the number of faces, '
            'then a line x1 y1 x2 y2 for each face; or a split list '
            'of lines NAME COUNT X Y W H 1 ...',
            protocol=DARK_FACE,
        ),
    }
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Set the parser up, with a command for each benchmark.

    Args:
        parser (argparse.ArgumentParser): The parser of the command.
    """
    parser.description = (
        'Evaluate predictions of any detector: a submission folder or zip, a '
        '.pkl of mmdet, or COCO results. See docs/evaluation.md.'
    )
    parser.epilog = (
        'example: %(prog)s widerface work_dirs/pred --gt '
        'data/widerface/ground_truth'
    )
    benchmarks = parser.add_subparsers(
        dest='benchmark', metavar='BENCHMARK', required=True
    )
    for name, evaluation in EVALUATIONS.items():
        inner = benchmarks.add_parser(name, help=evaluation.summary)
        evaluation.add_arguments(inner)
        inner.set_defaults(program=inner.prog)


def run(args: argparse.Namespace) -> int:
    """Evaluate.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        int: 0.
    """
    face_eval.run(args, EVALUATIONS[args.benchmark].protocol)
    return 0
