# Experiment B with the slide deck's recipe: like A, on a processed copy.
_base_ = './srn_r101_fpn_8xb4-130e_widerface_darkface_deck.py'

test_dataloader = dict(dataset=dict(data_root='data/darkface-msrcr/'))
