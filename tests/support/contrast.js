// The texts on a page whose colour is too near to what is behind them; run by a test.
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});

function rgba(colour) {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
}

const over = (above, below) => [...above.slice(0, 3).map(
  (part, at) => part * above[3] + below[at] * (1 - above[3])), 1];

// What may be behind: the colours of a gradient are each a possibility.
function behind(node) {
  const layers = [];
  for (let at = node; at; at = at.parentElement) {
    const {backgroundColor, backgroundImage} = getComputedStyle(at);
    const stops = backgroundImage.match(/(?:rgba?|color)\([^)]*\)/g);
    if (stops) return stops.map(stop => layers.reduceRight((under, layer) => over(layer, under), rgba(stop)));
    const layer = rgba(backgroundColor);
    layers.push(layer);
    if (layer[3] === 1) break;
  }
  return [layers.reduceRight((under, layer) => over(layer, under), [255, 255, 255, 1])];
}

function luminance(colour) {
  const [red, green, blue] = colour.slice(0, 3).map(part => part / 255).map(
    part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function ratio(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function opacity(node) {
  let product = 1;
  for (let at = node; at; at = at.parentElement) product *= getComputedStyle(at).opacity;
  return product;
}

const found = [];
function check(node, words, style) {
  const share = opacity(node);
  if (share === 0 || !node.checkVisibility({visibilityProperty: true})) return;
  const size = parseFloat(style.fontSize);
  const isLarge = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
  const ink = rgba(style.color);
  ink[3] *= share;
  const worst = Math.min(...behind(node).map(back => ratio(over(ink, back), back)));
  if (worst < (isLarge ? 3 : 4.5)) found.push(`${worst.toFixed(2)} ${node.className}: ${words}`);
}

const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const node = texts.currentNode.parentElement, words = texts.currentNode.data.trim();
  if (words && !node.closest("option, script")) check(node, words.slice(0, 40), getComputedStyle(node));
}
for (const field of document.querySelectorAll("[placeholder]")) {
  check(field, field.placeholder, getComputedStyle(field, "::placeholder"));
}
return found;
