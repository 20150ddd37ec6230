"""Options of the commands that load a ``FaceDetector``."""

from __future__ import annotations

import argparse
from typing import NoReturn

from mmsrn.utils.errors import UserError
from mmsrn.utils.one_line import one_line

from .arguments import add_trust

__all__ = ['add_model_options', 'fail_with']


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which model runs, and where.

    Args:
        parser (argparse.ArgumentParser): The parser of the command.
    """
    group = parser.add_argument_group('model')
    group.add_argument(
        '--model',
        metavar='MODEL',
        help='name of a model of the zoo, .safetensors or .onnx file, or, '
        'with --config, a checkpoint (default: the model that ships)',
    )
    group.add_argument(
        '--config',
        metavar='FILE',
        help='config of any detector of MMDetection, for a checkpoint',
    )
    group.add_argument(
        '--backend',
        choices=('auto', 'torch', 'onnx'),
        default='auto',
        help='what runs it (default: auto, as the file and what is installed '
        'say)',
    )
    add_trust(group)
    group.add_argument(
        '--device',
        default='auto',
        help='cpu, cuda, cuda:1 ... (default: auto, a GPU if there is one)',
    )


def fail_with(error: Exception) -> NoReturn:
    """End with the one line of an error, about the model or a setting.

    Args:
        error (Exception): What was raised.
    """
    raise UserError(one_line(error) or type(error).__name__)
