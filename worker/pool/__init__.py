"""A process pool that survives the death of any of its processes; see `worker.pool.pool`."""

from worker.pool.pool import Pool, PoolSpec, WorkerState

__all__ = ["Pool", "PoolSpec", "WorkerState"]
