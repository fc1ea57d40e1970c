// The list of sessions: rows come and change while they are looked at; j and k walk through them.

import './list.js';
import { follow } from './stream.js';

const table = document.getElementById('sessions');
const rows = table.tBodies[0];

function parsed(html) {
  const holder = document.createElement('template');
  holder.innerHTML = html.trim();
  return holder.content.firstElementChild;
}

/** Puts a row in the place of the one of the same session; the keyboard stays where it is. */
function replace(old, row) {
  const focused = old.contains(document.activeElement);
  old.replaceWith(row);
  if (focused) row.querySelector('a').focus({ preventScroll: true });
}

function insert(row) {
  const before = [...rows.rows].find((other) => other.dataset.started < row.dataset.started);
  rows.insertBefore(row, before ?? null);
  row.classList.add('new');
  while (rows.rows.length > Number(table.dataset.limit)) rows.lastElementChild.remove();
}

/** `place` says whether the session belongs into this list: `new`, `known` where it does when it is there already, `gone`. */
function changed({ id, html, place }) {
  const old = document.getElementById(id);
  if (place === 'gone') old?.remove();
  else if (old) replace(old, parsed(html));
  else if (place === 'new' && table.dataset.top) insert(parsed(html));
  settle();
}

function settle() {
  table.hidden = rows.rows.length === 0;
  document.getElementById('nothing').hidden = !table.hidden;
  tick();
}

async function again() {
  const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const fresh = [...page.querySelectorAll('#sessions tbody tr')];
  const sequence = (list) => [...list].map((row) => row.id).join();
  if (sequence(fresh) === sequence(rows.rows)) {
    for (const row of fresh) if (document.getElementById(row.id).outerHTML !== row.outerHTML) replace(document.getElementById(row.id), row);
  } else {
    const focused = document.activeElement.closest?.('tr')?.id;
    rows.replaceChildren(...fresh);
    if (focused) document.getElementById(focused)?.querySelector('a').focus({ preventScroll: true });
  }
  settle();
}

/** How long live sessions last, as the server writes it. */
function tick() {
  for (const cell of rows.querySelectorAll('[data-since]')) {
    const seconds = Math.max(0, (Date.now() - Date.parse(cell.dataset.since)) / 1000);
    const [minutes, rest] = [Math.floor(seconds / 60), String(Math.floor(seconds % 60)).padStart(2, '0')];
    cell.textContent = seconds < 60 ? `${seconds.toFixed(1)} s` : `${minutes}:${rest} min`;
  }
}

setInterval(tick, 1000);
if (table.dataset.stream) follow(table.dataset.stream, { session: changed }, again);
