"""The configuration each compared proxy runs with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import Final

KEY: Final = "vt_bench_0123456789abcdef0123456789abcdef"
FORBIDDEN: Final = "never-said-1-0000"
"""What one of the twenty policies blocks, from the client."""

LITELLM_MODEL: Final = "bench"


def _policies() -> list[dict[str, Any]]:
    """Twenty policies of which none matches in the load, but each has to look at every frame."""
    return [
        {
            "id": f"look-{number}",
            "when": {"from": "client" if number % 2 else "server", "event": "*", "regex": f"never-said-{number}-[0-9]{{4}}"},
            "action": "block",
        }
        for number in range(20)
    ]


_DETECTORS: Final = (
    *("card", "iban", "email", "phone", "ip", "national_id", "secret", "us_ssn", "gb_nino", "de_steuer_id"),
    *("fr_nir", "es_dni", "nl_bsn", "br_cpf", "openai_key", "aws_key_id", "github_token", "slack_token", "jwt", "private_key"),
)


def _reading(kinds: Sequence[str], action: str = "alert") -> list[dict[str, Any]]:
    """Policies on words: `detect` looks with a detector, `regex` with a pattern."""
    looks = [{"detect": {"detect": [name]}, "regex": {"regex": f"never-said-{name}-[0-9]{{4}}"}} for name in _DETECTORS]
    return [{"id": f"read-{number}", "when": looks[number][kind], "action": action} for number, kind in enumerate(kinds)]


POLICIES: Final[dict[str, list[dict[str, Any]]]] = {
    "no policies": [],
    "20 with a detector each": _reading(["detect"] * 20),
    "20 with a pattern each": _reading(["regex"] * 20),
    "10 of each": _reading(["detect", "regex"] * 10),
    "20 detectors that redact": _reading(["detect"] * 20, "redact"),
}
"""Twenty policies of each kind, none of which looks at sound."""


def voicetap_rules(upstream: int, *, parsed: bool = False, revoked: bool = False, policies: Sequence[dict[str, Any]] = ()) -> str:
    """A rules file (JSON is YAML): one compatible provider, one key, everything else as shipped."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    rules: dict[str, Any] = {
        "version": 1,
        "listen": {"gateway": "127.0.0.1:0", "control": "127.0.0.1:0"},
        "limits": {"sessions": 5_000, "per_key": 5_000},
        "providers": {"bench": {"kind": "compatible", "url": f"http://127.0.0.1:{upstream}"}},
        "keys": [{"id": "bench", "hash": f"sha256:{digest}", "revoked": revoked}],
        "routes": [{"name": "default", "match": {"door": "gateway"}, "provider": "bench"}],
    }
    chosen = _policies() if parsed else list(policies)
    return json.dumps(rules | ({"policies": chosen} if chosen else {}), indent=2)


def nginx_conf(port: int, upstream: int, home: Path) -> str:
    """One worker, no logs, no buffering, tunnel after the upgrade."""
    temporary = " ".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return f"""
master_process off; daemon off; pid {home}/nginx.pid; error_log {home}/error.log crit;
events {{ worker_connections 16384; }}
http {{
  access_log off; {temporary}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 600s;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
    }}
  }}
}}
"""


def litellm_config(upstream: int) -> str:
    model = {
        "model_name": LITELLM_MODEL,
        "litellm_params": {"model": "openai/gpt-realtime", "api_key": "none", "api_base": f"http://127.0.0.1:{upstream}"},
    }
    return json.dumps({"model_list": [model], "litellm_settings": {"callbacks": []}, "general_settings": {"master_key": KEY}})
