"""What teachers said about photos, kept beside the list made from it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from mmsrn.version import __version__

__all__ = ['Answer', 'Record', 'open_record']


@dataclass(frozen=True, eq=False)
class Answer:
    """What teachers said about a photo.

    Attributes:
        name (str): Its path below the folder of photos.
        version (list[int]): Bytes of its file, and when that was changed, in
            nanoseconds: another file of the same name needs another answer.
        width (int): Of the upright photo, in pixels.
        height (int): Of the upright photo, in pixels.
        found (list[np.ndarray]): Of each teacher (n, 5): corners in pixels to
            a hundredth, and scores to four digits.
    """

    name: str
    version: list[int]
    width: int
    height: int
    found: list[np.ndarray]

    def to_json(self) -> str:
        """Write the answer as a line of json."""
        found = [
            [[*(round(v, 2) for v in x[:4]), round(x[4], 4)] for x in rows]
            for rows in (np.asarray(x, float).tolist() for x in self.found)
        ]
        words = dict(
            photo=self.name,
            version=self.version,
            width=self.width,
            height=self.height,
            found=found,
        )
        return json.dumps(words, separators=(',', ':'))

    @classmethod
    def from_json(cls, words: dict[str, Any], teachers: int) -> Answer:
        """Read an answer.

        Args:
            words (dict): Of a line.
            teachers (int): How many there are.

        Returns:
            Answer: It.

        Raises:
            KeyError, TypeError, ValueError: If it is none.
        """
        name, version = str(words['photo']), list(map(int, words['version']))
        found = [
            np.array(x, np.float64).reshape(-1, 5) for x in words['found']
        ]
        if len(found) != teachers or not all(
            np.isfinite(x).all() for x in found
        ):
            raise ValueError
        size = int(words['width']), int(words['height'])
        return cls(name, version, *size, found)


class Record:
    """A file of json lines that only grows.

    The first line names the teachers; then there is one for each answer, and
    one for each list that was made: ``list``, its settings and its checksum.

    Args:
        path (Path): The file, locked.
        teachers (Sequence[dict]): ``Teacher.settings()`` of each.

    Attributes:
        answers (dict[str, Answer]): The newest of each photo.

    Raises:
        ValueError: If it is of other teachers, or damaged.
    """

    def __init__(self, path: Path, teachers: Sequence[dict]) -> None:
        self.path = path
        self.teachers = list(teachers)
        self.answers: dict[str, Answer] = {}
        self._lists: list[dict] = []
        content = path.read_bytes()
        whole = content.rfind(b'\n') + 1
        if whole < len(content):  # the process was killed while it wrote
            os.truncate(path, whole)
        lines = content[:whole].splitlines()
        if lines:
            for number, line in enumerate(lines, 1):
                self._read(number, line)
        else:
            self._append(
                json.dumps(dict(mmsrn=__version__, teachers=self.teachers))
            )

    def _read(self, number: int, line: bytes) -> None:
        try:
            words = json.loads(line)
            if number == 1:
                former = [_identity(x) for x in words['teachers']]
            elif 'list' in words:
                self._lists.append(dict(words['list']))
            else:
                answer = Answer.from_json(words, len(self.teachers))
                self.answers[answer.name] = answer
        except (KeyError, TypeError, ValueError):
            raise ValueError(
                f'{self.path}:{number}: is no line of a record; remove it, or '
                'name another list'
            ) from None
        if number == 1 and former != [_identity(x) for x in self.teachers]:
            names = ' '.join(str(x['name']) for x in words['teachers'])
            raise ValueError(
                f'{self.path}: is of other teachers, other weights of them '
                f'or other scales ({names}); name another list, or remove '
                'this file to ask the new ones'
            )

    def _append(self, line: str) -> None:
        with self.path.open('a', encoding='utf-8') as file:
            file.write(line + '\n')

    def add(self, answer: Answer) -> None:
        """Write an answer down.

        Args:
            answer (Answer): It.
        """
        line = answer.to_json()
        self._append(line)
        # As it will be read: the same list, whether or not a run was cut.
        self.answers[answer.name] = Answer.from_json(
            json.loads(line), len(self.teachers)
        )

    def add_list(self, settings: dict[str, Any], text: str) -> None:
        """Write down how a list was made, before it is written.

        Args:
            settings (dict): What json can hold.
            text (str): The list.
        """
        made = dict(settings, sha256=_checksum(text.encode()))
        if not self._lists or self._lists[-1] != made:
            self._lists.append(made)
            self._append(json.dumps(dict(list=made)))

    def is_own(self, content: bytes) -> bool:
        """Tell whether a list was made from this record, and not changed.

        Args:
            content (bytes): The list.

        Returns:
            bool: Whether it was.
        """
        return any(x.get('sha256') == _checksum(content) for x in self._lists)


def _identity(teacher: dict) -> dict:
    """What the answers depend on: not where its file lies."""
    return {k: v for k, v in teacher.items() if k != 'name'}


def _checksum(content: bytes) -> str:
    return sha256(content).hexdigest()


@contextmanager
def open_record(path: Path, teachers: Sequence[dict]) -> Iterator[Record]:
    """Open a record, or begin one; no other run has it meanwhile.

    Args:
        path (Path): The file.
        teachers (Sequence[dict]): See ``Record``.

    Yields:
        Record: It.

    Raises:
        OSError: If it cannot be written, or another run is at work on it.
        ValueError: If it is of other teachers, or damaged.
    """
    with path.open('ab') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(
                f'another run is at work on {path}; wait for its end'
            ) from None
        except OSError:
            pass  # a file system without locks
        yield Record(path, teachers)
