// An app with the ws package that knows nothing of voicetap: its proxy and its trust come from the environment.

import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import { WebSocket } from 'ws';
import { fail, opening, report } from './turn.mjs';

class Tunnel extends https.Agent {
  createConnection(options, done) {
    const proxy = new URL(process.env.HTTPS_PROXY);
    const asked = http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: `${options.host}:${options.port}` });
    asked.on('connect', (_, socket) => done(null, tls.connect({ ...options, socket, servername: options.host })));
    asked.on('error', done);
    asked.end();
  }
}

const headers = { Authorization: `Bearer ${process.env.OPENAI_API_KEY}`, 'X-Of-The-App': 'kept' };
const socket = new WebSocket('wss://api.openai.com/v1/realtime?model=gpt-realtime', { headers, agent: new Tunnel() });

let text = '';
socket.on('error', fail);
socket.on('open', () => opening.forEach((event) => socket.send(JSON.stringify(event))));
socket.on('message', (data) => {
  const event = JSON.parse(data);
  if (event.type === 'response.output_text.done') text = event.text;
  if (event.type === 'response.done') socket.close(1000, 'done');
});
socket.on('close', (code, reason) => report({ text, code, reason: reason.toString(), extensions: socket.extensions }));
