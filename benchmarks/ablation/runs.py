"""Trainings and their tests, one folder for each."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.one_line import one_line

ROOT = Path(__file__).resolve().parents[2]
TRAIN = ROOT / 'tools/train.py'
TEST = ROOT / 'tools/test.py'
JOB = """#!/usr/bin/env bash
{options}
cd {folder} || exit 1
export PYTHONPATH={root}${{PYTHONPATH:+:$PYTHONPATH}}
exec {command}
"""


class RunError(Exception):
    """A run failed; the message says where to look."""


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
        """dict: What an earlier call has left; empty if there was none.

        Raises:
            RunError: If it cannot be read, or belongs to other settings.
        """
        return self._read('run.json')

    @property
    def result(self) -> dict[str, Any]:
        """dict: The numbers; empty if the run is not finished.

        Raises:
            RunError: If they cannot be read, or belong to other settings.
        """
        return self._read('result.json')

    def _read(self, file: str) -> dict[str, Any]:
        path = self.folder / file
        try:
            content = json.loads(path.read_text(encoding='utf-8'))
            digest = content['digest']
        except FileNotFoundError:
            return {}
        except (KeyError, OSError, TypeError, ValueError) as error:
            raise RunError(
                f'{path}: cannot be read ({type(error).__name__}: {error}); '
                'remove it, and the run goes on'
            ) from None
        if digest != self.digest:
            raise RunError(
                f'{path}: is of another state of {self.config}, or of other '
                f'options; remove {self.folder} or name another --work-dir'
            )
        return content

    def write(self, file: str, **content: Any) -> None:
        """Write a file that :meth:`_read` takes.

        Args:
            file (str): Its name.
            **content: What it holds.
        """
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
        """Train, or go on with a training; one that is finished stays.

        Raises:
            RunError: If it fails.
        """
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
            raise RunError(
                f'{self}: the training left no checkpoint ({error}); '
                'default_hooks.checkpoint of the config must save the last one'
            ) from None
        self.write('run.json', checkpoint=checkpoint)

    def test(self) -> None:
        """Test the last checkpoint.

        Raises:
            RunError: If it fails.
        """
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
            raise RunError(
                f'{self}: {what} ended with exit status {code}; {log} ends '
                f'with: {one_line(last)}'
            )


def digest(config: dict, tta: bool) -> str:
    """Tell settings apart.

    Args:
        config (dict): Of a run, with its options.
        tta (bool): Whether it is augmented at test time.

    Returns:
        str: The same for the same settings.
    """
    text = json.dumps([config, tta], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_job(
    run: Run, folder: Path, settings: dict[str, str], size: int
) -> Path:
    """Write a job for Slurm that does a run, and goes on with it if started.

    Args:
        run (Run): The run.
        folder (Path): For the job, below the folder of all runs.
        settings (dict[str, str]): Options of ``sbatch``, without ``--``; ''
            for those without a value.
        size (int): ``--flops-size``.

    Returns:
        Path: The job.
    """
    settings = {
        'job-name': f'{run.name}-{run.seed}',
        'output': str(run.folder.resolve() / 'slurm-%j.log'),
        'ntasks': '1',
        'gres': 'gpu:1',
        'cpus-per-task': '8',
        **settings,
    }
    command = [
        *[sys.executable, '-m', 'benchmarks.ablation'],
        *[run.config, '--seeds', str(run.seed), '--run-only'],
        *['--work-dir', str(folder.parent.resolve())],
        *['--flops-size', str(size)],
        *(['--tta'] if run.tta else []),
        *(['--cfg-options', *run.options] if run.options else []),
    ]
    # Slurm does not make the folder of its log.
    run.folder.mkdir(parents=True, exist_ok=True)
    job = folder / f'{run.name}_seed_{run.seed}.sh'
    options = [k if v == '' else f'{k}={v}' for k, v in settings.items()]
    text = JOB.format(
        options='\n'.join(f'#SBATCH --{x}' for x in options),
        folder=shlex.quote(str(Path.cwd())),
        root=shlex.quote(str(ROOT)),
        command=shlex.join(command),
    )
    with atomic_file(job) as partial:
        partial.write_text(text, encoding='utf-8')
    return job
