_base_ = '../srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'

# Without STR, the recipe's settings for moved anchors go too.
second_step = dict(assigner=dict(_delete_=True, **_base_.assigner))
model = dict(
    bbox_head=dict(stc_levels=(), str_levels=()),
    train_cfg=dict(second_step=second_step),
)
