"""Detectors in turns."""

import time

import numpy as np
import pytest

from benchmarks.detectors.contestants import Contestant
from benchmarks.detectors.labelled_sets import read_set
from benchmarks.detectors.runs import run_in_turns


class Slow:
    """Takes its time over what another detector does."""

    def __init__(self, detector, log):
        self.detector = detector
        self.log = log

    def detect(self, photo):
        self.log.append(photo.max())
        time.sleep(0.02)
        return self.detector.detect(photo)


def test_turns(drawn_list, sees_bright):
    order = []
    slow, fast = Slow(sees_bright(100), order), sees_bright(200)
    found = run_in_turns(
        [Contestant('slow', slow, 0.5), Contestant('fast', fast, 0.5)],
        read_set(str(drawn_list)),
    )
    assert order == [250, 250, 250, 220]  # one to warm up
    assert fast.seen == 4
    assert [x.contestant.name for x in found] == ['slow', 'fast']
    assert [len(x) for x in found[0].boxes] == [2, 2, 1]
    assert [len(x) for x in found[1].boxes] == [1, 2, 1]
    np.testing.assert_allclose(found[1].scores[1], [250 / 255, 220 / 255])
    assert min(found[0].seconds) >= 0.02 > np.median(found[1].seconds)
    assert np.median(found[0].cpu_seconds) < 0.02  # asleep
    assert found[0].sides == [100, 100, 100]


def test_changed_photos(drawn_list, sees_bright):
    names = []

    def darken(photo, name):
        names.append(name)
        return photo // 2

    labelled = read_set(str(drawn_list))
    (run,) = run_in_turns(
        [Contestant('a', sees_bright(120), 0.5)], labelled, darken
    )
    assert [len(x) for x in run.boxes] == [1, 1, 0]
    assert names == ['a.png', 'b.png', 'c.png']


def test_damaged_photo(drawn_list, sees_bright):
    labelled = read_set(str(drawn_list))
    labelled.photos[1].path.write_bytes(b'no')
    with pytest.raises(ValueError, match='party/b.png: is not an image'):
        run_in_turns([Contestant('a', sees_bright(9), 0.5)], labelled)
