"""What lets hours of work survive: journals, checkpoints, workers, and where a result comes from."""

from typing import TYPE_CHECKING

from ..rooms import face

if TYPE_CHECKING:
    from .executors import dask_executor, local_cluster, process_pool
    from .journal import Journal

__all__ = face(__name__)
