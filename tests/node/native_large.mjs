// The WebSocket that is built into node, with one frame of 5 MB in each direction. Argument: the URL.

import { fail, report } from './turn.mjs';

const LARGE = 5 * 1024 * 1024;
const [url] = process.argv.slice(2);
const socket = new WebSocket(url, ['realtime', `openai-insecure-api-key.${process.env.OPENAI_API_KEY}`]);
const send = (event) => socket.send(JSON.stringify(event));

let largest = 0;
socket.onerror = (event) => fail(event.error ?? event.message);
socket.onopen = () => {
  send({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: null } } } });
  send({ type: 'input_audio_buffer.append', audio: 'A'.repeat(LARGE) });
  send({ type: 'input_audio_buffer.clear' });
};
socket.onmessage = ({ data }) => {
  largest = Math.max(largest, data.length);
  const event = JSON.parse(data);
  if (event.type === 'error') fail(event.error);
  if (event.type === 'input_audio_buffer.cleared') send({ type: 'response.create' });
  if (event.type === 'response.done') socket.close(1000, 'done');
};
socket.onclose = ({ code, reason }) => report({ largest, code, reason, protocol: socket.protocol, extensions: socket.extensions });
