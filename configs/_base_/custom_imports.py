# Registers mmsrn's modules in mmdet. The models of this folder include it. Add
# it to the `_base_` of a config with another model.
custom_imports = dict(
    imports=[
        'mmsrn.models',
        'mmsrn.datasets',
        'mmsrn.engine',
        'mmsrn.evaluation.metrics',
    ],
    allow_failed_imports=False,
)
