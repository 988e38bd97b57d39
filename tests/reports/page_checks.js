// Lists what keeps people from reading a page: width, contrast, pictures and fields without words, tables without heads.
const seen = [], root = document.documentElement;
if (root.scrollWidth > root.clientWidth + 1) seen.push(`wider than the screen: ${root.scrollWidth} > ${root.clientWidth}`);

const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = colour => {
  const [r, g, b] = colour.match(/[\d.]+/g).map(Number);
  return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
};
const behind = x => {
  for (; x; x = x.parentElement) {
    const colour = getComputedStyle(x).backgroundColor;
    if (!/, 0\)$|transparent/.test(colour)) return colour;
  }
  return "rgb(255, 255, 255)";
};
for (const x of document.querySelectorAll("main *:not(svg *)")) {
  if (![...x.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
  const [high, low] = [light(getComputedStyle(x).color), light(behind(x))].sort((p, q) => q - p);
  if ((high + 0.05) / (low + 0.05) < 4.5) seen.push(`contrast: ${x.outerHTML.slice(0, 80)}`);
}
for (const x of document.querySelectorAll("svg")) {
  if (!x.closest("svg[aria-hidden=true], svg[aria-label]")) seen.push(`picture without words: ${x.outerHTML.slice(0, 60)}`);
}
for (const x of document.querySelectorAll("input, select")) if (!x.labels.length) seen.push(`field without a label: ${x.outerHTML}`);
for (const x of document.querySelectorAll("table")) if (!x.querySelector("th")) seen.push("table without heads");
if (!root.lang || !document.title) seen.push("no language or title");
