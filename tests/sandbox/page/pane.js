// Backstage: trouble at a press, and the bot's calls to Telegram as they happen.
import {byId, element, notify, post} from "./dom.js";

const pane = byId("pane"), toggle = byId("backstage"), list = byId("calls");
const narrow = matchMedia("(max-width: 1080px)");
const drawn = new Map();

function showPane(open) {
  pane.hidden = !open;
  document.body.classList.toggle("backstage", open);
  toggle.setAttribute("aria-expanded", open);
  toggle.textContent = open && narrow.matches ? "Close" : "Backstage";
}
toggle.onclick = () => showPane(pane.hidden);
narrow.addEventListener("change", () => showPane(!narrow.matches));
showPane(!narrow.matches);

// Whether there was something to close: beside the conversation it may stay.
export function closePane() {
  if (pane.hidden || !narrow.matches) return false;
  showPane(false);
  toggle.focus();
  return true;
}

function drawTrouble(trouble) {
  const box = byId("presses");
  byId("trouble").hidden = !trouble;
  if (!trouble) return;
  if (!box.children.length) {
    for (const {name, label} of trouble.presses) {
      const button = element("button", "", label);
      button.type = "button";
      button.onclick = async () => {
        const wrong = await post("/trouble", {name});
        if (wrong) notify(wrong);
      };
      box.append(button);
    }
  }
  trouble.presses.forEach(({on}, at) => {
    if (on !== undefined) box.children[at].setAttribute("aria-pressed", on);
  });
}

const gradeOf = status => status === null ? "" : status === 200 ? "good"
  : status === 429 ? "warn" : "bad";

function timeOf(seconds) {
  const at = new Date(seconds * 1000);
  return element("span", "at", at.toLocaleTimeString("en-GB") + "."
    + String(at.getMilliseconds()).padStart(3, "0"));
}

function buildCall(call, names) {
  const item = element("li"), details = element("details"), line = element("summary");
  const status = call.status === 0 ? "cut" : call.status ?? "…";
  line.append(element("span", "status " + gradeOf(call.status), status),
    element("b", "", call.method), timeOf(call.time));
  const about = [names.get(call.chat), call.description || call.about].filter(Boolean);
  if (about.length) {
    const words = element("span", "about");
    // Each in its own direction.
    about.forEach((part, at) => words.append(at ? ": " : "", element("bdi", "", part)));
    line.append(words);
  }
  const all = [call.params, ...call.uploads];
  if (call.description) all.unshift(call.description);
  details.append(line, element("pre", "", all.join("\n")));
  item.append(details);
  return item;
}

function buildIncident({text, time}) {
  const item = element("li", "incident");
  item.append(element("b", "", text), timeOf(time));
  return item;
}

function replace(old, item) {
  item.firstChild.open = old.firstChild.open;
  const hadFocus = old.contains(document.activeElement);
  old.replaceWith(item);
  if (hadFocus) item.querySelector("summary").focus();
}

// The calls, and among them what was done to the bot, so that one sees what came of it.
function drawCalls({calls, chats, trouble}) {
  const names = new Map(chats.map(({id, name}) => [id, name]));
  const lines = [
    ...calls.map(call => ({key: "call " + call.number, time: call.time,
      content: call.status + call.description, build: () => buildCall(call, names)})),
    ...(trouble?.incidents ?? []).map(it => ({key: "incident " + it.number, time: it.time,
      content: it.text, build: () => buildIncident(it)})),
  ];
  const shown = new Set(lines.map(({key}) => key));
  for (const [key, {item}] of drawn) {
    if (!shown.has(key)) { item.remove(); drawn.delete(key); }
  }
  // From the oldest on, so that each new one comes to the top.
  for (const {key, content, build} of lines.sort((one, other) => one.time - other.time)) {
    const old = drawn.get(key);
    if (old?.content === content) continue;
    const item = build();
    if (old) replace(old.item, item); else list.prepend(item);
    drawn.set(key, {content, item});
  }
}

export function drawPane(state) {
  drawTrouble(state.trouble);
  drawCalls(state);
}
