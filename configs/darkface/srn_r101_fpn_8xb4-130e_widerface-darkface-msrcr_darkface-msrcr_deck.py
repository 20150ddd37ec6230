# Experiment C with the slide deck's recipe: like B, trained with the copy too.
_base_ = './srn_r101_fpn_8xb4-130e_widerface_darkface-msrcr_deck.py'

dark_train = dict(
    _base_.dark_train,
    data_root='data/darkface-msrcr/',
    pipeline=_base_.train_pipeline,
)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[_base_.train_dataloader.dataset, dark_train],
    )
)
