// Draws messages: words with their entities, media, replies, and rows of buttons.
import {element, sizeOf} from "./dom.js";

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

function picture(source, description) {
  const made = element("img");
  made.src = source;
  made.alt = description;
  return made;
}

function player(media) {
  const made = element(media.kind === "audio" || media.kind === "voice" ? "audio" : "video");
  made.src = media.url;
  made.controls = true;
  made.preload = "metadata";
  if (made.tagName === "AUDIO") return made;
  made.playsInline = true;
  if (media.poster) made.poster = media.poster;
  if (media.width && media.height) made.style.aspectRatio = media.width / media.height;
  if (media.kind === "animation") made.loop = made.muted = made.autoplay = true;
  return made;
}

function song(media) {
  const box = element("div", "song");
  if (media.poster) box.append(picture(media.poster, "cover"));
  const words = element("div");
  words.append(element("div", "name", media.name || "Sound"));
  if (media.performer) words.append(element("div", "file", media.performer));
  for (const line of words.children) line.dir = "auto";
  box.append(words);
  return box;
}

function mediaOf(media) {
  const box = element("div");
  if (media.kind === "photo") box.append(picture(media.url, "a picture"));
  if (media.kind === "audio") box.append(song(media));
  if (media.kind !== "photo" && media.kind !== "document") box.append(player(media));
  const facts = [sizeOf(media.size)];
  if (media.width) facts.unshift(media.width + "×" + media.height);
  if (media.duration) facts.unshift(media.duration + " s");
  const line = element("div", "file");
  const link = element("a", "", media.name || media.kind);
  link.href = media.url;
  link.download = media.name || "";
  link.dir = "auto";
  const told = element("span", "", facts.join(" · "));
  told.dir = "ltr";
  line.append(link, " · ", told);
  box.append(line);
  return box;
}

function replyOf(replied, id) {
  const line = element("button", "reply", replied.text.split("\n")[0] || replied.media?.name || "a file");
  line.type = "button";
  line.dir = "auto";
  line.dataset.to = id;
  line.setAttribute("aria-label", "In reply to: " + line.textContent);
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

function footOf(message, reply) {
  const foot = element("div", "foot");
  if (!message.deleted) {
    const answer = element("button", "answer", "↩");
    answer.type = "button";
    answer.title = "Reply";
    answer.setAttribute("aria-label", "Reply to message " + message.id);
    answer.onclick = () => reply(message);
    foot.append(answer);
  }
  const when = new Date(message.date * 1000).toLocaleTimeString([], {timeStyle: "short"});
  const time = element("span", "time", (message.edits ? "edited " : "") + when);
  time.dir = "ltr";
  foot.append(time);
  return foot;
}

// One message. `view` says whose side it is seen from and what can be done with it.
export function build(message, replied, view) {
  const isMine = !message.bot && message.user === view.user;
  const row = element("article", "message" + (isMine ? " mine" : "")
    + (message.deleted ? " deleted" : ""));
  row.dataset.id = message.id;
  const bubble = element("div", "bubble");
  if (!isMine && view.isGroup) {
    bubble.append(element("div", "sender", message.bot ? "Sandbox bot" : message.sender));
  }
  if (replied) bubble.append(replyOf(replied, message.replyTo));
  if (message.media) bubble.append(mediaOf(message.media));
  if (message.text) {
    const words = element("div", "text");
    words.dir = "auto";
    words.append(formatted(message.text, message.entities, 0, message.text.length));
    bubble.append(words);
  }
  bubble.append(footOf(message, view.reply));
  const block = element("div", "block");
  block.append(bubble);
  if (message.buttons.length && !message.deleted) block.append(rowsOf(message, view.press));
  row.append(block);
  return row;
}
