// The messages of one chat on the screen: drawn where they changed, albums kept together.
import {byId, element} from "./dom.js";
import {build} from "./messages.js";
import {isSeen} from "./player.js";

const chat = byId("chat");
const drawn = new Map();

export function clear() {
  drawn.clear();
  chat.replaceChildren();
  follows = true;
}

function welcome() {
  const box = element("div", "empty");
  const face = element("img");
  face.src = "/icon.svg";
  face.alt = "";
  const keys = element("p");
  keys.append(element("kbd", "", "/"), " to write, ", element("kbd", "", "Enter"), " to send, ",
    element("kbd", "", "↑"), " to the buttons");
  box.append(face, element("p", "", "Send a link, or pick one of the samples below."), keys);
  return box;
}

// Only what changed is drawn again, so that a video goes on playing.
export function draw(messages, view) {
  chat.querySelector(".empty")?.remove();
  if (!messages.length) chat.append(welcome());
  const known = new Map(messages.map(message => [message.id, message]));
  let before;
  for (const message of messages) {
    const replied = known.get(message.replyTo);
    const content = JSON.stringify([message, replied?.text, view.user]);
    const old = drawn.get(message.id);
    if (old?.content !== content) {
      const row = build(message, replied, view);
      if (old) replace(old.row, row); else place(row, message, before);
      drawn.set(message.id, {content, row});
    }
    before = message;
  }
  settle();
}

function place(row, message, before) {
  if (!message.album) return chat.append(row);
  if (message.album !== before?.album) {
    chat.append(element("div", "album" + (isSeen(message.media) ? " seen" : "")));
  }
  chat.lastElementChild.append(row);
}

// A message that is edited keeps the focus where it was: on the same thing, or on one near to it.
const stopsOf = row => [...row.querySelectorAll("button, a, video, audio, .spoiler")];
const nameOf = stop => stop.getAttribute("aria-label") || stop.textContent;
function replace(old, row) {
  const before = stopsOf(old);
  const at = before.indexOf(document.activeElement);
  old.replaceWith(row);
  if (at < 0) return;
  const now = stopsOf(row);
  const same = now.find(stop => nameOf(stop) === nameOf(before[at]));
  (same || now[Math.min(at, now.length - 1)] || byId("text")).focus();
}

chat.addEventListener("click", event => {
  const id = event.target.closest("button.reply")?.dataset.to;
  chat.querySelector(`[data-id="${id}"]`)?.scrollIntoView({block: "center", behavior: "smooth"});
});

// The newest message stays in view, unless the person has scrolled up to read. A browser scrolls
// as well when the window or a message changes its size: that is not the person.
let follows = true, settled = "";
const layout = () => chat.scrollHeight + "/" + chat.clientHeight;
function settle() {
  if (follows) chat.scrollTop = chat.scrollHeight;
  settled = layout();
}
chat.addEventListener("scroll", () => {
  if (layout() === settled) {
    follows = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 80;
  }
});
for (const grown of ["loadedmetadata", "load"]) chat.addEventListener(grown, settle, true);
new ResizeObserver(settle).observe(chat);
