"""The log and the state: append-only JSON lines behind TinyDB, safe against crashes, full disks and curious neighbours."""
