# Light SRN on a small set; trains on a CPU. Without a network, name a file
# with the backbone's weights:
#   --cfg-options model.backbone.init_cfg.checkpoint=FILE
_base_ = [
    '../_base_/models/srn_mobilenetv2_fpn.py',
    '../_base_/datasets/facemask.py',
    '../_base_/schedules/schedule_10e_adamw.py',
    '../_base_/tta/multi_scale_1400.py',
    '../_base_/default_runtime.py',
]

norm_cfg = dict(type='GN', num_groups=16)  # learns faster

model = dict(
    neck=dict(norm_cfg=norm_cfg),
    bbox_head=dict(
        norm_cfg=norm_cfg,
        # Decoded boxes and GIoU: tighter boxes in few epochs.
        reg_decoded_bbox=True,
        loss_bbox=dict(_delete_=True, type='GIoULoss', loss_weight=2.0),
    ),
)

default_hooks = dict(
    logger=dict(interval=10),
    channels_last=dict(type='ChannelsLastHook'),  # faster on a CPU
)

# Trained with mmdet's transforms.
tta_model = dict(offset=0)
