// What the browser measured of a call: bytes and loudness of the sound that went out and of the sound that came.

window.figures = async (peer) => {
  const rows = [...(await peer.getStats()).values()];
  const find = (type) => rows.find((row) => row.type === type && row.kind === 'audio') ?? {};
  const [sent, spoken, heard] = [find('outbound-rtp'), find('media-source'), find('inbound-rtp')];
  return {
    sent: { bytes: sent.bytesSent ?? 0, packets: sent.packetsSent ?? 0, energy: spoken.totalAudioEnergy ?? 0 },
    heard: { bytes: heard.bytesReceived ?? 0, packets: heard.packetsReceived ?? 0, energy: heard.totalAudioEnergy ?? 0 },
  };
};
