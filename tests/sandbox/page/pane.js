// Backstage: trouble at a press, and the bot's calls to Telegram as they happen.
import {byId, element, notify, post} from "./dom.js";

const pane = byId("pane"), toggle = byId("backstage"), calls = byId("calls");
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

function build(call, names) {
  const item = element("li"), details = element("details"), line = element("summary");
  const status = call.status === 0 ? "cut" : call.status ?? "…";
  line.append(element("span", "status " + gradeOf(call.status), status), element("b", "", call.method));
  const at = new Date(call.time * 1000);
  line.append(element("span", "at", at.toLocaleTimeString("en-GB") + "."
    + String(at.getMilliseconds()).padStart(3, "0")));
  const about = [names.get(call.chat), call.description || call.about].filter(Boolean).join(": ");
  if (about) {
    const words = element("span", "about");
    words.append(element("bdi", "", about));
    line.append(words);
  }
  const all = [call.params, ...call.uploads];
  if (call.description) all.unshift(call.description);
  details.append(line, element("pre", "", all.join("\n")));
  item.append(details);
  return item;
}

function drawCalls(told, chats) {
  const names = new Map(chats.map(({id, name}) => [id, name]));
  const shown = new Set(told.map(({number}) => number));
  for (const [number, {item}] of drawn) {
    if (!shown.has(number)) { item.remove(); drawn.delete(number); }
  }
  // From the oldest on, so that each new one comes to the top.
  for (const call of [...told].reverse()) {
    const old = drawn.get(call.number);
    const content = call.status + call.description;
    if (old?.content === content) continue;
    const item = build(call, names);
    if (old) {
      item.firstChild.open = old.item.firstChild.open;
      const hadFocus = old.item.contains(document.activeElement);
      old.item.replaceWith(item);
      if (hadFocus) item.querySelector("summary").focus();
    } else {
      calls.prepend(item);
    }
    drawn.set(call.number, {content, item});
  }
}

export function drawPane(state) {
  drawTrouble(state.trouble);
  drawCalls(state.calls, state.chats);
}
