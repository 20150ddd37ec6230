# RFE as a backbone plugin in the last stage.
_base_ = [
    'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
    '../_base_/models/srn_parts.py',
]

model = dict(
    backbone=dict(
        plugins=[
            dict(
                cfg=dict(type='RFE'),
                stages=(False, False, False, True),
                position='after_conv2',
            )
        ]
    )
)
