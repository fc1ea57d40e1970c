// For pages that follow nothing themselves: how many messages are paused.

import { follow } from './stream.js';

follow('/live/paused', {}, () => {}, { quiet: true });
