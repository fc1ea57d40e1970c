// A call with RTCPeerConnection and nothing else; a test drives it through `call`.

const weather = ({ city }) => `sunny and 21 degrees in ${city}`;

window.call = {
  events: [],
  closed: false,

  async start(baseUrl, secret) {
    this.microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
    this.peer = new RTCPeerConnection();
    this.peer.ontrack = ({ streams }) => (document.getElementById('sound').srcObject = streams[0]);
    this.peer.addTrack(this.microphone.getAudioTracks()[0], this.microphone);
    this.channel = this.peer.createDataChannel('oai-events');
    this.channel.onmessage = ({ data }) => this.receive(JSON.parse(data));
    this.channel.onclose = () => (this.closed = true);
    await this.peer.setLocalDescription();
    const headers = { Authorization: `Bearer ${secret}`, 'Content-Type': 'application/sdp' };
    const answer = await fetch(`${baseUrl}/realtime/calls`, { method: 'POST', headers, body: this.peer.localDescription.sdp });
    if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
    await this.peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    return answer.headers.get('location');
  },

  receive(event) {
    this.events.push(event);
    if (event.type !== 'response.done') return;
    const calls = event.response.output.filter((item) => item.type === 'function_call');
    for (const { call_id, arguments: given } of calls) {
      const item = { type: 'function_call_output', call_id, output: weather(JSON.parse(given)) };
      this.send({ type: 'conversation.item.create', item });
    }
    if (calls.length) this.send({ type: 'response.create' });
  },

  send(event) {
    this.channel.send(JSON.stringify(event));
  },

  ask(text) {
    this.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } });
    this.send({ type: 'response.create' });
  },

  mute(muted) {
    this.microphone.getAudioTracks()[0].enabled = !muted;
  },

  figures() {
    return window.figures(this.peer);
  },

  hangUp() {
    this.peer.close();
  },
};
