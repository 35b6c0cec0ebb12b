// Follows the sandbox: asks for its state as it changes, and has each part draw its own.
import {byId, notify, post} from "./dom.js";
import {answer, focusText, offer, writeIn} from "./composer.js";
import {drawChats, placeOf} from "./chats.js";
import {clear, draw} from "./conversation.js";
import {drawPane} from "./pane.js";
import "./keys.js";

const stateLine = byId("state");
let version = -1, place = {chat: 0, user: 0}, noticed = null, people = [], chats = [];
let asking = new AbortController();

async function press(message, data, button) {
  button.setAttribute("aria-busy", "true");
  setTimeout(() => button.removeAttribute("aria-busy"), 3000);
  const wrong = await post("/press", {...place, message: message.id, data});
  if (wrong) notify(wrong);
}

function go() {
  const next = placeOf(people, chats);
  if (next.chat === place.chat && next.user === place.user) return;
  place = next;
  version = -1;
  noticed = null;
  clear();
  writeIn(place);
  asking.abort();
}

function open(chat) {
  location.hash = chat;
  go();
  focusText();
}
addEventListener("hashchange", go);

// As in Telegram: what the bot does is shown for 5 seconds, or until its next message.
let actions = 0, actionEnds;
function showAction(action, number, running) {
  stateLine.parentElement.parentElement.classList.toggle("down", !running);
  if (!running) {
    actions = -1;
    stateLine.textContent = "the bot is down";
    return;
  }
  if (action && number === actions) return;
  actions = number;
  clearTimeout(actionEnds);
  const idle = () => { stateLine.textContent = "on this machine only"; };
  if (!action) return idle();
  stateLine.textContent = action.replace("_", " ") + " …";
  actionEnds = setTimeout(idle, 5000);
}

function show(state) {
  drawChats(state, place, open);
  draw(state.messages, {user: place.user, isGroup: place.chat < 0, press, reply: answer});
  offer(state.samples, state.menu);
  showAction(state.action, state.actions, state.trouble?.running ?? true);
  drawPane(state);
  if (noticed !== null && state.noticed > noticed) notify(state.notices.at(-1));
  noticed = state.noticed;
}

async function ask() {
  asking = new AbortController();
  const query = new URLSearchParams({version, ...place});
  const answered = await fetch("/state?" + query, {signal: asking.signal});
  return answered.json();
}

async function begin() {
  ({people, chats} = await (await fetch("/state")).json());
  go();
}

async function follow() {
  let stopped = false;
  for (;;) {
    let state;
    try {
      if (!people.length) await begin();
      state = await ask();
    } catch (error) {
      if (error.name === "AbortError") continue;
      stopped = true;
      stateLine.textContent = "the sandbox has stopped";
      await new Promise(done => setTimeout(done, 1000));
      continue;
    }
    // Another run has another conversation, and its samples lie at another address.
    if (stopped) return location.reload();
    if (state.chat !== place.chat || state.user !== place.user) continue;
    version = state.version;
    ({people, chats} = state);
    show(state);
  }
}

follow();
