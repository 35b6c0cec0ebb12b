"""The ledger: every update, request and job, on disk before anything else happens with it.

SQLite in WAL mode; SQL is in this package and nowhere else. A connection belongs to the
thread that made it; threads and commands open their own and wait for each other.
"""

from worker.ledger.choices.choices import first_menu
from worker.ledger.jobs.fairness import RunningLimits
from worker.ledger.jobs.jobs import (
    DOWNLOADS,
    TELEGRAM,
    AnswerJob,
    ButtonJob,
    CookiesJob,
    DeliverJob,
    DownloadJob,
    ExplainJob,
    GroupJob,
    Job,
    LookJob,
    MenusJob,
    PanelEditJob,
    PanelJob,
    RecordingJob,
    RemovalJob,
    ReplyJob,
    RequestJob,
    StatusJob,
    SummaryJob,
    UpdateJob,
    download_directory,
)
from worker.ledger.ledger import Ledger, ledger_path
from worker.ledger.records import Request, Verdict
from worker.ledger.requests.admission import Quota
from worker.ledger.requests.answers import Answer
from worker.ledger.storage.database import LedgerBusy, LedgerError, check_access, check_file

__all__ = [
    "DOWNLOADS",
    "TELEGRAM",
    "Answer",
    "AnswerJob",
    "ButtonJob",
    "CookiesJob",
    "DeliverJob",
    "DownloadJob",
    "ExplainJob",
    "GroupJob",
    "Job",
    "Ledger",
    "LedgerBusy",
    "LedgerError",
    "LookJob",
    "MenusJob",
    "PanelEditJob",
    "PanelJob",
    "Quota",
    "RecordingJob",
    "RemovalJob",
    "ReplyJob",
    "Request",
    "RequestJob",
    "RunningLimits",
    "StatusJob",
    "SummaryJob",
    "UpdateJob",
    "Verdict",
    "check_access",
    "check_file",
    "download_directory",
    "first_menu",
    "ledger_path",
]
