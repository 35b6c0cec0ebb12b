// The keyboard: / to write, Esc to go back, arrows from button to button.
import {byId, isRightToLeft} from "./dom.js";
import {closeReply, focusText, hideCommands} from "./composer.js";
import {closePane} from "./pane.js";

const chat = byId("chat"), text = byId("text");
const rows = () => [...chat.querySelectorAll(".row")];

function moveFrom(button, key) {
  const row = button.parentElement;
  const column = [...row.children].indexOf(button);
  const back = isRightToLeft(row) ? "ArrowRight" : "ArrowLeft";
  if (key === "ArrowLeft" || key === "ArrowRight") {
    row.children[column + (key === back ? -1 : 1)]?.focus();
    return;
  }
  const all = rows();
  const next = all[all.indexOf(row) + (key === "ArrowUp" ? -1 : 1)];
  if (next) next.children[Math.min(column, next.children.length - 1)].focus();
  else if (key === "ArrowDown") focusText();
}

addEventListener("keydown", event => {
  const {key, target} = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const writes = target.matches("textarea, select");
  if (key === "/" && !writes) {
    event.preventDefault();
    focusText();
  } else if (key === "Escape") {
    if (!closePane() && !hideCommands() && !closeReply()) focusText();
  } else if (key.startsWith("Arrow") && target.matches(".row button")) {
    event.preventDefault();
    moveFrom(target, key);
  } else if (key === "ArrowUp" && target === text && !text.value) {
    const last = rows().at(-1);
    if (last) event.preventDefault();
    last?.firstElementChild.focus();
  }
});
