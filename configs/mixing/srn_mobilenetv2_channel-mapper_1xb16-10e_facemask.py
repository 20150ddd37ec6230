# No pyramid: both steps see the backbone's maps, mapped to equal channels.
_base_ = '../srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'

model = dict(
    neck=dict(
        _delete_=True,
        type='ChannelMapper',
        in_channels=[24, 32, 96, 1280],
        out_channels=64,
        norm_cfg=dict(type='BN', requires_grad=True),
        num_outs=6,
    )
)
