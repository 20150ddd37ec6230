"""A command, the processes below it, and their memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmsrn.utils.errors import UserError

DETECT = (sys.executable, '-m', 'mmsrn', 'detect', '--backend', 'onnx')
#: How Ray calls its processes, by what they do.
TITLES = dict(
    actor='ray::MapWorker(MapBatches(FaceFinder))',
    worker='ray::MapBatches(read_listing)',
)
#: Actors do not give way to other programs.
_RAY = dict(RAY_worker_niceness='0')
_THREADS = 'OMP_NUM_THREADS'
_TICK = os.sysconf('SC_CLK_TCK')


@dataclass
class Measured:
    """What a command took.

    Attributes:
        seconds (float): Wall-clock time.
        cpu (float): Seconds of all cores, of all processes.
        peaks (dict[str, float]): Most MiB: ``driver``; ``actor``, the
            largest; ``store``, what a process has seen of the photos that
            Ray holds.
        output (str): What it printed.
    """

    seconds: float
    cpu: float
    peaks: dict[str, float]
    output: str


def start(arguments: Sequence, **environ: str) -> subprocess.Popen:
    """Start ``mmsrn detect``.

    Args:
        arguments (Sequence): Of the command.
        **environ: Variables of its environment.

    Returns:
        subprocess.Popen: The process.
    """
    # Threads are as many as the command itself takes.
    inherited = {k: v for k, v in os.environ.items() if k != _THREADS}
    return subprocess.Popen(
        [*DETECT, *map(str, arguments)],
        env={**_RAY, **inherited, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def measure(
    arguments: Sequence, interval: float = 2.0, **environ: str
) -> Measured:
    """Run ``mmsrn detect`` to its end.

    Args:
        arguments (Sequence): Of the command.
        interval (float): Seconds between two looks at its memory.
        **environ: Variables of its environment.

    Returns:
        Measured: What it took.

    Raises:
        UserError: If it fails.
    """
    begin = time.perf_counter()
    process = start(arguments, **environ)
    peaks = dict(driver=0.0, actor=0.0, store=0.0)
    cpu: dict[int, float] = {}
    ended = threading.Event()

    def note(name: str, pid: int, kind: str) -> None:
        peaks[name] = max(peaks[name], memory_of(pid, kind))

    def watch() -> None:
        while not ended.wait(interval):
            note('driver', process.pid, 'RssAnon')
            cpu[process.pid] = _cpu(process.pid) or cpu.get(process.pid, 0.0)
            for pid, title in below(process.pid).items():
                cpu[pid] = _cpu(pid) or cpu.get(pid, 0.0)
                if title.startswith(TITLES['actor']):
                    note('actor', pid, 'RssAnon')
                note('store', pid, 'RssShmem')

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - begin
    ended.set()
    watcher.join()
    if process.returncode:
        raise UserError(output.strip() or f'detect: {process.returncode}')
    return Measured(seconds, sum(cpu.values()), peaks, output)


def below(pid: int) -> dict[int, str]:
    """Find the processes that a process started, and those of these.

    Args:
        pid (int): The process.

    Returns:
        dict[int, str]: Their numbers and command lines.
    """
    children: dict[int, list[int]] = {}
    titles = {}
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            stat = (folder / 'stat').read_text()
            title = (folder / 'cmdline').read_bytes()
        except OSError:  # has ended
            continue
        number = int(folder.name)
        parent = int(stat.rpartition(')')[2].split()[1])
        children.setdefault(parent, []).append(number)
        titles[number] = title.replace(b'\0', b' ').decode(errors='replace')
    found = {}
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            found[child] = titles[child]
            waiting.append(child)
    return found


def memory_of(pid: int | str, kind: str) -> float:
    """Read the memory of a process.

    Args:
        pid (int | str): The process, or ``'self'``.
        kind (str): A line of ``/proc/PID/status``: ``'RssAnon'``, what it
            shares with none; ``'RssShmem'``; ``'VmHWM'``, the peak so far.

    Returns:
        float: MiB; 0 if the process has ended.
    """
    try:
        text = Path(f'/proc/{pid}/status').read_text()
    except OSError:
        return 0.0
    for line in text.splitlines():
        if line.startswith(f'{kind}:'):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def _cpu(pid: int) -> float:
    try:
        stat = Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return 0.0
    fields = stat.rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
