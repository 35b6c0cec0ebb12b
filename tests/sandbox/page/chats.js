// The list of chats: each person's own with the bot, and the groups.
import {byId, element} from "./dom.js";

const list = byId("chats"), as = byId("as"), writers = as.querySelector("select");
const seen = new Map();
const RIGHT_TO_LEFT = /^(ar|fa|he|ur)\b/;
let current, shown = "";

// Where the page is: a chat, and the person from whose side it is seen.
export function placeOf(people, chats) {
  const asked = Number(location.hash.slice(1));
  const chat = chats.some(({id}) => id === asked) ? asked : people[0].user_id;
  if (chat > 0) return {chat, user: chat};
  return {chat, user: Number(writers.value) || people[0].user_id};
}

function entry(chat, person, at, open) {
  const button = element("button");
  button.type = "button";
  const face = element("span", "face face-" + at % 5, [...chat.name][0]);
  face.setAttribute("aria-hidden", "true");
  const about = element("small");
  about.append(element("bdi", "", chat.last || person?.about || "a group"));
  button.append(face, element("b", "", chat.name));
  const unread = chat.fromBot - (seen.get(chat.id) ?? 0);
  if (unread > 0 && chat.id !== current.chat) {
    const count = element("span", "unread", unread);
    count.setAttribute("aria-label", unread + " new");
    button.append(count);
  }
  button.append(about);
  if (chat.id === current.chat) button.setAttribute("aria-current", "true");
  button.dataset.chat = chat.id;
  button.onclick = () => open(chat.id);
  const item = element("li");
  item.append(button);
  return item;
}

export function drawChats({people, chats}, place, open) {
  current = place;
  seen.set(place.chat, chats.find(({id}) => id === place.chat)?.fromBot ?? 0);
  const content = JSON.stringify([chats, place]);
  if (content === shown) return;
  shown = content;
  const focused = document.activeElement?.dataset?.chat;
  list.replaceChildren(...chats.map((chat, at) =>
    entry(chat, people.find(({user_id}) => user_id === chat.id), at, open)));
  if (focused) list.querySelector(`[data-chat="${focused}"]`)?.focus();
  as.hidden = place.chat > 0;
  if (!writers.options.length) {
    writers.append(...people.map(({user_id, name}) => new Option(name, user_id)));
    writers.onchange = () => open(current.chat);
  }
  const me = people.find(({user_id}) => user_id === place.user);
  document.documentElement.dir = RIGHT_TO_LEFT.test(me?.language) ? "rtl" : "ltr";
}

list.addEventListener("keydown", event => {
  const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...list.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  buttons[(at + step + buttons.length) % buttons.length].focus();
});
