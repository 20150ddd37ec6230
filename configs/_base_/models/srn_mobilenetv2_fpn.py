# Light SRN: MobileNetV2 and 64 channels; trains on a CPU.
_base_ = './srn_r50_fpn.py'

channels = 64

model = dict(
    backbone=dict(
        _delete_=True,
        type='MobileNetV2',
        out_indices=(1, 2, 4, 7),
        norm_cfg=dict(type='BN', requires_grad=True),
        init_cfg=dict(
            type='Pretrained', checkpoint='open-mmlab://mmdet/mobilenet_v2'
        ),
    ),
    neck=dict(
        in_channels=[24, 32, 96, 1280],
        out_channels=channels,
        extra_channels=(channels, channels),
        init_cfg=dict(
            _delete_=True,
            type='Xavier',
            layer='Conv2d',
            distribution='uniform',
        ),
    ),
    bbox_head=dict(in_channels=channels, feat_channels=channels),
)
