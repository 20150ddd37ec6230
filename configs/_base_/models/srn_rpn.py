# SRNHead as the RPN of mmdet's two-stage detectors, with their anchors and
# five levels from stride 4 on.
_base_ = './srn_parts.py'

rpn_neck = dict(_base_.srn_neck, in_channels=[256, 512, 1024, 2048])
rpn_head = dict(
    _base_.srn_head,
    type='SRNRPNHead',
    num_classes=1,
    anchor_generator=dict(
        type='AnchorGenerator',
        scales=[8],
        ratios=[0.5, 1.0, 2.0],
        strides=[4, 8, 16, 32, 64],
    ),
)
# RoI heads read the second-step maps.
roi_extractor = dict(
    type='SecondStepRoIExtractor', num_first=_base_.num_levels
)
