"""Merge the detections of several passes over one image by voting."""

from __future__ import annotations

import numpy as np

from .bbox_grid import BBoxGrid

#: Detections looked at in one go, and pairs of them held in memory. Few: what
#: the best ones gather need not be looked at.
_BLOCK = 512
_MAX_PAIRS = 150_000


def bbox_voting(
    dets: np.ndarray,
    vote_iou: float = 0.5,
    keep_single: bool | str = False,
    max_num: int = 750,
    offset: int = 1,
) -> np.ndarray:
    """Merge overlapping detections into their score-weighted mean.

    The best detection that is left gathers all others whose IoU with it is at
    least ``vote_iou``; the cluster becomes one box, the mean of its members
    weighted by their scores, with the score of the best.  Of equal scores the
    later detection comes first.

    Source: ``bbox_vote`` of SRN's published ``tools/test.py``, whose loop
    takes quadratic time and never ends if a box has no area.

    Args:
        dets (np.ndarray): x1, y1, x2, y2 in pixels and score, at least 0,
            (N, 5).  Boxes without area take no part.
        vote_iou (float): IoU to belong to a cluster, in (0, 1].
        keep_single (bool | str): What becomes of clusters of one detection:
            ``False``, dropped, as published, so that a face must be found
            twice; ``True``, kept; ``'last'``, dropped but for the last cluster
            of all, as in insightface's RetinaFace.
        max_num (int): Most boxes to return.
        offset (int): 1 if boxes name their first and last pixel, as
            published, so that widths are x2 - x1 + 1; 0 if x2 is where the
            box ends, as in mmdet.

    Returns:
        np.ndarray: Boxes and scores by falling score, float64, (M, 5); those
        with a score of 0 are left out.

    Raises:
        ValueError: If an argument is out of its range, or a detection is not
            finite or has a negative score.

    Example:
        >>> bbox_voting([[0, 0, 9, 9, 0.6], [0, 0, 9, 7, 0.2],
        ...              [50, 50, 59, 59, 0.9]])
        array([[0. , 0. , 9. , 8.5, 0.6]])
    """
    if not 0 < vote_iou <= 1:
        raise ValueError(f'bbox_voting: vote_iou={vote_iou} is not in (0, 1]')
    if keep_single not in (True, False, 'last'):
        raise ValueError(
            "bbox_voting: keep_single must be True, False or 'last', got "
            f'{keep_single!r}'
        )
    if max_num < 1:
        raise ValueError(f'bbox_voting: max_num={max_num} is less than 1')
    dets = np.asarray(dets, np.float64).reshape(-1, 5)
    if not np.isfinite(dets).all() or (dets[:, 4] < 0).any():
        raise ValueError(
            'bbox_voting: a detection is not finite or has a negative score'
        )
    sizes = dets[:, 2:4] - dets[:, :2] + offset
    dets = dets[(sizes > 0).all(axis=1)]
    dets = dets[dets[:, 4].argsort(kind='stable')[::-1]]
    owners = _find_owners(dets, vote_iou, keep_single, max_num, offset)
    return _merge(dets, owners, keep_single, max_num)


def _find_owners(
    dets: np.ndarray,
    vote_iou: float,
    keep_single: bool | str,
    max_num: int,
    offset: int,
) -> np.ndarray:
    """Index of the best detection of the cluster each one belongs to.

    Stops when ``max_num`` clusters to keep are found; what was not reached
    has -1.
    """
    num = len(dets)
    owners = np.full(num, -1)
    if not num:
        return owners
    boxes = dets[:, :4]
    columns = tuple(np.ascontiguousarray(boxes.T))
    widths = columns[2] - columns[0] + offset
    heights = columns[3] - columns[1] + offset
    areas = widths * heights
    grid = BBoxGrid(boxes, widths, heights, vote_iou)
    at = found = 0
    least = vote_iou * (1 - 1e-9)  # for areas are rounded
    while at < num and found < max_num:
        done = min(at + _BLOCK, num)
        block = at + np.flatnonzero(owners[at:done] < 0)
        begins, counts = grid.find(block)
        fits = np.searchsorted(counts.sum(axis=0).cumsum(), _MAX_PAIRS)
        if fits < len(block):
            fits = max(int(fits), 1)
            begins, counts = begins[:, :fits], counts[:, :fits]
            block = block[:fits]
            done = block[-1] + 1
        which, later = grid.expand(begins, counts)
        keep = (later > block.take(which)) & (owners.take(later) < 0)
        keep = np.flatnonzero(keep)
        which, later = which.take(keep), later.take(keep)
        # The ratio of their areas bounds the IoU, and costs little.
        one, other = areas[block].take(which), areas.take(later)
        keep = np.minimum(one, other) >= np.maximum(one, other) * least
        keep = np.flatnonzero(keep)
        which, later = which.take(keep), later.take(keep)
        ious = _ious(columns, areas, block.take(which), later, offset)
        keep = ious >= vote_iou
        _claim(owners, block, which[keep], later[keep])
        at = done
        heads = block[owners[block] == block]
        if keep_single is True:
            found += len(heads)
        elif len(heads):
            members = np.bincount(owners[owners >= 0], minlength=num)
            found += np.count_nonzero(members[heads] > 1)
    return owners


def _ious(
    columns: tuple[np.ndarray, ...],
    areas: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    offset: int,
) -> np.ndarray:
    """IoU of pairs, in the order of operations of the published loop."""
    x1, y1, x2, y2 = ((x.take(first), x.take(second)) for x in columns)
    width = np.minimum(*x2) - np.maximum(*x1) + offset
    height = np.minimum(*y2) - np.maximum(*y1) + offset
    inter = np.maximum(width, 0) * np.maximum(height, 0)
    return inter / (areas.take(first) + areas.take(second) - inter)


def _claim(
    owners: np.ndarray,
    block: np.ndarray,
    which: np.ndarray,
    later: np.ndarray,
) -> None:
    """Let the best of a block gather those it overlaps, in their order."""
    # Of numbers below 2 ** 16 numpy sorts by digit.
    order = np.argsort(which.astype(np.uint16), kind='stable')
    later = later[order]
    ends = np.cumsum(np.bincount(which, minlength=len(block)))
    begin = 0
    for head, end in zip(block.tolist(), ends.tolist()):
        if begin < end and owners[head] < 0:
            members = later[begin:end]
            owners[members[owners[members] < 0]] = head
            owners[head] = head
        begin = end
    left = block[owners[block] < 0]
    owners[left] = left


def _merge(
    dets: np.ndarray,
    owners: np.ndarray,
    keep_single: bool | str,
    max_num: int,
) -> np.ndarray:
    """Boxes of the clusters that are kept."""
    num = len(dets)
    heads = np.flatnonzero(owners == np.arange(num))
    sizes = np.bincount(owners[owners >= 0], minlength=num)[heads]
    if keep_single is not True:
        keep = sizes > 1
        if keep_single == 'last' and len(keep):
            keep[-1] = True
        heads, sizes = heads[keep], sizes[keep]
    # Whose scores are all 0, and so have no mean.
    heads = heads[dets[heads, 4] > 0][:max_num]
    places = np.full(num, -1)
    places[heads] = np.arange(len(heads))
    members = np.flatnonzero(owners >= 0)
    members = members[places[owners[members]] >= 0]
    place = places[owners[members]]
    scores = dets[members, 4]
    total = np.bincount(place, scores, minlength=len(heads))
    merged = dets[heads]
    many = np.bincount(place, minlength=len(heads)) > 1
    for i in range(4):
        weighted = np.bincount(
            place, dets[members, i] * scores, minlength=len(heads)
        )
        merged[many, i] = weighted[many] / total[many]
    return merged
