"""What an update asks for, put into the ledger. Part of the caller's transaction."""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from worker import as_json, effects, notices, protocol
from worker.admin_questions import Question
from worker.clocks import Wall
from worker.ledger import (
    admin_questions,
    admission,
    batches,
    cancellation,
    choices,
    forgetting,
    lists,
    looks,
    panels,
    pause,
    queue,
    recordings,
    requests,
)
from worker.ledger.admission import Quota
from worker.ledger.database import Database
from worker.ledger.jobs import Kind
from worker.ledger.records import Request
from worker.site_cookies import KeepCookies


@dataclass(frozen=True)
class UpdateOutcome:
    """What an update has led to: new requests, links not taken on, and running jobs to stop."""

    opened: tuple[Request, ...]
    refused: tuple[notices.Refusal, ...]
    job_ids_to_stop: tuple[int, ...]


def record(
    db: Database,
    asked: Iterable[effects.Effect],
    quota: Quota,
    wall: Wall,
    full_sites: Collection[str] = (),
) -> UpdateOutcome:
    """Record what an update asked for. Links beyond the person's quota are refused.

    `full_sites` are as in `fairness.Share`.
    """
    opened: list[Request] = []
    refused: list[notices.Refusal] = []
    to_stop: list[int] = []

    def accept(link: effects.OpenRequest) -> notices.Refusal | None:
        if refusal := admission.refuse(db, link, quota, wall):
            admission.say_no(db, link, refusal, wall)
            refused.append(refusal)
        else:
            opened.append(requests.open_request(db, link, wall, full_sites))
        return refusal

    def choose(chosen: effects.OpenRequest | protocol.AnswerButton, press: effects.Press) -> None:
        if isinstance(chosen, protocol.AnswerButton):
            answer(chosen)
            return
        refusal = None if choices.is_under_way(db, chosen) else accept(chosen)
        notice = notices.Notice(refusal or notices.Topic.ON_ITS_WAY)
        answer(protocol.AnswerButton(press.callback_id, press.language, notice))

    def answer(button: protocol.AnswerButton) -> None:
        queue.add(db, Kind.BUTTON, wall, payload=as_json.to_json(button))

    def tell(press: effects.Press, about: notices.About) -> None:
        notice = notices.Notice(about)
        answer(protocol.AnswerButton(press.callback_id, press.language, notice))

    pending = deque(asked)
    while pending:
        effect = pending.popleft()
        match effect:
            case _ if shut_out := _banned_press(db, effect):
                tell(shut_out, notices.Refusal.BANNED)
            case effects.OpenRequest():
                accept(effect)
            case effects.EditLinks():
                new, stop = cancellation.edit(db, effect, wall)
                to_stop += stop
                for link in new:
                    accept(link)
                for reply in effect.replies:
                    if not admission.has_said(db, reply):
                        admission.reply(db, reply, wall)
            case effects.CancelRequest():
                outcome, stop = cancellation.cancel(db, effect, wall)
                to_stop += stop
                notice = notices.Notice(outcome)
                answer(protocol.AnswerButton(effect.callback_id, effect.language, notice))
            case effects.CancelAll():
                cancelled, stop = cancellation.cancel_all(db, effect, wall)
                to_stop += stop
                chat_id = effect.reader.chat_id
                cancelled += batches.drop_unopened_of(db, effect.user_id, chat_id)
                admission.tell_cancelled(db, effect, cancelled, wall)
            case effects.ChooseForm(press=press):
                choose(choices.chosen(db, effect, wall), press)
            case effects.StopRecording(press=press):
                about, stop = recordings.stop(db, effect, wall)
                to_stop += stop
                tell(press, about)
            case effects.ChooseResult(press=press):
                choose(choices.result_chosen(db, effect), press)
            case effects.ShowChoices():
                found = choices.shown(db, effect, wall)
                if isinstance(found, Request):
                    looks.look_for(db, found, effect.press, quota, wall, full_sites)
                else:
                    answer(found)
            case effects.TellDescription():
                answer(choices.described(db, effect, wall))
            case effects.OpenPanel():
                panels.open_panel(db, effect, wall)
            case effects.PressPanel():
                pending += panels.press(db, effect, wall)
            case effects.ShowItems():
                answer(lists.shown(db, effect, wall))
            case effects.TakeItems():
                answer(lists.taken(db, effect, wall))
            case effects.NameItems():
                if said := lists.named(db, effect, wall):
                    admission.reply(db, said, wall)
            case effects.CancelRest(press=press):
                about, stop = lists.rest_cancelled(db, effect, wall)
                to_stop += stop
                tell(press, about)
            case effects.TryFailedAgain(press=press):
                tell(press, lists.failed_again(db, effect, wall))
            case effects.Forget():
                to_stop += forgetting.forget(db, effect, wall)
            case effects.Ban():
                admission.ban(db, effect, wall)
            case effects.PauseDownloads(reader=reader, message_id=message_id):
                about = pause.change(db, wall, is_paused=effect.is_paused)
                said = protocol.Reply(reader, message_id, (notices.Notice(about),))
                admission.reply(db, said, wall)
            case Question():
                admin_questions.ask(db, effect)
            case KeepCookies():
                chat_id, payload = effect.reader.chat_id, as_json.to_json(effect)
                queue.add(db, Kind.COOKIES, wall, chat_id=chat_id, payload=payload)
            case protocol.Reply():
                admission.reply(db, effect, wall)
            case protocol.AnswerButton():
                answer(effect)
    return UpdateOutcome(tuple(opened), tuple(refused), tuple(to_stop))


def _banned_press(db: Database, effect: effects.Effect) -> effects.Press | None:
    """The press that an effect is about, if a banned person made it.

    They can still cancel what they wait for, by its own button.
    """
    press: effects.Press | None = getattr(effect, "press", None)
    return press if press and admission.is_banned(db, press.user_id) else None
