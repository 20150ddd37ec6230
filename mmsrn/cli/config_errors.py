"""Exceptions of a run caused by the config or the data."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mmsrn.utils.errors import UserError
from mmsrn.utils.one_line import one_line

from .data_errors import data_error

__all__ = ['one_line_errors']

_TRACEBACK = 'MMSRN_TRACEBACK'
_IMAGE_READERS = ('mmcv/transforms/loading.py', 'transforms/load_image.py')
# A call whose arguments do not suit the function.
_WRONG_ARGUMENTS = re.compile(
    r'\(\) (got an unexpected keyword argument|missing \d+ required|'
    r'got multiple values)'
)


# Of gloo and NCCL, where the other end of a connection is gone.
_GONE = re.compile(
    r'(Connection (closed|reset) by peer|Timed out waiting|Broken pipe'
    r'|remote process exited)',
    re.IGNORECASE,
)


def _reason(error: Exception) -> str | None:
    return (
        _lost_process(error)
        or _unreadable_image(error)
        or data_error(error)
        or _refused_setting(error)
    )


def _lost_process(error: Exception) -> str | None:
    told = str(error)
    if not isinstance(error, RuntimeError) or not re.search(
        'gloo|nccl', told, re.IGNORECASE
    ):
        return None
    gone = _GONE.search(told)
    return gone and (
        f'another process of this job has ended ({gone[0]}); its own output '
        'says why. The same command with --resume goes on'
    )


def _unreadable_image(error: Exception) -> str | None:
    import cv2

    if not isinstance(error, (AssertionError, OSError, cv2.error)):
        return None
    # A worker of a data loader sends its traceback as the text.
    told = ''.join(traceback.format_exception(error))
    if not any(x in told for x in _IMAGE_READERS):
        return None
    reason = (str(error).strip().splitlines() or [''])[-1]
    return (
        f'an image cannot be read: {reason}; restore or remove it. '
        'tools/misc/verify_dataset.py finds all such images of WIDER FACE '
        'and DARK FACE.'
    )


def _refused_setting(error: Exception) -> str | None:
    """Say which setting of a config was refused while its part was made.

    Values are refused by errors of values, files and assertions; names by the
    registry itself; and arguments by the call.
    """
    frames = traceback.extract_tb(error.__traceback__)
    builders = [
        x
        for x in frames
        if x.name.startswith(('build', '_init_model_weights'))
        and '/mmengine/' in x.filename
    ]
    if not builders:
        return None
    if isinstance(error, KeyError) and builders[-1] is frames[-1]:
        return str(error.args[0]).split('. Please')[0]
    if isinstance(error, TypeError) and _WRONG_ARGUMENTS.search(str(error)):
        return str(error)
    if isinstance(error, (AssertionError, OSError, ValueError)):
        return str(error) or None
    return None


@contextmanager
def one_line_errors(
    config: str, explain: Callable[[Exception], str | None] = _reason
) -> Iterator[None]:
    """Turn exceptions caused by the config or the data into a ``UserError``.

    Other exceptions are bugs and keep their traceback. With
    ``MMSRN_TRACEBACK=1`` in the environment, every exception keeps it.

    Args:
        config (str): The path of the config, for the message.
        explain (Callable): Takes an exception and returns what is wrong, or
            None for a bug.  By default an image that cannot be read is no
            bug, nor is a setting that a part of the config refuses.

    Raises:
        UserError: For exceptions that ``explain`` describes.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = explain(error)
        if reason is None or os.environ.get(_TRACEBACK) == '1':
            raise
        raise UserError(
            f'{config}: {one_line(reason)} '
            f'({_TRACEBACK}=1 prints the traceback)'
        ) from error
