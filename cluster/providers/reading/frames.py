"""What verbs do to things: verb frames of operations, after their syntax (Levin, 1993).

`lemma` takes its object; `lemma+particle` is a particle verb; `lemma@preposition` takes the
object of the preposition. A frame counts for a noun of the classes that its operation is for.
"""

from collections import defaultdict
from collections.abc import Mapping

from cluster.domain.story.reading import Op
from cluster.domain.vocabulary import word_set

_FRAMES: Mapping[Op, Mapping[str, str]] = {
    "wear": {
        "garment dressing": """
            wear sport don put+on pull+on slip+on throw+on tug+on try+on have+on strap+on tie+on
            shrug+on drag+on draw+on buckle+on lace+on snap+on zip+on button+on get+on pin+on
            clip+on jam+on struggle@into slip@into change@into get@into climb@into dress@in
            clothe@in clad@in wrap@in attire@in deck@in drape@in bundle@in bundle@into step@into
            shrug@into squeeze@into wriggle@into zip@into button@into help@into dress@as
            huddle@in swaddle@in stick+on slide+on slide@into pull@over throw@over slip@over
            shrug@over pull@round screw+on fasten+on settle+on
        """,
    },
    "take_off": {
        "garment dressing": """
            take+off pull+off remove shed strip+off kick+off peel+off slip+off shrug+off doff
            throw+off slip@of step@of climb@of wriggle@of strip@of unwrap toss+off cast+off
            tear+off rip+off hang+up fling+off tug+off peel kick+away change@of get@of cut+off
            scissor+off unwind unbuckle unstrap whip+off sweep+off struggle@of strip discard
            slide+off draw+off pull+away lift+away lift+off cut+away kick shuck untie ease+off unpin
        """,
    },
    "stow": {
        "weapon container thing garment": """
            put+away sheathe sheath holster pocket stow tuck pack stash pack+away tuck+away
            slide+away slip+away
        """,
    },
    "take": {
        "weapon container thing garment": """
            pick+up take grab snatch seize pull+out take+out catch receive accept get retrieve
            fetch collect buy scoop+up grab+up snatch+up steal borrow pluck whip+out bring+out
            pick gather unhook take+down buy+back earn win fish+out dig+out purchase own gain
            inherit find hire rent acquire choose pocket pull+up pry wrench help@to nab
            lift+down unearth
        """,
    },
    "hold": {
        "weapon container thing": """
            hold carry clutch grip grasp clasp brandish wield cradle lug tote haul shoulder hug
            have balance bear clench sling heft keep
        """,
    },
    "drop": {
        "weapon container thing garment": """
            drop throw+away toss+away toss+aside lose leave+behind leave let@of get@of rid@of
            discard abandon put+down set+down lay+down lay set place fling hurl toss ditch dump
            forget misplace release cast+aside throw+aside burn destroy smash shatter part@with
            dispose@of hurl+away fling+away chuck throw+out rest bin throw bury lock+away
            chuck+away cast+away tear+up sink dunk let+go set+aside lay+aside kick+aside shove
        """,
    },
    "give": {
        "weapon container thing garment": """
            give hand pass sell trade swap lend surrender hand+over give+away pass+on pawn donate
            return hand+back give+back exchange gift bequeath gamble+away trade+away give+up
            present present@with deliver entrust offer+up give+in hand+out hand+in
            pay+with loan barter
        """,
    },
    "use": {
        "weapon container thing garment": """
            swing fire shoot aim point draw raise lift read sip drink open play cock reload load
            unfold unroll polish twirl strum sharpen sniff smell light lower wave flick
            scroll@through leaf@through switch+on turn+on whirl flip use spin shake dial press
            thumb smoke puff@on nock unsheathe unholster level tap check blow flourish examine
            weigh adjust straighten smooth tighten button zip unzip lace unlace unbutton unbuckle
            fasten tie zip+up button+up do+up tug tug@at pull@at finger tip wipe brush dust fix
            loosen hitch+up hitch pull+up pull+down roll+up push+up knot wring iron flip+up
            turn+up turn clean oil rattle jingle toss roll stir aim@with shoot@with stab@with
            strike@with dig@with write@with lean@on rest@on gather hook twist rub snap+open plant
            spread push pull wind unwind tuck sling stroke pat clink strap undo unfasten hoist
            steady train set@to put@to drain empty fan@with rummage@in reach@for push+back
            push+up swing+down draw+in shine flash pack wear+out
        """,
    },
}
MOTION = word_set(
    "walk go run ride come step sprint dash rush climb stride stroll march wander crawl limp "
    "hobble enter move return travel fly drive sail push burst slip sneak head arrive fall jump "
    "leap hurry stagger stumble descend ascend row swim lead gallop follow race flee escape drag "
    "carry bring wade trudge creep drift cross storm plunge dive tumble emerge ski trek retreat "
    "land roll hike jog pace cycle float swing shuffle slide skate bound charge skip tiptoe get "
    "pull put take haul make check hitch beach spit set wheel usher squeeze shoulder bike steer "
    "duck file reach board pile troop moor dock steam roar check-in hop back cab taxi pad pick "
    "elbow spill disembark alight wash"
)
LEAVING = frozenset({"leave", "exit", "quit", "abandon", "depart", "vacate"})
ENTERING = word_set(
    "enter reach cross climb visit board descend ascend invade approach storm near regain"
)
STAYING = word_set(
    "be sit stand lie wait sleep kneel lean crouch work live stay remain rest dine eat drink pour "
    "dance pray hide camp sing perform shop perch squat lounge sunbathe read play swim float "
    "sprawl slump pose loiter linger bathe stretch fish cook dig pace huddle order wake relax "
    "paddle find have see meet watch hang stop haggle awake come arrive settle spend pause shiver "
    "dangle warm marry get-married celebrate fight search grip cling"
)
CARRIED_OFF = word_set(
    "tear snatch steal take grab seize rip wrench pluck strip cut confiscate swipe knock blow whip "
    "pry pick yank shoot kick carry bowl throw"
)
"""What somebody else, or the wind, does to a thing that is then lost."""
LOST = word_set(
    "vanish disappear burn sink fall fly spin roll drift break shatter snap slip float tumble blow "
    "clatter go drop plunge crumble dissolve skitter slide splash bounce"
)
"""What a thing does by itself and is then lost, where it goes into, over, off or away."""
HURTING = word_set(
    "cut break sprain twist scrape graze burn slash stab wound injure hurt bruise gash fracture "
    "dislocate crush scratch pierce bite sear mangle prick skin scald lacerate slice nick shoot "
    "hit rip split tear smash strike wrench rake sink open crack bloody claw sting blister punch "
    "clip catch gore spear impale batter maul bang lay thud bury drive take snap nip stub jam slam "
    "knock cripple snag pull sever whip lash club"
)
GIVING_WAY = word_set(
    "crack snap break turn twist give buckle split swell bleed burst pop tear blister bruise throb "
    "ache fracture"
)
HEALING = word_set("heal mend recover close fade knit cure")
TREATING = word_set(
    "bandage bind splint stitch sew dress strap pack wrap clean disinfect patch plaster tie tape "
    "cauterise cauterize bathe stop staunch ice salve anoint wind swathe"
)
RESTYLING = word_set(
    "dye bleach shave cut trim crop colour color tint buzz lop chop hack perm straighten grow snip "
    "shear clip"
)
DONNING = word_set(
    "put pull slip throw tug draw drape hang wrap settle buckle tie fasten clasp jam knot loop "
    "wind button set plant sling place lay fling strap cram clap drag shrug squash zip fold heave "
    "perch belt lower slide pop"
)
PUTTING = word_set(
    "slip slide zip put push stick drop pack hide tuck stow stuff fold shove thrust set slot "
    "sheathe return jam clip wrap place go vanish disappear hang sling strap keep carry store lock "
    "lay leave throw toss fit hook wear"
)
GIVERS = word_set(
    "give hand pass lend press slip throw toss offer bring present sell buy push slide return "
    "leave leave-to shove pin hang find make get fetch drop put place thrust"
)
VIGOROUS = word_set(
    "sprint leap skip somersault vault cartwheel hop jump bound gallop jig pirouette"
)
"""What nobody does on a broken leg."""
PRESUPPOSES = word_set(
    "adjust straighten smooth tighten button zip unzip unbutton lace unlace buckle unbuckle tug "
    "finger tip loosen hitch wring brush wipe dust gather fasten flip turn roll push fix iron undo "
    "unfasten untie polish tuck lift stroke pat wear have shake"
)


def _table() -> dict[str, list[tuple[Op, frozenset[str]]]]:
    found: dict[str, list[tuple[Op, frozenset[str]]]] = defaultdict(list)
    for op, by_class in _FRAMES.items():
        for classes, verbs in by_class.items():
            for verb in verbs.split():
                found[verb].append((op, frozenset(classes.split())))
    return dict(found)


FRAMES = _table()
VERBS = frozenset(frame.partition("+")[0].partition("@")[0] for frame in FRAMES).union(
    MOTION,
    LEAVING,
    ENTERING,
    STAYING,
    CARRIED_OFF,
    LOST,
    HURTING,
    GIVING_WAY,
    HEALING,
    TREATING,
    RESTYLING,
    DONNING,
    GIVERS,
)
"""Every verb that the reader knows something by."""


def operation(frames: list[str], classes: frozenset[str]) -> tuple[Op, str] | None:
    """The first operation of these frames that is for one of the classes, with its frame."""
    for frame in frames:
        for op, wanted in FRAMES.get(frame, ()):
            if wanted & classes or not classes:
                return op, frame
    return None
