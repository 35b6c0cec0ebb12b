// Draws media: pictures, videos that begin at a press, sound, songs with a cover, and files.
import {element, sizeOf} from "./dom.js";

const languages = new Intl.DisplayNames(["en"], {type: "language"});
const clock = seconds => Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");
export const isSeen = media => ["photo", "video", "animation"].includes(media?.kind);

function picture(source, description) {
  const made = element("img");
  made.src = source;
  made.alt = description;
  return made;
}

function badge(words) {
  const made = element("span", "badge", words);
  made.dir = "ltr";
  return made;
}

// A file does not tell a browser of the subtitles in it; the sandbox reads them out.
async function addSubtitles(video, address) {
  const answered = await fetch(address);
  (answered.ok ? await answered.json() : []).forEach((language, at) => {
    const track = element("track");
    track.kind = "subtitles";
    track.srclang = language;
    track.label = languages.of(language);
    track.src = `${address}/${at}`;
    track.default = at === 0;
    video.append(track);
  });
}

// Nothing is loaded before somebody wants to see it: a long list has hundreds.
function player(media) {
  const box = element("div", "player"), video = element("video");
  video.src = media.url;
  video.playsInline = true;
  video.setAttribute("aria-label", media.name || "a video");
  video.preload = media.poster ? "none" : "metadata";
  if (media.poster) video.poster = media.poster;
  if (media.width && media.height) box.style.aspectRatio = media.width / media.height;
  box.append(video);
  if (media.kind === "animation") {
    video.loop = video.muted = video.autoplay = true;
    box.append(badge("GIF"));
    return box;
  }
  const play = element("button", "play");
  play.type = "button";
  play.setAttribute("aria-label", "Play " + (media.name || "the video"));
  const length = media.duration ? badge(clock(media.duration)) : "";
  play.onclick = async () => {
    play.remove();
    if (length) length.remove();
    video.controls = true;
    video.focus();
    await addSubtitles(video, media.subtitles);
    await video.play();
  };
  box.append(play, length);
  return box;
}

function sound(media) {
  const made = element("audio");
  made.src = media.url;
  made.controls = true;
  made.preload = "metadata";
  made.setAttribute("aria-label", media.name || "a voice message");
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

function fileLine(media) {
  const facts = [sizeOf(media.size)];
  if (media.width) facts.unshift(media.width + "×" + media.height);
  const line = element("div", "file"), link = element("a", "", media.name || media.kind);
  link.href = media.url;
  link.download = media.name || "";
  link.dir = "auto";
  const told = element("span", "", facts.join(" · "));
  told.dir = "ltr";
  line.append(link, " · ", told);
  return line;
}

export function draw(media) {
  const box = element("div", "media " + media.kind);
  if (media.kind === "photo") box.append(picture(media.url, "a picture"));
  else if (isSeen(media)) box.append(player(media));
  else if (media.kind === "audio") box.append(song(media), sound(media));
  else if (media.kind === "voice") box.append(sound(media));
  box.append(fileLine(media));
  return box;
}
