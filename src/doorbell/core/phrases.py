"""The sentences of the phone in every language, as data.

Every field of `Phrases` is required, so that a language that lacks one does not load.
`{who}`, `{when}`, `{n}` and the like are filled by `core.wording` only, in one pass,
with names already cleaned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from doorbell.core.reasons import Reason

Language = Literal["en", "de", "nl", "fr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """One language; `_one` and `_many` follow the number of visitors or visits."""

    someone: str
    unknown_one: str
    unknown_many: str
    perhaps: str
    and_word: str
    together: str
    here_one: str
    here_many: str
    rang: str
    at_time_one: str
    at_time_many: str
    at_date_one: str
    at_date_many: str
    at_unknown_one: str
    at_unknown_many: str
    time_line: str
    rang_times: str
    nobody: str
    no_answer: str
    reasons: dict[Reason, str]
    likeness_strong: str
    likeness_fair: str
    likeness_weak: str
    digest_title_one: str
    digest_title_many: str
    unknown_moment: str
    and_more: str
    test_title: str
    test_body: str
    alert_title: str


_EN = Phrases(
    someone="someone",
    unknown_one="an unknown person",
    unknown_many="{n} unknown people",
    perhaps="perhaps {name}",
    and_word="and",
    together="{strangers} with {others}",
    here_one="{who} is at the door",
    here_many="{who} are at the door",
    rang="{who} rang",
    at_time_one="{who} rang at {time}",
    at_time_many="{who} rang at {time}",
    at_date_one="{who} rang on {date} at {time}",
    at_date_many="{who} rang on {date} at {time}",
    at_unknown_one="{who} rang at an unknown time",
    at_unknown_many="{who} rang at an unknown time",
    time_line="At {time}.",
    rang_times="Rang {n} times.",
    nobody="Nobody can be seen in the picture.",
    no_answer="Recognition gave no answer.",
    reasons={
        Reason.TOO_SLOW: "Recognition took too long.",
        Reason.FAILED_TWICE: "Recognition failed twice on this visit.",
        Reason.SWITCHED_OFF: "Recognition is switched off.",
        Reason.NO_ENGINE: "Recognition is not running.",
        Reason.NO_CAMERA: "The camera does not answer.",
        Reason.CAMERA_BUSY: "Another program holds the camera.",
        Reason.CAMERA_BLACK: "The camera sees only black.",
        Reason.CAMERA_FROZEN: "The camera's picture stands still.",
        Reason.CAMERA_OFF: "There is no camera.",
        Reason.NO_PICTURE: "There was no picture in time.",
        Reason.BAD_PICTURE: "The picture could not be read.",
        Reason.OLD: "The ring was found too late to look.",
        Reason.RESTARTED: "The doorbell was restarted in the middle of it.",
        Reason.NOT_STORED: "The ring could not be stored: look at the card.",
    },
    likeness_strong="{name}: a strong likeness.",
    likeness_fair="{name}: a fair likeness.",
    likeness_weak="{name}: a weak likeness.",
    digest_title_one="While you were away: 1 visit",
    digest_title_many="While you were away: {n} visits",
    unknown_moment="time unknown",
    and_more="… and {n} more",
    test_title="Test of the doorbell",
    test_body="This is a test. Nobody rang.",
    alert_title="The doorbell needs attention",
)

_DE = Phrases(
    someone="jemand",
    unknown_one="eine unbekannte Person",
    unknown_many="{n} unbekannte Personen",
    perhaps="vielleicht {name}",
    and_word="und",
    together="{strangers} mit {others}",
    here_one="{who} ist an der Tür",
    here_many="{who} sind an der Tür",
    rang="{who} hat geklingelt",
    at_time_one="{who} hat um {time} geklingelt",
    at_time_many="{who} haben um {time} geklingelt",
    at_date_one="{who} hat am {date} um {time} geklingelt",
    at_date_many="{who} haben am {date} um {time} geklingelt",
    at_unknown_one="{who} hat zu unbekannter Zeit geklingelt",
    at_unknown_many="{who} haben zu unbekannter Zeit geklingelt",
    time_line="Um {time}.",
    rang_times="{n}-mal geklingelt.",
    nobody="Auf dem Bild ist niemand zu sehen.",
    no_answer="Die Erkennung gab keine Antwort.",
    reasons={
        Reason.TOO_SLOW: "Die Erkennung dauerte zu lange.",
        Reason.FAILED_TWICE: "Die Erkennung ist bei diesem Besuch zweimal gescheitert.",
        Reason.SWITCHED_OFF: "Die Erkennung ist ausgeschaltet.",
        Reason.NO_ENGINE: "Die Erkennung läuft nicht.",
        Reason.NO_CAMERA: "Die Kamera antwortet nicht.",
        Reason.CAMERA_BUSY: "Ein anderes Programm benutzt die Kamera.",
        Reason.CAMERA_BLACK: "Die Kamera sieht nur Schwarz.",
        Reason.CAMERA_FROZEN: "Das Bild der Kamera steht still.",
        Reason.CAMERA_OFF: "Es gibt keine Kamera.",
        Reason.NO_PICTURE: "Es gab rechtzeitig kein Bild.",
        Reason.BAD_PICTURE: "Das Bild war nicht lesbar.",
        Reason.OLD: "Das Klingeln wurde zu spät gefunden, um nachzusehen.",
        Reason.RESTARTED: "Die Klingel wurde mittendrin neu gestartet.",
        Reason.NOT_STORED: "Das Klingeln ließ sich nicht speichern: Karte prüfen.",
    },
    likeness_strong="{name}: große Ähnlichkeit.",
    likeness_fair="{name}: gute Ähnlichkeit.",
    likeness_weak="{name}: geringe Ähnlichkeit.",
    digest_title_one="Während Sie weg waren: 1 Besuch",
    digest_title_many="Während Sie weg waren: {n} Besuche",
    unknown_moment="Zeit unbekannt",
    and_more="… und {n} weitere",
    test_title="Test der Türklingel",
    test_body="Dies ist ein Test. Niemand hat geklingelt.",
    alert_title="Die Türklingel braucht Hilfe",
)

_NL = Phrases(
    someone="iemand",
    unknown_one="een onbekende",
    unknown_many="{n} onbekenden",
    perhaps="misschien {name}",
    and_word="en",
    together="{strangers} met {others}",
    here_one="{who} staat voor de deur",
    here_many="{who} staan voor de deur",
    rang="{who} heeft aangebeld",
    at_time_one="{who} heeft om {time} aangebeld",
    at_time_many="{who} hebben om {time} aangebeld",
    at_date_one="{who} heeft op {date} om {time} aangebeld",
    at_date_many="{who} hebben op {date} om {time} aangebeld",
    at_unknown_one="{who} heeft op een onbekend tijdstip aangebeld",
    at_unknown_many="{who} hebben op een onbekend tijdstip aangebeld",
    time_line="Om {time}.",
    rang_times="{n} keer aangebeld.",
    nobody="Op de foto is niemand te zien.",
    no_answer="De herkenning gaf geen antwoord.",
    reasons={
        Reason.TOO_SLOW: "De herkenning duurde te lang.",
        Reason.FAILED_TWICE: "De herkenning mislukte twee keer bij dit bezoek.",
        Reason.SWITCHED_OFF: "De herkenning staat uit.",
        Reason.NO_ENGINE: "De herkenning draait niet.",
        Reason.NO_CAMERA: "De camera antwoordt niet.",
        Reason.CAMERA_BUSY: "Een ander programma gebruikt de camera.",
        Reason.CAMERA_BLACK: "De camera ziet alleen zwart.",
        Reason.CAMERA_FROZEN: "Het beeld van de camera staat stil.",
        Reason.CAMERA_OFF: "Er is geen camera.",
        Reason.NO_PICTURE: "Er was niet op tijd een foto.",
        Reason.BAD_PICTURE: "De foto was niet te lezen.",
        Reason.OLD: "De bel werd te laat gevonden om nog te kijken.",
        Reason.RESTARTED: "De deurbel werd middenin opnieuw gestart.",
        Reason.NOT_STORED: "De bel kon niet worden opgeslagen: kijk naar de kaart.",
    },
    likeness_strong="{name}: sterke gelijkenis.",
    likeness_fair="{name}: redelijke gelijkenis.",
    likeness_weak="{name}: zwakke gelijkenis.",
    digest_title_one="Terwijl u weg was: 1 bezoek",
    digest_title_many="Terwijl u weg was: {n} bezoeken",
    unknown_moment="tijd onbekend",
    and_more="… en nog {n}",
    test_title="Test van de deurbel",
    test_body="Dit is een test. Er heeft niemand aangebeld.",
    alert_title="De deurbel heeft aandacht nodig",
)

_FR = Phrases(
    someone="quelqu'un",
    unknown_one="une personne inconnue",
    unknown_many="{n} personnes inconnues",
    perhaps="peut-être {name}",
    and_word="et",
    together="{strangers} avec {others}",
    here_one="{who} est à la porte",
    here_many="{who} sont à la porte",
    rang="{who} a sonné",
    at_time_one="{who} a sonné à {time}",
    at_time_many="{who} ont sonné à {time}",
    at_date_one="{who} a sonné le {date} à {time}",
    at_date_many="{who} ont sonné le {date} à {time}",
    at_unknown_one="{who} a sonné à une heure inconnue",
    at_unknown_many="{who} ont sonné à une heure inconnue",
    time_line="À {time}.",
    rang_times="A sonné {n} fois.",
    nobody="Personne n'est visible sur l'image.",
    no_answer="La reconnaissance n'a pas donné de réponse.",
    reasons={
        Reason.TOO_SLOW: "La reconnaissance a pris trop de temps.",
        Reason.FAILED_TWICE: "La reconnaissance a échoué deux fois pour cette visite.",
        Reason.SWITCHED_OFF: "La reconnaissance est désactivée.",
        Reason.NO_ENGINE: "La reconnaissance ne fonctionne pas.",
        Reason.NO_CAMERA: "La caméra ne répond pas.",
        Reason.CAMERA_BUSY: "Un autre programme utilise la caméra.",
        Reason.CAMERA_BLACK: "La caméra ne voit que du noir.",
        Reason.CAMERA_FROZEN: "L'image de la caméra est figée.",
        Reason.CAMERA_OFF: "Il n'y a pas de caméra.",
        Reason.NO_PICTURE: "Il n'y a pas eu d'image à temps.",
        Reason.BAD_PICTURE: "L'image était illisible.",
        Reason.OLD: "La sonnerie a été trouvée trop tard pour regarder.",
        Reason.RESTARTED: "La sonnette a redémarré pendant la visite.",
        Reason.NOT_STORED: "La sonnerie n'a pas pu être enregistrée : voir la carte.",
    },
    likeness_strong="{name} : forte ressemblance.",
    likeness_fair="{name} : bonne ressemblance.",
    likeness_weak="{name} : faible ressemblance.",
    digest_title_one="Pendant votre absence : 1 visite",
    digest_title_many="Pendant votre absence : {n} visites",
    unknown_moment="heure inconnue",
    and_more="… et {n} de plus",
    test_title="Test de la sonnette",
    test_body="Ceci est un test. Personne n'a sonné.",
    alert_title="La sonnette a besoin d'attention",
)

PHRASES: Final[dict[Language, Phrases]] = {"en": _EN, "de": _DE, "nl": _NL, "fr": _FR}
