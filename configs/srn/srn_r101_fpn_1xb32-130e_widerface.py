_base_ = './srn_r50_fpn_1xb32-130e_widerface.py'

model = dict(
    backbone=dict(
        depth=101,
        init_cfg=dict(
            checkpoint='https://download.pytorch.org/models/'
            'resnet101-63fe2227.pth'
        ),
    )
)
