// What was used: the figures follow while they are looked at.

import './list.js';
import { calmly, fetched, renewed } from './parts.js';
import { follow } from './stream.js';

const figures = document.getElementById('figures');

const count = calmly(async () => {
  const page = await fetched();
  if (page) renewed(page, 'totals', 'latency', 'by-key', 'by-model', 'by-day');
});

follow(figures.dataset.stream, { session: count }, count);
