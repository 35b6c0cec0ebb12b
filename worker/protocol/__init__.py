"""What a job is told and what it answers; `worker.errors` is how it may fail.

Everything here is a small frozen dataclass, or a value in one, that travels between processes
(pickled) or is kept in the ledger (as JSON, see `worker.protocol.as_json`). Nothing here does
anything.
"""

from worker.protocol.downloads import (
    Download,
    DownloadUsage,
    Identified,
    Outpaced,
    SiteAccess,
    YtDlpStarted,
)
from worker.protocol.media import Media, MediaFacts, MediaFile, MediaKind, Note
from worker.protocol.progress import Progress, Retry, Stage
from worker.protocol.telegram import (
    DEFAULT_LANGUAGE,
    Action,
    AnswerButton,
    Deliver,
    Delivered,
    EditStatus,
    Explain,
    GroupSent,
    HandleUpdate,
    LiveOffer,
    Place,
    Posted,
    PostStatus,
    Reader,
    RemoveStatus,
    Reply,
    SendGroup,
    SentApart,
    SetMenus,
    ShowAction,
    ShowList,
    ShowLook,
    ShowSummary,
    TelegramTask,
)

__all__ = [
    "DEFAULT_LANGUAGE",
    "Action",
    "AnswerButton",
    "Deliver",
    "Delivered",
    "Download",
    "DownloadUsage",
    "EditStatus",
    "Explain",
    "GroupSent",
    "HandleUpdate",
    "Identified",
    "LiveOffer",
    "Media",
    "MediaFacts",
    "MediaFile",
    "MediaKind",
    "Note",
    "Outpaced",
    "Place",
    "PostStatus",
    "Posted",
    "Progress",
    "Reader",
    "RemoveStatus",
    "Reply",
    "Retry",
    "SendGroup",
    "SentApart",
    "SetMenus",
    "ShowAction",
    "ShowList",
    "ShowLook",
    "ShowSummary",
    "SiteAccess",
    "Stage",
    "TelegramTask",
    "YtDlpStarted",
]
