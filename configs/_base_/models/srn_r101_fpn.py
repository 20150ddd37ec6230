# SRN with ResNet-101, the backbone of the DARK FACE slide deck.
_base_ = './srn_r50_fpn.py'

model = dict(
    backbone=dict(
        depth=101,
        init_cfg=dict(
            checkpoint='https://download.pytorch.org/models/'
            'resnet101-63fe2227.pth'
        ),
    )
)
