"""Weeks as people write them in each shipped language: read under it, to what they mean, and never without it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from schedtool import settings
from schedtool.project import load
from schedtool.settings import Policy, as_text
from tests.journey import rows
from tests.known import all_documents
from tests.test_readme_policy import READ, in_short

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Database

WEEKS = {
    "es": {
        '{"lunes": {"inicio": "9:00", "fin": "17:00"}, "Miércoles": "cerrado"}': "mon 09:00-17:00, wed closed",
        '{"monday": {"abierto": true, "apertura": "9:00", "cierre": "17:00"}}': "mon 09:00-17:00",
        '[{"dia": "lunes", "hora_inicio": "9:00", "hora_fin": "17:00"}]': "mon 09:00-17:00",
        '{"horario": {"lun": "9:00-17:00", "SÁB": "Cerrado"}}': "mon 09:00-17:00, sat closed",
        '{"días": ["lunes", "mar"], "desde": "9:00", "hasta": "17:00"}': "mon 09:00-17:00, tue 09:00-17:00",
        '{"zona_horaria": "Europe/Madrid", "lunes": [{"inicio": "9:00", "fin": "17:00"}]}': (
            "mon 09:00-17:00 Europe/Madrid"
        ),
        '{"disponibilidad": [{"dia": "lunes", "franjas": [{"inicio": "9:00", "fin": "14:00"}]}]}': "mon 09:00-14:00",
        '{"lunes": {"inicio": "9:00", "fin": "17:00", "cerrado": true}, "martes": "9:00-17:00"}': (
            "mon closed, tue 09:00-17:00"
        ),
    },
    "pt": {
        '{"segunda-feira": {"início": "9:00", "fim": "17:00"}, "Domingo": "Fechado"}': "mon 09:00-17:00, sun closed",
        '[{"dia": "terça", "abre": "9:00", "fecha": "17:00"}]': "tue 09:00-17:00",
        '{"seg": {"aberto": true, "inicio": "9:00", "fim": "18:00"}, "sábado": {"fechado": true}}': (
            "mon 09:00-18:00, sat closed"
        ),
        '{"2ª": "9:00-17:00", "6a feira": "9:00-12:00"}': "mon 09:00-17:00, fri 09:00-12:00",
    },
    "fr": {
        '{"lundi": {"debut": "9:00", "fin": "17:00"}, "dimanche": "Fermé"}': "mon 09:00-17:00, sun closed",
        '{"lundi": {"ouvre": "9:00", "ferme": "17:00"}, "mardi": {"ferme": true}}': "mon 09:00-17:00, tue closed",
        '[{"jour": "mer.", "heure_debut": "9:00", "heure_fin": "17:00"}]': "wed 09:00-17:00",
        '{"horaires": {"jeu": "9:00-17:00", "dim": "ferme"}}': "thu 09:00-17:00, sun closed",
    },
    "de": {
        '{"montag": {"von": "9:00", "bis": "17:00"}, "sonntag": "geschlossen"}': "mon 09:00-17:00, sun closed",
        '{"Mo": "9:00-17:00", "Di": "9:00-17:00", "So": "Ruhetag"}': "mon 09:00-17:00, tue 09:00-17:00, sun closed",
        '[{"tag": "Sonnabend", "beginn": "9:00", "ende": "13:00"}]': "sat 09:00-13:00",
        '{"ÖFFNUNGSZEITEN": {"Do.": {"geöffnet": true, "von": "9:00", "bis": "17:00"}, "Fr": {"Geöffnet": false}}}': (
            "thu 09:00-17:00, fri closed"
        ),
    },
    "it": {
        '{"lunedì": {"apertura": "9:00", "chiusura": "17:00"}, "domenica": "Chiuso"}': "mon 09:00-17:00, sun closed",
        '[{"giorno": "giovedi", "dalle": "9:00", "alle": "17:00"}]': "thu 09:00-17:00",
        '{"orari": {"VENERDÌ": {"aperto": true, "inizio": "9:00", "fine": "12:00"}}}': "fri 09:00-12:00",
    },
    "nl": {
        '{"maandag": {"van": "9:00", "tot": "17:00"}, "zondag": "gesloten"}': "mon 09:00-17:00, sun closed",
        '{"openingstijden": {"di": "9:00-17:00", "do": "Gesloten"}}': "tue 09:00-17:00, thu closed",
        '[{"dag": "woensdag", "begintijd": "9:00", "eindtijd": "17:00"}]': "wed 09:00-17:00",
    },
}
WRONG = {
    "es": '{"lunes": {"inicio": "9:00", "fin": "17:00", "almuerzo": {"inicio": "13:00", "fin": "14:00"}}}',
    "pt": '{"segunda": {"início": "9:00", "fim": "17:00", "início2": "18:00"}}',
    "fr": '{"lundi": {"debut": "9:00"}, "mardi": "9:00-17:00"}',
    "de": '{"montag": {"von": "22:00", "bis": "6:00"}}',
    "it": '{"lunedì": {"apertura": "9:00", "chiusura": "17:00", "chiuso": "forse"}}',
    "nl": '{"maandag": {"van": "9:00", "tot": "17:00"}, "ma": "9:00-17:00"}',
}


def under(tmp_path: Path, language: str) -> str:
    path = tmp_path / f"{language}.toml"
    path.write_text(f'languages = ["{language}"]\n', encoding="utf-8")
    return as_text(settings.effective(load(None), "0003", policy=Policy(path), stored=None))


@pytest.mark.parametrize("language", WEEKS)
def test_weeks_of_a_language_are_read_under_it_alone(database: Database, tmp_path: Path, language: str) -> None:
    given = under(tmp_path, language)
    for document, meaning in WEEKS[language].items():
        [found] = rows(database, READ, {"document": document, "settings": given})
        assert found[0] == "converted", (document, found)
        assert in_short(found) == meaning, document
        assert rows(database, READ, {"document": document, "settings": "{}"})[0][0] == "rejected", document
    [found] = rows(database, READ, {"document": WRONG[language], "settings": given})
    assert found[0] == "rejected", found


@pytest.mark.parametrize("language", WEEKS)
def test_a_language_changes_nothing_of_what_is_read_without_it(
    database: Database, tmp_path: Path, language: str
) -> None:
    texts = [known.text for known in all_documents() if known.jsonb]
    changed = rows(
        database,
        """SELECT d.text FROM unnest(%(texts)s::text[]) AS d (text)
           CROSS JOIN LATERAL provider_availability_read(d.text::jsonb, '{}') AS o
           CROSS JOIN LATERAL provider_availability_read(d.text::jsonb, %(settings)s::jsonb) AS n
           WHERE o.outcome <> 'rejected' AND (o.outcome, o.days, o.available, o.starts, o.ends, o.zones)
               IS DISTINCT FROM (n.outcome, n.days, n.available, n.starts, n.ends, n.zones)""",
        {"texts": texts, "settings": under(tmp_path, language)},
    )
    assert len(texts) > 200
    assert changed == []


def test_every_language_has_weeks_here(tmp_path: Path) -> None:
    shipped = load(None).root / "sql" / "settings" / "languages"
    assert sorted(WEEKS) == sorted(WRONG) == sorted(file.stem for file in shipped.glob("*.toml"))
    assert json.loads(under(tmp_path, "es"))["languages"] == ["es"]
