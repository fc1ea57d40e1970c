"""Written values: what each detector finds, and the look-alikes it leaves alone."""

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from realtime.detectors import DETECTORS
from realtime.detectors import Reading
from realtime.detectors import find
from realtime.detectors import longest

SINGLE = [name for name, detectors in DETECTORS.items() if len(detectors) == 1]
PEM = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIEow/+==\n-----END RSA PRIVATE KEY-----"
HALF_PEM = "-----BEGIN PRIVATE KEY-----\\n" + "A" * 64

FOUND: list[tuple[str, str, list[str]]] = [
    ("card", "5555-5555-5555-4444, 378282246310005", ["5555-5555-5555-4444", "378282246310005"]),
    ("card", "3782 822463 10005 or 4111.1111.1111.1111", ["3782 822463 10005", "4111.1111.1111.1111"]),
    ("card", "4111, 1111, 1111, 1111", ["4111, 1111, 1111, 1111"]),
    ("card", "I have 1 4111 1111 1111 1111 1 moment", ["4111 1111 1111 1111"]),
    ("card", "４１１１　１１１１　１１１１　１１１１です", ["４１１１　１１１１　１１１１　１１１１"]),
    ("card", "番号は4111111111111111です", ["4111111111111111"]),
    ("card", "4111\u20111111\u00a01111\u20131111", ["4111\u20111111\u00a01111\u20131111"]),
    ("card", "4111 1111 1111 1112 and 9999 9999 9999 9995", []),
    ("card", "x4111111111111111 41111111111111110 0.4111111111111111 4111111111111111.5", []),
    ("card", "tracking number 4111 1111 1111 1111", []),
    ("email", "to bob.o@mail.example.org.", ["bob.o@mail.example.org"]),
    ("email", "jürgen@exämple.de", ["jürgen@exämple.de"]),
    ("email", "a@b logo@2x.png @sarah https://token@host.example/x", []),
    ("email", "a" * 300 + "@example.com", []),
    ("iban", "DE89 3704 0044 0532 0130 00 ok thanks", ["DE89 3704 0044 0532 0130 00"]),
    ("iban", "to 12 gb82west12345698765432", ["gb82west12345698765432"]),
    ("iban", "it is 20 minutes from the station to the old harbour and 15 more on foot", []),
    ("ip", "from 10.0.0.1 or fe80::1", ["10.0.0.1", "fe80::1"]),
    ("ip", "300.1.1.1, 12:30:45, std::vector, 1.2.3.4.5, version 1.2.3.4", []),
    ("phone", "+1 (415) 555-0100, 0049 30 901820", ["+1 (415) 555-0100", "0049 30 901820"]),
    ("phone", "415-555-0100 or (415) 555-0100", ["415-555-0100", "(415) 555-0100"]),
    ("phone", "06 12 34 56 78, 07700 900123, 0171/2345678", ["06 12 34 56 78", "07700 900123", "0171/2345678"]),
    ("phone", "call 5550100", ["5550100"]),
    ("phone", "4 1 5 5 5 5 0 1 0 0", ["4 1 5 5 5 5 0 1 0 0"]),
    ("phone", "5550100", []),
    ("phone", "+12 34, +835 123 456 789, 411-911-0100", []),
    ("phone", "call us on 2026-11-05 about 1,234,567 things", []),
    ("phone", "the order number is 415-555-0100", []),
    ("phone", "my number: 1234567890", []),
    ("us_ssn", "757-74-4189, my social security number is 757744189", ["757-74-4189", "757744189"]),
    ("us_ssn", "000-12-3456 757744189", []),
    ("us_itin", "970-76-5589 itin 970 76 5589", ["970-76-5589", "970 76 5589"]),
    ("gb_nino", "AB 12 34 56 C, nino ab123456c", ["AB 12 34 56 C", "ab123456c"]),
    ("gb_nino", "BG123456A ab123456c", []),
    ("gb_nhs", "NHS 943 476 5919", ["943 476 5919"]),
    ("gb_nhs", "943 476 5919", []),
    ("de_steuer_id", "48 065 271 002, Steuer-ID 48065271002", ["48 065 271 002", "48065271002"]),
    ("de_steuer_id", "Steuer 48065271003", []),
    ("fr_nir", "1 81 07 33 760575 54", ["1 81 07 33 760575 54"]),
    ("es_dni", "58685827Q dni 58.685.827-q", ["58685827Q", "58.685.827-q"]),
    ("es_dni", "58685827R 58685827q", []),
    ("es_nie", "X7669993E nie x 7669993 e", ["X7669993E", "x 7669993 e"]),
    ("it_codice_fiscale", "RRP RTF 39P16 A155N", ["RRP RTF 39P16 A155N"]),
    ("nl_bsn", "BSN 591694955", ["591694955"]),
    ("nl_bsn", "591694955", []),
    ("se_personnummer", "890314-6929, 19591014-1273", ["890314-6929", "19591014-1273"]),
    ("se_personnummer", "891314-6929", []),
    ("ch_ahv", "756.3045.2486.82", ["756.3045.2486.82"]),
    ("in_aadhaar", "Aadhaar ६५२७ ३२७३ ५७२९", ["६५२७ ३२७३ ५७२९"]),
    ("in_aadhaar", "6527 3273 5729", []),
    ("in_pan", "ABCPK1234L", ["ABCPK1234L"]),
    ("br_cpf", "917.432.257-50 cpf 91743225750", ["917.432.257-50", "91743225750"]),
    ("ca_sin", "social insurance number 936 491 174", ["936 491 174"]),
    ("ca_sin", "sin problema 936491174", []),
    ("au_tfn", "tax file number 811 592 848", ["811 592 848"]),
    ("pl_pesel", "PESEL 47020932827", ["47020932827"]),
    ("openai_key", "key sk-proj-abcdefghijklmnop ek_0123456789abcdef", ["sk-proj-abcdefghijklmnop", "ek_0123456789abcdef"]),
    ("openai_key", "task-oriented sk-short", []),
    ("voicetap_key", "vt_0123456789abcdef", ["vt_0123456789abcdef"]),
    ("xai_key", "xai-0123456789abcdef", ["xai-0123456789abcdef"]),
    ("google_key", "AIza" + "x" * 35, ["AIza" + "x" * 35]),
    ("google_service_account", '"private_key_id": "' + "0a" * 20 + '"', ['private_key_id": "' + "0a" * 20]),
    ("aws_key_id", "AKIA" + "A" * 16, ["AKIA" + "A" * 16]),
    ("aws_secret", "aws secret " + "aB3/" * 10, ["aB3/" * 10]),
    ("aws_secret", "aws secret " + "a" * 40, []),
    ("azure_key", "api-key: " + "0a" * 16, ["0a" * 16]),
    ("azure_key", "etag " + "0a" * 16, []),
    ("github_token", "ghp_" + "a" * 36, ["ghp_" + "a" * 36]),
    ("gitlab_token", "glpat-" + "a" * 20, ["glpat-" + "a" * 20]),
    ("slack_token", "xoxb-0123456789", ["xoxb-0123456789"]),
    ("stripe_key", "sk_live_0123456789abcdef", ["sk_live_0123456789abcdef"]),
    ("other_key", "hf_" + "a" * 30, ["hf_" + "a" * 30]),
    ("jwt", "eyJhbGciOiJ.eyJzdWIiOiJ.sig", ["eyJhbGciOiJ.eyJzdWIiOiJ.sig"]),
    ("private_key", f"my {PEM} and on", [PEM]),
    ("private_key", f'"{HALF_PEM}"', [HALF_PEM]),
    ("private_key", "-----BEGIN PRIVATE KEY----- is how it starts", ["-----BEGIN PRIVATE KEY-----"]),
    ("private_key", "-----BEGIN PUBLIC KEY-----", []),
]


@pytest.mark.parametrize(("name", "text", "found"), FOUND)
def test_written(name: str, text: str, found: list[str]) -> None:
    assert [text[finding.start : finding.end] for finding in find(text, [name])] == found


@pytest.mark.parametrize("name", SINGLE)
def test_every_detector_is_tried(name: str) -> None:
    assert any(found for tried, _, found in FOUND if tried == name)


def test_a_group_stands_for_its_members_and_findings_have_their_ids() -> None:
    text = "BSN 591694955, 757-74-4189, sk-proj-abcdefghijklmnop"
    assert [finding.detector for finding in find(text, ["secret", "national_id"])] == ["openai_key", "us_ssn", "nl_bsn"]


def test_every_detector_is_reached_by_its_own_id() -> None:
    assert all(detectors[0].id == name for name, detectors in DETECTORS.items() if len(detectors) == 1)
    assert {detector.id for detectors in DETECTORS.values() for detector in detectors} == set(SINGLE)


def test_a_reading_finds_the_same_however_often_it_is_asked() -> None:
    reading = Reading("call +1 415 555 0100 or 4111 1111 1111 1111")
    assert list(reading.find(["card", "phone"])) == list(reading.find(["card"])) + list(reading.find(["phone"]))


def test_longest() -> None:
    assert longest([]) == 0
    assert longest(["card", "email"]) == max(longest(["card"]), longest(["email"]))
    assert longest(["secret"]) == max(detector.longest for detector in DETECTORS["secret"])
    with pytest.raises(KeyError):
        longest(["crad"])


_SOME = st.sampled_from(
    [
        *"0123456789 .,-+@/:()'’",
        "one",
        "double",
        "oh",
        " four ",
        "at",
        "dot",
        "com",
        "nine ",
        "é",
        "４",
        "\ud800",
        "阿",
        "my social",
        "iban de",
        "uh, ",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_SOME, max_size=60).map("".join) | st.text(max_size=80))
def test_any_text_is_read_and_findings_are_parts_of_it(text: str) -> None:
    for name in DETECTORS:
        end = 0
        for finding in sorted(find(text, [name]), key=lambda finding: finding.detector):
            end = 0 if len(DETECTORS[name]) > 1 else end
            assert end <= finding.start < finding.end <= len(text)
            spoken = DETECTORS[finding.detector][0].spoken
            assert not spoken or finding.end - finding.start <= longest([finding.detector])
            end = finding.end
