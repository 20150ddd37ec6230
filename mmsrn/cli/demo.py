"""``mmsrn demo``: the web page."""

from __future__ import annotations

import argparse

from mmsrn.utils.errors import UserError

from .model_options import add_model_options, fail_with

_DESCRIPTION = """\
Serve a web page that finds faces in a photo or a camera picture. Ctrl-C ends
it. Nothing leaves this computer. Install it with: pip install 'mmsrn[demo]'
"""
_EXAMPLES = """
examples:
  %(prog)s                       only for this computer
  %(prog)s --host 0.0.0.0        for everyone in the network
  %(prog)s --port 8080 --no-open-browser
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Set the parser up.

    Args:
        parser (argparse.ArgumentParser): The parser of the command.
    """
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to listen on (default: 127.0.0.1)',
    )
    parser.add_argument(
        '--port',
        type=int,
        default=7860,
        help='port to listen on (default: 7860)',
    )
    parser.add_argument(
        '--open-browser',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='open the page in a browser (default: yes)',
    )
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve the page.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        int: 0, after Ctrl-C.
    """
    try:
        from mmsrn.demo import launch

        launch(
            args.host,
            args.port,
            model=args.model,
            config=args.config,
            backend=args.backend,
            device=args.device,
            open_browser=args.open_browser,
        )
    except ModuleNotFoundError as error:
        if error.name != 'gradio':
            fail_with(error)
        raise UserError(
            "the page needs gradio: pip install 'mmsrn[demo]'"
        ) from error
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        fail_with(error)
    except KeyboardInterrupt:
        pass  # the way to end it
    return 0
