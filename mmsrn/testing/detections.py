"""Comparison of detections, for tests."""

from collections.abc import Sequence

from mmengine.structures import InstanceData


def assert_same_boxes(
    found: Sequence[InstanceData],
    expected: Sequence[InstanceData],
    box: float = 1e-2,
    score: float = 1e-5,
) -> None:
    """Check that images have the same detections, up to rounding.

    They are compared as sets: scores that are nearly equal may change places.

    Args:
        found (Sequence[InstanceData]): Of each image: ``bboxes`` (n, 4),
            ``scores`` (n,), ``labels`` (n,).
        expected (Sequence[InstanceData]): The same, as it should be.
        box (float): How much a coordinate may differ, in pixels.
        score (float): How much a score may differ.

    Raises:
        AssertionError: If one has what the other has not.
    """
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert len(one) == len(other)
        near = (one.bboxes[:, None] - other.bboxes).abs().amax(-1) < box
        near &= (one.scores[:, None] - other.scores).abs() < score
        near &= one.labels[:, None] == other.labels
        assert near.any(0).all() and near.any(1).all()
