# Anchors of several aspect ratios: wide, square and tall.
_base_ = '../srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'

model = dict(
    bbox_head=dict(anchor_generator=dict(ratios=[0.75, 1.0, 1.25, 1.75]))
)
