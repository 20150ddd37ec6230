"""Kills that hit, and jobs that end before them."""

import subprocess
import sys
import time

import pytest

pytest.importorskip('pyarrow')

from benchmarks.reliability import bulk as drill

SLEEP = 'import time; time.sleep(60)'


@pytest.fixture
def titles(monkeypatch):
    """Function that says which processes there are."""

    def tell(**found):
        told = {pid: drill.TITLES[kind] for kind, pid in found.items()}
        monkeypatch.setattr(drill, 'below', lambda _: told)

    return tell


@pytest.fixture
def job():
    with subprocess.Popen([sys.executable, '-c', SLEEP]) as process:
        yield process
        process.kill()


def test_driver(titles, job):
    titles(actor=job.pid)
    assert drill.disturb(job, 'driver', 0.2)
    assert job.wait(30) == -9
    assert not drill.disturb(job, 'driver', 0.2)


@pytest.mark.parametrize('kind', ['actor', 'worker'])
def test_others(titles, job, kind):
    with subprocess.Popen([sys.executable, '-c', SLEEP]) as other:
        titles(**{kind: other.pid})
        assert drill.disturb(job, kind, 0.1)
        assert other.wait(30) == -9
    assert job.poll() is None


def test_goes_on(monkeypatch):
    """After a driver the same command, after an end no kill."""
    started, ends = [], iter([True, True, False])

    def start(job):
        started.append(job)
        return subprocess.Popen([sys.executable, '-c', 'pass'])

    monkeypatch.setattr(drill, 'start', start)
    monkeypatch.setattr(drill, 'disturb', lambda *_: next(ends))
    kills = ['driver', 'actor', 'worker']
    begin = time.monotonic()
    hits = drill.run(['a'], kills, 0)
    assert hits == dict(driver=1, actor=1) and kills == ['worker']
    assert started == [['a'], ['a']] and time.monotonic() - begin < 60
