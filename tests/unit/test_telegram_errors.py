"""Refusals of the Bot API: each becomes one typed failure that can travel and tells nothing."""

import pickle

import pytest

from worker.errors import (
    ChatClosed,
    ChatMoved,
    Fault,
    FileIdRefused,
    JobError,
    MessageDeleted,
    MessageGone,
    Reason,
    TelegramBusy,
    TelegramConflict,
    TelegramUnauthorized,
    TelegramUnreachable,
    TopicClosed,
)
from worker.telegram.errors import (
    MessageIsMedia,
    NotModified,
    StaleButton,
    failure,
)

EDIT = "editMessageMedia"


def refusal(code: int, description: str, **parameters: object) -> dict[str, object]:
    answer: dict[str, object] = {"ok": False, "error_code": code, "description": description}
    return answer | ({"parameters": parameters} if parameters else {})


@pytest.mark.parametrize(
    ("method", "code", "description", "kind"),
    [
        ("sendMessage", 401, "Unauthorized", TelegramUnauthorized),
        ("getMe", 404, "Not Found", TelegramUnauthorized),
        ("sendMessage", 404, "Not Found", TelegramUnauthorized),
        (EDIT, 404, "Not Found", TelegramUnauthorized),
        ("getUpdates", 404, "Not Found", TelegramUnauthorized),
        ("sendMessage", 404, "Not Found: method not found", JobError),
        ("getUpdates", 409, "Conflict: terminated by other getUpdates", TelegramConflict),
        ("sendMessage", 403, "Forbidden: bot was blocked by the user", ChatClosed),
        ("sendMessage", 403, "Forbidden: bot was kicked from the group chat", ChatClosed),
        ("sendMessage", 400, "Bad Request: chat not found", ChatClosed),
        ("sendMessage", 400, "Bad Request: CHAT_WRITE_FORBIDDEN", ChatClosed),
        ("sendMessage", 400, "Bad Request: TOPIC_CLOSED", TopicClosed),
        ("sendMessage", 403, "Forbidden: TOPIC_CLOSED", TopicClosed),
        ("sendMediaGroup", 400, "Bad Request: TOPIC_DELETED", TopicClosed),
        ("sendVideo", 400, "Bad Request: message thread not found", TopicClosed),
        (EDIT, 400, "Bad Request: TOPIC_CLOSED", TopicClosed),
        ("sendMessage", 400, "Bad Request: not enough rights to send text messages", ChatClosed),
        ("sendMessage", 403, "Forbidden: CHAT_SEND_PLAIN_FORBIDDEN", ChatClosed),
        ("sendMessage", 400, "Bad Request: USER_BANNED_IN_CHANNEL", ChatClosed),
        ("editMessageText", 403, "Forbidden: MESSAGE_AUTHOR_REQUIRED", MessageGone),
        ("editMessageText", 400, "Bad Request: message is not modified: spec…", NotModified),
        ("editMessageText", 400, "Bad Request: message to edit not found", MessageGone),
        ("editMessageText", 400, "Bad Request: message can't be edited", MessageGone),
        ("editMessageText", 400, "Bad Request: MESSAGE_ID_INVALID", MessageGone),
        (
            "editMessageText",
            400,
            "Bad Request: there is no text in the message to edit",
            MessageIsMedia,
        ),
        (
            "answerCallbackQuery",
            400,
            "Bad Request: query is too old and response timeout expired or query ID is invalid",
            StaleButton,
        ),
        (EDIT, 400, "Bad Request: wrong file identifier/HTTP URL specified", FileIdRefused),
        (EDIT, 400, "Bad Request: wrong remote file identifier specified: x", FileIdRefused),
        (EDIT, 400, "Bad Request: FILE_REFERENCE_EXPIRED", FileIdRefused),
        (EDIT, 400, "Bad Request: can't use file of type Video as Animation", FileIdRefused),
        ("sendMessage", 500, "Internal Server Error", TelegramUnreachable),
        ("sendMessage", 502, "Bad Gateway", TelegramUnreachable),
        (EDIT, 500, "Internal Server Error: RPC_CALL_FAIL", TelegramUnreachable),
        (
            "sendMessage",
            500,
            "Internal Server Error: sent message was immediately deleted and can't be returned",
            MessageDeleted,
        ),
    ],
)
def test_a_refusal_has_one_type(
    method: str, code: int, description: str, kind: type[Exception]
) -> None:
    assert type(failure(method, code, refusal(code, description))) is kind


@pytest.mark.parametrize(
    ("method", "status", "answer", "reason"),
    [
        (EDIT, 413, refusal(413, "Request Entity Too Large"), Reason.UPLOAD_REFUSED),
        (EDIT, 413, None, Reason.UPLOAD_REFUSED),
        (EDIT, 400, refusal(400, "Bad Request: file is too big"), Reason.UPLOAD_REFUSED),
        (EDIT, 400, refusal(400, "Bad Request: IMAGE_PROCESS_FAILED"), Reason.UPLOAD_REFUSED),
        ("sendMessage", 400, refusal(400, "Bad Request: text is empty"), Reason.INTERNAL),
        ("sendMessage", 413, None, Reason.INTERNAL),
        ("sendMessage", 418, refusal(418, "I'm a teapot"), Reason.INTERNAL),
    ],
)
def test_what_no_repeating_helps_is_permanent(
    method: str, status: int, answer: object, reason: Reason
) -> None:
    error = failure(method, status, answer)
    assert isinstance(error, JobError)
    assert (error.reason, error.fault) == (reason, Fault.PERMANENT)


@pytest.mark.parametrize(
    ("code", "description", "reason"),
    [
        (400, "Bad Request: not enough rights to send videos to the chat", "VIDEOS"),
        (400, "Bad Request: not enough rights to send video notes to the chat", "VIDEOS"),
        (400, "Bad Request: not enough rights to send photos to the chat", "PHOTOS"),
        (400, "Bad Request: not enough rights to send audios to the chat", "MUSIC"),
        (400, "Bad Request: not enough rights to send music to the chat", "MUSIC"),
        (400, "Bad Request: Not enough rights to send documents to the chat", "FILES"),
        (400, "Bad Request: not enough rights to send animations to the chat", "GIFS"),
        (400, "Bad Request: not enough rights to send paid media to the chat", "MEDIA"),
        (400, "Bad Request: CHAT_SEND_VIDEOS_FORBIDDEN", "VIDEOS"),
        (403, "Forbidden: CHAT_SEND_VIDEOS_FORBIDDEN", "VIDEOS"),
        (400, "Bad Request: CHAT_SEND_PHOTOS_FORBIDDEN", "PHOTOS"),
        (400, "Bad Request: CHAT_SEND_AUDIOS_FORBIDDEN", "MUSIC"),
        (403, "Forbidden: CHAT_SEND_DOCS_FORBIDDEN", "FILES"),
        (400, "Bad Request: CHAT_SEND_GIFS_FORBIDDEN", "GIFS"),
        (403, "Forbidden: CHAT_SEND_MEDIA_FORBIDDEN", "MEDIA"),
        (400, "Bad Request: CHAT_SEND_ROUNDVIDEOS_FORBIDDEN", "MEDIA"),
    ],
)
@pytest.mark.parametrize("method", [EDIT, "sendMediaGroup", "sendVideo"])
def test_a_missing_right_is_named(method: str, code: int, description: str, reason: str) -> None:
    error = failure(method, code, refusal(code, description))
    assert isinstance(error, JobError)
    assert (error.reason, error.fault) == (Reason[f"NO_RIGHT_TO_{reason}"], Fault.PERMANENT)
    assert error.reason.lies_in_chat


@pytest.mark.parametrize(
    ("retry_after", "wait_s"),
    [(7, 7.0), (3600, 3600.0), (0.5, 0.5), (None, 5.0), (-3, 5.0), ("9", 5.0), ([], 5.0)],
)
def test_busy_says_how_long_to_wait(retry_after: object, wait_s: float) -> None:
    error = failure("sendMessage", 429, refusal(429, "Too Many", retry_after=retry_after))
    assert isinstance(error, TelegramBusy)
    assert error.retry_after_s == wait_s


def test_a_group_that_moved_says_where_to() -> None:
    words = "Bad Request: group chat was upgraded to a supergroup chat"
    error = failure("sendMessage", 400, refusal(400, words, migrate_to_chat_id=-1001234567890))
    assert isinstance(error, ChatMoved)
    assert error.chat_id == -1001234567890
    assert type(failure("sendMessage", 400, refusal(400, words))) is ChatClosed


@pytest.mark.parametrize(
    "answer",
    [
        *(None, [], "ok", 7, {}),
        {"message": "no Route matched with those values"},
        {"error_code": 401, "description": "Unauthorized"},
        {"ok": True, "error_code": 404},
    ],
)
@pytest.mark.parametrize("status", [200, 301, 401, 404, 429, 502])
def test_a_page_that_is_not_the_bot_apis_means_unreachable(status: int, answer: object) -> None:
    assert type(failure("getMe", status, answer)) is TelegramUnreachable


@pytest.mark.parametrize(
    "answer",
    [
        {"ok": False},
        {"ok": False, "error_code": "400", "description": 5, "parameters": []},
        {"ok": False, "error_code": None},
        refusal(10**30, "x"),
    ],
)
def test_an_odd_answer_is_still_one_of_ours(answer: object) -> None:
    assert isinstance(failure("getMe", 400, answer), JobError | TelegramUnreachable)


def test_words_for_the_log_quote_nobody_and_stay_short() -> None:
    words = (
        'Bad Request: can\'t parse "my secret diary" of 123456:AAE-secret_secret\n'
        + "and so on " * 100
    )
    for code in (400, 401, 403, 409, 500):
        error = failure("sendMessage", code, refusal(code, words))
        assert "diary" not in f"{error} {error!r}"
        assert "AAE" not in f"{error} {error!r}"
        assert len(str(error)) < 300
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    "error",
    [
        failure("getMe", 401, refusal(401, "Unauthorized")),
        failure("getMe", 429, refusal(429, "Too Many", retry_after=9)),
        failure("getMe", 502, None),
        failure(EDIT, 413, None),
        failure(EDIT, 400, refusal(400, "FILE_REFERENCE_EXPIRED")),
        failure(EDIT, 400, refusal(400, "x", migrate_to_chat_id=-100)),
        failure(EDIT, 400, refusal(400, "there is no text in the message to edit")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failure_travels_between_processes(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert copy.__dict__ == error.__dict__
    assert str(copy) == str(error)
