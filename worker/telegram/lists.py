"""Lists in the chat: the answer that offers their items, and the summary of what was taken."""

from contextlib import suppress

from worker.protocol import Delivered, Posted, RemoveStatus, ShowList, ShowSummary
from worker.protocol.lists import PAGE_ITEMS, ListMenu, Summary, packed
from worker.protocol.notices import Label, Notice
from worker.telegram import status_removal, texts
from worker.telegram.buttons import Button, Rows, pack
from worker.telegram.client import Client
from worker.telegram.errors import MessageIsMedia
from worker.telegram.texts import Catalogue


def show_list(client: Client, task: ShowList) -> Delivered:
    """Turn the status message into a list with its buttons; as safe to repeat as `explain`."""
    words, chat_id = texts.catalogue_of(task.reader.language), task.reader.chat_id
    text, rows = texts.found_list(words, task.found), list_rows(words, task.menu)
    if task.reply_to_id is not None:
        thread_id = task.reader.thread_id
        message_id = client.send_text(chat_id, text, task.reply_to_id, rows, thread_id=thread_id)
        is_removed = status_removal.try_remove(client, RemoveStatus(chat_id, task.message_id))
        return Delivered(None, message_id=message_id, leaves_status=not is_removed)
    with suppress(MessageIsMedia):
        client.edit_text(chat_id, task.message_id, text, rows)
    return Delivered(None)


def show_summary(client: Client, task: ShowSummary) -> Posted:
    """Post or edit the summary of a batch. Only an edit is safe to repeat."""
    words = texts.catalogue_of(task.reader.language)
    text = texts.summary(words, task.summary)
    rows = summary_rows(words, task.batch_id, task.summary)
    chat_id = task.reader.chat_id
    if task.message_id is None:
        thread_id = task.reader.thread_id
        return Posted(client.send_text(chat_id, text, task.reply_to_id, rows, thread_id=thread_id))
    client.edit_text(chat_id, task.message_id, text, rows)
    return Posted(task.message_id)


def summary_rows(words: Catalogue, batch_id: int, summary: Summary) -> Rows:
    """The button below a summary: Cancel while items wait, another try once some have failed."""
    if summary.waiting:
        return [[Button(words.cancel_rest_button, pack("rest", batch_id))]]
    if summary.can_try_again:
        return [[Button(words.try_again_button, pack("again", batch_id))]]
    return ()


def list_rows(words: Catalogue, menu: ListMenu) -> Rows:
    """The buttons below a list: to take its first items, or a page of items to choose from."""
    if menu.page is not None:
        return _page(words, menu, menu.page)
    last = words.all_button if menu.is_whole else words.first_button
    row = [
        Button(
            (last if number == menu.size else words.first_button).format(number=number),
            _taking(menu, range(1, number + 1)),
        )
        for number in menu.offers
    ]
    rows = [row, [Button(words.choose_button, _showing(menu, 0, menu.chosen))]]
    if menu.has_expired:
        # This button says why the page is gone, and disappears when it is pressed.
        said = texts.notice(words, Notice(Label.MENU_EXPIRED))
        rows.append([Button(said, pack("list", menu.request_id))])
    return rows


def _page(words: Catalogue, menu: ListMenu, page: int) -> Rows:
    chosen = set(menu.chosen)
    rows = [
        [
            Button(
                texts.list_item(words, number, item, is_chosen=number in chosen),
                _showing(menu, page, chosen ^ {number}),
            )
        ]
        for number, item in enumerate(menu.items, page * PAGE_ITEMS + 1)
    ]
    pages = -(-menu.size // PAGE_ITEMS)
    turns = [
        Button(sign, _showing(menu, other % pages, chosen))
        for sign, other in (("◀", page - 1), (f"{page + 1}/{pages}", page), ("▶", page + 1))
    ]
    ends = [Button(words.back_button, pack("list", menu.request_id))]
    if chosen:
        take = words.take_button.format(number=len(chosen))
        ends.insert(0, Button(take, _taking(menu, chosen)))
    return [*rows, *([turns] if pages > 1 else ()), ends]


def _taking(menu: ListMenu, numbers: set[int] | range) -> str:
    return pack("take", f"{menu.request_id}.{packed(numbers)}")


def _showing(menu: ListMenu, page: int, chosen: set[int] | tuple[int, ...]) -> str:
    return pack("items", f"{menu.request_id}.{page}.{packed(chosen)}")
