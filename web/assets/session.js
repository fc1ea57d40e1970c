// The page of one session: sound and transcript go together, and what still happens appears while it does.

import { onKey } from './page.js';
import { Messages } from './messages.js';
import { fetched, parsed } from './parts.js';
import { pausing } from './pausing.js';
import { follow } from './stream.js';
import { HEIGHT, Timeline, clock } from './timeline.js';

const at = (id) => document.getElementById(id);
const root = at('session');
const path = root.dataset.path;
const list = at('turns');
const sound = at('sound');
const canvas = at('timeline');
canvas.height = HEIGHT;
const timeline = new Timeline(canvas);

let now = 0;
let until = null;
let hasSound = false;
let waiting = null;
let asking = 0;
let silent = at('session').querySelectorAll('.silent, #silences li').length > 0;

const items = () => [...list.children];
const item = (index) => at(`turn-${index}`);
const chosen = () => list.querySelector('.chosen');
const turnOf = (element) => timeline.turns.find((turn) => turn.index === Number(element?.dataset.index));

async function load() {
  const data = await (await fetch(`${path}/timeline.json`)).json();
  timeline.show(data);
  if (data.sound && !hasSound) await hear(data);
  at('slowest').hidden = !data.turns.some((turn) => turn.waited);
  for (const button of list.querySelectorAll('.play')) button.hidden = !hasSound;
  if (data.live && !hasSound) place(data.seconds);
  if (data.silenced.length && !silent) {
    silent = true;
    await again();
  }
}

/** There is sound: it can be played, and its peaks are drawn. */
async function hear(data) {
  hasSound = true;
  const api = `/api${path}`;
  sound.src = `${api}/audio.wav`;
  at('play').disabled = false;
  at('no-sound').textContent = '';
  const answer = await fetch(`${api}/peaks.json`);
  if (answer.ok) timeline.show(data, await answer.json());
}

function place(seconds, moving = false) {
  now = seconds;
  at('clock').value = clock(seconds);
  timeline.move(seconds, moving);
}

function seek(seconds) {
  place(seconds);
  if (hasSound) sound.currentTime = seconds;
}

function toggle() {
  if (!hasSound) return;
  until = null;
  if (sound.paused) sound.play();
  else sound.pause();
}

function choose(element, { scroll = true } = {}) {
  if (!element || element === chosen()) return;
  chosen()?.classList.remove('chosen');
  element.classList.add('chosen');
  timeline.choose(Number(element.dataset.index));
  if (scroll) element.scrollIntoView({ block: 'nearest', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
}

/** Chooses a turn and goes to where it begins. */
function goTo(element) {
  const turn = turnOf(element);
  choose(element);
  if (!turn) return;
  const [begin, end] = timeline.span(turn);
  timeline.reveal(begin, end);
  seek(begin);
}

function walk(step) {
  const all = items();
  const index = all.indexOf(chosen());
  if (step > 0 && index === all.length - 1 && !at('more').hidden) return more().then(() => walk(step));
  return goTo(all[index < 0 ? 0 : Math.min(all.length - 1, Math.max(0, index + step))]);
}

function playTurn(element = chosen()) {
  const turn = turnOf(element);
  if (!turn || !hasSound) return;
  goTo(element);
  until = timeline.span(turn)[1];
  sound.play();
}

async function slowest() {
  const slow = timeline.turns.filter((turn) => turn.waited).sort((one, other) => other.waited_ms - one.waited_ms)[0];
  if (!slow) return;
  while (!item(slow.index) && !at('more').hidden) await more();
  goTo(item(slow.index));
  playTurn();
}

async function more() {
  at('more').disabled = true;
  const answer = await fetch(`${path}/turns?offset=${list.children.length}&limit=200`);
  list.append(...parsed(await answer.text()));
  at('more').disabled = false;
  at('more').hidden = list.children.length >= Number(root.dataset.count);
  for (const button of list.querySelectorAll('.play')) button.hidden = !hasSound;
}

/** Frame by frame while it plays: the line moves, the turn that is heard is marked. */
function frame() {
  if (!sound.paused) requestAnimationFrame(frame);
  place(sound.currentTime, true);
  if (until !== null && sound.currentTime >= until) {
    until = null;
    sound.pause();
  }
  choose(item(timeline.turnAt(sound.currentTime)?.index));
}

// Messages

const messages = new Messages(path, { box: at('message-list'), view: at('message-view'), says: at('messages-say') });
const showsMessages = () => !at('messages').hidden;

async function tab(name) {
  for (const one of ['conversation', 'messages']) {
    at(one).hidden = one !== name;
    at(`tab-${one}`).setAttribute('aria-selected', String(one === name));
  }
  if (name === 'messages') {
    if (!messages.loaded) await messages.load();
    messages.reveal(now);
  }
}

messages.addEventListener('open', ({ detail }) => seek(detail.seconds));
at('tab-conversation').addEventListener('click', () => tab('conversation'));
at('tab-messages').addEventListener('click', () => tab('messages'));
onKey('m', () => tab(showsMessages() ? 'conversation' : 'messages'));
onKey('u', () => showsMessages() && messages.fold());
onKey('e', () => (showsMessages() ? messages.explain() : at('explain').click()));

// What happens while the session runs

function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(() => Promise.all([load(), showsMessages() && messages.load()]), 150);
}

function turnChanged({ index, html }) {
  const [fresh] = parsed(html);
  const old = item(index);
  const beyond = items().find((other) => Number(other.dataset.index) > index);
  if (old) {
    fresh.classList.toggle('chosen', old.classList.contains('chosen'));
    fresh.querySelector('details').open = old.querySelector('details').open;
    old.replaceWith(fresh);
  } else if (at('more').hidden) {
    const low = window.innerHeight + window.scrollY > document.body.scrollHeight - 200;
    list.insertBefore(fresh, beyond ?? null);
    root.dataset.count = String(Math.max(Number(root.dataset.count), list.children.length));
    at('no-turns').hidden = true;
    if (low) fresh.scrollIntoView({ block: 'end' });
  }
  soon();
}

function headChanged({ html, ended }) {
  at('pausing').classList.toggle('ended', ended);
  at('head').replaceWith(...parsed(html));
  ask();
  tick();
  soon();
}

function found({ html }) {
  at('findings').querySelector('.none')?.remove();
  for (const one of parsed(html)[0].children) if (!at(one.id)) at('findings').append(one);
  soon();
}

/** What the button says; the head of the page, and the button with it, is made anew whenever something happens. */
function ask() {
  const button = document.getElementById('end');
  button?.classList.toggle('sure', Boolean(asking));
  if (button) button.textContent = asking ? 'Really end it?' : 'End it';
}

/** Ends the session, when it is asked twice. */
async function end(button) {
  if (!asking) {
    asking = setTimeout(() => { asking = 0; ask(); }, 8000);
    ask();
    return;
  }
  clearTimeout(asking);
  button.disabled = true;
  await fetch(`/api${path}/kill`, { method: 'POST' });
}

function tick() {
  const cell = root.querySelector('[data-since]');
  if (!cell) return;
  const seconds = Math.max(0, (Date.now() - Date.parse(cell.dataset.since)) / 1000);
  cell.textContent = seconds < 60 ? `${seconds.toFixed(0)} s` : `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')} min`;
}

async function again() {
  const page = await fetched(path);
  if (!page) return;
  root.dataset.count = page.getElementById('session').dataset.count;
  at('head').replaceWith(page.getElementById('head'));
  ask();
  for (const fresh of page.querySelectorAll('#turns > li')) {
    if (item(fresh.dataset.index)?.textContent !== fresh.textContent) turnChanged({ index: Number(fresh.dataset.index), html: fresh.outerHTML });
  }
  at('findings').replaceWith(page.getElementById('findings'));
  at('silences').replaceWith(page.getElementById('silences'));
  at('no-turns').hidden = list.children.length > 0;
  await load();
}

/** While it runs its messages can be paused, and others made. */
async function pausable() {
  const page = root.dataset.live ? await fetched(`/breakpoints?session=${path.split('/').at(-1)}`) : null;
  if (!page) return;
  at('pausing').replaceWith(page.getElementById('pausing'));
  pausing(at('pausing'));
}

timeline.addEventListener('seek', ({ detail }) => {
  seek(detail.seconds);
  choose(item(detail.turn));
});
list.addEventListener('click', (event) => {
  const element = event.target.closest('.turn');
  if (event.target.closest('.play')) playTurn(element);
  else if (!event.target.closest('details') && !getSelection().toString()) goTo(element);
});
root.addEventListener('click', (event) => {
  if (event.target.id === 'end') end(event.target);
  const mark = event.target.closest('[data-at]');
  if (mark) seek(Number(mark.dataset.at));
});
sound.addEventListener('play', () => {
  at('play').textContent = '❚❚ Pause';
  requestAnimationFrame(frame);
});
sound.addEventListener('pause', () => { at('play').textContent = '▶ Play'; });
at('play').addEventListener('click', toggle);
at('more').addEventListener('click', more);
at('slowest').addEventListener('click', slowest);
at('closer').addEventListener('click', () => timeline.zoom(0.5));
at('farther').addEventListener('click', () => timeline.zoom(2));
at('whole').addEventListener('click', () => timeline.whole());
onKey(' ', (event) => (['BUTTON', 'SUMMARY', 'A'].includes(event.target.tagName) ? false : toggle()));
onKey('j', () => (showsMessages() ? messages.walk(1) : walk(1)));
onKey('k', () => (showsMessages() ? messages.walk(-1) : walk(-1)));
onKey('Enter', (event) => (['BUTTON', 'SUMMARY', 'A'].includes(event.target.tagName) ? false : playTurn()));
onKey('d', () => { const details = chosen()?.querySelector('details'); if (details) details.open = !details.open; });
onKey('s', slowest);
onKey('ArrowLeft', () => seek(Math.max(0, now - 2)));
onKey('ArrowRight', () => seek(Math.min(timeline.seconds, now + 2)));
onKey('+', () => timeline.zoom(0.5));
onKey('=', () => timeline.zoom(0.5));
onKey('-', () => timeline.zoom(2));
onKey('0', () => timeline.whole());
onKey('Escape', () => {
  if (document.activeElement && document.activeElement !== document.body) document.activeElement.blur();
  else location.href = '/';
});
setInterval(tick, 1000);
await load();
choose(item(/^#turn-(\d+)$/.exec(location.hash)?.[1]) ?? null);
pausable();
follow(`/live${path}`, { session: headChanged, turn: turnChanged, finding: found }, again);
