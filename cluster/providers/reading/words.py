"""Closed classes of words that a request is read by: what grammar and bodies have few of."""

COLOURS = frozenset(
    "black white red blue green yellow orange purple pink brown grey gray silver gold golden blond "
    "blonde crimson scarlet navy beige ivory violet turquoise teal auburn ginger raven chestnut "
    "platinum hazel amber copper strawberry olive khaki maroon burgundy emerald cream tan charcoal "
    "mustard lavender indigo bronze sapphire magenta cyan lilac peach rust sandy mousy fair dark "
    "flaxen jet saffron ochre bottle-green emerald-green ice-blue jet-black steel-grey moss-green "
    "silver-white snow-white".split()
)
SAME_COLOUR = {
    "gray": "grey", "blonde": "blond", "golden": "blond", "flaxen": "blond", "sandy": "blond",
    "platinum": "blond", "fair": "blond", "ginger": "red", "copper": "red", "auburn": "red",
    "strawberry": "red", "rust": "red", "raven": "black", "jet": "black", "chestnut": "brown",
    "mousy": "brown", "hazel": "brown", "crimson": "red", "scarlet": "red", "burgundy": "red",
    "maroon": "red", "gold": "yellow", "mustard": "yellow", "saffron": "yellow",
    "emerald": "green", "olive": "green", "navy": "blue", "sapphire": "blue", "teal": "blue",
    "indigo": "blue", "charcoal": "grey", "silver": "grey", "steel": "grey", "ivory": "white",
    "cream": "white", "amber": "amber", "copper-red": "red", "dark": "dark", "khaki": "green",
    "violet": "purple", "lavender": "purple", "lilac": "purple", "snow": "white", "ice": "blue",
    "moss": "green", "bottle": "green",
}  # fmt: skip
"""Shades -> the colour that a speaker may call them by."""

MATERIALS = frozenset(
    "leather wool woollen woolen cotton linen silk silken velvet denim fur sheepskin canvas steel "
    "iron brass bronze copper wooden plastic rubber paper glass tweed corduroy satin lace suede "
    "kid nylon fleece flannel tin ivory stone gold silver oilskin felt straw".split()
)

REGIONS = {
    "arm": "forearm elbow wrist bicep upper-arm",
    "hand": "finger thumb palm knuckle fist fingertip",
    "leg": "knee thigh shin calf kneecap",
    "foot": "ankle toe heel sole instep",
    "face": "cheek forehead brow eyebrow nose jaw chin lip mouth cheekbone temple",
    "head": "scalp skull crown",
    "torso": "rib side chest stomach belly back abdomen flank breast waist ribcage",
    "neck": "throat nape",
    "shoulder": "collarbone",
    "hip": "",
    "ear": "",
    "eye": "eyelid",
    "tooth": "",
}
REGION = {
    part: region for region, parts in REGIONS.items() for part in (region, *parts.split())
} | {"feet": "foot", "teeth": "tooth", "body": "body", "skin": "body"}
"""Body part -> the larger part by which a speaker may call it."""
LOOSE_REGIONS = frozenset({"foot", "torso", "hand", "arm"})
"""Regions whose parts lie so close that one wound may be told by either."""

HAIR = frozenset(
    "hair curl lock ponytail braid bun mane fringe plait dreadlock ringlet pigtail tress bob crop "
    "mohawk topknot chignon bang haircut hairdo strand pixie".split()
)
BEARD = frozenset("beard moustache mustache stubble goatee whisker".split())
LENGTH = {
    "long": "long", "waist-length": "long", "shoulder-length": "medium", "flowing": "long",
    "short": "short", "cropped": "short", "close-cropped": "short", "buzzed": "short",
    "shaved": "shaved", "shaven": "shaved", "bald": "shaved", "chin-length": "medium",
    "clipped": "short", "shorn": "short",
}  # fmt: skip
TEXTURE = {"curly": "curly", "straight": "straight", "wavy": "wavy", "frizzy": "curly"}
STYLE_NOUN = {
    "curl": "curly", "ringlet": "curly", "dreadlock": "dreadlocks", "braid": "long",
    "plait": "long", "ponytail": "long", "mane": "long", "crop": "short", "bob": "short",
    "pixie": "short", "bun": "long", "pigtail": "long", "topknot": "long", "chignon": "long",
    "tress": "long", "mohawk": "mohawk",
}  # fmt: skip
MARKS = frozenset("scar tattoo birthmark mole piercing freckle brand".split())
INKED = frozenset({"tattooed", "inked", "scarred", "pierced", "freckled", "branded"})
MARK_OF = {
    "tattooed": "tattoo", "inked": "tattoo", "scarred": "scar", "pierced": "piercing",
    "freckled": "freckle", "branded": "brand", "ink": "tattoo",
}  # fmt: skip
HURT = frozenset(
    "cut split infected frostbitten blistered broken bleeding bloody bruised sprained swollen "
    "crushed wounded injured bandaged burnt burned scraped gashed fractured twisted bloodied "
    "stitched torn slashed grazed dislocated splinted mangled plastered skinned scalded sliced "
    "cracked shattered severed lacerated battered bitten scorched strapped maimed throbbing "
    "wrenched punctured raw lame".split()
)
HURT_WORDS = frozenset("blood bleeding bloodstain scab stump limp pus bullet arrow shrapnel".split())
WHOLE = frozenset(
    "unhurt unharmed uninjured unscathed unwounded whole sound healed fine flawless unmarked "
    "unblemished mended intact unbroken uncut healthy unscarred".split()
)
BARE = frozenset({"bare", "naked", "uncovered", "unprotected"})
IMAGES = frozenset(
    "photo photograph picture painting portrait poster dream nightmare memory mirror statue "
    "drawing film movie screen magazine postcard reflection vision daydream sketch fresco mural "
    "hologram flashback imagination fantasy tapestry mosaic snapshot billboard book tale story "
    "legend figurine doll video hallucination television calendar coin novel advertisement "
    "half-dream mannequin dummy scarecrow cartoon stamp wallpaper television documentary".split()
)
MIRRORS = frozenset("mirror reflection window glass platter water".split())
SHE, HE, THEY = (
    frozenset({"she", "her", "hers", "herself"}),
    frozenset({"he", "him", "his", "himself"}),
    frozenset({"they", "them", "their", "theirs", "themselves", "themself"}),
)
FIRST_PERSON = frozenset({"i", "me", "my", "mine", "myself"})
NOBODY = frozenset(
    "nobody someone somebody everyone everybody anyone anybody neither none another others one "
    "other you your we us our yours ours".split()
)
WOMEN = frozenset(
    "woman girl mother lady sister queen princess daughter wife waitress nun grandmother aunt "
    "actress diva maid bride widow niece hostess witch priestess duchess empress mom mum mama "
    "goddess mermaid girlfriend stewardess heroine barmaid policewoman granny bridesmaid".split()
)
MEN = frozenset(
    "man boy father gentleman brother king prince son husband waiter monk grandfather uncle actor "
    "groom widower nephew sheriff cowboy priest duke emperor dad god guy wizard knight fisherman "
    "sailor barman boyfriend policeman lad vicar butler bridegroom".split()
)
DREAMS = frozenset(
    "dream imagine wish fantasise fantasize hope want plan picture envision visualize long intend "
    "daydream crave envy need".split()
)
REMEMBERS = frozenset("remember recall reminisce miss".split())
SUPPOSES = frozenset(
    "think suppose consider believe ask beg order tell say claim swear promise threaten offer "
    "expect mean seem appear suggest try wonder forbid pretend warn insist guess doubt let's "
    "propose recommend know reckon figure".split()
)
REFUSES = frozenset("refuse fail forget decline stop avoid deny lack cease quit resist".split())
NEGATIONS = frozenset(
    "not never n't no neither nor nobody nothing without hardly none nowhere barely".split()
)
PERCEIVES = frozenset(
    "see look watch notice spot stare glance hear smell observe recognise recognize love hate like "
    "admire describe mention know seek search hunt pass inspect draw paint sketch photograph "
    "ignore face fear recognize sell design build cost name eye gaze film study count".split()
)
PORTIONS = frozenset(
    "pair piece set bunch bundle handful cup stack length strip scrap bottle glass pile layer ring "
    "kind sort remains rest half end edge tip".split()
)
GARMENT_PARTS = frozenset(
    "collar sleeve hem brim lapel hood visor button zipper zip cuff strap lace train pocket edge "
    "tail fold crest bib waistband seam lining shoulder heel toe sole elbow buckle buttons ear "
    "drawstring string strings buckles knee seat finger tassel rim crown".split()
)
STORAGES = frozenset(
    "pocket bag satchel holster sheath scabbard belt boot glove pack backpack rucksack purse "
    "handbag clutch pouch coat jacket apron sleeve shirt loop suitcase case bib vest tunic robe "
    "cloak quiver waistband sock wallet pannier knapsack tote duffel strap shoulder hip".split()
)
"""Where what is put is still one's own."""
NO_PLACES = frozenset(
    "fire way side end front wall floor ground corner air rail sun sky light distance edge ceiling "
    "table world line surface horizon middle row hand back top bottom wheel spot bed chair seat "
    "bench counter sofa couch pillow mirror pile doorway sill frame crate box lamp stone fence "
    "railing ledge threshold window door rain wind snow shadow dark darkness heart head "
    "face shoulder view direction area place point part space position centre center scene level "
    "body step foot heel belt hole gap crack trap opening hook peg shelf drawer mat rug carpet "
    "story film movie dream memory mood style bar queue line water desk stairs stair".split()
)
"""Nouns that WordNet calls places and that tell nobody where a scene is set."""
GENERIC_PLACES = frozenset("home inside outside outdoors indoors upstairs downstairs ashore".split())
DAYPARTS = {
    "dawn": 5.5, "daybreak": 5.5, "sunrise": 6, "morning": 9, "noon": 12, "midday": 12,
    "noonday": 12, "lunchtime": 12.5, "afternoon": 15, "day": 13, "daylight": 13,
    "dusk": 19.5, "sunset": 19, "evening": 20, "twilight": 20, "sundown": 19, "nightfall": 20.5,
    "night": 23, "midnight": 24, "moonlight": 23, "starlight": 23, "broad": 13,
}  # fmt: skip
"""Words for a time of day -> the hour they stand for."""
NUMBERS = {
    word: at
    for at, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
} | {
    word: 10 * at
    for at, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
FRAMINGS = (
    "extreme close-up", "close-up", "closeup", "medium shot", "wide shot", "extreme wide shot",
    "long shot", "full shot", "full body", "portrait", "over the shoulder", "bird's eye view",
    "two-shot",
)  # fmt: skip

SLOTS = {
    "head": "hat headdress helmet cap crown wig hood veil headscarf turban circlet",
    "eyes": "spectacles goggles eyepatch",
    "neck": "necktie tie scarf bow_tie cravat",
    "hands": "glove handwear mitten",
    "feet": "footwear shoe boot sandal slipper sneaker sock",
    "outer": "overgarment coat jacket cloak cape overcoat parka poncho raincoat shawl windbreaker",
    "full": "dress suit gown robe uniform kimono nightwear bathrobe jumpsuit coverall nightgown "
    "tuxedo pajama spacesuit swimsuit overall wetsuit kaftan nightshirt",
    "mail": "body_armor armor_plate chain_mail",
    "top": "shirt sweater blouse waistcoat vest jersey t-shirt sweatshirt cardigan turtleneck "
    "tunic jerkin pullover bodice",
    "bottom": "skirt trouser trousers jeans shorts breeches kilt pants",
    "waist": "belt apron sash",
    "jewel": "necklace ring earring bracelet jewelry pendant brooch watch",
    "mask": "mask respirator",
}
"""Where on the body a garment is worn -> kinds of garments."""
