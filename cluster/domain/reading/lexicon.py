"""What people write for the vocabulary's words: synonyms and inflections, as plain tables.

`PHRASES` maps a phrase, as lower-case words, to its `Sense`. It knows nothing of sentences;
`reading.py` does.
"""

from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple

from cluster.domain import vocabulary as words

Kind = Literal[
    "action", "place", "weather", "expression", "pose", "framing", "garment", "colour", "prop",
    "injury", "mark", "body", "hair", "haired", "hair_style", "eye", "cyber", "skin", "beard",
    "wounded", "unhurt", "healed", "still", "without", "drop", "change", "hold", "wear", "unarmed",
]  # fmt: skip


class Sense(NamedTuple):
    """What a phrase stands for: a word of the vocabulary for most kinds."""

    kind: Kind
    value: str


VERBS: dict[tuple[Kind, str], str] = {
    ("action", "fighting"): "fight=fought battle duel attack brawl strike=struck punch spar clash "
    "slash combat box wrestle ambush",
    ("action", "hiding"): "hide=hid=hidden sneak lurk crouch",
    ("action", "running"): "run=ran flee=fled=fleeing sprint chase escape dash race rush bolt jog",
    ("action", "talking"): "talk speak=spoke=spoken chat argue whisper negotiate converse discuss",
    ("action", "standing"): "stand=stood wait pose rest",
    ("expression", "smiling"): "smile grin laugh beam",
    ("expression", "angry"): "glare scowl rage snarl",
    ("expression", "shouting"): "shout scream yell roar",
    ("expression", "sad"): "cry weep=wept mourn grieve sob",
    ("weather", "rain"): "rain drizzle",
    ("weather", "snow"): "snow",
    ("drop", ""): "drop lose=losing discard sheathe",
    ("change", ""): "don swap",
    (
        "hold",
        "",
    ): "hold=held carry wield grip clutch grasp brandish",
    ("wear", ""): "wear=wore=worn",
}
"""Verbs by what they stand for; irregular forms follow after `=`."""

PHRASES_OF: dict[tuple[Kind, str], str] = {
    ("action", "fighting"): "fighter|combat|in battle|opens fire|sword fight|takes on|fends off",
    ("action", "hiding"): "takes cover|taking cover|in hiding|conceals himself|conceals herself",
    ("action", "running"): "on the run",
    ("action", "talking"): "in conversation|telling|tells",
    ("place", "studio"): "photo studio|plain background",
    ("place", "forest"): "woods|woodland|jungle|grove",
    ("place", "desert"): "dunes|sand dunes|wasteland",
    ("place", "castle"): "fortress|palace|throne room|citadel",
    ("place", "space"): "outer space|spaceship|starship|space station|orbit",
    ("place", "neon city"): "city|cyberpunk city|downtown|metropolis|neon street|neon streets",
    ("place", "street"): "streets|alley|alleyway|road|avenue|sidewalk",
    ("place", "snow field"): "snowfield|snowy field|tundra|glacier|field of snow",
    ("place", "sea"): "ocean|beach|shore|seaside|harbour|harbor|coast",
    ("place", "fire"): "flames|inferno|burning building|burning house|blaze",
    ("place", "market"): "bazaar|marketplace|market place|market square|marketplaces|markets",
    ("place", "cave"): "cavern|grotto|tunnel|caves",
    ("weather", "clear"): "clear sky|clear skies|clear weather|sunny|sunshine|sunlight|"
    "rain stops|rain has stopped|no rain|without rain",
    (
        "weather",
        "rain",
    ): "rain falls|falling rain|rainy|rainstorm|downpour|thunderstorm|storm|stormy|pouring",
    ("weather", "snow"): "snow falls|falling snow|snowy|snowfall|snowstorm|blizzard",
    ("weather", "fog"): "foggy|mist|misty|haze|hazy",
    ("expression", "neutral"): "calm|calmly|stoic|serene|expressionless|composed",
    ("expression", "smiling"): "happy|happily|cheerful|joyful|laughter|smirking",
    ("expression", "angry"): "angrily|furious|furiously|enraged|raging|anger",
    ("expression", "sad"): "sadly|sorrowful|mournful|in tears|tearful|grieving",
    ("expression", "surprised"): "shocked|astonished|startled|amazed|stunned",
    ("pose", "facing the camera"): "looking at the camera|looks at the camera|faces the camera|"
    "facing us|looks at us|looking into the camera|facing forward|frontal|front view",
    ("pose", "looking left"): "looks left|turns left|facing left|gazes left|looking to the left|"
    "looks to the left|looking to his left|looking to her left",
    ("pose", "looking right"): "looks right|turns right|facing right|gazes right|"
    "looking to the right|looks to the right|looking to his right|looking to her right",
    ("pose", "looking up"): "looks up|gazes up|gazing up|looks upward|looks at the sky",
    ("pose", "looking down"): "looks down|gazes down|gazing down|head bowed|bows his head|"
    "bows her head|looks at the ground",
    ("framing", "close-up"): "close up|closeup|extreme close-up|headshot",
    ("framing", "portrait"): "head and shoulders|bust shot",
    ("framing", "waist-up"): "waist up|half body|half-body|medium shot|upper body",
    ("garment", "cloak"): "cape|cloaks|mantle",
    ("garment", "armour"): "armor|plate armour|plate armor|armoured suit",
    ("garment", "suit"): "tuxedo|business suit|suits",
    ("garment", "hoodie"): "sweatshirt|hooded sweatshirt|hoody",
    ("garment", "uniform"): "uniforms",
    ("garment", "shirt"): "t-shirt|tshirt|tee|blouse|shirts",
    ("garment", "robe"): "robes|gown|kimono",
    ("garment", "jacket"): "coat|blazer|trenchcoat|trench coat|parka|leather jacket",
    ("prop", "sword"): "blade|katana|swords|sabre|saber|rapier",
    ("prop", "staff"): "spear|walking stick|stick|quarterstaff",
    ("prop", "lantern"): "lamp|torch|lanterns",
    ("prop", "umbrella"): "parasol|umbrellas",
    ("prop", "book"): "tome|books|novel|reads|reading",
    ("prop", "cup"): "mug|goblet|cup of tea|cup of coffee|chalice",
    ("prop", "glasses"): "spectacles|sunglasses|eyeglasses|goggles",
    ("prop", "headset"): "headphones|earphones",
    ("prop", "hat"): "cap|hats|fedora|beret",
    ("prop", "scarf"): "shawl|scarves|neckerchief",
    ("injury", "cut"): "cuts|gash|laceration|slash wound|slashed|open wound",
    ("injury", "bruise"): "bruises|bruised|black eye|bruising",
    ("injury", "bandage"): "bandages|bandaged|plaster|gauze",
    ("injury", "blood"): "bleeding|bloody|bloodied|bleeds|bloodstained",
    ("mark", "scar"): "scars|scarred",
    ("mark", "tattoo"): "tattoos|tattooed",
    ("mark", "freckles"): "freckle|freckled",
    ("mark", "burn"): "burns|burn mark|burn scar",
    ("body", "forehead"): "brow|temple|head",
    ("body", "chin"): "jaw|jawline",
    ("body", "nose"): "bridge of the nose",
    ("body", ""): "cheek|face",
    ("body", "arm"): "arms|left arm|right arm|forearm",
    ("body", "hand"): "hands|left hand|right hand|knuckles",
    ("body", "shoulder"): "shoulders|left shoulder|right shoulder",
    ("body", "leg"): "legs|left leg|right leg|thigh|knee",
    ("body", "neck"): "throat",
    ("body", "chest"): "torso|ribs",
    ("body", "lip"): "lips|mouth",
    ("hair", ""): "hair",
    ("haired", "blonde"): "blond|blonde",
    ("haired", "red"): "redhead|redheaded|ginger",
    ("hair_style", "bald"): "shaven-headed|shaved head|hairless",
    ("hair_style", "buzzed"): "buzz cut|crew cut|crewcut",
    ("hair_style", "ponytail"): "pony tail",
    ("hair_style", "curly"): "curls|curled",
    ("eye", ""): "eyes|eye",
    ("eye", "left"): "left eye",
    ("eye", "right"): "right eye",
    ("cyber", ""): "cyber|cybernetic|glowing|bionic",
    ("beard", "beard"): "beard|bearded|stubble",
    ("beard", "clean-shaven"): "clean-shaven|clean shaven|beardless",
    ("wounded", ""): "wounded|injured|hurt|wounds|wound|injuries|injury|battered",
    ("unhurt", ""): "unhurt|uninjured|unharmed|unscathed|unwounded|without injuries|"
    "without a scratch|no injuries|no wounds|without wounds",
    ("healed", ""): "healed|recovered|fully healed|has healed|have healed|heals|patched up",
    (
        "still",
        "",
    ): "still|again|continues|continuing|keeps|remains|as before|meanwhile|same|back in",
    ("without", ""): "without|no|no longer|minus|lacking|not|bare of|never",
    ("drop", ""): "puts away|throws away|lets go of|puts down|takes off|taking off|removes|"
    "having lost|has lost|hands over|gives away|lays down|taken off|took off|removed",
    ("change", ""): "changes into|changing into|puts on|putting on|changed into|slips into|"
    "now wearing|now in|dresses in|new|gets|suffers|receives|takes a|got|picks up|finds|buys",
    ("wear", ""): "dressed in|clad in|clothed in",
    ("hold", ""): "armed with",
    ("skin", ""): "skin|skinned",
    ("unarmed", ""): "unarmed|empty-handed|empty handed",
}
"""Other phrases by what they stand for, separated by `|`."""

OWN_WORDS: dict[Kind, tuple[str, ...]] = {
    "action": words.ACTIONS,
    "place": words.PLACES,
    "weather": words.WEATHERS[1:],
    "expression": words.EXPRESSIONS,
    "pose": words.HEAD_POSES,
    "framing": words.FRAMINGS,
    "garment": words.OUTFITS,
    "prop": words.PROPS,
    "injury": words.INJURY_KINDS,
    "mark": words.MARK_KINDS,
    "body": (*words.FACE_PLACES, "arm", "hand", "shoulder", "leg", "neck", "chest", "lip"),
    "hair_style": words.HAIR_STYLES,
}

COLOURS = tuple(
    sorted(
        {*words.HAIR_COLOURS, *words.EYE_COLOURS, *words.OUTFIT_COLOURS, *words.SKIN_TONES}
        - {"blonde"}
    )
)
SPELLINGS = {
    "gray": "grey", "silver": "grey", "crimson": "red", "scarlet": "red", "navy": "blue",
    "azure": "blue", "golden": "yellow", "gold": "yellow", "emerald": "green", "ivory": "white",
    "tanned": "tan", "hazel": "brown", "lilac": "purple",
}  # fmt: skip
"""Colour words that mean a colour of the vocabulary wherever they stand."""

CLOTH = {"black": "dark", "violet": "purple", "tan": "brown", "pale": "white", "amber": "orange"}
HAIR = {"dark": "black", "fair": "blonde", "yellow": "blonde", "orange": "red", "violet": "purple"}
IRIS = {"purple": "violet", "yellow": "amber", "orange": "amber", "dark": "brown", "black": "brown"}
SKIN = {"black": "dark", "white": "pale", "yellow": "tan"}
"""Colours that go by another name on cloth, hair, irises and skin."""


@cache
def phrases() -> dict[tuple[str, ...], Sense]:
    """Every known phrase with its sense; the vocabulary's own words win over synonyms."""
    table: dict[tuple[str, ...], Sense] = {}
    for (kind, value), text in PHRASES_OF.items():
        table.update({tuple(one.split()): Sense(kind, value) for one in text.split("|")})
    for (kind, value), text in VERBS.items():
        table.update({(form,): Sense(kind, value) for verb in text.split() for form in forms(verb)})
    for kind, own in OWN_WORDS.items():
        table.update({tuple(word.split()): Sense(kind, word) for word in own})
    table.update({(word,): Sense("colour", word) for word in COLOURS})
    table.update({(other,): Sense("colour", word) for other, word in SPELLINGS.items()})
    return table


@cache
def longest_phrase() -> int:
    """Words in the longest known phrase."""
    return max(len(phrase) for phrase in phrases())


def forms(verb: str) -> Iterator[str]:
    """A verb's inflections; `fight=fought` adds irregular ones. Some that do not exist, too."""
    base, *irregular = verb.split("=")
    stem = base.removesuffix("e")
    yield from (base, f"{base}s", f"{stem}ing", *irregular)
    if base.endswith(("ch", "sh", "s", "x")):
        yield f"{base}es"
    if base[-1] not in "aeiouwxy" and base[-2] in "aeiou":
        yield from (f"{base}{base[-1]}ing", f"{base}{base[-1]}ed")
    if base.endswith("y") and base[-2] not in "aeiou":
        yield from (f"{base[:-1]}ies", f"{base[:-1]}ied")
    if not irregular:
        yield f"{stem}ed"
