# SRN with group norm everywhere, trained from random weights.
_base_ = './srn_r50_fpn.py'

norm_cfg = dict(type='GN', num_groups=16, requires_grad=True)

model = dict(
    backbone=dict(
        frozen_stages=-1,
        norm_cfg=norm_cfg,
        zero_init_residual=False,  # like mmdet's from-scratch configs
        init_cfg=None,
    ),
    neck=dict(norm_cfg=norm_cfg),
    bbox_head=dict(norm_cfg=norm_cfg, rfe=dict(norm_cfg=norm_cfg)),
)
