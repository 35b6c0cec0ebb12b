"""Run a telegram worker's jobs: read updates, and make the calls that answer them."""

import functools
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import assert_never

from worker.clocks import wall_clock
from worker.protocol import (
    AnswerButton,
    Deliver,
    Delivered,
    EditStatus,
    Explain,
    GroupSent,
    HandleUpdate,
    Posted,
    PostStatus,
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
from worker.protocol.effects import Effects
from worker.protocol.panels import ShowPanel
from worker.protocol.site_cookies import CookiesKept, KeepCookies
from worker.telegram import command_menus, cookies, delivery, lists, status_removal
from worker.telegram.api_access import ApiAccess
from worker.telegram.client import Client
from worker.telegram.handlers import handle_update

TelegramResult = Effects | Posted | Delivered | GroupSent | SentApart | CookiesKept | None
TelegramHandler = Callable[[object, TelegramTask | ShowPanel | KeepCookies], TelegramResult]


def make_handler(
    connection: ApiAccess,
    allowed_users: AbstractSet[int] = frozenset(),
    admins: AbstractSet[int] = frozenset(),
    data_dir: Path = Path(),
) -> TelegramHandler:
    """Make the function `(context, task) -> result` of one worker process; it ignores the context.

    `allowed_users` empty means everyone. Cookies that admins send are stored in `data_dir`. The
    handler raises what `worker.telegram.client.Client` raises.
    """
    client = Client(connection)

    @functools.cache
    def username() -> str:
        return str(client.get_me().get("username", ""))

    def handle(_context: object, task: TelegramTask | ShowPanel | KeepCookies) -> TelegramResult:
        match task:
            case HandleUpdate():
                return handle_update(
                    task.update,
                    allowed_users=allowed_users,
                    admins=admins,
                    language=task.language,
                    username=username,
                    is_chat_admin=client.is_chat_admin,
                )
            case PostStatus():
                return delivery.post_status(client, task)
            case EditStatus():
                delivery.edit_status(client, task)
            case ShowAction():
                delivery.show_action(client, task)
            case Deliver():
                return delivery.deliver(client, task)
            case SendGroup():
                return delivery.send_group(client, task)
            case ShowLook():
                return delivery.show_look(client, task)
            case Explain():
                return delivery.explain(client, task)
            case RemoveStatus():
                status_removal.remove(client, task)
            case ShowList():
                return lists.show_list(client, task)
            case ShowSummary():
                return lists.show_summary(client, task)
            case Reply():
                delivery.reply(client, task)
            case KeepCookies():
                return cookies.keep(client, task, data_dir, wall_clock())
            case SetMenus():
                command_menus.set_menus(client, task)
            case ShowPanel():
                return delivery.show_panel(client, task)
            case AnswerButton():
                delivery.answer_button(client, task)
            case _:
                assert_never(task)
        return None

    return handle
