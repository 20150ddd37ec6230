"""The range of ``vote_iou``."""

import math

import numpy as np
import pytest

from mmsrn.utils.vote_iou import check_vote_iou


@pytest.mark.parametrize('good', [None, 1, 0.7, np.float32(0.7)])
def test_in_range(good):
    check_vote_iou(good)


@pytest.mark.parametrize('wrong', [0, -1, 1.01, math.nan, True, '0.7', [1]])
def test_out_of_range(wrong):
    with pytest.raises(ValueError, match='vote_iou=.* must be None or above'):
        check_vote_iou(wrong)
