"""Numbers that states give to people. Most have check digits; where those are weak or missing, a word nearby has to say what it is."""

from __future__ import annotations

from typing import Final

from stdnum.au import tfn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.de import idnr
from stdnum.es import dni
from stdnum.es import nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.in_ import pan
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.us import itin
from stdnum.us import ssn

from realtime.detectors.detector import Confidence
from realtime.detectors.detector import Detector
from realtime.detectors.detector import Form
from realtime.detectors.forms import Around
from realtime.detectors.forms import Check
from realtime.detectors.forms import Digits
from realtime.detectors.forms import Pattern
from realtime.detectors.forms import always
from realtime.detectors.forms import digits_of
from realtime.detectors.forms import words
from realtime.regex import Regex

_LONGEST: Final = 200


def _digits(check: Check) -> Check:
    """`check` of the digits alone."""
    return lambda text: check(digits_of(text))


def _letters(check: Check) -> Check:
    """`check` of letters and digits without what stands between them."""
    return lambda text: check("".join(filter(str.isalnum, text)).upper())


def _numbered(check: Check, lengths: tuple[int, ...], *context: str) -> Form:
    """A number of so many digits near a word that names it."""
    return Digits(lengths, _digits(check), Around(words(*context)))


def _written(pattern: str, check: Check = always, *context: str) -> Form:
    """A number in the grouping of its country, near a word that names it where there are such."""
    return Pattern(Regex(pattern), check, Around(words(*context)) if context else Around())


def _personnummer(text: str) -> bool:
    """Ten digits leave the century open; the check wants one, and asks the clock where it has none."""
    digits = digits_of(text)
    full = (digits,) if len(digits) == 12 else ("19" + digits, "20" + digits)
    return any(personnummer.is_valid(f"{number[:-4]}-{number[-4:]}") for number in full)


def _nino(text: str) -> bool:
    """Prefixes that are never given out (HMRC, NIM39110)."""
    return text.replace(" ", "")[:2].upper() not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _row(name: str, title: str, confidence: Confidence, *forms: Form) -> Detector:
    return Detector(name, title, confidence, forms, longest=_LONGEST, spoken=True, digits=True)


_SOCIAL: Final = Regex(r"(?i)\bssn\b|\bsocial security\b|\bsocial (?:is|number)\b|\b(?:my|your|his|her|their) social(?:[.,!?]|$)")
_ITIN: Final = (r"itin", r"taxpayer", r"tax (?:id|identification)")
_NINO_LETTERS: Final = r"[A-CEGHJ-PR-TW-Z] ?[A-CEGHJ-NPR-TW-Z]"
_NINO_DIGITS: Final = r" ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b"
_STEUER: Final = (r"steuer\w*", r"identifikationsnummer", r"idnr", r"tax (?:id|number)")
_CODICE: Final = r"(?i)\b[A-Z]{3} ?[A-Z]{3} ?[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2} ?[A-Z][0-9LMNPQRSTUV]{3} ?[A-Z]\b"
_NIR: Final = r"\b[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]|[2-9][0-9]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}\b"

NATIONAL: Final = (
    _row(
        "us_ssn",
        "United States: Social Security number",
        "medium",
        _written(r"\b[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}\b", _digits(ssn.is_valid)),
        Digits((9,), _digits(ssn.is_valid), Around(_SOCIAL)),
    ),
    _row(
        "us_itin",
        "United States: taxpayer number",
        "medium",
        _written(r"\b9[0-9]{2}-[0-9]{2}-[0-9]{4}\b", _digits(itin.is_valid)),
        _numbered(itin.is_valid, (9,), *_ITIN),
    ),
    _row(
        "gb_nino",
        "United Kingdom: National Insurance number",
        "medium",
        _written(r"\b" + _NINO_LETTERS + _NINO_DIGITS, _nino),
        _written(r"(?i)\b" + _NINO_LETTERS + _NINO_DIGITS, _nino, r"national insurance", r"insurance number", r"nino", r"ni number"),
    ),
    _row("gb_nhs", "United Kingdom: NHS number", "medium", _numbered(nhs.is_valid, (10,), r"nhs", r"n h s", r"patient number")),
    _row(
        "de_steuer_id",
        "Germany: tax identification number",
        "high",
        _written(r"\b[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}\b", _digits(idnr.is_valid)),
        _numbered(idnr.is_valid, (11,), *_STEUER),
    ),
    _row("fr_nir", "France: social security number", "high", _written(_NIR, nir.is_valid)),
    _row(
        "es_dni",
        "Spain: identity number",
        "high",
        _written(r"\b[0-9]{8}[ -]?[A-Z]\b", dni.is_valid),
        _written(r"(?i)\b[0-9]{2}[. ]?[0-9]{3}[. ]?[0-9]{3}[ -]?[A-Z]\b", _letters(dni.is_valid), r"d\.?n\.?i\.?", r"nif", r"identidad"),
    ),
    _row(
        "es_nie",
        "Spain: foreigner's number",
        "high",
        _written(r"\b[XYZ][ -]?[0-9]{7}[ -]?[A-Z]\b", nie.is_valid),
        _written(r"(?i)\b[XYZ][ -]?[0-9]{7}[ -]?[A-Z]\b", nie.is_valid, r"n\.?i\.?e\.?", r"extranjero"),
    ),
    _row("it_codice_fiscale", "Italy: fiscal code", "high", _written(_CODICE, _letters(codicefiscale.is_valid))),
    _row("nl_bsn", "Netherlands: citizen service number", "medium", _numbered(bsn.is_valid, (9,), r"bsn", r"burgerservice\w*", r"sofi\w*")),
    _row(
        "se_personnummer",
        "Sweden: personal number",
        "high",
        _written(r"\b(?:19|20)?[0-9]{6}[-+][0-9]{4}\b", _personnummer),
        _numbered(_personnummer, (12, 10), r"person(?:al )?(?:nummer|number|nr)", r"personnumret"),
    ),
    _row(
        "ch_ahv",
        "Switzerland: AHV number",
        "high",
        _written(r"\b756[. ]?[0-9]{4}[. ]?[0-9]{4}[. ]?[0-9]{2}\b", ahv.is_valid),
    ),
    _row("in_aadhaar", "India: Aadhaar number", "medium", _numbered(aadhaar.is_valid, (12,), r"aa?dh?aa?r", r"uidai")),
    _row("in_pan", "India: tax account number", "medium", _written(r"\b[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]\b", pan.is_valid)),
    _row(
        "br_cpf",
        "Brazil: taxpayer number",
        "high",
        _written(r"\b[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}\b", cpf.is_valid),
        _numbered(cpf.is_valid, (11,), r"c\.?p\.?f\.?", r"contribuinte"),
    ),
    _row(
        "ca_sin",
        "Canada: Social Insurance number",
        "medium",
        _numbered(sin.is_valid, (9,), r"social insurance", r"sin (?:number|card|is)", r"assurance sociale"),
    ),
    _row("au_tfn", "Australia: tax file number", "medium", _numbered(tfn.is_valid, (9,), r"tax file", r"tfn")),
    _row("pl_pesel", "Poland: PESEL number", "high", _numbered(pesel.is_valid, (11,), r"pesel")),
)
