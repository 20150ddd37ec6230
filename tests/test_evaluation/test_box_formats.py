"""Boxes in another form than the layout has: recognised, and read."""

import numpy as np
import pytest
from PIL import Image

from mmsrn.evaluation.box_formats import BoxFormat
from mmsrn.evaluation.protocols import DARK_FACE, WIDER_FACE
from mmsrn.evaluation.readers import AnnotationError, write_submission
from mmsrn.evaluation.results import Reading, evaluate_path
from mmsrn.structures.face_set import face_set

# Sizes of three images, and four faces in each.
SIZES = {'e/a': (400, 267), 'e/b': (300, 400), 'f/c': (1000, 400)}
LONG = 640


@pytest.fixture(scope='module')
def boxes():
    """x1 y1 x2 y2 of faces that lie apart, by image."""
    rng = np.random.default_rng(0)
    found = {}
    for name, (width, height) in SIZES.items():
        corner = rng.integers(2, 20, (4, 2)) + [[0, 0], [1, 0], [0, 1], [1, 1]]
        corner = corner + np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * (
            width // 2,
            height // 2,
        )
        side = rng.integers(20, 60, (4, 2))
        found[name] = np.hstack([corner, corner + side]).astype(float)
    return found


@pytest.fixture(scope='module')
def truth(boxes):
    return face_set(list(boxes), list(boxes.values()))


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    for name, size in SIZES.items():
        path = folder / f'{name}.jpg'
        path.parent.mkdir(exist_ok=True)
        Image.new('RGB', size).save(path)
    return str(folder)


def written(kind, corners, size):
    """Rows of one image, as a format writes them."""
    box = corners.copy()
    if kind.side:
        box *= kind.side / max(size)
    if kind.shares:
        box /= np.tile(size, 2)
    if kind.form != 'xyxy':
        box[:, 2:] -= box[:, :2]
    if kind.form == 'cxcywh':
        box[:, :2] += box[:, 2:] / 2
    scores = np.linspace(0.9, 0.5, len(box))[:, None]
    parts = [scores, box] if kind.score_first else [box, scores]
    return np.hstack(parts)


def test_shares_and_scores_in_percent(boxes, truth, tmp_path):
    kind = BoxFormat.parse('cxcywh-shares')
    rows = {k: written(kind, boxes[k], SIZES[k]) for k in boxes}
    for x in rows.values():
        x[:, 4] *= 100
    path = write_submission(tmp_path / 'x.zip', rows)
    result = evaluate_path(str(path), 'x', truth, WIDER_FACE)
    assert 'cxcywh-shares' in result.warnings[-1]
    assert 'score-' not in result.warnings[-1]


@pytest.fixture
def evaluate(tmp_path, boxes, truth):
    def run(text, protocol=WIDER_FACE, **reading):
        kind = BoxFormat.parse(text)
        path = write_submission(
            tmp_path / 'found.zip',
            {k: written(kind, boxes[k], SIZES[k]) for k in boxes},
            protocol.header,
        )
        return evaluate_path(
            str(path), 'x', truth, protocol, reading=Reading(**reading)
        )

    return run


FORMATS = [
    f'{first}{form}{unit}'
    for first in ('', 'score-')
    for form in ('xywh', 'xyxy', 'cxcywh')
    for unit in ('', '-shares', '-long640')
]


@pytest.mark.parametrize('protocol', [WIDER_FACE, DARK_FACE])
@pytest.mark.parametrize('text', FORMATS)
def test_every_format_is_read(evaluate, images, text, protocol):
    assert str(BoxFormat.parse(text)) == text
    result = evaluate(
        text, protocol, box_format=BoxFormat.parse(text), images=images
    )
    assert result.evaluation.ap == {'all': pytest.approx(1)}
    assert not result.warnings


@pytest.mark.parametrize('protocol', [WIDER_FACE, DARK_FACE])
@pytest.mark.parametrize('text', FORMATS)
def test_every_format_is_recognised(evaluate, text, protocol):
    """The official number stays; the hint names the option."""
    own = 'xyxy' if protocol.corners else 'xywh'
    result = evaluate(text, protocol)
    hints = [x for x in result.warnings if '--box-format' in x]
    if text == own:
        assert result.evaluation.ap['all'] == 1 and not result.warnings
        return
    assert result.evaluation.ap['all'] < 0.2
    (hint,) = hints
    if text.endswith('long640'):
        assert f'--box-format {text[:-3]}N --images FOLDER reads' in hint
    elif text.endswith('shares'):
        assert 'shares of the image size: --box-format ' in hint
        assert text in hint.partition('--box-format ')[2].split()
    else:
        assert f'--box-format {text} reads them' in hint
        assert 'all would be 1.0000' in hint


@pytest.mark.parametrize('text', FORMATS)
def test_with_the_images(evaluate, images, text):
    result = evaluate(text, images=images)
    if text == 'xywh':
        assert not result.warnings
        return
    (hint,) = (x for x in result.warnings if '--box-format' in x)
    if text.endswith('long640'):
        assert 'longer side that they were resized to, about 6' in hint
    else:
        option = f'{text} --images FOLDER' if 'shares' in text else text
        assert f'all would be 1.0000; --box-format {option} reads' in hint


def test_nothing_is_recognised_in_noise(evaluate, boxes, truth, tmp_path):
    rng = np.random.default_rng(1)
    noise = {k: rng.uniform(0, 400, (9, 5)) for k in boxes}
    path = write_submission(tmp_path / 'noise.zip', noise)
    result = evaluate_path(str(path), 'x', truth, WIDER_FACE)
    assert not [x for x in result.warnings if 'seem' in x]
    for rows in (np.full((2, 5), np.nan), np.zeros((3, 5))):
        path = write_submission(
            tmp_path / 'odd.zip', dict.fromkeys(boxes, rows)
        )
        result = evaluate_path(str(path), 'x', truth, WIDER_FACE)
        assert not [x for x in result.warnings if 'seem' in x]


def test_sizes_that_are_needed(evaluate, images, tmp_path):
    kind = BoxFormat.parse('xywh-shares')
    with pytest.raises(AnnotationError, match='shares needs the sizes of th'):
        evaluate('xywh-shares', box_format=kind)
    with pytest.raises(AnnotationError, match='has no image called e/a'):
        evaluate('xywh-shares', box_format=kind, images=str(tmp_path))


@pytest.mark.parametrize(
    'text', ['', 'xy', 'whxy', 'xywh-long', 'xywh-long1', 'score', 'XYWH']
)
def test_no_format(text):
    with pytest.raises(ValueError, match='is no format of boxes: it is xywh'):
        BoxFormat.parse(text)


def test_scores_in_percent_before_pixels(boxes, truth, tmp_path):
    """The score of a hundred looks like any coordinate."""
    kind = BoxFormat.parse('score-xyxy')
    rows = {k: written(kind, boxes[k], SIZES[k]) for k in boxes}
    for x in rows.values():
        x[:, 0] *= 100
    path = write_submission(tmp_path / 'x.zip', rows)
    result = evaluate_path(str(path), 'x', truth, WIDER_FACE)
    assert '--box-format score-xyxy reads them' in result.warnings[-1]


def test_an_ap_of_nothing_is_never_without_a_word(boxes, truth, tmp_path):
    rows = {k: written(BoxFormat('xyxy'), boxes[k], SIZES[k]) for k in boxes}
    for x in rows.values():
        x[:, :4] = [[3, 900, 5, 7]]
    path = write_submission(tmp_path / 'x.zip', rows)
    result = evaluate_path(str(path), 'x', truth, WIDER_FACE)
    assert result.evaluation.ap == {'all': 0}
    assert 'AP is 0.0000: hardly any box lies on a' in result.warnings[-1]
