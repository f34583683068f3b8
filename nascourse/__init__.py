"""A course on neural architecture search. Its subject is in `spaces`, `networks`, `search` and `evaluation`."""

from typing import TYPE_CHECKING

from .rooms import face

if TYPE_CHECKING:
    from .data import Images, SearchData, batches, load, load_test
    from .device import pick_device
    from .errors import CourseError

__version__ = "0.1.0"
__all__ = face(__name__)
