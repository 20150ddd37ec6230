# Light SRN for trainings of a few hundred or thousand iterations. Reasons:
# docs/train_and_test.md#short-trainings
_base_ = './srn_mobilenetv2_fpn.py'

assigner = _base_.model.train_cfg.second_step.assigner
# Anchors moved by STR overlap more, so their thresholds are higher.
moved_assigner = dict(assigner, pos_iou_thr=0.6, neg_iou_thr=0.5)
model = dict(
    neck=dict(norm_cfg=dict(type='BN', requires_grad=True)),
    bbox_head=dict(
        refine_negatives=False,
        refine_predictor=True,
        loss_bbox=dict(_delete_=True, type='L1Loss', loss_weight=1.0),
        loss_str=dict(count_all_levels=True),
        init_cfg=dict(type='Kaiming', layer='Conv2d'),
        predictor_init=dict(
            reg=dict(type='Normal', std=0.01),
            refine=dict(type='Normal', std=0.001),
        ),
    ),
    train_cfg=dict(
        first_step=dict(assigner=dict(pos_iou_thr=0.5, neg_iou_thr=0.4)),
        second_step=dict(
            assigner=dict(
                _delete_=True,
                type='LevelwiseAssigner',
                assigners=[assigner] * 3 + [moved_assigner] * 3,  # P2 to P7
            )
        ),
    ),
    test_cfg=dict(nms=dict(iou_threshold=0.5)),
)
