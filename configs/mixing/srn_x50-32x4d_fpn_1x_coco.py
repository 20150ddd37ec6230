# ResNeXt as the backbone.
_base_ = './srn_r50_fpn_1x_coco.py'

model = dict(
    backbone=dict(
        type='ResNeXt',
        groups=32,
        base_width=4,
        init_cfg=dict(checkpoint='open-mmlab://resnext50_32x4d'),
    )
)
