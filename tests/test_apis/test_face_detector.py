"""Settings do what they say; checked with a network that is known."""

import cv2
import numpy as np
import pytest

from mmsrn.apis import FaceDetector, PhotoError, face_detector


class RedSquares:
    """Finds red squares; sure of large ones, and of no others."""

    def __init__(self):
        self.facts = {}
        self.calls = []  # of each, the shapes

    def predict(self, images, factors):
        self.calls.append([x.shape[:2] for x in images])
        self.seen = images
        return [self._find(*x) for x in zip(images, factors)]

    def _find(self, image, factors):
        red = (image[..., 2] > 128) & (image[..., 0] < 128)
        _, _, stats, _ = cv2.connectedComponentsWithStats(red.astype('uint8'))
        rows = [
            (x, y, x + w, y + h, min(w, h) / (min(w, h) + 20))
            for x, y, w, h, _ in stats[1:]
        ]
        rows = np.array(rows, np.float32).reshape(-1, 5)
        rows[:, :4] /= factors * 2
        return rows[np.argsort(-rows[:, 4], kind='stable')]


def photo_of(*boxes, size=(400, 300)):
    photo = np.full((*size[::-1], 3), 255, np.uint8)
    for x1, y1, x2, y2 in boxes:
        photo[y1:y2, x1:x2] = (0, 0, 255)
    return photo


A, B = (20, 40, 60, 80), (200, 100, 300, 200)


@pytest.fixture
def make(monkeypatch):
    def make(**settings):
        monkeypatch.setattr(
            face_detector, '_make_backend', lambda *args: RedSquares()
        )
        return FaceDetector(**settings)

    return make


def test_boxes_are_of_the_photo(make):
    for scale in (640, 'original', 200, 1000):
        faces = make(scale=scale).detect(photo_of(A, B))
        assert np.abs(faces.boxes - [B, A]).max() <= 3
        assert (np.diff(faces.scores) <= 0).all()
        assert set(faces.timing) == {'read', 'enhance', 'detect'}


@pytest.mark.parametrize(
    'scale, size, seen',
    [
        (640, (400, 300), (480, 640)),
        (640, (300, 400), (640, 480)),
        ('original', (400, 300), (300, 400)),
        # mmdet: int(w * scale + 0.5)
        (640, (333, 251), (482, 640)),
        (100, (5000, 1), (1, 100)),
        (100, (1, 1), (100, 100)),
    ],
)
def test_sizes_that_the_network_sees(make, scale, size, seen):
    detector = make(scale=scale)
    detector.detect(photo_of(size=size))
    assert detector.backend.calls == [[seen]]


def test_several_scales(make):
    detector = make(scale=[200, 'original', 800])
    faces = detector.detect(photo_of(A, B))
    assert len(detector.backend.calls) == 3
    assert np.abs(faces.boxes - [B, A]).max() <= 3


def test_thresholds_and_sizes(make):
    detector = make(scale='original', score_thr=0.8)
    photo = photo_of(A, B)
    assert len(detector.detect(photo)) == 1
    detector.score_thr = 0.6
    assert len(detector.detect(photo)) == 2
    detector.min_size = 41
    assert len(detector.detect(photo)) == 1
    detector.min_size, detector.max_size = 40, 100
    assert len(detector.detect(photo)) == 2
    detector.max_size = 99
    np.testing.assert_array_equal(detector.detect(photo).boxes, [A])


@pytest.mark.parametrize('scale', ['original', 631])
@pytest.mark.parametrize('side', [64, 100, 128])
def test_tiles(make, side, scale):
    """Whole faces, once each: small, across tiles, larger than a tile."""
    boxes = [A, B, (350, 10, 360, 20), (90, 95, 105, 110), (0, 290, 10, 300)]
    whole = make(scale=scale, tile=None).detect(photo_of(*boxes))
    detector = make(scale=scale, tile=side)
    found = detector.detect(photo_of(*boxes))
    assert len(detector.backend.calls) > 10
    assert max(h * w for ((h, w),) in detector.backend.calls) <= side**2
    assert len(found) == len(whole) == len(boxes)
    order = [np.lexsort(x.boxes.T) for x in (found, whole)]
    difference = found.boxes[order[0]] - whole.boxes[order[1]]
    assert np.abs(difference).max() <= 8  # the large ones, in half the size


def test_large_photos_are_tiled_unasked(make):
    detector = make(scale='original')
    detector.detect(photo_of(size=(2048, 2048)))
    assert detector.backend.calls == [[(2048, 2048)]]
    detector.detect(photo_of(size=(2048, 2049)))
    assert len(detector.backend.calls) > 2


def test_lists_and_batches(make, tmp_path):
    detector = make(batch_size=2)
    photos = [photo_of(A), photo_of(A, B), photo_of()]
    found = detector.detect(photos)
    assert [len(x) for x in found] == [1, 2, 0]
    assert [x.name for x in found] == ['photo 0', 'photo 1', 'photo 2']
    assert [len(x) for x in detector.backend.calls] == [2, 1]
    cv2.imwrite(str(tmp_path / 'a.png'), photo_of(B))
    (faces,) = detector.detect(tmp_path)
    assert faces.name == str(tmp_path / 'a.png') and len(faces) == 1
    assert detector.detect([]) == []


def test_stream_takes_an_iterator_and_holds_one_batch(make):
    taken = []

    def photos():
        for i in range(10):
            taken.append(i)
            yield photo_of(A)

    stream = make(batch_size=3).stream(photos())
    assert next(stream).name == 'photo 0' and len(taken) == 3


def test_bad_photos(make, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), photo_of(A))
    (tmp_path / 'b.png').write_bytes(b'no image')
    cv2.imwrite(str(tmp_path / 'c.png'), photo_of(B))
    detector, bad = make(batch_size=2), []
    with pytest.raises(PhotoError, match='b.png'):
        detector.detect(tmp_path)
    found = list(
        detector.stream(
            tmp_path, lambda name, error: bad.append((name, error))
        )
    )
    assert [x.name[-5:] for x in found] == ['a.png', 'c.png']
    ((name, error),) = bad
    assert name == str(tmp_path / 'b.png') and 'b.png' in str(error)


def test_enhancement(make):
    dark = (photo_of(A) // 32).astype(np.uint8)
    for method in ('auto', 'none', 'hist_eq'):
        detector = make(scale='original', enhance=method, batch_size=2)
        faces = detector.detect([dark, photo_of(A)])
        done = dict(auto='linear_gain', none=None).get(method, method)
        assert faces[0].enhancement == done
        brighter = detector.backend.seen[0].mean() > 2 * dark.mean()
        assert brighter == (method != 'none')
        # The photo as it was given.
        np.testing.assert_array_equal(faces[0].photo, dark)
    assert make(enhance='auto').detect(photo_of(A)).enhancement is None


def test_boxes_end_at_the_photo(make):
    detector = make(scale='original', score_thr=0)
    rows = np.array(
        [
            [-5, -5, 10, 10, 0.9],
            [390, 290, 420, 310, 0.8],
            [-9, 0, -1, 9, 0.7],
        ],
        np.float32,
    )
    detector.backend.predict = lambda images, factors: [rows]
    faces = detector.detect(photo_of())
    np.testing.assert_array_equal(
        faces.boxes, [[0, 0, 10, 10], [390, 290, 400, 300]]
    )


@pytest.mark.parametrize(
    'setting',
    [
        dict(score_thr=1.1),
        dict(score_thr=-0.1),
        dict(min_size=-1),
        dict(min_size=5, max_size=4),
        dict(scale=0),
        dict(scale='large'),
        dict(scale=[]),
        dict(scale=[640, 1.5]),
        dict(tile=10),
        dict(tile='all'),
        dict(batch_size=0),
        dict(channel_order='gbr'),
        dict(enhance='msrcp2'),
    ],
)
def test_bad_settings(make, setting):
    name = list(setting)[-1]
    with pytest.raises(ValueError, match=name) as caught:
        make(**setting)
    assert '\n' not in str(caught.value)
    detector = make()
    for key, value in setting.items():
        setattr(detector, key, value)
    with pytest.raises(ValueError, match=name):
        detector.detect(photo_of())


def test_facts_of_the_model(monkeypatch):
    backend = RedSquares()
    backend.facts = dict(score_thr=0.45, test_scale=800)
    monkeypatch.setattr(face_detector, '_make_backend', lambda *args: backend)
    detector = FaceDetector()
    assert (detector.score_thr, detector.scale) == (0.45, 800)
    detector = FaceDetector(score_thr=0.1, scale=300)
    assert (detector.score_thr, detector.scale) == (0.1, 300)


def test_iterators_are_lists(make, tmp_path):
    """Of one photo too, and of paths, which keep their names."""
    for name in 'ab':
        cv2.imwrite(str(tmp_path / f'{name}.png'), photo_of(A))
    detector = make()
    found = detector.detect(iter(sorted(tmp_path.glob('*.png'))))
    assert [x.name[-5:] for x in found] == ['a.png', 'b.png']
    assert len(detector.detect(iter([photo_of(A), tmp_path]))) == 3
    assert detector.detect(iter([])) == []


@pytest.mark.parametrize('scale', [np.int64(640), [np.int32(640)]])
def test_numbers_of_numpy(make, scale):
    assert len(make(scale=scale).detect(photo_of(A))) == 1


@pytest.mark.parametrize(
    'setting', [dict(scale=640.0), dict(min_size=float('nan'))]
)
def test_numbers_that_are_none(make, setting):
    with pytest.raises(ValueError, match=list(setting)[0]):
        make(**setting)


def test_faces_can_be_compared(make):
    one, other = make().detect([photo_of(A), photo_of(A)])
    assert one == one and one != other and len({one, other}) == 2


def cut_jpeg(path, *boxes):
    data = cv2.imencode('.jpg', photo_of(*boxes))[1].tobytes()
    path.write_bytes(data[:-18])
    return path


def test_photos_that_are_cut_off(make, tmp_path):
    path = cut_jpeg(tmp_path / 'a.jpg', A, B)
    faces = make().detect(path)
    assert len(faces) == 2 and faces.incomplete.startswith('is incomplete')
    assert faces.to_dict()['incomplete'] == faces.incomplete
    assert faces.incomplete in repr(faces)
    with pytest.raises(PhotoError, match='a.jpg: '):
        make(strict=True).detect(path)
    whole = make().detect(photo_of(A))
    assert whole.incomplete is None
    assert not {'incomplete', 'limit'} & whole.to_dict().keys()


def test_limit_of_faces(make, monkeypatch):
    """It is told where it may have cut off faces that count."""
    detector = make(scale='original', score_thr=0.5)
    assert detector.max_faces is None
    for most, thr, told in [(2, 0.5, 2), (3, 0.5, None), (2, 0.7, None)]:
        detector.backend.max_faces, detector.score_thr = most, thr
        found = detector.detect([photo_of(A, B), photo_of(A)])
        assert [x.limit for x in found] == [told, None]
    assert found[0].to_dict().get('limit') is None
    # In a part of a photo, or at one of several scales.
    detector.backend.max_faces, detector.score_thr = 1, 0.5
    detector.tile, detector.scale = 128, ['original', 800]
    assert detector.detect(photo_of(A, B)).limit == 1
    with pytest.raises(ValueError, match='max_faces=0 is less than 1'):
        make(max_faces=0)


@pytest.mark.parametrize(
    'error', [MemoryError(), RuntimeError('no\nmemory'), cv2.error('x')]
)
def test_photo_for_which_memory_does_not_suffice(make, error):
    """It takes no other with it, not of its batch either."""
    detector, bad = make(batch_size=3, scale='original'), []
    predict = detector.backend.predict

    def fail(images, factors):
        if any(x.shape[0] > 300 for x in images):
            raise error
        return predict(images, factors)

    detector.backend.predict = fail
    photos = [photo_of(A), photo_of(size=(400, 301)), photo_of(B), photo_of()]
    found = list(detector.stream(photos, lambda *x: bad.append(x)))
    assert [x.name for x in found] == ['photo 0', 'photo 2', 'photo 3']
    assert [len(x) for x in found] == [1, 1, 0]
    ((name, told),) = bad
    assert name == 'photo 1' and isinstance(told, PhotoError)
    assert str(told).startswith('photo 1: ') and '\n' not in str(told)
    with pytest.raises(type(error)):
        detector.detect(photos)
