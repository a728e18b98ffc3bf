import { $, ago, ask, el, styleOf, throttled, trouble } from "./page.js";

const AGAIN = 2000; // milliseconds after which a board is looked at again on which something runs
const SELDOM = 10000; // …and any other
const MOST_EVENTS = 500; // lines of the log that are kept in the page
const WRITES = new Set(["posted", "revised", "retracted", "reshaped"]);

const id = boardId();

function boardId() {
  const asked = new URLSearchParams(location.search).get("board");
  try {
    return asked ?? decodeURIComponent(location.pathname.slice("/boards/".length));
  } catch {
    return location.pathname.slice("/boards/".length); // a percent sign that means itself
  }
}

// ---------------------------------------------------------------------------- what is so now

let busy = false;

const look = throttled(async () => {
  try {
    show(await ask("/api/board", { board: id }));
    trouble(null);
  } catch (error) {
    trouble(error);
  }
}, 500);

function show(found) {
  busy = found.activations.some((each) => each.state === "running");
  showStatus(found);
  $("open").textContent = found.open > found.activations.length ? `the first ${found.activations.length} of ${found.open}` : `${found.open} open`;
  const dead = found.died > found.dead.length ? [more(`… and ${found.died - found.dead.length} more that are dead: blackboard dead`)] : [];
  $("activations").replaceChildren(...found.activations.map((each) => activation(each, found.now)), ...found.dead.map((each) => activation(each, found.now)), ...dead);
  $("activations").parentElement.hidden = found.open + found.died === 0;
  $("idle").hidden = found.open > 0;
  $("approvals").hidden = found.approvals.length === 0;
  $("asked").textContent = found.asked > found.approvals.length ? `the first ${found.approvals.length} of ${found.asked}` : found.asked;
  showQuestions(found.approvals);
  $("entries-count").textContent = found.entries;
}

function showStatus(found) {
  const control = found.control;
  const atWork = found.settled ? "settled" : "at work";
  const mode = `${control.mode}, epoch ${control.epoch}${control.strategy ? `, ${control.strategy}` : ""}`;
  const paused = control.paused ? el("b", { class: "paused" }, control.guard ? ` · paused by the guard of ${control.guard}` : " · paused") : null;
  const led = control.mode === "orchestration" && !control.controllers ? el("b", { class: "paused" }, " · no controller is alive") : null;
  const goOn = control.go_on ? el("span", {}, " · to go on: ", el("code", {}, control.go_on)) : null;
  const deadline = found.deadline ? ` · nothing starts after ${new Date(found.deadline).toLocaleString()}` : "";
  const counts = ` · events: ${found.events} · entries: ${found.entries} · open: ${found.open} · dead: ${found.died}`;
  $("status").replaceChildren(el("b", { class: styleOf(found.status) }, found.status), `, ${atWork} · ${mode}`, ...[paused, led, goOn].filter(Boolean), counts, deadline);
  if (control.says) $("status").append(el("span", { class: "quiet" }, ` · ${control.says}`));
}

function activation(found, now) {
  const doing = el("td");
  if (found.fraction !== null && found.fraction !== undefined) doing.append(el("progress", { max: 1, value: found.fraction }), " ");
  if (found.progress) doing.append(found.progress, el("br"));
  if (found.state === "running") doing.append(el("span", { class: "quiet" }, `on ${found.owner}`));
  else if (found.state !== "dead") doing.append(el("span", { class: "quiet" }, `waits for ${found.waits_for}`));
  for (const line of found.said ?? []) doing.append(el("div", { class: "said", title: line.time }, line.text));
  if (found.problem) doing.append(problem(found));
  return el("tr", {},
    el("td", { title: found.addresses.join(", ") }, found.activation),
    el("td", { class: styleOf(found.state) }, found.state),
    el("td", { title: found.since }, ago(found.since, now)),
    el("td", { class: "number" }, found.attempts),
    doing);
}

const unfolded = new Set(); // activations whose problem is unfolded, and stays so when the table is made anew

function problem(found) {
  const details = el("details", {}, el("summary", { class: "dead" }, found.problem.trim().split("\n")[0]), el("pre", {}, found.problem));
  details.open = unfolded.has(found.activation);
  details.addEventListener("toggle", () => (details.open ? unfolded.add(found.activation) : unfolded.delete(found.activation)));
  return details;
}

const more = (text) => el("tr", {}, el("td", { colspan: 5, class: "quiet" }, text));

let asked = "[]";

/** Questions are made anew only when they change, so that a command can be marked and copied. */
function showQuestions(approvals) {
  if (JSON.stringify(approvals) === asked) return;
  asked = JSON.stringify(approvals);
  $("questions").replaceChildren(...approvals.map(question));
}

function question(found) {
  const to = found.to ? `, to ${found.to}` : "";
  const until = found.expires ? `, until ${new Date(found.expires).toLocaleString()}` : "";
  const when = `, asked at ${new Date(found.asked).toLocaleString()}`;
  return el("div", { class: "question" },
    el("p", {}, el("b", {}, found.question), el("span", { class: "quiet" }, ` ${found.approval}${to}${when}${until}`)),
    found.value === null ? null : el("pre", {}, found.value),
    el("p", { class: "quiet" }, "Answer it on the command line:"),
    el("pre", {}, found.commands.join("\n")));
}

// ---------------------------------------------------------------------------- entries

const PAGE = 50;
let pages = 1;
const drawn = new Map(); // address → its element, kept so that what is unfolded stays so

const lookAtEntries = throttled(async () => {
  try {
    const kept = new Set();
    let after = "";
    for (let page = 0; page < pages && after !== null; page += 1) {
      const found = await ask("/api/entries", { board: id, after, limit: PAGE });
      for (const each of found.entries) {
        place(entry(each), kept.size);
        kept.add(each.address);
      }
      after = found.more;
    }
    for (const address of [...drawn.keys()].filter((each) => !kept.has(each))) {
      drawn.get(address).element.remove();
      drawn.delete(address);
    }
    $("more-entries").hidden = after === null;
    $("blank").hidden = kept.size > 0;
  } catch (error) {
    trouble(error);
  }
}, 1000);

/** Put an element where it belongs, without touching it when it is there. */
function place(element, index) {
  const there = $("entries").children[index];
  if (there !== element) $("entries").insertBefore(element, there ?? null);
}

function entry(found) {
  const known = drawn.get(found.address);
  if (known?.event === found.event) return known.element;
  const payload = el("pre", {}, found.json);
  const element = el("details", {},
    el("summary", {}, found.address, el("span", { class: "quiet" }, ` version ${found.version}, event ${found.event}, ${found.bytes} bytes`)),
    payload,
    found.cut ? whole(found, payload) : null);
  element.open = known?.element.open ?? false;
  known?.element.replaceWith(element);
  drawn.set(found.address, { event: found.event, element });
  return element;
}

function whole(found, payload) {
  const button = el("button", { type: "button" }, `This is its beginning. Show all ${found.bytes} bytes`);
  button.addEventListener("click", async () => {
    try {
      payload.textContent = (await ask("/api/entry", { board: id, address: found.address })).json;
      button.remove();
    } catch (error) {
      trouble(error);
    }
  });
  return button;
}

// ---------------------------------------------------------------------------- events

let last = 0; // the last event in the page
let earlier = null; // before which event the earlier ones come
let stream = null;

function line(event) {
  const time = new Date(event.time);
  return el("li", {},
    el("span", { class: "seq" }, event.seq),
    el("span", { class: "time", title: event.time }, time.toLocaleTimeString()),
    el("span", { class: `what ${styleOf(event.type)}` }, event.what));
}

function take(event) {
  if (event.seq <= last) return; // it is in the page already
  last = event.seq;
  $("events").append(line(event));
  while ($("events").children.length > MOST_EVENTS) {
    $("events").firstElementChild.remove();
    earlier = Number($("events").firstElementChild.firstElementChild.textContent);
    $("earlier").hidden = false;
  }
  look();
  if (WRITES.has(event.type)) lookAtEntries();
}

async function begin() {
  try {
    const found = await ask("/api/events", { board: id });
    $("events").replaceChildren(...found.events.map(line));
    [last, earlier] = [found.last, found.more];
    $("earlier").hidden = earlier === null;
    lookAtEntries();
    follow();
  } catch (error) {
    trouble(error);
    setTimeout(begin, AGAIN);
  }
}

async function showEarlier() {
  try {
    const found = await ask("/api/events", { board: id, before: earlier });
    $("events").prepend(...found.events.map(line));
    earlier = found.more;
    $("earlier").hidden = earlier === null;
  } catch (error) {
    trouble(error);
  }
}

/** Follow the board. A connection that breaks is made anew by the browser, which says the last event that it got. */
function follow() {
  leave("");
  stream = new EventSource(`/api/stream?${new URLSearchParams({ board: id, since: last })}`);
  stream.onopen = () => say("live");
  stream.onmessage = (message) => take(JSON.parse(message.data));
  stream.addEventListener("end", () => leave("the board is over"));
  stream.addEventListener("anew", () => location.reload());
  stream.addEventListener("failure", (message) => trouble(new Error(JSON.parse(message.data).message)));
  stream.onerror = () => {
    say("not connected, trying again");
    if (stream?.readyState === EventSource.CLOSED) {
      leave("not connected, trying again");
      setTimeout(() => document.hidden || stream || follow(), AGAIN); // it was refused: the browser does not try again
    }
  };
}

function leave(why) {
  stream?.close();
  stream = null;
  say(why);
}

function say(text) {
  $("live").textContent = text;
}

// A page that nobody sees holds no connection: a browser has few for one host.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    leave("paused");
  } else if (last) {
    follow();
    look();
  }
});

document.title = id;
$("board").textContent = id;
$("more-entries").addEventListener("click", () => {
  pages += 1;
  lookAtEntries();
});
$("earlier").addEventListener("click", showEarlier);
let looked = 0;
setInterval(() => {
  if (document.hidden || Date.now() - looked < (busy ? AGAIN : SELDOM)) return;
  looked = Date.now();
  look();
}, 1000);
look();
begin();
