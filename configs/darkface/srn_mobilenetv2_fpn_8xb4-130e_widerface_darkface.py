# Experiment A: train with WIDER FACE (the base config does it, and its
# checkpoints fit), test on DARK FACE without processing.
_base_ = [
    '../srn/srn_mobilenetv2_fpn_8xb4-130e_widerface.py',
    '../_base_/datasets/darkface_parts.py',
]

test_dataloader = dict(dataset=dict(_delete_=True, **_base_.dark_test))
test_evaluator = dict(_delete_=True, **_base_.dark_evaluator)

tta_pipeline = list(_base_.tta_pipeline)
tta_pipeline[2] = dict(tta_pipeline[2], max_size=2100)
