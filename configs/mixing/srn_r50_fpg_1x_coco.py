# FPG, mmdet's nearest neck to a BiFPN, for the second step: three passes up
# and down with shortcuts from the input. Plain maps for the first step.
_base_ = './srn_r50_fpn_1x_coco.py'

in_channels = [512, 1024, 2048]
conv = dict(
    type='conv',
    norm_cfg=dict(type='GN', num_groups=32),
    order=('act', 'conv', 'norm'),
    inplace=False,
)
model = dict(
    # Each map must be exactly twice as large as the next.
    data_preprocessor=dict(pad_size_divisor=128),
    neck=dict(
        _delete_=True,
        type='TwoStepNeck',
        first=dict(
            type='ChannelMapper',
            in_channels=in_channels,
            kernel_size=1,
            out_channels=256,
            num_outs=5,
        ),
        second=dict(
            type='FPG',
            in_channels=in_channels,
            inter_channels=128,
            out_channels=256,
            num_outs=5,
            add_extra_convs=True,
            stack_times=3,
            paths=['bu'] * 3,
            same_up_trans=dict(conv, kernel_size=3, stride=2, padding=1),
            across_lateral_trans=dict(conv, kernel_size=1),
            across_down_trans=dict(
                conv, type='interpolation_conv', kernel_size=3
            ),
            across_skip_trans=dict(conv, kernel_size=1),
            output_trans=dict(
                type='last_conv',
                kernel_size=3,
                order=('act', 'conv', 'norm'),
                inplace=False,
            ),
            skip_inds=[()] * 5,
        ),
    ),
)
