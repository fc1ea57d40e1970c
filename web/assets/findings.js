// The list of findings: what fits appears while it is looked at, and the counts follow.

import './list.js';
import { calmly, fetched, renewed } from './parts.js';
import { Rows } from './rows.js';
import { follow } from './stream.js';

const table = document.getElementById('found');
const rows = new Rows(table, document.getElementById('nothing'));

const count = calmly(async () => {
  const page = await fetched();
  if (!page) return;
  rows.renew(page);
  renewed(page, 'counts', 'paging');
});

function found(change) {
  rows.change(change);
  count();
}

if (table.dataset.stream) follow(table.dataset.stream, { finding: found }, count);
else import('./standing.js');
