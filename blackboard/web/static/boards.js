import { $, addressOf, ago, ask, el, styleOf, throttled, trouble } from "./page.js";

const AGAIN = 3000; // milliseconds after which the page looks again
const PAGE = 50;

let pages = 1; // how many pages of boards are shown

function row(board, now) {
  const number = (value) => el("td", { class: "number" }, value);
  return el("tr", {},
    el("td", {}, el("a", { href: addressOf(board.board) }, board.board)),
    el("td", { class: styleOf(board.status) }, board.status, board.status === "open" && board.settled ? ", settled" : ""),
    el("td", {}, board.mode, board.paused ? el("span", { class: "paused" }, ", paused") : null),
    number(board.events), number(board.entries), number(board.open), number(board.running),
    el("td", { class: board.dead ? "number dead" : "number" }, board.dead),
    el("td", { title: board.changed }, ago(board.changed, now)));
}

const look = throttled(async () => {
  const text = $("text").value;
  const rows = [];
  let before = null;
  try {
    for (let page = 0; page < pages && (page === 0 || before !== null); page += 1) {
      const found = await ask("/api/boards", { text, before, limit: PAGE });
      rows.push(...found.boards.map((board) => row(board, found.now)));
      before = found.more;
      $("namespace").textContent = found.namespace;
      document.title = `Boards of ${found.namespace}`;
    }
    if (text === $("text").value) show(rows, text, before !== null);
    trouble(null);
  } catch (error) {
    trouble(error);
  }
}, 300);

function show(rows, text, more) {
  $("boards").replaceChildren(...rows);
  $("more").hidden = !more;
  $("more").textContent = rows.length ? "More" : "Look further";
  $("nothing").hidden = rows.length > 0;
  $("nothing").textContent = text
    ? `No board found whose id has “${text}” in it${more ? " among the newest" : ""}.`
    : "No boards yet. The first post makes one: blackboard post BOARD KIND JSON";
}

$("search").addEventListener("submit", (event) => event.preventDefault());
$("text").addEventListener("input", () => {
  pages = 1;
  look();
});
$("more").addEventListener("click", () => {
  pages += 1;
  look();
});
document.addEventListener("visibilitychange", () => document.hidden || look());
setInterval(() => document.hidden || look(), AGAIN);
look();
