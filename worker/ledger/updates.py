"""What an update asks for, put into the ledger. Part of the caller's transaction."""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from worker import protocol
from worker.clocks import Wall
from worker.ledger import forgetting, moving
from worker.ledger.choices import choices, looks
from worker.ledger.jobs import queue
from worker.ledger.jobs.jobs import Kind
from worker.ledger.lists import batches, lists
from worker.ledger.panels import panels
from worker.ledger.records import Request
from worker.ledger.requests import admission, cancellation, recordings, requests
from worker.ledger.requests.admission import Quota
from worker.ledger.storage.database import Database
from worker.ledger.upkeep import admin_questions, pause
from worker.protocol import as_json, effects, notices
from worker.protocol.admin_questions import Question
from worker.protocol.site_cookies import KeepCookies


@dataclass(frozen=True)
class UpdateOutcome:
    """What an update has led to: new requests, refused links, and running jobs to stop."""

    opened: tuple[Request, ...] = ()
    refused: tuple[notices.Refusal, ...] = ()
    job_ids_to_stop: tuple[int, ...] = ()


def record(
    db: Database,
    asked: Iterable[effects.Effect],
    quota: Quota,
    wall: Wall,
    full_sites: Collection[str] = (),
) -> UpdateOutcome:
    """Record what an update asked for. Links beyond the person's quota are refused.

    `full_sites` are as in `fairness.RunningLimits`.
    """
    recorder = _EffectRecorder(db, quota, wall, full_sites)
    pending = deque(asked)
    while pending:
        pending += recorder.take(pending.popleft())
    return UpdateOutcome(
        tuple(recorder.opened), tuple(recorder.refused), tuple(recorder.job_ids_to_stop)
    )


@dataclass
class _EffectRecorder:
    """Records the effects of one update one by one, and gathers what they lead to."""

    _db: Database
    _quota: Quota
    _wall: Wall
    _full_sites: Collection[str]
    opened: list[Request] = field(default_factory=list)
    refused: list[notices.Refusal] = field(default_factory=list)
    job_ids_to_stop: list[int] = field(default_factory=list)

    def take(self, effect: effects.Effect) -> Iterable[effects.Effect]:
        """Record an effect. Returns the effects that follow from it."""
        db, wall = self._db, self._wall
        match effect:
            case _ if shut_out := _banned_press(db, effect):
                self._tell(shut_out, notices.Refusal.BANNED)
            case effects.OpenRequest():
                self._accept(effect)
            case effects.EditLinks():
                self._edit(effect)
            case effects.CancelRequest():
                outcome, job_ids = cancellation.cancel(db, effect, wall)
                self.job_ids_to_stop += job_ids
                notice = notices.Notice(outcome)
                self._answer(protocol.AnswerButton(effect.callback_id, effect.language, notice))
            case effects.CancelAll():
                cancelled, job_ids = cancellation.cancel_all(db, effect, wall)
                self.job_ids_to_stop += job_ids
                chat_id = effect.reader.chat_id
                cancelled += batches.drop_unopened_of(db, effect.user_id, chat_id)
                admission.tell_cancelled(db, effect, cancelled, wall)
            case effects.ChooseForm(press=press):
                self._open_chosen(choices.choose(db, effect, wall), press)
            case effects.StopRecording(press=press):
                about, job_ids = recordings.stop(db, effect, wall)
                self.job_ids_to_stop += job_ids
                self._tell(press, about)
            case effects.ChooseResult(press=press):
                self._open_chosen(choices.chosen_result(db, effect), press)
            case effects.ShowChoices():
                found = choices.show(db, effect, wall)
                if isinstance(found, Request):
                    looks.look_for(db, found, effect.press, self._quota, wall, self._full_sites)
                else:
                    self._answer(found)
            case effects.TellDescription():
                self._answer(choices.send_description(db, effect, wall))
            case effects.OpenPanel():
                panels.open_panel(db, effect, wall)
            case effects.PressPanel():
                return panels.press(db, effect, wall)
            case effects.ShowItems():
                self._answer(lists.show(db, effect, wall))
            case effects.TakeItems():
                self._answer(lists.take(db, effect, wall))
            case effects.NameItems():
                if said := lists.take_named(db, effect, wall):
                    admission.reply(db, said, wall)
            case effects.CancelRest(press=press):
                about, job_ids = lists.cancel_rest(db, effect, wall)
                self.job_ids_to_stop += job_ids
                self._tell(press, about)
            case effects.TryFailedAgain(press=press):
                self._tell(press, lists.try_failed_again(db, effect, wall))
            case effects.Forget():
                self.job_ids_to_stop += forgetting.forget(db, effect, wall)
            case effects.Ban():
                admission.ban(db, effect, wall)
            case effects.GroupMoved():
                moving.move(db, effect, wall)
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
                self._answer(effect)
        return ()

    def _accept(self, link: effects.OpenRequest) -> None:
        """Open a request for the link of a message, or reply why not."""
        if refusal := self._admit(link):
            admission.tell_refusal(self._db, link, refusal, self._wall)

    def _admit(self, link: effects.OpenRequest) -> notices.Refusal | None:
        """Open a request for a link unless it is refused. Returns the refusal, not told yet."""
        refusal = admission.refusal_of(self._db, link, self._quota, self._wall)
        if refusal:
            self.refused.append(refusal)
        else:
            request = requests.open_request(self._db, link, self._wall, self._full_sites)
            self.opened.append(request)
        return refusal

    def _edit(self, effect: effects.EditLinks) -> None:
        new, job_ids = cancellation.edit(self._db, effect, self._wall)
        self.job_ids_to_stop += job_ids
        for link in new:
            self._accept(link)
        for reply in effect.replies:
            if not admission.has_said(self._db, reply, Wall(0), self._wall):
                admission.reply(self._db, reply, self._wall)

    def _open_chosen(
        self, chosen: effects.OpenRequest | protocol.AnswerButton, press: effects.Press
    ) -> None:
        if isinstance(chosen, protocol.AnswerButton):
            self._answer(chosen)
            return
        refusal = None if choices.is_under_way(self._db, chosen) else self._admit(chosen)
        self._tell(press, refusal or notices.Topic.ON_ITS_WAY)

    def _answer(self, button: protocol.AnswerButton) -> None:
        queue.add(self._db, Kind.BUTTON, self._wall, payload=as_json.to_json(button))

    def _tell(self, press: effects.Press, about: notices.About) -> None:
        notice = notices.Notice(about)
        self._answer(protocol.AnswerButton(press.callback_id, press.language, notice))


def _banned_press(db: Database, effect: effects.Effect) -> effects.Press | None:
    """The press that an effect is about, if a banned person made it.

    They can still cancel what they wait for, by its own button.
    """
    press: effects.Press | None = getattr(effect, "press", None)
    return press if press and admission.is_banned(db, press.user_id) else None
