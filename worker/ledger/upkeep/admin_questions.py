"""What admins have asked and maintenance has not answered yet, as a document in `state`.

Each function is part of its caller's transaction.
"""

from worker.ledger.storage import state
from worker.ledger.storage.database import Database
from worker.protocol.admin_questions import Question, question_from_json
from worker.protocol.as_json import to_json

MAX_QUESTIONS = 20
"""How many may wait at a time; further ones stay unanswered."""

_NAME = "questions"


def ask(db: Database, question: Question) -> None:
    """Keep a question until it is answered."""
    waiting = state.document(db, _NAME).get("waiting", [])
    if len(waiting) < MAX_QUESTIONS:
        state.put_document(db, _NAME, {"waiting": [*waiting, to_json(question)]})


def waiting(db: Database) -> list[Question]:
    """All questions, the oldest first."""
    return [question_from_json(each) for each in state.document(db, _NAME).get("waiting", [])]


def close(db: Database, question: Question) -> None:
    """Forget a question that was answered."""
    left = [to_json(each) for each in waiting(db) if each != question]
    state.put_document(db, _NAME, {"waiting": left})
