"""Brightness and cast by hand."""

import pytest
import torch
from mmdet.registry import METRICS


def sample(before, after):
    def image(color):
        return torch.tensor(color)[:, None, None].expand(3, 4, 5)

    return dict(original=image(before), enhanced=image(after))


def test_by_hand():
    metric = METRICS.build(dict(type='BrightnessMetric'))
    metric.process(None, [sample((0.1, 0.1, 0.4), (0.5, 0.6, 0.7))])
    metric.process(None, [sample((0.0, 0.0, 0.0), (0.4, 0.4, 0.4))])
    assert metric.evaluate(2) == pytest.approx(
        {
            'enhance/brightness_before': (0.2 + 0) / 2,
            'enhance/brightness': (0.6 + 0.4) / 2,
            'enhance/cast_before': (0.3 / 0.2 + 0) / 2,
            'enhance/cast': (0.2 / 0.6 + 0) / 2,
        }
    )
