"""Captions say what the picture shows, in the grammar of the prompts."""

from dataclasses import replace

import numpy as np

from cluster.domain.vocabulary import OUTFIT_COLOURS, OUTFITS, PLACES
from training.studio.base.captions import SYNONYMS, caption, eye_clause, named_caption
from training.studio.cast.kairo import KAIRO, TRIGGER, reference_shots
from training.studio.renderer.actor import SkinMark, random_actor
from training.studio.renderer.shot import random_shot

SHOT = replace(reference_shots()[0], injuries=(SkinMark("cut", "forehead"),), prop="sword")


def wordings(count: int = 200) -> list[str]:
    return [caption(KAIRO, SHOT, np.random.default_rng(seed)) for seed in range(count)]


def test_a_caption_opens_with_the_framing_and_never_invents_a_place() -> None:
    others = {place for place in PLACES if place != SHOT.place}
    for text in wordings():
        clauses = text.split(", ")
        assert clauses[0].split(" of ")[0] in SYNONYMS["close-up"]
        assert not others & set(clauses)


def test_most_captions_say_the_scar_the_cut_and_the_cloak() -> None:
    texts = wordings()
    for phrase in ("scar on the left cheek", "cut on the forehead", "holding a sword"):
        assert sum(phrase in text for text in texts) > 0.9 * len(texts)
    cloaks = [text for text in texts if "dark cloak" in text or "black cloak" in text]
    assert len(cloaks) > 0.85 * len(texts)


def test_odd_eyes_are_told_apart() -> None:
    assert eye_clause(KAIRO) == "amber cyber left eye and brown right eye"
    even = replace(KAIRO, right_eye="amber", left_cyber=False)
    assert eye_clause(even) == "amber eyes"


def test_a_named_caption_carries_the_trigger_where_prompts_put_it() -> None:
    for seed in range(50):
        text = named_caption(TRIGGER, KAIRO, SHOT, np.random.default_rng(seed))
        assert text.split(", ")[0].split(" of ")[1].split()[0] == TRIGGER


def test_every_caption_fits_the_text_encoder() -> None:
    from training.studio.base.text_encoder import corpus
    from training.studio.base.tokenizer import MAX_TOKENS, train_tokenizer

    tokenizer = train_tokenizer(corpus(np.random.default_rng(0), 1500))
    longest = max(len(tokenizer(text).input_ids) for text in corpus(np.random.default_rng(1), 600))
    assert longest <= MAX_TOKENS
    assert len(tokenizer.tokenize(TRIGGER)) == 1
    odd = "zhuangzi's 42nd"
    spelled = tokenizer.decode(tokenizer(odd).input_ids, skip_special_tokens=True)
    assert spelled.replace(" ", "") == odd.replace(" ", "")


def test_there_is_one_answer_to_each_question() -> None:
    from training.studio.base.text_encoder import QUESTIONS, answers

    rng = np.random.default_rng(2)
    for _ in range(50):
        actor, shot = random_actor(rng), random_shot(rng)
        given = answers(actor, shot, 0)
        assert all(0 <= one < size for one, size in zip(given, QUESTIONS.values(), strict=True))
        assert given[list(QUESTIONS).index("outfit")] == OUTFITS.index(shot.outfit)
        colour = given[list(QUESTIONS).index("outfit_colour")]
        assert OUTFIT_COLOURS[colour] == shot.outfit_colour
