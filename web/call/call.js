// One WebRTC call through the gateway, with nothing but what browsers have: mint a secret, offer, answer, events over `oai-events`.
// Emits: `state` (detail: connecting | connected | ended), `event` (detail: {from, event}), `sound` (detail: MediaStream), `ended` (detail: reason).

const TOOL = {
  type: 'function',
  name: 'get_weather',
  description: 'The weather of a city, now.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

const session = (model) => ({
  type: 'realtime',
  model,
  instructions: 'Answer in one sentence.',
  audio: { input: { transcription: { model: 'whisper-1' }, turn_detection: { type: 'server_vad' } } },
  tools: [TOOL],
});

const weather = ({ city }) => `sunny and 21 degrees in ${city}`;

export class Call extends EventTarget {
  #gateway;
  #key;
  #model;
  #peer;
  #channel;
  #over = new AbortController();

  constructor({ gateway, key, model }) {
    super();
    this.#gateway = gateway;
    this.#key = key;
    this.#model = model;
  }

  /** Resolves when events flow. Rejects with an Error whose message says what was wrong; the call has ended then. */
  async start() {
    try {
      this.#tell('state', 'connecting');
      this.microphone = await openMicrophone();
      const secret = await this.#mint();
      this.#peer = this.#makePeer();
      const opened = this.#openChannel();
      await this.#exchange(secret);
      await opened;
      this.#tell('state', 'connected');
    } catch (error) {
      this.end(error.message);
      throw error;
    }
  }

  send(event) {
    if (this.#channel?.readyState !== 'open') return;
    this.#channel.send(JSON.stringify(event));
    this.#tell('event', { from: 'client', event });
  }

  say(text) {
    this.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } });
    this.send({ type: 'response.create' });
  }

  /** Stop the model: what it was still to say, where `answer` is under way, and the sound on its way here. */
  interrupt({ answer }) {
    if (answer) this.send({ type: 'response.cancel' });
    this.send({ type: 'output_audio_buffer.clear' });
  }

  mute(muted) {
    for (const track of this.microphone?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  /** Round trip in seconds and packets lost on the way here, where the browser knows them. */
  async figures() {
    const found = {};
    for (const row of (await this.#peer?.getStats())?.values() ?? []) {
      if (row.type === 'candidate-pair' && row.nominated) found.roundTrip = row.currentRoundTripTime;
      if (row.type === 'inbound-rtp' && row.kind === 'audio') Object.assign(found, { lost: row.packetsLost, received: row.packetsReceived });
    }
    return found;
  }

  /** End the call, once: everything is closed, and `ended` says why. */
  end(reason = 'hung up') {
    if (this.#over.signal.aborted) return;
    this.#over.abort(new Error(reason));
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.#channel?.close();
    this.#peer?.close();
    this.#tell('state', 'ended');
    this.#tell('ended', reason);
  }

  async #mint() {
    const answer = await this.#post('client_secrets', this.#key, 'application/json', JSON.stringify({ session: session(this.#model) }));
    return (await answer.json()).value;
  }

  #makePeer() {
    const peer = new RTCPeerConnection();
    for (const track of this.microphone.getAudioTracks()) peer.addTrack(track, this.microphone);
    peer.addEventListener('track', ({ track, streams }) => this.#tell('sound', streams[0] ?? new MediaStream([track])));
    peer.addEventListener('connectionstatechange', () => {
      if (peer.connectionState === 'failed') this.end('the connection was lost');
    });
    return peer;
  }

  #openChannel() {
    this.#channel = this.#peer.createDataChannel('oai-events');
    this.#channel.addEventListener('message', ({ data }) => this.#receive(JSON.parse(data)));
    this.#channel.addEventListener('close', () => this.end('the other side hung up'));
    return new Promise((resolve, reject) => {
      this.#channel.addEventListener('open', resolve);
      this.#over.signal.addEventListener('abort', () => reject(this.#over.signal.reason));
    });
  }

  async #exchange(secret) {
    await this.#peer.setLocalDescription();
    const answer = await this.#post('calls', secret, 'application/sdp', this.#peer.localDescription.sdp);
    await this.#peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  }

  async #post(path, credential, type, body) {
    const headers = { Authorization: `Bearer ${credential}`, 'Content-Type': type };
    const request = { method: 'POST', headers, body, signal: this.#over.signal };
    const answer = await fetch(`${this.#gateway}/v1/realtime/${path}`, request).catch((error) => {
      throw this.#over.signal.aborted ? error : new Error(`The gateway at ${this.#gateway} cannot be reached, or does not allow this page.`);
    });
    if (!answer.ok) throw new Error(await refusal(answer));
    return answer;
  }

  #receive(event) {
    this.#tell('event', { from: 'server', event });
    const calls = event.type === 'response.done' ? (event.response.output ?? []).filter((item) => item.type === 'function_call') : [];
    for (const item of calls) this.#runTool(item);
    if (calls.length) this.send({ type: 'response.create' });
  }

  #runTool({ call_id, arguments: given }) {
    const output = weather(JSON.parse(given));
    this.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id, output } });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

async function openMicrophone() {
  if (!navigator.mediaDevices) throw new Error('This browser gives the microphone to https pages and to 127.0.0.1 or localhost alone: open the page there.');
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
  } catch (error) {
    throw new Error(error.name === 'NotAllowedError' ? 'The microphone is blocked. Allow it for this page and call again.' : `No microphone: ${error.message}`);
  }
}

async function refusal(answer) {
  const body = await answer.json().catch(() => null);
  return body?.error?.message ? `${answer.status}: ${body.error.message}` : `The gateway answered ${answer.status}.`;
}
