"""One run of ``mmsrn detect`` over all its sources."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby

from mmsrn.apis import FaceDetector, PhotoError
from mmsrn.video import VideoError, VideoReader, VideoWriter, detect_faces

from .outputs import (
    Output,
    Result,
    ResultError,
    file_outputs,
    line_output,
    picture_output,
    writing,
)
from .progress import Progress
from .sources import Source

__all__ = ['Detection']

#: Frames in a second of a written video whose source does not say.
_FPS = 25


class Detection:
    """One run over all sources.

    Args:
        args (argparse.Namespace): The command line.
        detector (FaceDetector): What finds the faces.
    """

    def __init__(
        self, args: argparse.Namespace, detector: FaceDetector
    ) -> None:
        self._args = args
        self._detector = detector
        self._outputs: list[Output] = []
        self._progress = Progress()
        #: What could not be used, or not in full, and why.
        self.problems: list[str] = []
        self._limited: list[str] = []
        self._counts = dict(photos=0, frames=0, faces=0)

    @property
    def notes(self) -> list[str]:
        """list[str]: One line for each further remark."""
        if not self._limited:
            return []
        num, limit = len(self._limited), self._detector.max_faces
        what = '1 picture' if num == 1 else f'{num:,} pictures'
        return [
            f'{what} may have more faces than the limit of {limit:,} (first: '
            f'{self._limited[0]}); raise it with --max-faces'
        ]

    def run(self, sources: Sequence[Source]) -> None:
        """Process all sources.

        Args:
            sources (Sequence[Source]): Photos, videos and cameras, in the
                order of the output.
        """
        start = time.monotonic()
        with ExitStack() as stack:
            self._open_outputs(stack)
            for kind, group in groupby(sources, lambda x: x.kind):
                if kind == 'photo':
                    self._photos(list(group))
                else:
                    for source in group:
                        self._video(source)
        if self._outputs != [line_output]:
            self._summarise(time.monotonic() - start)

    def _open_outputs(self, stack: ExitStack) -> None:
        args = self._args
        self._outputs += file_outputs(args, stack)
        if args.out is not None:
            self._outputs.append(picture_output(args.out))
        if self._outputs:
            stack.enter_context(self._progress)
        else:
            self._outputs.append(line_output)

    def _photos(self, sources: list[Source]) -> None:
        self._progress.start('Photos', len(sources))
        by_name = {x.content: x for x in sources}

        def left_out(name: str, error: PhotoError) -> None:
            self.problems.append(str(error))
            self._progress.advance()

        for faces in self._detector.stream(list(by_name), left_out):
            self._counts['photos'] += 1
            self._add(Result(by_name[faces.name], faces))

    def _video(self, source: Source) -> None:
        try:
            with VideoReader(source.content) as video:
                self._frames(source, video)
                if video.problem:
                    self.problems.append(video.problem)
        except (VideoError, ResultError) as error:
            self.problems.append(str(error))

    def _frames(self, source: Source, video: VideoReader) -> None:
        limit = self._args.frames
        counts = [x for x in (video.num_frames, limit) if x]
        self._progress.start(video.name, min(counts, default=None))
        # Frames that come as they like are shown when they came.
        timed = video.is_live or not video.fps
        with ExitStack() as stack:
            drawn = None
            if self._args.out is not None:
                path = self._args.out / source.picture
                stack.enter_context(writing(path))
                drawn = VideoWriter(path, video.fps or _FPS)
                stack.enter_context(drawn)
            stop = stack.enter_context(_interrupt(video.is_live))
            for found in detect_faces(self._detector, video, limit):
                self._counts['frames'] += 1
                self._add(Result(source, found.faces, found))
                if drawn is not None:
                    at = found.time if timed else None
                    drawn.write(found.faces.plot(), at)
                if stop:
                    break

    def _add(self, result: Result) -> None:
        faces = result.faces
        self._counts['faces'] += len(faces)
        if faces.incomplete:
            self.problems.append(f'{faces.name}: {faces.incomplete}')
        if faces.limit:
            self._limited.append(faces.name)
        for output in self._outputs:
            try:
                output(result)
            except ResultError as error:
                self.problems.append(str(error))
        self._progress.advance()

    def _summarise(self, seconds: float) -> None:
        """Say what was done, where it is not in the way of results."""
        counts = [
            f'{v:,} {k}' if v != 1 else f'1 {k[:-1]}'
            for k, v in self._counts.items()
            if v or k == 'faces'
        ]
        pictures = self._counts['photos'] + self._counts['frames']
        rate = pictures / max(seconds, 1e-9)
        told = (
            f'{", ".join(counts)} in {seconds:,.1f} s: {rate:.1f} per second'
        )
        print(told, file=sys.stderr)


@contextmanager
def _interrupt(is_live: bool) -> Iterator[list[bool]]:
    """Let Ctrl-C end a camera after the frame that is being looked at.

    A second one interrupts as usual.

    Args:
        is_live (bool): Whether it is a camera.

    Yields:
        list: Gets an item when the user wants to end.
    """
    asked: list[bool] = []
    if not is_live:
        yield asked
        return
    former = signal.getsignal(signal.SIGINT)

    def ask(*args: object) -> None:
        asked.append(True)
        signal.signal(signal.SIGINT, former)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, former)
