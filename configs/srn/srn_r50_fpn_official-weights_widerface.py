# The published network and its inference, single-scale or with `--tta`, for
# weights converted by tools/model_converters/srn_official_to_mmsrn.py.
_base_ = './srn_r50_fpn_8xb4-130e_widerface.py'

model = dict(
    backbone=dict(init_cfg=None),
    bbox_head=dict(
        # The published code neither clamps size deltas nor clips boxes.
        bbox_coder=dict(max_log_scale=80.0, clip_border=False)
    ),
)
tta_model = dict(offset=1)  # boxes of these weights name pixels
