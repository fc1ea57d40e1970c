// The openai package on the gateway door; it speaks TLS whatever the base URL says.
// Arguments: base URL, and which of its two clients: `ws` (the ws package) or `websocket` (what browsers have).

import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket';
import { fail, opening, report } from './turn.mjs';

const [baseURL, kind] = process.argv.slice(2);
const props = { model: 'gpt-realtime', dangerouslyAllowBrowser: true };
const client = new OpenAI({ baseURL, dangerouslyAllowBrowser: true });
const realtime = kind === 'ws' ? new OpenAIRealtimeWS(props, client) : new OpenAIRealtimeWebSocket(props, client);
const listen = (name, act) => realtime.socket.addEventListener(name, act);

let text = '';
realtime.on('error', fail);
listen('open', () => opening.forEach((event) => realtime.send(event)));
realtime.on('response.output_text.done', (event) => (text = event.text));
realtime.on('response.done', () => realtime.close({ code: 1000, reason: 'done' }));
listen('close', (event) => report({ url: realtime.url.href, text, code: event.code, protocol: realtime.socket.protocol }));
