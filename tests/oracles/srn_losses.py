"""The training step of SRN in NumPy, in float64.

Written from the specification (sections 2 to 6: the paper's equations and the
published code), without a look at mmsrn: anchors, both assignments, moved
anchors, the gate and the four sums.
"""

import numpy as np

STRIDES = (4, 8, 16, 32, 64, 128)


def make_anchors(size):
    """Anchors of an image, (N, 4), and the level of each, (N,)."""
    anchors, levels = [], []
    for level, stride in enumerate(STRIDES):
        w = np.round(np.sqrt(stride * stride / 1.25))
        h = np.round(w * 1.25)
        middle = (stride - 1) / 2
        base = []
        for scale in (2, 2.828427):
            dx, dy = 0.5 * (w * scale - 1), 0.5 * (h * scale - 1)
            base.append([middle - dx, middle - dy, middle + dx, middle + dy])
        base = np.array(base)
        rows, columns = (-(-side // stride) for side in size)
        for y in range(rows):
            for x in range(columns):
                anchors.append(base + np.array([x, y, x, y]) * stride)
        levels += [level] * (rows * columns * 2)
    return np.concatenate(anchors), np.array(levels)


def areas(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def intersections(one, other):
    """Of each box with each, (N, K)."""
    start = np.maximum(one[:, None, :2], other[None, :, :2])
    stop = np.minimum(one[:, None, 2:], other[None, :, 2:])
    sides = np.clip(stop - start, 0, None)
    return sides[..., 0] * sides[..., 1]


def assign(boxes, faces, ignored, pos, neg, forced=0.3):
    """Label (1 face, 0 background, -1 neither) and face of each box.

    A face's best box is positive too, if it overlaps by ``forced``; boxes
    that lie by more than a half in an ignored face are neither.
    """
    labels, match = np.zeros(len(boxes), int), np.zeros(len(boxes), int)
    out = np.zeros(len(boxes), bool)
    if len(ignored):
        shares = intersections(boxes, ignored) / areas(boxes)[:, None]
        out = shares.max(axis=1) > 0.5
    if len(faces):
        both = intersections(boxes, faces)
        overlaps = both / (areas(faces) + areas(boxes)[:, None] - both)
        overlaps[out] = -1
        best, match = overlaps.max(axis=1), overlaps.argmax(axis=1)
        labels[best >= neg] = -1
        labels[best >= pos] = 1
        for face, column in enumerate(overlaps.T):
            if column.max() >= forced:
                labels[column == column.max()] = 1
                match[column == column.max()] = face
    labels[out] = -1
    return labels, match


def decode(boxes, deltas):
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    x = boxes[:, 0] + w / 2 + deltas[:, 0] * w
    y = boxes[:, 1] + h / 2 + deltas[:, 1] * h
    w, h = w * np.exp(deltas[:, 2]), h * np.exp(deltas[:, 3])
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)


def encode(boxes, faces):
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    x = (faces[:, 0] + faces[:, 2] - boxes[:, 0] - boxes[:, 2]) / 2
    y = (faces[:, 1] + faces[:, 3] - boxes[:, 1] - boxes[:, 3]) / 2
    fw, fh = faces[:, 2] - faces[:, 0], faces[:, 3] - faces[:, 1]
    return np.stack([x / w, y / h, np.log(fw / w), np.log(fh / h)], axis=1)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def focal(logits, positive, alpha=0.25, gamma=2):
    p = sigmoid(logits)
    return np.where(
        positive,
        -alpha * (1 - p) ** gamma * np.log(p),
        -(1 - alpha) * p**gamma * np.log(1 - p),
    )


def smooth_l1(errors, beta=0.11):
    errors = np.abs(errors)
    small = 0.5 * errors**2 / beta
    return np.where(errors < beta, small, errors - 0.5 * beta)


def losses(
    images,
    anchors,
    levels,
    stc_levels=(0, 1, 2),
    str_levels=(3, 4, 5),
    theta=0.99,
):
    """The four losses of a batch, by the names that logs have for them.

    ``images`` are dicts: ``cls1``, ``cls2`` (N,) logits, ``box1``, ``box2``
    (N, 4) deltas, ``faces`` and ``ignored`` (K, 4).  Also returns on how many
    levels there are positives of step 1.
    """
    sums = dict.fromkeys(('cls_fs', 'bbox_fs', 'cls_ss', 'bbox_ss'), 0.0)
    counts = dict.fromkeys(('stc', 'str', 'second'), 0)
    in_stc, in_str = np.isin(levels, stc_levels), np.isin(levels, str_levels)
    seen = set()
    for image in images:
        faces, ignored = image['faces'], image['ignored']
        label1, match1 = assign(anchors, faces, ignored, 0.7, 0.3)
        moved = anchors.copy()
        moved[in_str] = decode(anchors, image['box1'])[in_str]
        label2, match2 = assign(moved, faces, ignored, 0.5, 0.4)

        omega = in_stc & (label1 >= 0)
        sums['cls_fs'] += focal(image['cls1'], label1 == 1)[omega].sum()
        counts['stc'] += (in_stc & (label1 == 1)).sum()
        psi = np.flatnonzero(in_str & (label1 == 1))
        seen |= set(levels[psi])
        target = encode(anchors[psi], faces[match1[psi]]) if len(psi) else 0
        sums['bbox_fs'] += smooth_l1(image['box1'][psi] - target).sum()
        counts['str'] += len(psi)

        hard = sigmoid(image['cls1']) > 1 - theta
        phi = (label2 == 1) | ((label2 == 0) & (~in_stc | hard))
        sums['cls_ss'] += focal(image['cls2'], label2 == 1)[phi].sum()
        found = np.flatnonzero(label2 == 1)
        target = (
            encode(moved[found], faces[match2[found]]) if len(found) else 0
        )
        sums['bbox_ss'] += smooth_l1(image['box2'][found] - target).sum()
        counts['second'] += len(found)
    divisors = dict(cls_fs='stc', bbox_fs='str')
    result = {
        f'loss_{name}': total / max(counts[divisors.get(name, 'second')], 1)
        for name, total in sums.items()
    }
    for name, of_module in (('cls', stc_levels), ('bbox', str_levels)):
        if not of_module:
            del result[f'loss_{name}_fs']
    return result, seen
