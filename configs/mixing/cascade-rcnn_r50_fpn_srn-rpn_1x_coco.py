# Proposals through STC and STR: SRNHead as the RPN of Cascade R-CNN.
_base_ = [
    'mmdet::cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py',
    '../_base_/models/srn_parts.py',
]

model = dict(
    neck=dict(
        _delete_=True,
        **{**_base_.srn_neck, 'in_channels': [256, 512, 1024, 2048]},
    ),
    rpn_head=dict(
        _delete_=True,
        **{
            **_base_.srn_head,
            'num_classes': 1,
            'anchor_generator': _base_.model.rpn_head.anchor_generator,
        },
    ),
    # The RoI heads look at the second-step maps.
    roi_head=dict(
        bbox_roi_extractor=dict(
            type='SecondStepRoIExtractor', num_first=_base_.num_levels
        )
    ),
    train_cfg=dict(rpn=dict(_delete_=True, **_base_.two_steps)),
)
