"""The drill itself, and its quick part."""

import random

import pytest

from benchmarks.reliability import mutations
from benchmarks.reliability.__main__ import make_parser
from benchmarks.reliability.kills import kill_and_resume
from benchmarks.reliability.mutations import TARGETS, mutate, run_target


@pytest.fixture
def make(tmp_path):
    """Function that gives a whole file of a kind, and its place."""
    seeds = mutations._seeds(tmp_path)

    def make(name):
        return seeds[name], tmp_path / f'case{TARGETS[name][1]}'

    return make


def test_damage_is_that_of_the_seed(make):
    for name in ('results, text', 'results, zip', 'photo, PNG'):
        data, _ = make(name)
        for seed in range(40):
            damaged = [mutate(data, random.Random(seed)) for _ in range(2)]
            assert damaged[0] == damaged[1]
        some = {mutate(data, random.Random(x)) for x in range(40)}
        assert len(some) > 30


QUICK = [
    x for x in TARGETS
    if not x.startswith(('model', 'annotations, VOC', 'annotations, COCO'))
]  # fmt: skip


@pytest.mark.filterwarnings('ignore')  # of PIL and NumPy
@pytest.mark.parametrize('name', QUICK)
def test_damaged_files_are_read_or_refused(make, name):
    data, path = make(name)
    read = TARGETS[name][0]
    path.write_bytes(data)
    assert mutations._outcome(read, path) == 'read'
    counts = {'read': 0, 'refused': 0}
    for i in range(25):
        path.write_bytes(mutate(data, random.Random(f'quick {name} {i}')))
        counts[mutations._outcome(read, path)] += 1
    assert counts['refused'] > 0


def test_faults_are_told(tmp_path):
    def fail(error):
        def read(path):
            raise error

        return mutations._outcome(read, tmp_path)

    assert fail(ValueError('a.txt:1: no number')) == 'refused'
    assert fail(OSError(2, 'No such file')) == 'refused'
    for error in (
        *(IndexError('x'), MemoryError(), ValueError('a\nb'), ValueError()),
        *(UnicodeDecodeError('utf-8', b'x', 0, 1, 'y'), SystemError()),
    ):
        assert fail(error).startswith('fault: ')


@pytest.mark.slow
def test_a_process_reads_them(tmp_path):
    counts, faults = run_target('photo, JPG', 12, 0, tmp_path)
    assert sum(counts.values()) == 12 and faults == []


@pytest.mark.slow
def test_killed_once(tmp_path):
    name = 'detect --out --json --csv'
    assert list(kill_and_resume(name, 1, 0, tmp_path)) == []


def test_command_line():
    args = make_parser().parse_args(['--parts', 'kills', '--kills', '3'])
    assert (args.parts, args.kills, args.mutations) == (['kills'], 3, 10_000)


def test_values_that_are_exchanged_keep_the_form(make):
    """Half the damaged dumps can still be unpickled."""
    import pickle

    data, _ = make('results, mmdet dump')
    fine = 0
    for i in range(60):
        try:
            pickle.loads(mutate(data, random.Random(i)))
            fine += 1
        except Exception:
            continue
    assert 20 < fine < 55
