"""What the offline reader makes of one sentence about Mara, the first of the cast, or Joel."""

import pytest

from cluster.domain.character import Character, CharacterId, Profile
from cluster.domain.story.reading import SceneReading
from cluster.domain.story.state import StoryState
from cluster.providers.reading.reader import OfflineReader

CAST = [
    Character(id=CharacterId("mara"), name="Mara", profile=Profile(gender="woman")),
    Character(id=CharacterId("joel"), name="Joel", profile=Profile(gender="man")),
]


@pytest.fixture(scope="session")
def reader() -> OfflineReader:
    made = OfflineReader()
    made.warm_up()
    return made


def read(reader: OfflineReader, text: str) -> SceneReading:
    return reader.read(CAST, StoryState(), text)


def said(reader: OfflineReader, text: str) -> list[str]:
    """Each change as `subject op slot noun`."""
    changes = read(reader, text).changes
    return [f"{one.subject} {one.op} {one.slot} {one.noun}" for one in changes]


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("Mara wears a green parka.", "mara wear outfit parka"),
        ("Mara puts on a straw hat.", "mara wear outfit straw_hat"),
        ("Mara pulls on leather gloves.", "mara wear outfit glove"),
        ("Mara slips into a red dress.", "mara wear outfit dress"),
        ("Mara changes into a blue uniform.", "mara wear outfit uniform"),
        ("Joel takes off his jacket.", "joel take_off outfit jacket"),
        ("Mara kicks off her boots.", "mara take_off outfit boot"),
        ("The wind tears the hat off her head.", "mara take_off outfit hat"),
        ("Mara puts the letter in her pocket.", "mara stow props letter"),
        ("Joel sheathes his sword.", "joel stow props sword"),
        ("Mara holsters her pistol.", "mara stow props pistol"),
        ("Joel draws his sword.", "joel use props sword"),
        ("Mara pulls out a pistol.", "mara take props pistol"),
        ("Mara picks up a lantern.", "mara take props lantern"),
        ("Joel carries a brass lamp.", "joel hold props lamp"),
        ("Mara hands Joel the map.", "mara give props map"),
        ("Joel sells his watch.", "joel give outfit watch"),
        ("The pirate steals Joel's sword.", "joel lose props sword"),
        ("Joel's sword falls into the river.", "joel lose props sword"),
        ("Mara loses her key.", "mara drop props key"),
        ("Mara lost her hat in the storm.", "mara drop outfit hat"),
        ("Mara drops the lantern.", "mara drop props lantern"),
        ("Mara leaves her suitcase behind.", "mara drop props suitcase"),
        ("Joel fires his rifle.", "joel use props rifle"),
        ("Mara reads the letter.", "mara use props letter"),
        ("Joel is unarmed.", "joel lack props weapon"),
        ("Mara is barefoot.", "mara lack outfit shoe"),
        ("Mara warms her bare hands.", "mara lack outfit glove"),
        ("Joel rubs his gloved hands.", "joel mention outfit glove"),
        ("Mara walks into the market.", "mara go place market"),
        ("Joel sits in a kitchen.", "joel be place kitchen"),
        ("Mara leaves the hospital.", "mara leave place hospital"),
        ("Mara is thirty years old.", "mara be age 30"),
        ("Joel turns forty.", "joel be age 40"),
        ("Mara, 34, waits.", "mara be age 34"),
    ],
)
def test_a_sentence_is_one_change(reader: OfflineReader, text: str, change: str) -> None:
    (read_,) = read(reader, text).changes
    assert read_.modality == "real"
    assert said(reader, text) == [change]
    assert read_.evidence.quote in text


def test_what_one_gives_to_another_of_the_cast_he_has(reader: OfflineReader) -> None:
    assert said(reader, "Mara gives the key to Joel.") == [
        "joel take props key",
        "mara give props key",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "A stranger draws a sword.",
        "The waiter in a white jacket smiles at Mara.",
        "A man with a broken arm sits beside Mara.",
        "The sheriff drops his pistol.",
        "The bride wears a white veil while Mara watches.",
        "Mara watches a stranger cut his hand.",
        "The soldier gives his coat to the guard.",
    ],
)
def test_somebody_elses_things_are_nobodys_of_the_cast(reader: OfflineReader, text: str) -> None:
    assert {one.subject for one in read(reader, text).changes} == {"somebody"}


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("Mara is not wearing a hat.", "negated"),
        ("Mara does not draw her sword.", "negated"),
        ("Joel never takes off his hat.", "negated"),
        ("Mara's arm is not broken.", "negated"),
        ("Mara imagines herself in a red dress.", "dreamed"),
        ("In her dream Mara is cutting her arm.", "dreamed"),
        ("Joel dreams that he breaks his leg.", "dreamed"),
        ("Mara wishes she had a coat.", "wished"),
        ("Joel wants to take off his boots.", "wished"),
        ("Mara wishes for a new hat.", "wished"),
        ("Mara remembers wearing a red dress.", "remembered"),
        ("Joel remembers that he broke his leg.", "remembered"),
        ("Joel says that he lost his sword.", "supposed"),
        ("Mara would like to wear a red hat.", "supposed"),
        ("Mara looks at a painting of a man with a sword.", "depicted"),
        ("Mara moves like a woman in a red dress.", "simile"),
        ("Joel runs like a man with a broken leg.", "simile"),
    ],
)
def test_what_is_not_so_is_read_and_not_real(
    reader: OfflineReader, text: str, modality: str
) -> None:
    assert [one.modality for one in read(reader, text).changes] == [modality]


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("On the poster Mara wears a red dress.", "wear"),
        ("In the photograph Joel holds a sword.", "hold"),
    ],
)
def test_a_picture_is_there_and_what_it_shows_is_not(
    reader: OfflineReader, text: str, change: str
) -> None:
    picture, shown = read(reader, text).changes
    assert (picture.op, picture.modality) == ("mention", "real")
    assert (shown.op, shown.modality) == (change, "depicted")


@pytest.mark.parametrize(
    "text",
    [
        '"I draw my sword," says Joel.',
        '"Mara lost her coat," says Joel.',
        '"My left hand is bleeding," says Mara.',
        'Mara says: "Take off your coat."',
    ],
)
def test_what_somebody_says_aloud_does_not_happen(reader: OfflineReader, text: str) -> None:
    assert read(reader, text).changes == ()


@pytest.mark.parametrize(
    ("text", "op", "part", "side"),
    [
        ("Mara cuts her left hand.", "injure", "hand", "left"),
        ("Joel breaks his right leg.", "injure", "leg", "right"),
        ("Joel sprains his left ankle.", "injure", "ankle", "left"),
        ("A bullet grazes her right shoulder.", "injure", "shoulder", "right"),
        ("Mara has a bruise on her left cheek.", "injure", "cheek", "left"),
        ("A deep gash opens on his forehead.", "injure", "forehead", None),
        ("Her left hand is bandaged.", "be", "hand", "left"),
        ("Mara bandages her right arm.", "treat", "arm", "right"),
        ("The cut on her left hand has healed.", "heal", "hand", "left"),
        ("Joel's arm has healed.", "heal", "arm", None),
        ("Joel's wounds have healed.", "heal", None, None),
        ("Joel is unhurt.", "lack", None, None),
        ("Mara is unharmed.", "lack", None, None),
    ],
)
def test_a_wound_has_its_place(
    reader: OfflineReader, text: str, op: str, part: str | None, side: str | None
) -> None:
    (wound,) = read(reader, text).changes
    assert (wound.slot, wound.op) == ("injuries", op)
    assert (wound.part, wound.side) == (part, side)


@pytest.mark.parametrize(
    ("text", "change", "words"),
    [
        ("Mara cuts her hair short.", "mara change_look hair hair", {"cut", "short"}),
        ("Mara dyes her hair red.", "mara change_look hair hair", {"dye", "red"}),
        ("Mara bleaches her hair blonde.", "mara change_look hair hair", {"bleach", "blonde"}),
        ("Joel shaves his beard.", "joel change_look hair beard", {"shave"}),
        ("Mara has long black hair.", "mara be hair hair", {"long", "black"}),
        ("Mara's blue eyes shine.", "mara be eyes eye", {"blue"}),
        ("Her left eye is green.", "mara be eyes eye", {"left", "green"}),
    ],
)
def test_looks_are_told_in_their_words(
    reader: OfflineReader, text: str, change: str, words: set[str]
) -> None:
    (look,) = read(reader, text).changes
    assert said(reader, text) == [change]
    assert set(look.words) == words


@pytest.mark.parametrize(
    ("text", "op", "noun", "part", "side"),
    [
        ("Joel gets a new tattoo on his right hand.", "change_look", "tattoo", "hand", "right"),
        ("The tattoo on her right arm is old.", "be", "tattoo", "arm", "right"),
        ("Joel has a scar on his chin.", "be", "scar", "chin", None),
    ],
)
def test_a_mark_has_its_place(
    reader: OfflineReader, text: str, op: str, noun: str, part: str, side: str | None
) -> None:
    (mark,) = read(reader, text).changes
    assert (mark.slot, mark.op, mark.noun) == ("marks", op, noun)
    assert (mark.part, mark.side) == (part, side)


@pytest.mark.parametrize(
    ("text", "place", "hour"),
    [
        ("INT. KITCHEN - NIGHT", "kitchen", 23),
        ("EXT. HARBOUR - DAWN", "harbour", 5.5),
        ("INT. HOSPITAL WARD - DAY. Mara waits.", "ward", 13),
        ("EXT. FOREST - DUSK. Joel waits.", "forest", 19.5),
    ],
)
def test_a_slug_line_says_where_and_when(
    reader: OfflineReader, text: str, place: str, hour: float
) -> None:
    there, then = read(reader, text).changes
    assert (there.op, there.slot, there.noun) == ("go", "place", place)
    assert (then.op, then.slot, float(then.noun)) == ("be", "time", hour)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("A week later, Mara waits.", 7),
        ("Two days later, Joel wakes.", 2),
        ("Ten days later Mara waits.", 10),
        ("Three months later Mara returns.", 90),
        ("The next morning Mara wakes.", 1),
        ("An hour later Joel sits in the kitchen.", 1 / 24),
    ],
)
def test_story_time_goes_by(reader: OfflineReader, text: str, days: float) -> None:
    passed = read(reader, text).changes[0]
    assert (passed.op, passed.slot) == ("pass", "time")
    assert float(passed.noun) == pytest.approx(days, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Mara lleva un abrigo rojo en la calle.", "es"),
        ("Mara trägt einen roten Mantel und steht in der Küche.", "de"),
        ("玛拉穿着一件红色的大衣。", "zh"),
        ("मारा ने लाल कोट पहना है।", "hi"),
        ("Mara porte un manteau rouge dans la rue.", "fr"),
    ],
)
def test_a_language_that_is_not_read_is_named(
    reader: OfflineReader, text: str, language: str
) -> None:
    reading = read(reader, text)
    assert (reading.understood.read, reading.understood.language) == (False, language)
    assert reading.changes == ()
