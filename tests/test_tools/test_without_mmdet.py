"""Training and test started by a Python without mmdet say what to do."""

import shutil
import subprocess
import sys

import pytest

TOOLS = ['train.py', 'test.py']


@pytest.mark.parametrize('tool', TOOLS)
def test_forgotten_environment(root, tmp_path, tool):
    for name in ('tools', 'mmsrn'):
        ignore = shutil.ignore_patterns('__pycache__')
        shutil.copytree(root / name, tmp_path / name, ignore=ignore)

    def error():
        # -S: none of what is installed; -I: nothing of the environment.
        command = [sys.executable, '-I', '-S', tmp_path / 'tools' / tool]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1 and done.stdout == ''
        assert done.stderr.count('\n') == 1
        return done.stderr

    assert 'has no mmdet; run `make env`' in error()
    activate = tmp_path / '.venv/bin/activate'
    activate.parent.mkdir(parents=True)
    activate.touch()
    assert f'has no mmdet; first run: source {activate}' in error()
