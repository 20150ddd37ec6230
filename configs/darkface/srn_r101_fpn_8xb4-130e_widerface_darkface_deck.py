# Experiment A with the slide deck's recipe.
_base_ = [
    '../srn/srn_r101_fpn_8xb4-130e_widerface_deck.py',
    '../_base_/datasets/darkface_parts.py',
]

test_dataloader = dict(dataset=dict(_delete_=True, **_base_.dark_test))
test_evaluator = dict(_delete_=True, **_base_.dark_evaluator)
