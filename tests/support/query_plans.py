"""How SQLite finds the rows for what a ledger is asked."""

from collections.abc import Callable

from worker.ledger import Ledger


def plans_of(ledger: Ledger, ask: Callable[[], object]) -> list[str]:
    """The plans of all statements that run while somebody asks."""
    ran: list[str] = []
    connection = ledger._db._connection
    connection.set_trace_callback(ran.append)
    try:
        ask()
    finally:
        connection.set_trace_callback(None)
    return [
        row["detail"]
        for sql in ran
        if sql.lstrip().startswith(("SELECT", "UPDATE", "DELETE"))
        for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")
    ]
