"""Credentials of programs: keys of providers and clouds, tokens, private keys. Written only; nobody reads them out."""

from __future__ import annotations

from typing import Final

from realtime.detectors.detector import Confidence
from realtime.detectors.detector import Detector
from realtime.detectors.detector import Form
from realtime.detectors.forms import Around
from realtime.detectors.forms import Check
from realtime.detectors.forms import Pattern
from realtime.detectors.forms import always
from realtime.detectors.forms import words
from realtime.regex import Regex

_LONGEST: Final = 256
_LONGEST_TOKEN: Final = 4096
_LINE_ENDS: Final = r"(?:\s|\\[nr])*"


def _form(pattern: str, check: Check = always, *context: str) -> Form:
    return Pattern(Regex(pattern), check, Around(words(*context)) if context else Around())


def _row(name: str, title: str, marks: tuple[str, ...], *forms: Form, longest: int = _LONGEST, confidence: Confidence = "high") -> Detector:
    return Detector(name, title, confidence, forms, longest=longest, marks=marks)


def _is_aws_secret(text: str) -> bool:
    """Forty random characters, not a path or a word: capitals, small letters and digits."""
    return len(text) == 40 and any(map(str.isupper, text)) and any(map(str.islower, text)) and any(map(str.isdecimal, text))


def _hexadecimal(text: str) -> bool:
    return any(map(str.isdecimal, text)) and any(map(str.isalpha, text))


_PEM_HEAD: Final = r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_PEM_END: Final = r"-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_PEM: Final = rf"{_PEM_HEAD}(?:(?:[A-Za-z0-9+/=\s\\:,.]|[A-Za-z0-9]-[A-Za-z0-9])*{_PEM_END}|(?:{_LINE_ENDS}[A-Za-z0-9+/=]{{40,}})*)"

KEYS: Final = (
    _row(
        "openai_key", "OpenAI and compatible keys (sk-…, ek_…)", ("sk-", "ek_"), _form(r"\b(?:sk-[A-Za-z0-9_-]{16,}|ek_[A-Za-z0-9_-]{16,})")
    ),
    _row("voicetap_key", "Keys of voicetap (vt_…)", ("vt_",), _form(r"\bvt_[A-Za-z0-9_-]{16,}")),
    _row("xai_key", "xAI keys (xai-…)", ("xai-",), _form(r"\bxai-[A-Za-z0-9_-]{16,}")),
    _row(
        "google_key",
        "Google keys and tokens (AIza…, ya29.…, GOCSPX-…)",
        ("AIza", "ya29.", "GOCSPX-"),
        _form(r"\b(?:AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,})"),
    ),
    _row(
        "google_service_account",
        "Google service accounts (the id of the key in their JSON)",
        ("private_key_id",),
        _form(r'private_key_id\\?"\s*:\s*\\?"[0-9a-f]{40}'),
    ),
    _row("aws_key_id", "AWS access key ids (AKIA…, ASIA…)", ("AKIA", "ASIA"), _form(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b")),
    _row(
        "aws_secret",
        "AWS secret access keys, beside words that name them",
        ("aws", "AWS", "secret", "SECRET", "Secret"),
        _form(r"[A-Za-z0-9/+]{40,}", _is_aws_secret, r"\w*aws\w*", r"secret\w*", r"access[ _]key\w*"),
        confidence="medium",
    ),
    _row(
        "azure_key",
        "Azure keys (storage, AI services; the older ones beside words that name them)",
        ("AccountKey", "JQQJ99", "zure", "ZURE", "api-key", "Subscription-Key"),
        _form(r"AccountKey=[A-Za-z0-9+/]{86}=="),
        _form(r"\b[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}\b"),
        _form(r"\b[0-9a-f]{32}\b", _hexadecimal, r"\w*azure\w*", r"api-key", r"subscription-key"),
    ),
    _row(
        "github_token",
        "GitHub tokens (ghp_…, github_pat_…)",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        _form(r"\b(?:gh[opsur]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})"),
    ),
    _row("gitlab_token", "GitLab tokens (glpat-…)", ("glpat-",), _form(r"\bglpat-[A-Za-z0-9_.-]{20,}")),
    _row(
        "slack_token",
        "Slack tokens and webhooks (xoxb-…)",
        ("xox", "xapp-", "hooks.slack.com"),
        _form(r"\b(?:xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/[A-Za-z0-9/]{20,})"),
    ),
    _row(
        "stripe_key",
        "Stripe keys (sk_live_…) and others that begin with sk_",
        ("sk_", "rk_", "whsec_"),
        _form(r"\b(?:sk_[A-Za-z0-9_-]{16,}|rk_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,})"),
    ),
    _row(
        "other_key",
        "Keys of Hugging Face, Groq, Replicate, SendGrid, npm, PyPI, DigitalOcean",
        ("hf_", "gsk_", "r8_", "SG.", "npm_", "pypi-", "dop_v1_"),
        _form(
            r"\b(?:hf_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{30,}|SG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{30,}"
            r"|npm_[A-Za-z0-9]{36,}|pypi-[A-Za-z0-9_-]{50,}|dop_v1_[0-9a-f]{64})"
        ),
    ),
    _row(
        "jwt",
        "JSON web tokens",
        ("eyJ",),
        _form(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
        longest=_LONGEST_TOKEN,
    ),
    _row("private_key", "Private keys (PEM)", ("-----BEGIN ",), _form(_PEM), longest=_LONGEST_TOKEN),
)
