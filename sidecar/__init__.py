"""The media process: it carries WebRTC calls between a browser and a provider and holds no credential, no policy and no log."""
