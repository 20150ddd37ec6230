# Quality focal loss: the score predicts the IoU of its box.
_base_ = '../srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'

model = dict(
    bbox_head=dict(
        loss_cls=dict(
            _delete_=True, type='QualityFocalLoss', use_sigmoid=True, beta=2.0
        )
    )
)
