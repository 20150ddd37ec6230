"""Fixtures of all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says nothing about its outcome.
settings.register_profile('mmsrn', deadline=None)
settings.load_profile('mmsrn')

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='session')
def root():
    """Folder of the repository."""
    return ROOT


@pytest.fixture(scope='session')
def shared():
    """Folder with real data and reference results; skips where it is absent.

    It is not part of the repository: `MMSRN_SHARED` names it, else it is
    looked for beside the repository.
    """
    folder = Path(os.environ.get('MMSRN_SHARED', ROOT.parent / 'shared'))
    if not folder.is_dir():
        pytest.skip(f'no reference data at {folder}')
    return folder


@pytest.fixture(scope='session')
def learns_and_predicts():
    """Function that takes a model through a step and a prediction.

    Every weight that can learn gets a gradient, and the loss falls.  Returns
    the log of the step.
    """
    # Most tests do without, and torch takes seconds to import.
    import torch

    from mmsrn.testing.models import anchor_batch

    def check(model, side):
        def loss():
            torch.manual_seed(0)  # of samplers
            return model.parse_losses(model(**batch, mode='loss'))

        batch = model.data_preprocessor(anchor_batch(model, side), True)
        trainable = {
            k: v for k, v in model.named_parameters() if v.requires_grad
        }
        optimizer = torch.optim.SGD(trainable.values(), lr=1e-4)
        before, log = loss()
        assert all(x.isfinite() for x in log.values())
        before.backward()
        optimizer.step()
        for name, value in trainable.items():
            assert value.grad is not None, f'{name}: no gradient'
            assert value.grad.isfinite().all(), name
            assert value.grad.any(), f'{name}: gradient of zero'
        assert loss()[0] < before

        batch = model.eval().data_preprocessor(anchor_batch(model, side))
        with torch.no_grad():
            (sample,) = model(**batch, mode='predict')
        found = sample.pred_instances
        assert 0 < len(found) <= 750
        assert found.bboxes.shape == (len(found), 4)
        assert found.bboxes.isfinite().all() and found.scores.isfinite().all()
        return log

    return check


@pytest.fixture(scope='session')
def small_config():
    """Config of a small SRN."""
    return ROOT / 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'


@pytest.fixture(scope='session')
def small_detector(small_config):
    """That SRN, with scores on both sides of both thresholds."""
    from mmdet.registry import MODELS

    from mmsrn.testing.models import load_model_cfg, scatter_weights

    return scatter_weights(MODELS.build(load_model_cfg(small_config)))


@pytest.fixture(scope='session')
def small_facts(small_detector):
    """What an ONNX file of it says about itself."""
    from mmsrn.deployment.detector_facts import detector_facts

    return detector_facts(small_detector, 'small', 'CC0-1.0')


@pytest.fixture(scope='session')
def exported(small_detector, small_facts):
    """The ONNX model of it, which tests must not change."""
    from mmsrn.deployment.onnx_export import export_onnx

    return export_onnx(small_detector, small_facts)


@pytest.fixture
def told(monkeypatch):
    """Lines that the datasets log about labels."""
    lines = []
    monkeypatch.setattr(
        'mmsrn.datasets.face_labels.print_log',
        lambda text, *_: lines.append(text),
    )
    return lines
