"""The table `processes`: the leaders of the sessions in which downloads run.

Each function is part of its caller's transaction.
"""

from worker.ledger.storage.database import Database
from worker.processes.process_table import Identity


def remember(db: Database, leader: Identity, job_id: int) -> None:
    """Note the leader of a session that was started for a job."""
    db.execute(
        "INSERT OR REPLACE INTO processes VALUES (?, ?, ?)", leader.pid, leader.started, job_id
    )


def forget(db: Database, job_id: int) -> None:
    """Forget the sessions of a job, which have ended."""
    db.execute("DELETE FROM processes WHERE job_id = ?", job_id)


def forget_all(db: Database) -> None:
    """Forget all sessions: none is left of an earlier run."""
    db.execute("DELETE FROM processes")


def jobs_by_leader(db: Database) -> dict[Identity, int]:
    """All leaders, each with the id of its job."""
    rows = db.execute("SELECT pid, started, job_id FROM processes")
    return {Identity(row["pid"], row["started"]): row["job_id"] for row in rows}
