"""Memory that runs out, at known sizes."""

import logging

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmsrn.models.test_time_augs.bounded_inference import (
    MIN_PIXELS,
    PATIENCE,
    BoundedInference,
    is_out_of_memory,
)

CPU = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"


class Detector(torch.nn.Module):
    """Finds bright points, as boxes around them, if memory suffices."""

    def __init__(self, memory=float('inf'), error=RuntimeError(CPU)):
        super().__init__()
        self.memory, self.error, self.seen = memory, error, []

    def test_step(self, data):
        (image,), (sample,) = data['inputs'], data['data_samples']
        height, width = image.shape[-2:]
        assert sample.img_shape == (height, width)
        self.seen.append(height * width)
        if height * width > self.memory:
            raise self.error
        y, x = torch.nonzero(image[0], as_tuple=True)
        boxes = torch.stack([x - 4, y - 4, x + 5, y + 5], dim=1).float()
        sample.pred_instances = InstanceData(
            bboxes=boxes,
            scores=torch.full((len(boxes),), 0.8),
            labels=torch.zeros(len(boxes), dtype=torch.long),
        )
        return [sample]


def image(height, width, points=()):
    pixels = torch.zeros(3, height, width)
    for x, y in points:
        pixels[:, y, x] = 1
    return pixels, DetDataSample(metainfo=dict(img_path='a.jpg'))


@pytest.fixture
def warnings(monkeypatch):
    """What was logged, with its level."""
    log = []
    monkeypatch.setattr(
        'mmsrn.models.test_time_augs.bounded_inference.print_log',
        lambda text, logger, level: log.append((text, level)),
    )
    return log


POINTS = [(10, 10), (200, 150), (390, 290), (300, 40)]
CENTRES = {(x + 0.5, y + 0.5) for x, y in POINTS}


def centres(found):
    middle = (found.bboxes[:, :2] + found.bboxes[:, 2:]) / 2
    return {tuple(x) for x in middle.tolist()}


def test_enough_memory(warnings):
    detector, run = Detector(), BoundedInference()
    found, note = run(detector, *image(300, 400, POINTS))
    assert centres(found) == CENTRES and note == ''
    assert detector.seen == [120_000] and warnings == []


def test_bound_from_the_start(warnings):
    detector, run = Detector(), BoundedInference(max_pixels=40_000)
    found, note = run(detector, *image(300, 400, POINTS))
    assert centres(found) == CENTRES and len(found) == 4
    assert note == 'in 6 tiles'
    # And the image at half its size.
    assert len(detector.seen) == 7 and max(detector.seen) <= 40_000
    assert detector.seen[-1] == 30_000
    assert warnings == []


class Patches(torch.nn.Module):
    """Finds the bright patch, or the part of it that it sees."""

    def __init__(self, offset):
        super().__init__()
        self.offset, self.seen = offset, 0

    def test_step(self, data):
        (image,), (sample,) = data['inputs'], data['data_samples']
        self.seen += image[0].numel()
        y, x = torch.nonzero(image[0] > 0.5, as_tuple=True)
        box = torch.zeros(0, 4)
        if len(y) > 16:
            ends = x.max() + 1 - self.offset, y.max() + 1 - self.offset
            box = torch.tensor([[x.min(), y.min(), *ends]]).float()
        sample.pred_instances = InstanceData(
            bboxes=box,
            scores=torch.full((len(box),), 0.8),
            labels=torch.zeros(len(box), dtype=torch.long),
        )
        return [sample]


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('max_pixels', [MIN_PIXELS, 60_000])
def test_faces_of_every_size_survive_the_tiles(max_pixels, offset):
    """Those beyond the overlap are found in a reduced image."""
    rng = np.random.default_rng(0)
    run = BoundedInference(max_pixels, offset)
    detector = Patches(offset)
    height, width = 700, 900
    for size in (10, 25, 40, 70, 120, 200, 300, 450, 650):
        for _ in range(3):
            left, top = rng.integers(0, [width - size, height - size])
            pixels = torch.zeros(3, height, width)
            pixels[:, top : top + size, left : left + size] = 1
            (found, _) = run(
                detector, pixels, DetDataSample(metainfo=dict(img_path='a'))
            )
            end = size - offset
            expected = [left, top, left + end, top + end]
            # A pixel of the image that was reduced up to three times.
            slack = max(1, size * 0.07)
            assert found.bboxes.tolist() == [
                pytest.approx(expected, abs=slack)
            ], size
    # A quarter of overlap, and a third more for all the reduced images.
    assert detector.seen / 27 < 3.1 * height * width


def test_a_single_row():
    found, note = BoundedInference(MIN_PIXELS)(Detector(), *image(1, 40_000))
    assert len(found) == 0 and note == 'in 3 tiles'


def test_out_of_memory(warnings):
    """Halved until it fits, with a warning each, and remembered."""
    detector, run = Detector(memory=35_000), BoundedInference()
    found, note = run(detector, *image(300, 400, POINTS))
    assert centres(found) == CENTRES and len(found) == 4
    assert note == 'in 6 tiles' and run.bound == 29_890
    assert [x for x in detector.seen if x > 35_000] == [120_000, 59_780]
    (first, level), (second, _) = warnings
    assert level == logging.WARNING
    assert first == (
        'Out of memory on 120000 pixels of a.jpg, as it is: from now on in '
        'tiles of at most 60000'
    )
    assert 'on 59780 pixels' in second and 'at most 29890' in second
    detector.seen.clear()
    found, _ = run(detector, *image(300, 400, POINTS))
    assert centres(found) == CENTRES
    assert max(detector.seen) <= 35_000 and len(warnings) == 2


def test_what_fitted_before_is_the_next_bound(warnings):
    detector, run = Detector(memory=80_000), BoundedInference()
    run(detector, *image(300, 250))
    _, note = run(detector, *image(300, 400))
    assert run.bound == 75_000 and note == 'in 4 tiles'
    # Unless others take the memory.
    detector.memory = 50_000
    assert run(detector, *image(300, 250))[1] == 'in 4 tiles'
    assert run.bound == 37_500


def test_a_little_less_than_what_did_not_fit_is_no_bound(warnings):
    detector, run = Detector(memory=119_000), BoundedInference()
    run(detector, *image(300, 396))
    run(detector, *image(300, 400))
    assert run.bound == 60_000


def test_memory_that_comes_back(warnings):
    """More is tried again, but never more than allowed."""
    for allowed, note in ((None, ''), (50_000, 'in 6 tiles')):
        detector, run = Detector(memory=35_000), BoundedInference(allowed)
        run(detector, *image(300, 400))
        assert run.bound < 35_000
        tried = len(warnings)
        for _ in range(PATIENCE):  # in vain
            run(detector, *image(300, 400))
        run(detector, *image(300, 400))
        assert tried < len(warnings) <= tried + 2 and run.bound < 35_000
        detector.memory = float('inf')
        for _ in range(3 * PATIENCE):
            run(detector, *image(300, 400))
        assert run(detector, *image(300, 400))[1] == note
        assert run.bound == (allowed or run.bound) >= 50_000


def test_vague_signs(warnings):
    """Of a library that gives the same message for what it cannot do."""
    error = RuntimeError('could not create a primitive')
    run = BoundedInference()
    with pytest.raises(RuntimeError, match='primitive'):
        run(Detector(60_000, error), *image(300, 300))
    run(Detector(60_000, error), *image(100, 100))
    assert run(Detector(60_000, error), *image(300, 300))[1] == 'in 4 tiles'


@pytest.mark.parametrize('memory', [0, MIN_PIXELS - 1])
def test_hopeless(warnings, memory):
    """Given up, without end or exception; smaller ones are tried."""
    detector, run = Detector(memory), BoundedInference()
    assert run(detector, *image(300, 400)) == (None, 'left out')
    assert len(detector.seen) < 6
    assert (run(detector, *image(60, 60))[0] is None) == (memory == 0)


def test_other_errors_are_raised():
    for error in (RuntimeError('bug'), ValueError('out of memory')):
        with pytest.raises(type(error), match=str(error)):
            BoundedInference()(Detector(0, error), *image(300, 400))


@pytest.mark.parametrize(
    'error',
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError('CUDA out of memory.'),
        RuntimeError('CUDA error: out of memory'),
        RuntimeError('cuDNN error: CUDNN_STATUS_ALLOC_FAILED'),
        RuntimeError(CPU),
    ],
)
def test_signs(error, warnings):
    assert is_out_of_memory(error)
    run = BoundedInference()
    assert run(Detector(60_000, error), *image(300, 300))[0] is not None
    assert len(warnings) == 1


def test_a_real_allocation_that_fails():
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(error.value)
    assert not is_out_of_memory(RuntimeError('shapes differ'))
    assert not is_out_of_memory(KeyError('out of memory'))
