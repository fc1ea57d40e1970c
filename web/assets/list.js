// A list that the keyboard walks through.

import { onKey } from './page.js';

const links = () => [...document.querySelectorAll('table.list tbody tr td:first-child a')];

function walk(step) {
  const all = links();
  const now = all.indexOf(document.activeElement);
  const next = all[now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, now + step))];
  next?.focus();
  next?.closest('tr').scrollIntoView({ block: 'nearest' });
}

document.addEventListener('click', (event) => {
  const row = event.target.closest('table.list tbody tr');
  if (row && !event.target.closest('a') && !getSelection().toString()) row.querySelector('td:first-child a')?.click();
});
onKey('j', () => walk(1));
onKey('k', () => walk(-1));
onKey('n', () => document.querySelector('a[rel=next]')?.click());
onKey('p', () => document.querySelector('a[rel=prev]')?.click());
