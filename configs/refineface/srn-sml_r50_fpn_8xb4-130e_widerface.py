# Scale-aware margin loss. The formula and its numbers are this project's own.
_base_ = '../srn/srn_r50_fpn_8xb4-130e_widerface.py'

model = dict(
    bbox_head=dict(
        loss_cls=dict(
            type='ScaleAwareMarginLoss',
            margin=0.5,  # of the logits of faces of up to base_size pixels
            base_size=16,
            power=0.5,  # larger ones: margin * (base_size / size) ** power
        )
    )
)
