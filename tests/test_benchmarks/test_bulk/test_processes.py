"""What a command takes, seen on small programs."""

import os
import subprocess
import sys

import pytest

from benchmarks.bulk import processes
from mmsrn.utils.errors import UserError


@pytest.fixture
def program(monkeypatch):
    """Function that makes a program the command."""

    def install(code):
        command = (sys.executable, '-c', code)
        monkeypatch.setattr(processes, 'DETECT', command)

    return install


def test_environment(program, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '7')
    program('import os; print(os.environ.get("OMP_NUM_THREADS"))')
    assert processes.measure([]).output == 'None\n'
    assert processes.measure([], OMP_NUM_THREADS='1').output == '1\n'
    program('import sys; sys.exit("no photo")')
    with pytest.raises(UserError, match='no photo'):
        processes.measure([])


def test_memory_and_cpu(program):
    program(
        'import time; x = b"1" * 2**27; y = bytearray(x)\n'
        'while time.process_time() < 0.5: pass\n'
        'time.sleep(0.5)'
    )
    done = processes.measure([], interval=0.05)
    assert 256 <= done.peaks['driver'] < 512
    assert done.peaks['actor'] == 0 and done.cpu > 0.3
    assert done.seconds > 1


def test_below():
    code = (
        'import subprocess, sys; subprocess.run([sys.executable, "-c", '
        '"print(1, flush=True); input()"])'
    )
    with subprocess.Popen(
        [sys.executable, '-c', code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        process.stdout.readline()  # both have started
        found = processes.below(os.getpid())
        assert process.pid in found
        (inner,) = processes.below(process.pid).values()
        assert 'flush=True' in inner
        process.communicate(b'\n')
