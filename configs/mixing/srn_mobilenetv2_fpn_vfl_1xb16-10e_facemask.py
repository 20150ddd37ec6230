# Varifocal loss: the score predicts the IoU of its box.
_base_ = '../srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'

model = dict(
    bbox_head=dict(
        loss_cls=dict(
            _delete_=True,
            type='VarifocalLoss',
            use_sigmoid=True,
            alpha=0.75,
            gamma=2.0,
        )
    )
)
