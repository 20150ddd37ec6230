"""The evaluations against published values, a loop over everything, laws."""

import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsrn.evaluation.matlab import to_corners
from mmsrn.evaluation.protocols import (
    eval_darkface,
    eval_widerface,
)
from mmsrn.evaluation.readers import (
    EvaluationWarning,
    read_dark_face_labels,
    read_submission,
    read_wider_face_mat,
)
from mmsrn.structures.face_set import FaceSet, FaceSetting, face_set
from tests.oracles.face_eval_loops import eval_by_loops

PUBLISHED = {
    'golden/widerface/predictions.zip': (
        0.9162837569,
        0.8874792877,
        0.7314535328,
    ),
    'data/widerface/retinaface_mnet_predictions.zip': (
        0.8328999735,
        0.7702529271,
        0.3953288594,
    ),
}


@pytest.mark.parametrize('path', PUBLISHED)
def test_published_wider_face(shared, path):
    truth = read_wider_face_mat(shared / 'data/widerface/ground_truth')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        found = eval_widerface(
            read_submission(shared / path, truth.names), truth
        )
    assert list(found.ap) == ['easy', 'medium', 'hard']
    assert [*found.ap.values()] == pytest.approx(PUBLISHED[path], abs=6e-11)
    faces = [x.num_faces for x in found.curves.values()]
    assert faces == [7211, 13319, 31958]


def test_published_dark_face(shared, tmp_path):
    with zipfile.ZipFile(shared / 'golden/darkface/case.zip') as archive:
        archive.extractall(tmp_path)
    truth = read_dark_face_labels(tmp_path / 'A/gt')
    results = read_submission(tmp_path / 'A/res', truth.names, header=False)
    missing = len(truth.names) - len(results)
    with pytest.warns(EvaluationWarning, match=f'^{missing} of 300 images'):
        found = eval_darkface(results, truth)
    assert missing and found.ap['ap'] == pytest.approx(0.6189669362, abs=6e-11)


# Whole numbers and halves: ties of overlaps, and overlaps of exactly 0.5.
sides = st.sampled_from([1, 2, 3, 4, 6, 9, 0, -2])
boxes = st.tuples(st.integers(-2, 9), st.integers(-2, 9), sides, sides)
nudges = st.sampled_from([0, 0, 0, 0.5, -0.5, 1, -1, 0.25])
scores = st.sampled_from([0.0, 0.25, 0.5, 0.5, 0.9, 1.0, 0.123456789, -1.0])
odd = st.sampled_from([np.nan, np.inf, -np.inf, 3e9, -5e9, 1e300])


@st.composite
def images(draw, wild):
    """Faces, which of them count in two settings, and predictions."""
    faces = draw(st.lists(boxes, max_size=4))
    if faces and draw(st.booleans()):
        faces.append(faces[0])  # two faces at one place
    counts = [draw(st.lists(st.booleans(), min_size=x, max_size=x)) for x in
              [len(faces)] * 2]  # fmt: skip
    rows = []
    for _ in range(draw(st.integers(0, 6))):
        box = draw(st.sampled_from(faces) if faces else boxes)
        row = [x + draw(nudges) for x in box] + [draw(scores)]
        if wild and draw(st.integers(0, 3)) == 0:
            row[draw(st.integers(0, 4))] = draw(odd)
        rows.append(row)
    if rows and draw(st.booleans()):
        rows.append(rows[0])  # found twice
    return (
        np.array(faces, np.float64).reshape(-1, 4),
        np.array(counts, bool).reshape(2, -1),
        np.array(rows, np.float64).reshape(-1, 5),
    )


def as_set(drawn, kind):
    """A set of the drawn images, in the arithmetic of a class."""
    faces = [to_corners(x[0].astype(kind)) for x in drawn]
    names = [f'e/{i}' for i in range(len(drawn))]
    return FaceSet(
        names,
        {
            name: FaceSetting(faces, np.concatenate([x[1][i] for x in drawn]))
            for i, name in enumerate('ab')
        },
    )


def quietly(evaluate, *args):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', EvaluationWarning)
        return evaluate(*args)


def some_count(drawn):
    return all(any(x[1][i].any() for x in drawn) for i in (0, 1))


sets = st.lists(images(wild=False), min_size=1, max_size=4).filter(some_count)
wild_sets = st.lists(images(wild=True), min_size=1, max_size=4).filter(
    some_count
)
kinds = st.sampled_from([np.int32, np.float64])


@settings(max_examples=150)
@given(drawn=wild_sets, kind=kinds)
def test_wider_face_is_the_loop(drawn, kind):
    truth = as_set(drawn, kind)
    found = {n: x[2] for n, x in zip(truth.names, drawn)}
    result = quietly(eval_widerface, found, truth)
    expected = eval_by_loops(
        [x[2] for x in drawn],
        [x[0].astype(kind) for x in drawn],
        {n: [np.flatnonzero(x[1][i]) for x in drawn] for i, n in
         enumerate('ab')},
    )  # fmt: skip
    assert result.ap == pytest.approx(expected, abs=1e-12)


@settings(max_examples=80)
@given(drawn=wild_sets)
def test_dark_face_is_the_loop(drawn):
    corners = [to_corners(x[0]) for x in drawn]
    names = [str(i) for i in range(len(drawn))]
    truth = face_set(names, corners, setting='ap')
    rows = [np.hstack([to_corners(x[2][:, :4]), x[2][:, 4:]]) for x in drawn]
    result = quietly(eval_darkface, dict(zip(names, rows)), truth)
    everything = {'ap': [np.arange(len(x)) for x in corners]}
    expected = eval_by_loops(rows, corners, everything, corners=True)
    assert result.ap == pytest.approx(expected, abs=1e-12)


@given(drawn=sets, kind=kinds, order=st.randoms(use_true_random=False))
def test_order_is_nothing(drawn, kind, order):
    """Of images, and of predictions of different scores."""
    truth = as_set(drawn, kind)
    found = {n: x[2] for n, x in zip(truth.names, drawn)}
    first = quietly(eval_widerface, found, truth).ap
    shuffled = drawn[:]
    order.shuffle(shuffled)
    again = {}
    for name, (_, _, rows) in zip(truth.names, shuffled):
        groups = {}
        for row in rows.tolist():
            groups.setdefault(row[4], []).append(row)
        chunks = list(groups.values())
        order.shuffle(chunks)
        flat = [row for chunk in chunks for row in chunk]
        again[name] = np.array(flat, float).reshape(-1, 5)
    second = quietly(eval_widerface, again, as_set(shuffled, kind)).ap
    assert first == pytest.approx(second, abs=1e-12)


# Far apart and large: each face is hit by the box at its own place alone.
grid = st.lists(
    st.integers(0, 5).map(
        lambda n: np.array(
            [[i * 100, 7, 30, 41] for i in range(n)], float
        ).reshape(-1, 4)
    ),
    min_size=1,
    max_size=5,
).filter(lambda x: sum(map(len, x)))


def perfect(faces, rng):
    return {
        str(i): np.column_stack([x, rng.uniform(0.1, 1, len(x))])
        for i, x in enumerate(faces)
    }


@given(faces=grid, seed=st.integers(0, 99))
def test_perfect_detector(faces, seed):
    found = perfect(faces, np.random.default_rng(seed))
    truth = face_set(list(found), [to_corners(x) for x in faces])
    result = quietly(eval_widerface, found, truth)
    lone = sum(map(len, faces)) == 1  # all scores are equal: 0 / 0
    assert result.ap['all'] == pytest.approx(0 if lone else 1, abs=1e-12)


@given(faces=grid, seed=st.integers(0, 99))
def test_dropping_a_face(faces, seed):
    rng = np.random.default_rng(seed)
    found = perfect(faces, rng)
    num = sum(map(len, faces))
    image = int(rng.choice([i for i, x in enumerate(faces) if len(x)]))
    rows = found[str(image)]
    rest = np.delete(rows, rng.integers(len(rows)), 0)
    truth = face_set(list(found), [to_corners(x) for x in faces])
    other = dict(found, extra=np.array([[0, 0, 1, 1, 2.0]]))  # same extremes
    truth.names.append('extra')
    truth.settings['all'].faces.append(np.empty((0, 4)))

    def recall(predictions):
        curve = quietly(eval_widerface, predictions, truth).curves['all']
        return curve.recall[-1]

    assert recall(other) == 1
    left = recall(dict(other, **{str(image): rest}))
    assert left == pytest.approx(1 - 1 / num, abs=1e-12)


def test_by_hand():
    """Three faces, one ignored; a hit, its double, a miss, a false one."""
    faces = np.array([[0, 0, 9, 9], [100, 0, 109, 9], [200, 0, 209, 9.0]])
    truth = face_set(['a'], [faces], [np.array([True, True, False])])
    found = np.array(
        [
            [0, 0, 9, 9, 1.0],  # finds the first face
            [200, 0, 9, 9, 0.9],  # on the ignored face: leaves
            [0, 0, 9, 9, 0.8],  # double: a false positive
            [500, 0, 9, 9, 0.6],  # nothing there
            [100, 0, 9, 9, 0.0],  # finds the second
        ]
    )
    curve = eval_widerface({'a': found}, truth).curves['all']
    # Thresholds 0.999 ... 0: from 0.8 on the double, from 0.6 the false one.
    # 0.8 itself: in single precision it is 0.80000001 and passes.
    assert curve.recall[[0, 998, 999]].tolist() == [0.5, 0.5, 1]
    assert curve.precision[[0, 198, 199, 398]].tolist() == [1, 1, 0.5, 0.5]
    assert curve.precision[[400, 999]].tolist() == [1 / 3, 0.5]
    assert curve.ap == 0.5 * 1 + 0.5 * 0.5


ONE = face_set(['a', 'b'], [np.array([[0, 0, 9, 9]]), np.empty((0, 4))])


def rows(*scores, x=0):
    return np.array([[x, 0, 9, 9, s] for s in scores], float).reshape(-1, 5)


@pytest.mark.parametrize(
    'found, ap, message',
    [
        ({'a': rows(0.5), 'b': rows(0.5)}, 0, 'all 2 scores are equal.*AP 0'),
        ({'a': rows(0.7, 0.1)}, 1, '1 of 2 images have no predictions .*b'),
        ({'a': rows(), 'b': rows()}, 0, 'no detections at all'),
        ({'b': rows(0.1, 0.2)}, 0, '1 of 2 images have no predictions .*a'),
        # NaN comes first, is false here, and the hit stands behind it.
        (
            {
                'a': np.vstack([rows(0.9), rows(np.nan, x=50)]),
                'b': rows(0.1),
            },
            0.5,
            '1 detections in 1 images .first: a. have a score that is NaN',
        ),
        ({'a': rows(np.inf, 0.5), 'b': rows(0)}, 0.5, '1 .* infinite score'),
        (
            {'a': np.vstack([rows(0.9), rows(0.5, x=np.nan)]), 'b': rows(0)},
            1,
            'no finite number; they match no face',
        ),
        (
            {'a': np.array([[9, 9, -9, -9, 1], [0, 0, 9, 9, 0.5]]),
             'b': rows(0)},
            0.5,
            'negative width or height',
        ),
        # 0 is the largest: these become 0 and 2/3 of the way.
        ({'a': rows(-1, -3), 'b': rows()}, 1, 'no score of the 2 is above 0'),
        (
            {'a': rows(0.9, 0.1), 'b': rows(0.5), 'c': rows(0.5)},
            1,
            '1 images with predictions are not in the ground truth .*c',
        ),
    ],
)  # fmt: skip
def test_warnings(found, ap, message):
    with pytest.warns(EvaluationWarning, match=message) as caught:
        assert eval_widerface(found, ONE).ap['all'] == ap
    assert len(caught) == 1


def test_equal_scores_in_dark_face():
    found = {'a': rows(0.5), 'b': rows(0.5)}
    with pytest.warns(EvaluationWarning, match='makes them all 1'):
        assert eval_darkface(found, ONE).ap['all'] == 1


def test_what_has_no_answer():
    with pytest.raises(ValueError, match='none of the 1 images .*first: c'):
        eval_widerface({'c': rows(0.5, 0.1)}, ONE)
    with pytest.raises(ValueError, match=r'a: .*shape \(n, 5\), not \(1, 4\)'):
        eval_widerface({'a': np.zeros((1, 4))}, ONE)
    nothing = face_set(['a'], [np.empty((0, 4))])
    with pytest.raises(ValueError, match='setting all: there is no face'):
        eval_widerface({'a': rows(0.5, 0.1)}, nothing)
    twice = face_set(['a', 'a'], [np.empty((0, 4))] * 2)
    with pytest.raises(ValueError, match='an image twice'):
        eval_widerface({'a': rows(0.5, 0.1)}, twice)
