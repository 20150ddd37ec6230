"""The rule by which teachers agree, beside a plain loop."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmsrn.pseudo_labels import agree

# Whole corners and scores in eighths: all sums are exact.
CORNER = st.integers(0, 12)
ROW = st.tuples(CORNER, CORNER, CORNER, CORNER, st.integers(1, 8)).map(
    lambda x: [float(v) for v in x[:4]] + [x[4] / 8]
)
TEACHER = st.lists(ROW, max_size=8)


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def common(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)


def overlap(one, other):
    inside = common(one, other)
    return inside / (area(one) + area(other) - inside)


def slow(found, sure, unsure, least, iou):
    """The rule in words of Python, box by box."""
    left = []
    for teacher, rows in enumerate(found):
        for place, row in enumerate(rows):
            if row[4] >= unsure[teacher] and row[2] > row[0]:
                if row[3] > row[1]:
                    left.append((teacher, place, row))
    faces = []
    while left:
        head = min(left, key=lambda x: (-x[2][4], x[0], x[1]))
        members = [head]
        for teacher in range(len(found)):
            fits = [
                x
                for x in left
                if x[0] == teacher != head[0] and overlap(head[2], x[2]) >= iou
            ]
            if fits:
                members.append(
                    min(
                        fits,
                        key=lambda x: (
                            -overlap(head[2], x[2]),
                            -x[2][4],
                            x[1],
                        ),
                    )
                )
        left = [x for x in left if x not in members]
        total = sum(x[2][4] for x in members)
        box = [
            sum(x[2][i] * x[2][4] for x in members) / total for i in range(4)
        ]
        is_sure = len(members) >= least and any(
            x[2][4] >= sure[x[0]] for x in members
        )
        faces.append((box, head[2][4], len(members), is_sure))
    known = [x[0] for x in faces if x[3]]
    return [
        x
        for x in faces
        if x[3] or all(common(x[0], y) / area(y) < iou for y in known)
    ]


@given(
    found=st.lists(TEACHER, min_size=1, max_size=4),
    scores=st.lists(
        st.tuples(st.integers(1, 8), st.integers(1, 8)),
        min_size=4,
        max_size=4,
    ),
    least=st.integers(1, 4),
    iou=st.sampled_from([0.2, 0.5, 0.75, 1.0]),
)
def test_as_a_plain_loop(found, scores, least, iou):
    scores = scores[: len(found)]
    sure = [max(x) / 8 for x in scores]
    unsure = [min(x) / 8 for x in scores]
    result = agree(
        [np.array(x).reshape(-1, 5) for x in found], sure, unsure, least, iou
    )
    expected = slow(found, sure, unsure, least, iou)
    assert len(result.boxes) == len(expected)
    for i, (box, score, votes, is_sure) in enumerate(expected):
        assert result.boxes[i].tolist() == box
        assert result.scores[i] == score
        assert result.votes[i] == votes
        assert result.sure[i] == is_sure


def labels(*found, least, **kwargs):
    scores = dict(sure=[0.6] * len(found), unsure=[0.3] * len(found))
    found = [np.array(x, float).reshape(-1, 5) for x in found]
    return agree(found, least=least, **scores, **kwargs)


def test_mean_is_weighted():
    # (3 * 12 + 1 * 8) / 4 = 11; overlap 80 / 120.
    found = labels([[0, 0, 10, 12, 0.75]], [[0, 0, 10, 8, 0.25]], least=1)
    assert found.boxes.tolist() == [[0, 0, 10, 12]]  # 0.25 is not seen
    found = agree(
        [np.array([[0, 0, 10, x, y]]) for x, y in ((12, 0.75), (8, 0.25))],
        sure=(0.6, 0.6),
        unsure=(0.2, 0.2),
        least=2,
    )
    assert found.boxes.tolist() == [[0, 0, 10, 11]]
    assert found.votes.tolist() == [2] and found.sure.all()


def test_agreement_is_asked_for():
    one, other = [[0, 0, 10, 10, 0.9]], [[50, 50, 60, 60, 0.5]]
    assert labels(one, other, least=1).sure.tolist() == [True, False]
    assert labels(one, other, least=2).sure.tolist() == [False, False]
    # Both saw it, and neither is sure.
    assert not labels(other, other, least=2).sure.any()


def test_a_teacher_has_one_vote():
    twice = [[0, 0, 10, 10, 0.9], [0, 0, 10, 9, 0.8]]
    found = labels(twice, [], least=2)
    assert found.votes.tolist() == [1, 1] and not found.sure.any()


def test_what_covers_a_sure_face_is_left_out():
    one = [[0, 0, 10, 10, 0.9], [0, 0, 40, 40, 0.5], [2, 2, 6, 6, 0.5]]
    found = labels(one, least=1)
    # Not the small one within: anchors of the face are not within it.
    assert found.boxes.tolist() == [[0, 0, 10, 10], [2, 2, 6, 6]]


def test_nothing_at_all():
    found = labels([], [], least=1)
    assert found.boxes.shape == (0, 4) and found.sure.shape == (0,)
