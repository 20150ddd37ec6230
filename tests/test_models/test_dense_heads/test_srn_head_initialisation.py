"""The two-step head: the weights that a training starts from."""

import pytest
import torch

from tests.test_models.test_dense_heads.srn_head_cases import make

KAIMING = dict(type='Kaiming', layer='Conv2d')


@pytest.mark.parametrize('loss', ['FocalLoss', 'CrossEntropyLoss'])
def test_separate_steps_start_alike(loss):
    head = make(separate_steps=True, loss_cls=dict(type=loss))
    head.init_weights()
    assert head.conv_cls.bias.unique().numel() < 3
    torch.testing.assert_close(head.conv_cls_fs.bias, head.conv_cls.bias)
    assert not head.conv_cls_fs.weight.equal(head.conv_cls.weight)


@pytest.mark.parametrize('loss', ['FocalLoss', 'CrossEntropyLoss'])
def test_separate_predictors_start_alike_whatever_the_towers(loss):
    """As in a short training, whose subnets are not N(0, 0.01)."""
    head = make(
        separate_steps=True,
        refine_predictor=True,
        feat_channels=64,
        loss_cls=dict(type=loss),
        init_cfg=KAIMING,
        predictor_init=dict(
            reg=dict(type='Normal', std=0.01),
            refine=dict(type='Normal', std=0.001),
        ),
    )
    head.init_weights()
    for name, std in (('cls', 0.01), ('reg', 0.01)):
        for step in ('', '_fs'):
            layer = getattr(head, f'conv_{name}{step}')
            assert layer.weight.std().item() == pytest.approx(std, rel=0.2)
    assert head.conv_refine.weight.std().item() == pytest.approx(1e-3, rel=0.2)
    bias = head.conv_cls.bias.reshape(2, -1)
    torch.testing.assert_close(bias[:, 0], torch.full((2,), -4.59512))
    assert head.conv_cls_fs.bias.equal(head.conv_cls.bias)
    for layer in (head.conv_reg, head.conv_reg_fs, head.conv_refine):
        assert not layer.bias.any()
    for subnet in (head.cls_convs, head.cls_convs_fs, head.reg_convs_fs):
        assert subnet[0].conv.weight.std() > 0.04


def test_roles_are_the_overrides_of_old_configs():
    """To the bit, as in the training of the weights that ship."""
    roles = dict(
        reg=dict(type='Normal', std=0.01),
        refine=dict(type='Normal', std=0.001),
    )
    named = [
        dict(type='Normal', name='conv_cls', std=0.01, bias_prob=0.01),
        *[dict(cfg, name=f'conv_{x}') for x, cfg in roles.items()],
    ]
    states = []
    for cfg in (
        dict(init_cfg=KAIMING, predictor_init=roles),
        dict(init_cfg=dict(KAIMING, override=named)),
    ):
        torch.manual_seed(0)
        head = make(refine_predictor=True, **cfg)
        head.init_weights()
        states.append(head.state_dict())
    for name, value in states[0].items():
        assert value.equal(states[1][name]), name


@pytest.mark.parametrize('as_list', [False, True])
def test_initialisation_of_what_is_not_built(as_list):
    """An `override` as configs had it, and more that options leave out."""
    normal = dict(type='Normal', std=0.5)
    names = ('conv_cls', 'conv_reg', 'conv_refine', 'conv_cls_fs')
    init_cfg = dict(KAIMING, override=[dict(normal, name=x) for x in names])
    init_cfg['override'].append(dict(KAIMING, name='reg_convs_fs'))
    if as_list:
        norm = dict(type='Constant', layer='GroupNorm', val=1)
        init_cfg = [init_cfg, norm]
    for levels in ((2,), ()):
        for options in (dict(), dict(refine_predictor=True)):
            head = make(init_cfg=init_cfg, str_levels=levels, **options)
            head.init_weights()
            assert head.conv_cls.weight.std() > 0.2
            assert head.conv_reg.weight.std() > 0.3
    unknown = dict(KAIMING, override=dict(normal, name='conv_clss'))
    with pytest.raises(RuntimeError, match='conv_clss'):
        make(init_cfg=unknown).init_weights()
    with pytest.raises(ValueError, match="no role 'conv_cls'; it has cls, r"):
        make(predictor_init=dict(conv_cls=normal))


def test_initialisation():
    head = make(in_channels=64, feat_channels=64)
    head.init_weights()
    assert torch.allclose(head.conv_cls.bias, torch.tensor(-4.59512))
    for name, p in head.named_parameters():
        if name.endswith('weight'):
            assert abs(p.std() - 0.01) < 0.003, name


@pytest.mark.parametrize('classes', [1, 19])
def test_initial_softmax(classes, tmp_path):
    """A foreground probability of 0.01, by every anchor of a cell."""
    cfg = dict(num_classes=classes, loss_cls=dict(type='CrossEntropyLoss'))
    head = make(**cfg)
    head.init_weights()
    bias = head.conv_cls.bias.reshape(2, classes + 1)
    found = head.probabilities(bias).sum(-1)
    torch.testing.assert_close(found, torch.tensor([0.01, 0.01]))

    # A head loaded from a checkpoint keeps what it has learnt.
    with torch.no_grad():
        head.conv_cls.bias.uniform_()
    file = str(tmp_path / 'head.pth')
    # Even if all are equal.
    for value in (None, -2.0):
        if value is not None:
            torch.nn.init.constant_(head.conv_cls.bias, value)
        torch.save(head.state_dict(), file)
        pretrained = dict(type='Pretrained', checkpoint=file)
        for init_cfg in (pretrained, [KAIMING, pretrained]):
            other = make(**cfg, init_cfg=init_cfg)
            other.init_weights()
            assert torch.equal(other.conv_cls.bias, head.conv_cls.bias)
