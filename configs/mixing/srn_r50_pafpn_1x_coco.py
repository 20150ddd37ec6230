# PAFPN for the second step, plain maps for the first.
_base_ = './srn_r50_fpn_1x_coco.py'

in_channels = [512, 1024, 2048]
model = dict(
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
            type='PAFPN',
            in_channels=in_channels,
            out_channels=256,
            add_extra_convs='on_output',
            num_outs=5,
        ),
    )
)
