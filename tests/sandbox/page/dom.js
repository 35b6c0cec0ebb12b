// Small means that all parts of the page use.

export const byId = id => document.getElementById(id);

export function element(tag, className, content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content !== undefined) made.textContent = content;
  return made;
}

// Resolves to what went wrong, or to nothing.
export async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
    });
    return answer.ok ? undefined : (await answer.json()).error;
  } catch {
    return "the sandbox has stopped";
  }
}

export const sizeOf = n => n < 1000 ? n + " bytes"
  : n < 1e6 ? (n / 1e3).toFixed(1) + " kB" : (n / 1e6).toFixed(1) + " MB";

export const isRightToLeft = at => getComputedStyle(at).direction === "rtl";

let noticeEnds;
export function notify(words) {
  const box = byId("notice");
  box.firstElementChild.textContent = words;
  box.classList.add("on");
  clearTimeout(noticeEnds);
  noticeEnds = setTimeout(() => box.classList.remove("on"), 4000);
}
