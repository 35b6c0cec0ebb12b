// Draws messages: words with their entities, replies, rows of buttons, and when it was.
import {element, isRightToLeft} from "./dom.js";
import {draw as drawMedia, isSeen} from "./player.js";

const TAGS = {bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code",
  pre: "pre", spoiler: "span", blockquote: "blockquote", expandable_blockquote: "blockquote"};
const LINK = /^(https?|tg):\/\//i;

// Entities count UTF-16 units, as strings do here; they are sorted and nest.
function formatted(words, entities, from, to) {
  const out = document.createDocumentFragment();
  let at = from;
  for (let i = 0; i < entities.length; i++) {
    const {type, offset, length, url} = entities[i];
    if (offset < at || offset + length > to) continue;
    out.append(words.slice(at, offset));
    const end = offset + length;
    let node;
    if (type === "url" || type === "text_link") {
      node = element("a");
      const target = url || words.slice(offset, end);
      node.href = /^(https?|tg|ftp):/i.test(target) ? target : "http://" + target;
      node.target = "_blank";
      node.rel = "noopener noreferrer";
    } else {
      node = element(TAGS[type] || "span", type === "spoiler" ? "spoiler" : "");
      if (type === "spoiler") node.tabIndex = 0;
    }
    node.append(formatted(words, entities.slice(i + 1), offset, end));
    out.append(node);
    at = end;
  }
  out.append(words.slice(at, to));
  return out;
}

const firstLine = message => message.text.split("\n")[0] || message.media?.name || "a file";
const writer = (message, view) => message.bot ? "Sandbox bot"
  : message.user === view.user ? "You" : message.sender;

function replyOf(replied, view) {
  const line = element("button", "reply"), what = element("span");
  line.type = "button";
  line.dataset.to = replied.id;
  what.append(element("bdi", "", firstLine(replied)));
  line.append(element("b", "", writer(replied, view)), what);
  line.setAttribute("aria-label", "In reply to: " + what.textContent);
  return line;
}

function rowsOf(message, press) {
  const rows = element("div", "rows");
  for (const buttons of message.buttons) {
    const line = element("div", "row");
    for (const [label, data] of buttons) {
      const button = element("button", "", label);
      button.type = "button";
      button.dir = "auto";
      button.onclick = () => LINK.test(data) ? window.open(data, "_blank", "noopener")
        : press(message, data, button);
      line.append(button);
    }
    rows.append(line);
  }
  return rows;
}

function footOf(message, isMine) {
  const foot = element("div", "foot");
  const at = new Date(message.date * 1000);
  const when = at.toLocaleTimeString("en-GB", {hour: "2-digit", minute: "2-digit"});
  const time = element("span", "time", (message.edits && message.bot ? "edited " : "") + when);
  time.dir = "ltr";
  foot.append(time);
  if (isMine) {
    const ticks = element("span", "ticks", message.taken ? "✓✓" : "✓");
    ticks.setAttribute("role", "img");
    ticks.setAttribute("aria-label", message.taken ? "the bot has it" : "waits for the bot");
    foot.append(ticks);
  }
  return foot;
}

function answerTo(message, reply) {
  const answer = element("button", "answer", "↩");
  answer.type = "button";
  answer.title = "Reply";
  answer.setAttribute("aria-label", "Reply to message " + message.id);
  answer.onclick = () => reply(message);
  return answer;
}

// The time stands in the last line of the words, unless these run against the page's direction.
function wordsOf(message, foot) {
  const words = element("div", "text");
  words.dir = "auto";
  words.append(formatted(message.text, message.entities, 0, message.text.length));
  const letter = /\p{L}/u.exec(message.text)?.[0] ?? "";
  const isTurned = /[\u0590-\u08ff]/.test(letter) !== isRightToLeft(document.documentElement);
  if (isTurned) foot.classList.add("below");
  else words.append(element("span", "room " + (message.edits ? "wide" : "")));
  return words;
}

// One message. `view` says whose side it is seen from and what can be done with it.
export function build(message, replied, view) {
  const isMine = !message.bot && message.user === view.user;
  const row = element("article", "message" + (isMine ? " mine" : "")
    + (message.deleted ? " deleted" : ""));
  row.dataset.id = message.id;
  const bubble = element("div", "bubble"), foot = footOf(message, isMine);
  if (!isMine && view.isGroup) bubble.append(element("div", "sender", writer(message, view)));
  if (replied) bubble.append(replyOf(replied, view));
  if (message.media) bubble.append(drawMedia(message.media));
  if (message.text) bubble.append(wordsOf(message, foot));
  else foot.classList.add(isSeen(message.media) ? "over" : "below");
  bubble.append(foot);
  const block = element("div", "block");
  if (isSeen(message.media)) {
    block.classList.add("seen");
    const {width, height} = message.media;
    if (width && height) block.style.setProperty("--ratio", width / height);
  }
  block.append(bubble);
  if (message.buttons.length && !message.deleted) block.append(rowsOf(message, view.press));
  row.append(block);
  if (!message.deleted) row.append(answerTo(message, view.reply));
  return row;
}
