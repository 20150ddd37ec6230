"""Options of the commands that load a ``FaceDetector``."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from mmsrn.utils.errors import UserError
from mmsrn.utils.one_line import one_line

from .arguments import add_trust

__all__ = ['add_model_options', 'detector_settings', 'fail_with']

_SETTINGS = (
    *('backend', 'device', 'precision', 'score_thr'),
    *('min_size', 'max_size', 'max_faces', 'scale', 'enhance', 'tile'),
    *('batch_size', 'strict'),
)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the model and the device.

    Args:
        parser (argparse.ArgumentParser): The parser of the command.
    """
    group = parser.add_argument_group('model')
    group.add_argument(
        '--model',
        metavar='MODEL',
        help='name of a model of the zoo, .safetensors or .onnx file, or '
        'checkpoint with --config (default: the model that ships)',
    )
    group.add_argument(
        '--config',
        metavar='FILE',
        help='config of the checkpoint: any MMDetection detector of faces',
    )
    group.add_argument(
        '--backend',
        choices=('auto', 'torch', 'onnx'),
        default='auto',
        help='inference engine (default: auto, onnx on a CPU if the model has '
        'such a file, else torch)',
    )
    add_trust(group)
    group.add_argument(
        '--device',
        default='auto',
        help='cpu, cuda, cuda:1 ... (default: auto, a GPU if there is one)',
    )


def detector_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Collect the arguments of ``FaceDetector`` from the options.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        dict[str, Any]: Its arguments by name, without model and config.
    """
    return {name: getattr(args, name) for name in _SETTINGS}


def fail_with(error: Exception) -> NoReturn:
    """End with the one line of an error, about the model or a setting.

    Args:
        error (Exception): What was raised.
    """
    raise UserError(one_line(error) or type(error).__name__)
