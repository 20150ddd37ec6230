# SRN's parts for mmdet's configs, whose pyramids have five levels of 256
# channels. `backbone.out_indices` must yield the maps of `in_channels`.
_base_ = '../custom_imports.py'

num_levels = 5
stc_levels = (0, 1)
str_levels = (2, 3, 4)

# Detectors other than `SRN` need `first_step_levels`.
srn_neck = dict(
    type='SRNFPN',
    in_channels=[512, 1024, 2048],
    out_channels=256,
    num_outs=num_levels,
    first_step_levels=stc_levels + str_levels,
)
rfe_neck = dict(type='RFENeck', in_channels=256, num_levels=num_levels)

# RetinaNet's anchors and box encoding.
srn_head = dict(
    type='SRNHead',
    num_classes=80,
    in_channels=256,
    stc_levels=stc_levels,
    str_levels=str_levels,
    anchor_generator=dict(
        type='AnchorGenerator',
        octave_base_scale=4,
        scales_per_octave=3,
        ratios=[0.5, 1.0, 2.0],
        strides=[8, 16, 32, 64, 128],
    ),
    bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
)
assigner = dict(
    type='ChunkedMaxIoUAssigner',
    pos_iou_thr=0.5,
    neg_iou_thr=0.4,
    min_pos_iou=0,
)
two_steps = dict(
    first_step=dict(assigner=assigner), second_step=dict(assigner=assigner)
)
