_base_ = './srn_r50_fpn_8xb4-130e_widerface.py'

model = dict(
    backbone=dict(
        depth=18,
        init_cfg=dict(
            checkpoint='https://download.pytorch.org/models/'
            'resnet18-f37072fd.pth'
        ),
    ),
    neck=dict(in_channels=[64, 128, 256, 512]),
)
