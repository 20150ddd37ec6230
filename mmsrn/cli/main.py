"""The command ``mmsrn``: its parser and entry point.

A command is a module with ``add_arguments(parser)`` and ``run(args)``, which
is imported when the command is given, so that ``mmsrn --help`` answers
at once and ``mmsrn check-env`` in any environment.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.one_line import one_line
from mmsrn.utils.trust import trust_checkpoints
from mmsrn.version import __version__

__all__ = ['COMMANDS', 'main', 'make_parser']

#: Command to its line of help; ``check-env`` is in ``check_env``.
COMMANDS = {
    'detect': 'find faces in photos, folders, videos and camera pictures',
    'demo': 'open a web page that finds faces',
    'eval': 'compute the official WIDER FACE or DARK FACE numbers',
    'bulk-export': 'convert results of detect --ray to json, csv or text',
    'enhance': 'write a brighter copy of a dark data set',
    'check-env': 'print versions, problems and remedies',
}
_EXAMPLES = """
examples:
  mmsrn detect photo.jpg                  print a line for each photo
  mmsrn detect photos/ --out drawn        save pictures with boxes
  mmsrn detect clip.mp4 --json faces.json
  mmsrn demo
mmsrn COMMAND --help prints the options of a command and more examples.
"""
_INTERRUPTED = 130  # as shells say
_TERMINATED = 143


def make_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser.

    Args:
        command (str, optional): The only command that gets its options; None:
            all get them, as tools for the completion of commands need.

    Returns:
        argparse.ArgumentParser: The parser.

    Raises:
        ImportError: If a command needs what is not installed.
    """
    parser = argparse.ArgumentParser(
        prog='mmsrn',
        description='Face detection with the Selective Refinement Network.',
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--version', action='version', version=f'mmsrn {__version__}'
    )
    commands = parser.add_subparsers(
        dest='command', metavar='COMMAND', required=True
    )
    for name, text in COMMANDS.items():
        inner = commands.add_parser(name, help=text)
        inner.set_defaults(program=inner.prog)
        if command in (None, name):
            _module(name).add_arguments(inner)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a command.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.

    Returns:
        int: The exit status: 0; 1 if something could not be used and is
        named; 130 after Ctrl-C.  A wrong command line ends the process with
        2, SIGTERM with 143, and 141 says that nobody reads the output any
        more.
    """
    argv = sys.argv[1:] if argv is None else argv
    _complete()
    # No option before the command takes a value.
    command = next((x for x in argv if not x.startswith('-')), '')
    try:
        with user_errors(f'mmsrn {command}'), _terminable():
            return _run(command, argv)
    except KeyboardInterrupt:
        print(
            f'mmsrn {command}: interrupted; unfinished files were removed',
            file=sys.stderr,
        )
        return _INTERRUPTED


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM unwind as Ctrl-C does, so that nothing half-written stays.

    It ends the process with status 143.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _run(command: str, argv: list[str]) -> int:
    try:
        args = make_parser(command).parse_args(argv)
        trust_checkpoints(getattr(args, 'trust_checkpoint', False))
        with user_errors(args.program):
            status = _module(args.command).run(args)
    except ImportError as error:
        raise UserError(
            f'{one_line(error)}; run mmsrn check-env to see what to install'
        ) from error
    return status


def _module(command: str):
    return importlib.import_module(f'mmsrn.cli.{command.replace("-", "_")}')


def _complete() -> None:
    """Answer the shell, which asks for completions by a variable."""
    if '_ARGCOMPLETE' in os.environ:
        import argcomplete

        argcomplete.autocomplete(make_parser())
