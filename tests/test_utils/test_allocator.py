"""What glibc does with memory that is freed."""

import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mmsrn.utils import allocator
from mmsrn.utils.allocator import keep_freed_memory

# Resident memory after 24 MiB were made, filled and freed.
SCRIPT = """
import sys, torch
from mmsrn.utils.allocator import keep_freed_memory
if sys.argv[1] == 'keep' and not keep_freed_memory():
    sys.exit(3)
def resident():
    return int(open('/proc/self/statm').read().split()[1]) * 4096
before = resident()
torch.ones(3 * 2**21)
print(resident() - before)
"""


def left(mode):
    run = subprocess.run(
        [sys.executable, '-c', SCRIPT, mode], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='not glibc')
def test_what_is_freed_stays():
    assert left('keep') > 20 * 2**20
    assert left('not') < 20 * 2**20


def test_another_c_library(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, 'CDLL', lambda _: SimpleNamespace())
    assert keep_freed_memory() is False
