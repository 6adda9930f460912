"""Closed classes of words that a request is read by: what grammar and bodies have few of."""

from cluster.domain.story.state import looks, wounds
from cluster.domain.vocabulary import word_set

COLOURS = (
    looks.COLOURS
    - word_set("pale snow ice ink coal steel salt honey dirty brunette redhead reddish")
) | word_set(
    "magenta cyan peach ochre bottle-green emerald-green moss-green ice-blue jet-black steel-grey "
    "snow-white"
)
"""Words that name a colour by themselves: ice and ink need another word for it."""
MATERIALS = word_set(
    "leather wool woollen woolen cotton linen silk silken velvet denim fur sheepskin canvas steel "
    "iron brass bronze copper wooden plastic rubber paper glass tweed corduroy satin lace suede "
    "kid nylon fleece flannel tin ivory stone gold silver oilskin felt straw"
)

REGION = {
    **wounds.REGION,
    **dict.fromkeys(("breast", "waist"), "torso"),
    **dict.fromkeys(("body", "skin"), "body"),
    **dict.fromkeys(("eye", "eyelid"), "eye"),
    **dict.fromkeys(("tooth", "teeth"), "tooth"),
    "crown": "head",
    "ear": "ear",
    "feet": "foot",
    "hip": "hip",
    "upper-arm": "arm",
}
"""Body part -> the larger part by which a speaker may call it."""
STYLE_NOUN = frozenset(looks.HAIRDOS) | {"curl", "ringlet"}
"""Nouns of hair that is worn in a style."""
HAIR = STYLE_NOUN | word_set("hair lock fringe bang haircut hairdo strand")
BEARD = word_set("beard moustache mustache stubble goatee whisker")
LENGTH = frozenset(looks.LENGTH_ADJECTIVES)
TEXTURE = frozenset(looks.TEXTURE_ADJECTIVES)
MARKS = word_set("scar tattoo birthmark mole piercing freckle brand")
INKED = word_set("tattooed inked scarred pierced freckled branded")
MARK_OF = {
    "tattooed": "tattoo",
    "inked": "tattoo",
    "scarred": "scar",
    "pierced": "piercing",
    "freckled": "freckle",
    "branded": "brand",
    "ink": "tattoo",
}
"""Word that says that a mark is there -> the mark."""
HURT = word_set(
    "cut split infected frostbitten blistered broken bleeding bloody bruised sprained swollen "
    "crushed wounded injured bandaged burnt burned scraped gashed fractured twisted bloodied "
    "stitched torn slashed grazed dislocated splinted mangled plastered skinned scalded sliced "
    "cracked shattered severed lacerated battered bitten scorched strapped maimed throbbing "
    "wrenched punctured raw lame"
)
WHOLE = word_set(
    "unhurt unharmed uninjured unscathed unwounded whole sound healed fine flawless unmarked "
    "unblemished mended intact unbroken uncut healthy unscarred"
)
BARE = frozenset({"bare", "naked", "uncovered", "unprotected"})
IMAGES = word_set(
    "photo photograph picture painting portrait poster dream nightmare memory mirror statue "
    "drawing film movie screen magazine postcard reflection vision daydream sketch fresco mural "
    "hologram flashback imagination fantasy tapestry mosaic snapshot billboard book tale story "
    "legend figurine doll video hallucination television calendar coin novel advertisement "
    "half-dream mannequin dummy scarecrow cartoon stamp wallpaper documentary"
)
MIRRORS = word_set("mirror reflection window glass platter water")
SHE = word_set("she her hers herself")
HE = word_set("he him his himself")
THEY = word_set("they them their theirs themselves themself")
FIRST_PERSON = frozenset({"i", "me", "my", "mine", "myself"})
NOBODY = word_set(
    "nobody someone somebody everyone everybody anyone anybody neither none another others one "
    "other you your we us our yours ours"
)
WOMEN = word_set(
    "woman girl mother lady sister queen princess daughter wife waitress nun grandmother aunt "
    "actress diva maid bride widow niece hostess witch priestess duchess empress mom mum mama "
    "goddess mermaid girlfriend stewardess heroine barmaid policewoman granny bridesmaid"
)
MEN = word_set(
    "man boy father gentleman brother king prince son husband waiter monk grandfather uncle actor "
    "groom widower nephew sheriff cowboy priest duke emperor dad god guy wizard knight fisherman "
    "sailor barman boyfriend policeman lad vicar butler bridegroom"
)
DREAMS = word_set(
    "dream imagine wish fantasise fantasize hope want plan picture envision visualize long intend "
    "daydream crave envy need"
)
REMEMBERS = word_set("remember recall reminisce miss")
SUPPOSES = word_set(
    "think suppose consider believe ask beg order tell say claim swear promise threaten offer "
    "expect mean seem appear suggest try wonder forbid pretend warn insist guess doubt let's "
    "propose recommend know reckon figure"
)
REFUSES = word_set("refuse fail forget decline stop avoid deny lack cease quit resist")
NEGATIONS = word_set(
    "not never n't no neither nor nobody nothing without hardly none nowhere barely"
)
PERCEIVES = word_set(
    "see look watch notice spot stare glance hear smell observe recognise recognize love hate like "
    "admire describe mention know seek search hunt pass inspect draw paint sketch photograph "
    "ignore face fear sell design build cost name eye gaze film study count"
)
PORTIONS = word_set(
    "pair piece set bunch bundle handful cup stack length strip scrap bottle glass pile layer ring "
    "kind sort remains rest half end edge tip"
)
GARMENT_PARTS = word_set(
    "collar sleeve hem brim lapel hood visor button zipper zip cuff strap lace train pocket edge "
    "tail fold crest bib waistband seam lining shoulder heel toe sole elbow buckle buttons ear "
    "drawstring string strings buckles knee seat finger tassel rim crown"
)
STORAGES = word_set(
    "pocket bag satchel holster sheath scabbard belt boot glove pack backpack rucksack purse "
    "handbag clutch pouch coat jacket apron sleeve shirt loop suitcase case bib vest tunic robe "
    "cloak quiver waistband sock wallet jeans jean trouser trousers pants shorts breeches "
    "waistcoat dungaree dungarees garter holdall pannier knapsack tote duffel strap shoulder hip"
)
"""Where what is put is still one's own."""
NO_PLACES = word_set(
    "ladder post crate hay bale umbrella page stool cart fire way side end front wall floor ground "
    "corner air rail sun sky light distance edge ceiling table world line surface horizon middle "
    "row hand back top bottom wheel spot bed chair seat bench counter sofa couch pillow mirror "
    "pile doorway sill frame box lamp stone fence railing ledge threshold window door rain wind "
    "snow shadow dark darkness heart head face shoulder view direction area place point part space "
    "position centre center scene level moon star earth planet ship-shape hearth fireplace stove "
    "body step foot heel belt hole gap crack trap opening hook peg shelf drawer mat rug carpet "
    "story film movie dream memory mood style bar queue water desk stairs stair"
)
"""Nouns that WordNet calls places and that tell nobody where a scene is set."""
DAYPARTS = {
    part: hour
    for hour, parts in {
        5.5: "dawn daybreak",
        6: "sunrise",
        9: "morning",
        12: "noon midday noonday",
        12.5: "lunchtime",
        13: "day daylight broad",
        15: "afternoon",
        19: "sunset sundown",
        19.5: "dusk",
        20: "evening twilight",
        20.5: "nightfall",
        23: "night moonlight starlight",
        24: "midnight",
    }.items()
    for part in parts.split()
}
"""Words for a time of day -> the hour they stand for."""
TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
NUMBERS = {word: at for at, word in enumerate(TO_NINETEEN.split())} | {
    word: 10 * at for at, word in enumerate(TENS.split(), 2)
}
"""Number word -> its value."""

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
