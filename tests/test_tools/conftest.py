"""The command-line tools as modules."""

import importlib.util
import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch


@pytest.fixture
def load_tool(root, monkeypatch):
    """Function that imports a script, given its path below ``tools/``."""

    def load(path):
        file = root / 'tools' / path
        # As for a script: files beside it can be imported.
        monkeypatch.syspath_prepend(file.parent)
        spec = importlib.util.spec_from_file_location(file.stem, file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def fails(capsys):
    """Function that runs a tool and returns the error it ends with."""

    def run(tool, *args):
        with pytest.raises(SystemExit) as ended:
            tool.main([str(arg) for arg in args])
        assert ended.value.code not in (0, None)
        return capsys.readouterr().err

    return run


@pytest.fixture
def runner(monkeypatch, tmp_path):
    """In place of mmengine's runner: what it was asked to do.

    Runs start in a folder of their own, with empty folders for the data.
    """
    for folder in ('work_dirs/demo/data', 'data/widerface'):
        (tmp_path / 'start' / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / 'start')
    fake = SimpleNamespace(
        cfg=None,
        calls=[],
        model=torch.nn.Linear(2, 1),
        test_evaluator=SimpleNamespace(metrics=[]),
    )
    fake.train = lambda: fake.calls.append('train')
    fake.logger = logging.getLogger('runner')
    fake.hooks = []
    fake.call_hook = lambda name, **_: fake.hooks.append(name)

    def test():
        fake.load_or_resume()
        fake.calls.append('test')

    fake.test = test

    def make(cfg):
        fake.cfg = cfg
        return fake

    monkeypatch.setenv('LOCAL_RANK', '0')  # which the tools set
    monkeypatch.setattr('mmengine.runner.Runner.from_cfg', make)
    return fake


@pytest.fixture
def checkpoint(tmp_path):
    """Of the model of that runner, as training leaves it."""
    path = tmp_path / 'epoch_1.pth'
    weights = torch.nn.Linear(2, 1).state_dict()
    torch.save({'state_dict': weights, 'meta': {'epoch': 1}}, path)
    return path


@pytest.fixture
def help_of(root, tmp_path):
    """Function that asks a script for its help, as a user elsewhere does."""

    def ask(path):
        # Of -X importtime only the modules' names matter.
        command = [sys.executable, '-X', 'importtime', root / 'tools' / path]
        done = subprocess.run(
            [*command, '--help'], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        names = {x.split('|')[-1].strip() for x in done.stderr.splitlines()}
        assert 'argparse' in names and not names & {'torch', 'mmengine'}
        return done.stdout

    return ask
