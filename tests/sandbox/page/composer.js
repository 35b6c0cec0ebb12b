// Where people write: the text, the menu of commands, the reply, and the sample links.
import {byId, element, notify, post} from "./dom.js";

const text = byId("text"), commands = byId("commands"), reply = byId("reply");
const COMMAND = /^\/(\w*)$/;
let where = {}, menu = [], replyTo = null, chosen = 0, samplesDrawn = false;

export function focusText() {
  text.focus();
}

// Whose words they are, and in which chat.
export function writeIn(place) {
  where = place;
  answer(null);
}

export function offer(samples, offered) {
  const isNew = JSON.stringify(offered) !== JSON.stringify(menu);
  menu = offered;
  // The bot may tell of its commands when a person is choosing one already.
  if (isNew && document.activeElement === text && COMMAND.test(text.value)) showCommands();
  if (samplesDrawn) return;
  samplesDrawn = true;
  for (const {url, what} of samples) {
    const chip = element("button", "", what);
    chip.type = "button";
    chip.title = url;
    chip.onclick = () => say(url);
    byId("samples").append(chip);
  }
}

export function answer(message) {
  replyTo = message?.id ?? null;
  reply.hidden = !message;
  if (!message) return;
  reply.firstElementChild.textContent = message.text.split("\n")[0] || message.media?.name || "a file";
  text.focus();
}
reply.lastElementChild.onclick = () => { answer(null); text.focus(); };

async function say(words) {
  const wrong = await post("/say", {...where, text: words, replyTo});
  if (wrong) notify(wrong);
  answer(null);
}

// The menu of commands

function matching() {
  const typed = COMMAND.exec(text.value);
  return menu.filter(({command}) => command.startsWith(typed ? typed[1] : ""));
}

function showCommands() {
  const shown = matching();
  chosen = Math.max(0, Math.min(chosen, shown.length - 1));
  commands.replaceChildren(...shown.map(({command, description}, at) => {
    const line = element("div");
    line.id = "command-" + command;
    line.setAttribute("role", "option");
    line.setAttribute("aria-selected", at === chosen);
    const what = element("span", "", description);
    what.dir = "auto";
    line.append(element("b", "", "/" + command), what);
    line.onmousedown = event => { event.preventDefault(); take(command); };
    return line;
  }));
  commands.hidden = !shown.length;
  text.setAttribute("aria-expanded", !commands.hidden);
  const active = commands.children[chosen];
  if (active) text.setAttribute("aria-activedescendant", active.id);
  active?.scrollIntoView({block: "nearest"});
}

export function hideCommands() {
  const wasOpen = !commands.hidden;
  commands.hidden = true;
  text.setAttribute("aria-expanded", false);
  text.removeAttribute("aria-activedescendant");
  return wasOpen;
}

function take(command) {
  text.value = "/" + command + (where.chat < 0 ? "@sandbox_bot " : " ");
  hideCommands();
  text.focus();
}

byId("menu").onclick = () => {
  if (hideCommands()) return;
  if (!/^\//.test(text.value)) text.value = "";
  chosen = 0;
  text.focus();
  showCommands();
};

text.oninput = () => {
  chosen = 0;
  if (COMMAND.test(text.value)) showCommands(); else hideCommands();
};
text.onblur = hideCommands;

const form = byId("form");
form.onsubmit = event => {
  event.preventDefault();
  const words = text.value.trim();
  if (words) say(words);
  text.value = "";
  hideCommands();
};

function inMenu(event) {
  const shown = matching();
  const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
  if (step) {
    chosen = (chosen + step + shown.length) % shown.length;
    showCommands();
  } else if (event.key === "Tab" || event.key === "Enter" && text.value !== "/" + shown[chosen].command) {
    take(shown[chosen].command);
  } else {
    return false;
  }
  return true;
}

text.addEventListener("keydown", event => {
  if (event.isComposing) return;
  if (!commands.hidden && inMenu(event)) {
    event.preventDefault();
    event.stopPropagation();
  } else if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    form.requestSubmit();
  }
});

export const closeReply = () => {
  if (replyTo === null) return false;
  answer(null);
  return true;
};
