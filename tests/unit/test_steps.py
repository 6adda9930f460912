import pytest

from cluster.domain.character import CharacterId
from cluster.domain.identity import IdentityReport, Verdict
from cluster.domain.job import Repair
from cluster.domain.scene import SceneRequest, StoryId
from serve.steps import Judged, Picture, Repaired, Shot, seed_of


def request(seed: int | None = None) -> SceneRequest:
    return SceneRequest(
        character_id=CharacterId("ada"), prompt="stands", story_id=StoryId("ada"), seed=seed
    )


def picture(idr: float | None, verdict: Verdict) -> Picture:
    report = IdentityReport(idr=idr, verdict=verdict)
    return Picture.of(Shot(artifact="a", seed=1, model="m"), Judged(report=report))


def repaired(idr: float, *, kept: bool) -> Repaired:
    repair = Repair(attempt=1, idr_before=0.5, idr_after=idr, kept=kept, strength=0.5)
    return Repaired(artifact="b", report=IdentityReport(idr=idr, verdict="fail"), repair=repair)


def test_the_first_picture_has_the_seed_that_was_asked_for() -> None:
    assert seed_of("job", request(5), 1) == 5


def test_without_a_seed_a_job_finds_its_own_again() -> None:
    assert seed_of("job", request(), 1) == seed_of("job", request(), 1)
    assert seed_of("job", request(), 1) != seed_of("other", request(), 1)


def test_a_further_picture_has_another_seed_that_follows_from_the_first() -> None:
    assert seed_of("job", request(5), 2) == seed_of("other", request(5), 2) != 5


@pytest.mark.parametrize("take", range(1, 50))
def test_a_seed_fits_every_generator(take: int) -> None:
    assert 0 <= seed_of("job", request(), take) < 2**31


def test_a_repair_that_helped_gives_the_new_picture() -> None:
    after = picture(0.5, "fail").repaired(repaired(0.7, kept=True))

    assert (after.artifact, after.report.idr) == ("b", 0.7)
    assert (after.raw.artifact, after.raw_report.idr) == ("a", 0.5)


def test_a_repair_that_did_not_help_is_told_of_and_leaves_the_picture() -> None:
    after = picture(0.5, "fail").repaired(repaired(0.4, kept=False))

    assert (after.artifact, after.report.idr) == ("a", 0.5)
    assert [repair.idr_after for repair in after.repairs] == [0.4]


def test_a_picture_that_passes_beats_a_higher_score_that_does_not() -> None:
    pictures = [picture(None, "no_face"), picture(0.74, "fail"), picture(0.76, "pass")]

    assert max(pictures, key=Picture.rank).report.idr == 0.76
    assert max(pictures[:2], key=Picture.rank).report.idr == 0.74
