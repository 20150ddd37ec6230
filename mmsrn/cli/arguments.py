"""Options and option types that several programs share."""

from __future__ import annotations

import argparse
from typing import Any

from mmsrn.utils.errors import UserError

__all__ = [
    'add_cfg_options',
    'add_common_arguments',
    'add_trust',
    'positive',
    'program_parser',
    'share',
]


def program_parser(
    description: str | None,
    epilog: str | None = None,
    prog: str | None = None,
) -> argparse.ArgumentParser:
    """Make a parser whose help keeps the lines of its texts.

    Args:
        description (str): What the program does.
        epilog (str, optional): Examples.
        prog (str, optional): Its name; None: that of the running script.

    Returns:
        argparse.ArgumentParser: The parser.
    """
    return argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def positive(text: str) -> int:
    """Read a positive number, for ``type=`` of an option.

    Args:
        text (str): What the user gave.

    Returns:
        int: The number.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(
            f'expected a whole number of at least 1, not {text!r}'
        )
    return value


def share(text: str) -> float:
    """Read a fraction, for ``type=`` of an option.

    Args:
        text (str): What the user gave.

    Returns:
        float: From 0 to 1.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(
            f'expected a fraction from 0 to 1, such as 0.03, not {text!r}'
        )
    return value


class _LazyDictAction(argparse.Action):
    """mmengine's DictAction, imported only when the option is given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        from mmengine.config import DictAction

        wrong = [value for value in values if value.find('=') < 1]
        if wrong:
            raise UserError(
                f'{option_string} takes KEY=VALUE, not {wrong[0]!r}'
            )
        action = DictAction(self.option_strings, self.dest)
        try:
            action(parser, namespace, values, option_string)
        except AssertionError as error:  # brackets that do not match
            raise UserError(f'{option_string}: {error}') from error


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Add the option that overwrites settings of the config.

    Args:
        parser (argparse.ArgumentParser): The parser to add it to.
    """
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        metavar='KEY=VALUE',
        action=_LazyDictAction,
        help='overwrite settings of the config, for example '
        'train_dataloader.batch_size=4 model.bbox_head.theta=0.99; lists as '
        'key="[a,b]" or key=a,b, nested ones as key="[(a,b),(c,d)]", '
        'quoted and without spaces',
    )


def add_trust(parser: argparse._ActionsContainer) -> None:
    """Add the option that lets checkpoints run code.

    Args:
        parser (argparse._ActionsContainer): The parser, or a group of it.
    """
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='allow the checkpoint to run code; use it only for files you '
        'trust like a program (default: read it as data)',
    )


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that training and testing share with mmdet.

    Args:
        parser (argparse.ArgumentParser): The parser to add them to.
    """
    add_cfg_options(parser)
    add_trust(parser)
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='launcher of a distributed run',
    )
    # torch.distributed.launch passes either spelling, by its version.
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        help='set by the launcher',
    )
