"""The whole detector: the published network's outputs, what it builds."""

import importlib.util

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample

from mmsrn.models.necks import SRNFPN
from mmsrn.models.utils.srn_checkpoint import convert_file
from mmsrn.testing.models import load_model_cfg, random_batch, thin_model

OFFICIAL = 'configs/srn/srn_r50_fpn_official-weights_widerface.py'


@pytest.fixture(scope='module')
def published_weights(shared, tmp_path_factory):
    """Published-name checkpoint of the reference, converted."""
    folder = shared / 'golden/srn_official'
    spec = importlib.util.spec_from_file_location(
        'reference', folder / 'state_dict.py'
    )
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    tmp = tmp_path_factory.mktemp('weights')
    wrapped = {f'module.{k}': v for k, v in reference.state_dict().items()}
    torch.save(dict(state_dict=wrapped), tmp / 'SRN.pth')
    assert convert_file(tmp / 'SRN.pth', tmp / 'srn.pth') == []
    return torch.load(tmp / 'srn.pth', weights_only=True)['state_dict']


@pytest.mark.parametrize('case', ['align_corners', 'half_pixel'])
def test_published_outputs(root, shared, published_weights, case):
    cfg = load_model_cfg(root / OFFICIAL)
    cfg.neck.align_corners = case == 'align_corners'
    model = MODELS.build(cfg).eval()
    model.load_state_dict(published_weights)
    assert sum(p.numel() for p in model.parameters()) == 53_370_698

    path = shared / f'golden/srn_official/case_{case}.npz'
    with np.load(path) as reference:
        reference = dict(reference)
    image = torch.from_numpy(reference['image'])
    shape = tuple(image.shape[:2])
    sample = DetDataSample(
        metainfo=dict(
            img_shape=shape, ori_shape=shape, scale_factor=(1.0, 1.0)
        )
    )
    with torch.no_grad():
        data = model.data_preprocessor(
            dict(inputs=[image.permute(2, 0, 1)], data_samples=[sample])
        )
        outputs = model(**data, mode='tensor')
        (result,) = model(**data, mode='predict')
    for name, maps in zip(('cls1', 'loc1', 'cls2', 'loc2'), outputs):
        needed = [i for i, x in enumerate(maps) if x is not None]
        assert needed == dict(cls1=[0, 1, 2], loc1=[3, 4, 5]).get(
            name, list(range(6))
        )
        for i in needed:
            np.testing.assert_allclose(
                maps[i], reference[f'{name}_{i}'], atol=1e-4, rtol=0
            )
    faces = result.pred_instances
    ours = torch.cat([faces.bboxes, faces.scores[:, None]], 1).numpy()
    theirs = reference['detections']
    assert ours.shape == theirs.shape == (750, 5)
    # As sets: scores that differ in the last bit change places.
    distance = np.abs(ours[:, None] - theirs[None])
    close = (distance[..., :4] < 1e-2).all(-1) & (distance[..., 4] < 1e-4)
    assert close.any(0).all() and close.any(1).all()


def check_gradients(model):
    data = model.data_preprocessor(random_batch(), True)
    losses = model(**data, mode='loss')
    model.parse_losses(losses)[0].backward()
    for name, p in model.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all(), name


@pytest.mark.parametrize(
    'head, first_step',
    [
        (dict(stc_levels=()), [3, 4, 5]),
        (dict(str_levels=()), [0, 1, 2]),
        (dict(stc_levels=(), str_levels=()), []),
    ],
)
def test_neck_follows_the_head(root, head, first_step):
    """Nothing is built that would get no gradient."""
    cfg = load_model_cfg(root / 'configs/_base_/models/srn_mobilenetv2_fpn.py')
    cfg.bbox_head.update(head)
    model = MODELS.build(cfg)
    assert list(model.neck.first_step_levels) == first_step
    check_gradients(model)


class OtherFPN(SRNFPN):
    """A neck of somebody's own."""


@pytest.fixture
def other_fpn():
    """Register it for the time of a test."""
    MODELS.register_module(module=OtherFPN)
    yield
    del MODELS.module_dict['OtherFPN']


@pytest.mark.parametrize('kind', ['mmdet.SRNFPN', SRNFPN, 'OtherFPN'])
@pytest.mark.parametrize('chain', [False, True])
def test_neck_by_any_name(root, other_fpn, kind, chain):
    cfg = load_model_cfg(root / 'configs/_base_/models/srn_mobilenetv2_fpn.py')
    cfg.bbox_head.stc_levels = ()
    neck = cfg.neck = dict(cfg.neck, type=kind)
    if chain:
        rfe = dict(type='RFENeck', in_channels=64, num_levels=12, shared=True)
        cfg.neck = [neck, rfe]
    model = MODELS.build(cfg)
    neck = model.neck[0] if chain else model.neck
    assert isinstance(neck, SRNFPN)
    assert neck.first_step_levels == (3, 4, 5)
    check_gradients(model)


def test_neck_says_it_itself(root):
    cfg = load_model_cfg(root / 'configs/_base_/models/srn_mobilenetv2_fpn.py')
    cfg.neck.first_step_levels = every = tuple(range(6))
    assert MODELS.build(cfg).neck.first_step_levels == every


def test_neck_of_another_kind(root):
    """A misspelt name is the registry's business."""
    cfg = load_model_cfg(root / 'configs/_base_/models/srn_mobilenetv2_fpn.py')
    cfg.neck.type = 'SRNFNP'
    with pytest.raises(KeyError, match='SRNFNP is not in the'):
        MODELS.build(cfg)


FSM = 'configs/refineface/srn-fsm_r50_fpn_8xb4-130e_widerface.py'


def test_auxiliary_head_trains_alone(root):
    """With it: one more loss.  At test time: not a number of it is used."""
    model = thin_model(root / FSM)
    plain_file = root / 'configs/srn/srn_r50_fpn_8xb4-130e_widerface.py'
    plain = thin_model(plain_file)
    state = model.state_dict()
    own = {k for k in state if k.startswith('auxiliary_head.')}
    assert own
    plain.load_state_dict({k: v for k, v in state.items() if k not in own})

    batch = random_batch(1, (128, 128))
    data = model.data_preprocessor(batch, True)
    torch.manual_seed(0)
    ours = model.eval()(**data, mode='loss')
    theirs = plain.eval()(**data, mode='loss')
    assert ours.pop('loss_fsm') > 0
    assert ours == theirs

    def refuse(*_):
        raise AssertionError('the auxiliary head runs')

    for module in model.auxiliary_head.modules():
        module.register_forward_pre_hook(refuse)
    with torch.no_grad():
        for parameter in model.auxiliary_head.parameters():
            parameter.fill_(torch.nan)
        for mode in ('tensor', 'predict'):
            found, expected = (x(**data, mode=mode) for x in (model, plain))
            if mode == 'tensor':
                for a, b in zip(sum(found, []), sum(expected, [])):
                    assert (a is None and b is None) or torch.equal(a, b)
            else:
                found, expected = (
                    x[0].pred_instances for x in (found, expected)
                )
                assert len(found) > 0
                assert torch.equal(found.bboxes, expected.bboxes)
                assert torch.equal(found.scores, expected.scores)
    with pytest.raises(AssertionError, match='the auxiliary head runs'):
        model(**data, mode='loss')


def test_losses_of_the_same_name(root):
    model = thin_model(root / FSM)
    model.extract_feat = lambda x: x
    model.bbox_head.loss = lambda *_: dict(loss_a=1, loss_b=2)
    model.auxiliary_head.loss = lambda *_: dict(loss_c=3)
    assert model.loss(None, []) == dict(loss_a=1, loss_b=2, loss_c=3)
    model.auxiliary_head.loss = lambda *_: dict(loss_c=3, loss_b=4)
    with pytest.raises(ValueError, match=r"both put out \['loss_b'\]"):
        model.loss(None, [])


def test_head_of_one_step(root):
    cfg = load_model_cfg(root / 'configs/_base_/models/srn_mobilenetv2_fpn.py')
    cfg.bbox_head = dict(type='RetinaHead', num_classes=1, in_channels=64)
    cfg.train_cfg = None  # that of two steps says nothing to it
    with pytest.raises(ValueError, match='is a RetinaHead, .* use SRNHead'):
        MODELS.build(cfg)
