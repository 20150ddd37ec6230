# IoU loss on decoded boxes in the second step, smooth L1 in the first.
_base_ = '../srn/srn_r50_fpn_8xb4-130e_widerface.py'

model = dict(
    bbox_head=dict(
        loss_str=dict(
            loss_bbox_ss=dict(type='IoULoss', mode='log', loss_weight=1.0)
        )
    )
)
