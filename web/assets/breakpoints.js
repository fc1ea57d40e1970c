// The page of breakpoints.

import { onKey } from './page.js';
import { pausing } from './pausing.js';
import { follow } from './stream.js';

const root = document.getElementById('pausing');

pausing(root);
onKey('/', () => root.querySelector('#set')?.q.focus());
follow('/live/paused', {}, () => {});
