# No pyramid: maps of the backbone brought to equal channels, for both steps.
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
