"""Trainings and their tests, one folder for each."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.errors import UserError
from mmsrn.utils.one_line import one_line

ROOT = Path(__file__).resolve().parents[2]
TRAIN = ROOT / 'tools/train.py'
TEST = ROOT / 'tools/test.py'


@dataclass(frozen=True)
class Run:
    """A training and its test.

    Attributes:
        config (str): Path of the config.
        seed (int): Of the training.
        folder (Path): For all its files.
        options (list[str]): ``KEY=VALUE`` in place of settings of the config.
        test_options (list[str]): More of them, for the test alone.
        tta (bool): Whether to augment at test time.
        digest (str): Of all that decides the result, see :func:`digest`.
    """

    config: str
    seed: int
    folder: Path
    options: list[str]
    test_options: list[str]
    tta: bool
    digest: str

    @property
    def name(self) -> str:
        """str: Of the config."""
        return Path(self.config).stem

    def __str__(self) -> str:
        return f'{self.name}, seed {self.seed}'

    @property
    def dump(self) -> Path:
        """Path: All detections of the test."""
        return self.folder / 'detections.pkl'

    @property
    def state(self) -> dict[str, Any]:
        """dict: What an earlier call has left; empty if there was none."""
        return self._read('run.json')

    @property
    def result(self) -> dict[str, Any]:
        """dict: The numbers; empty if the run is not finished."""
        return self._read('result.json')

    def _read(self, file: str) -> dict[str, Any]:
        path = self.folder / file
        try:
            content = json.loads(path.read_text(encoding='utf-8'))
            digest = content['digest']
        except FileNotFoundError:
            return {}
        except (KeyError, OSError, TypeError, ValueError) as error:
            raise UserError(
                f'{path}: cannot be read ({type(error).__name__}: {error}); '
                'remove it, and the run goes on'
            ) from None
        if digest != self.digest:
            raise UserError(
                f'{path}: is of another state of {self.config}, or of other '
                f'options; remove {self.folder} or name another --work-dir'
            )
        return content

    def write(self, file: str, **content: Any) -> None:
        """Write a file that :meth:`_read` takes."""
        content = dict(
            digest=self.digest,
            config=self.config,
            seed=self.seed,
            options=self.options,
            **content,
        )
        with atomic_file(self.folder / file) as partial:
            text = json.dumps(content, indent=2) + '\n'
            partial.write_text(text, encoding='utf-8')

    def train(self) -> None:
        """Train, or go on with a training; one that is finished stays."""
        if self.state.get('checkpoint'):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write('run.json')
        self._call(
            'training',
            TRAIN,
            *[self.config, '--work-dir', self.folder, '--resume'],
            *['--cfg-options', f'randomness.seed={self.seed}', *self.options],
        )
        last = self.folder / 'last_checkpoint'
        try:
            checkpoint = last.read_text(encoding='utf-8').strip()
        except OSError as error:
            raise UserError(
                f'{self}: the training left no checkpoint ({error}); '
                'default_hooks.checkpoint of the config must save the last one'
            ) from None
        self.write('run.json', checkpoint=checkpoint)

    def test(self) -> None:
        """Test the last checkpoint."""
        options = [*self.options, *self.test_options]
        self._call(
            'test',
            TEST,
            *[self.config, self.state['checkpoint']],
            *['--work-dir', self.folder / 'test', '--out', self.dump],
            # Its results are kept, and an interrupted one takes long.
            *(['--tta', '--resume'] if self.tta else []),
            *(['--cfg-options', *options] if options else []),
        )

    def _call(self, what: str, *command: str | Path) -> None:
        log = self.folder / f'{what}.log'
        # A process of its own: a runner leaves loggers and scopes behind.
        with log.open('a', encoding='utf-8') as file:
            code = subprocess.run(
                [sys.executable, '-u', *map(str, command)],
                stdout=file,
                stderr=subprocess.STDOUT,
            ).returncode
        if code:
            text = log.read_text(encoding='utf-8', errors='replace').strip()
            last = text.splitlines()[-1] if text else 'no output'
            raise UserError(
                f'{self}: {what} ended with exit status {code}; {log} ends '
                f'with: {one_line(last)}'
            )


def digest(config: dict, tta: bool) -> str:
    """Tell settings apart."""
    text = json.dumps([config, tta], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
