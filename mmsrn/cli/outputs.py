"""Outputs of ``mmsrn detect``."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from errno import ENAMETOOLONG
from pathlib import Path
from typing import Any

from mmsrn.apis.faces import CSV_HEADER, UNPRINTABLE, Faces
from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.one_line import one_line, printable
from mmsrn.video import FrameFaces

from .sources import Source

__all__ = [
    'OutputError',
    'Result',
    'add_file_options',
    'ResultError',
    'csv_output',
    'file_outputs',
    'json_output',
    'line_output',
    'picture_output',
    'text_file',
    'wider_output',
    'writing',
]

STDOUT = '-'


class OutputError(Exception):
    """Error of a file that cannot be written, in one line with its name."""


class ResultError(Exception):
    """Error of a result that cannot be saved, in one line with its name."""


@dataclass(frozen=True)
class Result:
    """The faces of a photo or a frame, with their source.

    Attributes:
        source (Source): The photo, video or camera.
        faces (Faces): The faces found in it.
        frame (FrameFaces, optional): The faces with their place in the video.
    """

    source: Source
    faces: Faces
    frame: FrameFaces | None = None


#: Takes one result after the other.
Output = Callable[[Result], None]


def add_file_options(group: argparse._ActionsContainer) -> None:
    """Add the options that name output files.

    Args:
        group (argparse._ActionsContainer): A parser, or a group of one.
    """
    group.add_argument(
        '--json',
        metavar='FILE',
        help='write an array with one object per photo or frame; - is stdout',
    )
    group.add_argument(
        '--csv', metavar='FILE', help='write one line per face; - is stdout'
    )
    group.add_argument(
        '--wider',
        type=Path,
        metavar='DIR',
        help='write one text file per photo or frame in the WIDER FACE layout',
    )


def file_outputs(args: argparse.Namespace, stack: ExitStack) -> list[Output]:
    """Open the output files.

    Args:
        args (argparse.Namespace): The command line.
        stack (ExitStack): Closes them at the end.

    Returns:
        list[Callable]: Each takes the results.
    """
    outputs = []
    if args.json is not None:
        outputs.append(stack.enter_context(json_output(args.json)))
    if args.csv is not None:
        outputs.append(stack.enter_context(csv_output(args.csv)))
    if args.wider is not None:
        outputs.append(wider_output(args.wider))
    return outputs


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Add the name of the file to errors of writing.

    Args:
        path (str | Path): The file.

    Raises:
        ResultError: If its name is too long, or the picture too large.
        OutputError: Instead of the system's error, which does not name the
            file.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # Errors of this project name the file themselves.
        text = str(error)
        if error.strerror:
            text = f'{path}: cannot be written: {error.strerror}'
        kind = ResultError if error.errno == ENAMETOOLONG else OutputError
        raise kind(text) from error
    except (ValueError, MemoryError) as error:
        raise ResultError(one_line(error) or 'out of memory') from error


@contextmanager
def json_output(path: str) -> Iterator[Output]:
    """Write a json array, an object in each line.

    Args:
        path (str): The file, or ``-``.

    Yields:
        Callable: Takes the results.
    """
    with _text_file(path) as write:
        comma = ''

        def add(result: Result) -> None:
            nonlocal comma
            content = (result.frame or result.faces).to_dict()
            write(f'{comma}\n{json.dumps(content)}')
            comma = ','

        write('[')
        yield add
        write('\n]\n')


@contextmanager
def csv_output(path: str) -> Iterator[Output]:
    """Write a line for each face.

    Args:
        path (str): The file, or ``-``.

    Yields:
        Callable: Takes the results.
    """

    def line(row: tuple[Any, ...]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator='\n').writerow(row)
        return text.getvalue()

    with _text_file(path) as write:

        def add(result: Result) -> None:
            frame = result.frame
            place = ('', '') if frame is None else (frame.frame, frame.time)
            for name, *values in result.faces.to_rows():
                write(line((name, *place, *values)))

        name, *columns = CSV_HEADER
        write(line((name, 'frame', 'time', *columns)))
        yield add


def wider_output(folder: Path) -> Output:
    """Write a text file for each photo or frame, as WIDER FACE's results.

    Args:
        folder (Path): Folder of the results.

    Returns:
        Callable: Takes the results.
    """

    def add(result: Result) -> None:
        text, faces = result.source.text, result.faces
        if result.frame is not None:
            text = text / f'{result.frame.frame:06d}'
            faces = replace(faces, name=text.name)
        path = folder / text_file(text)
        with writing(path):
            faces.save(path)

    return add


def text_file(text: Path) -> Path:
    """Name a text file.

    Args:
        text (Path): Of a source, without suffix.

    Returns:
        Path: With ``.txt``, whatever dots it has.
    """
    return text.with_name(f'{text.name}.txt')


def picture_output(folder: Path) -> Output:
    """Write photos with boxes; videos are written elsewhere.

    Args:
        folder (Path): Folder of the results.

    Returns:
        Callable: Takes the results.
    """

    def add(result: Result) -> None:
        if result.frame is None:
            path = folder / result.source.picture
            with writing(path):
                result.faces.save(path)

    return add


def line_output(result: Result) -> None:
    """Print a line: the name, the faces, the best score, the seconds.

    Args:
        result (Result): Of a photo or a frame.
    """
    faces = result.faces
    words = [printable(faces.name)]
    if result.frame is not None:
        words.append(f'frame {result.frame.frame}, {result.frame.time:.2f} s')
    text = '1 face' if len(faces) == 1 else f'{len(faces)} faces'
    if len(faces):
        text += f', best score {faces.scores[0]:.2f}'
    text += f', {sum(faces.timing.values()):.2f} s'
    # At once: somebody may be waiting at the other end.
    print(*words, text, sep=': ', flush=True)


@contextmanager
def _text_file(path: str) -> Iterator[Callable[[str], Any]]:
    """A text file that appears when it is complete, or stdout."""
    if path == STDOUT:
        yield sys.stdout.write
        return
    stack = ExitStack()
    with writing(path):
        partial = stack.enter_context(atomic_file(path))
        file = stack.enter_context(
            partial.open('w', encoding='utf-8', errors=UNPRINTABLE, newline='')
        )

    def write(text: str) -> None:
        with writing(path):
            file.write(text)

    try:
        yield write
    except BaseException:
        # Not by close(), which would let the file appear.  What is left in
        # its buffer may not find room either.
        with suppress(OSError):
            stack.__exit__(*sys.exc_info())
        raise
    with writing(path):
        stack.close()
