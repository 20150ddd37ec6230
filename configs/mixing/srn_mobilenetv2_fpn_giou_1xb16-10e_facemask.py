# GIoU loss on decoded boxes.
_base_ = '../srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'

model = dict(
    bbox_head=dict(
        reg_decoded_bbox=True,
        loss_bbox=dict(_delete_=True, type='GIoULoss', loss_weight=2.0),
    )
)
