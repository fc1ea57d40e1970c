// The list of sessions: rows come and change while they are looked at; j and k walk through them.

import './list.js';
import { fetched } from './parts.js';
import { Rows } from './rows.js';
import { follow } from './stream.js';

const table = document.getElementById('sessions');
const rows = new Rows(table, document.getElementById('nothing'), tick);

async function again() {
  const page = await fetched();
  if (page) rows.renew(page);
}

/** How long live sessions last, as the server writes it. */
function tick() {
  for (const cell of table.querySelectorAll('[data-since]')) {
    const seconds = Math.max(0, (Date.now() - Date.parse(cell.dataset.since)) / 1000);
    const [minutes, rest] = [Math.floor(seconds / 60), String(Math.floor(seconds % 60)).padStart(2, '0')];
    cell.textContent = seconds < 60 ? `${seconds.toFixed(1)} s` : `${minutes}:${rest} min`;
  }
}

setInterval(tick, 1000);
if (table.dataset.stream) follow(table.dataset.stream, { session: (change) => rows.change(change) }, again);
else import('./standing.js');
