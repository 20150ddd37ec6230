"""The box coder against the published formulas in numpy."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmsrn.models.task_modules import SRNBBoxCoder

delta = st.floats(-3, 3, width=32)
corner = st.floats(-50, 500, width=32)
side = st.floats(1, 400, width=32)


def decode(anchor, deltas):
    """`compute_loc_bboxes` of the specification, in float64."""
    x1, y1, x2, y2 = np.float64(anchor)
    dx, dy, dw, dh = np.float64(deltas)
    w, h = x2 - x1, y2 - y1
    cx, cy = dx * w + x1 + w / 2, dy * h + y1 + h / 2
    w, h = np.exp(dw) * w, np.exp(dh) * h
    return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]


@given(corner, corner, side, side, st.tuples(delta, delta, delta, delta))
def test_decode_and_inverse(x, y, w, h, deltas):
    anchors = torch.tensor([[x, y, x + w, y + h]])
    coder = SRNBBoxCoder()
    boxes = coder.decode(anchors, torch.tensor([deltas]))
    expected = decode(anchors[0].numpy(), deltas)
    np.testing.assert_allclose(boxes[0], expected, rtol=1e-4, atol=1e-2)
    back = coder.encode(anchors, torch.tensor([expected]).float())
    np.testing.assert_allclose(back[0], deltas, atol=2e-2)


def test_size_clamp():
    anchor = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    deltas = torch.tensor([[0.0, 0.0, 6.0, -6.0]])

    def size(coder):
        box = coder.decode(anchor, deltas)[0]
        return (box[2:] - box[:2]).tolist()

    np.testing.assert_allclose(size(SRNBBoxCoder()), [625, 0.16], rtol=1e-4)
    exact = [10 * np.exp(6), 10 * np.exp(-6)]
    np.testing.assert_allclose(
        size(SRNBBoxCoder(max_log_scale=80.0)), exact, rtol=1e-4
    )
    huge = SRNBBoxCoder(max_log_scale=80.0).decode(anchor, deltas * 1000)
    assert torch.isfinite(huge).all()


def test_stays_in_the_image():
    """But not as published, nor where anchors move, which names no image."""
    box = torch.tensor([[-5.0, -5.0, 30.0, 30.0]])

    def decode(coder, **kwargs):
        return coder.decode(box, torch.zeros(1, 4), **kwargs).tolist()

    coder = SRNBBoxCoder()
    assert decode(coder, max_shape=(20, 25)) == [[0, 0, 25, 20]]
    assert decode(coder) == box.tolist()
    published = SRNBBoxCoder(clip_border=False)
    assert decode(published, max_shape=(20, 25)) == box.tolist()
