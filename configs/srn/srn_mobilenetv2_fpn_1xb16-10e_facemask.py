# Light SRN on a small set; trains on a CPU. Without internet access, name a
# file with the backbone's weights:
#   --cfg-options model.backbone.init_cfg.checkpoint=FILE
_base_ = [
    '../_base_/models/srn_mobilenetv2_fpn_short.py',
    '../_base_/datasets/facemask.py',
    '../_base_/schedules/schedule_10e_adamw.py',
    '../_base_/tta/multi_scale_1400.py',
    '../_base_/default_runtime.py',
]

default_hooks = dict(
    logger=dict(interval=10),
    channels_last=dict(type='ChannelsLastHook'),  # faster on a CPU
)
