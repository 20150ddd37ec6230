"""Labels for photos that nobody labelled, from what detectors agree on."""

from .agreement import Agreement, agree
from .labelling import Labelling, label_photos, record_of
from .record import Answer, Record, open_record
from .rule import FLOOR, Labels, Rule
from .sheet import contact_sheet
from .summary import summary
from .teachers import Teacher

__all__ = [
    'FLOOR',
    'Agreement',
    'Answer',
    'Labelling',
    'Labels',
    'Record',
    'Rule',
    'Teacher',
    'agree',
    'contact_sheet',
    'label_photos',
    'open_record',
    'record_of',
    'summary',
]
