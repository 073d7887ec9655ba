"""What holds for ``a | b`` and ``a + b`` whatever the parts say."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.composition import FirstAnswering, Union, Word, first_answer, joined, leaves, union_answer
from meshclient.model.endpoint import Endpoint
from meshclient.model.snapshot import Empty, Failed, Ready, listing
from meshclient.testing import FakeResolver

Answer = Ready | Empty | Failed

times = st.integers(1, 100).map(float)
endpoints = st.builds(Endpoint, st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"]), st.just(80))
ready = st.builds(Ready, st.lists(endpoints, min_size=1, unique=True).map(tuple), at=times)
empty = st.builds(Empty, st.booleans(), at=times)
failed = st.builds(
    Failed, st.sampled_from(["down", "slow"]), source=st.just("p"), last=st.none() | ready | empty, at=times
)
answers = ready | empty | failed
parts = st.lists(st.none() | answers, min_size=1, max_size=4)
spoken = st.lists(answers, min_size=1, max_size=4)


@given(parts)
def test_the_first_answer_depends_on_nothing_behind_it(latest: list[Answer | None]) -> None:
    answer = first_answer(latest, "s")
    settled = [at for at in range(1, len(latest) + 1) if first_answer(latest[:at], "s") in latest[:at]]
    if settled and answer is not None:
        assert answer == first_answer(latest[: settled[0]], "s")


@given(parts)
def test_the_first_answer_is_unknown_only_while_an_earlier_part_is_silent(latest: list[Answer | None]) -> None:
    if first_answer(latest, "s") is None:
        assert None in latest
        before = latest[: latest.index(None)]
        assert not any(isinstance(answer, Ready) for answer in before)


@given(spoken)
def test_an_outage_is_never_taken_for_an_unknown_service(latest: list[Answer]) -> None:
    answer = first_answer(latest, "s")
    if isinstance(answer, Empty) and not answer.exists:
        assert all(isinstance(part, Empty) for part in latest)


@given(spoken)
def test_a_list_anywhere_is_found(latest: list[Answer]) -> None:
    answer = first_answer(latest, "s")
    assert answer is not None
    said = [part.last if isinstance(part, Failed) else part for part in latest]
    if any(isinstance(part, Ready) for part in latest) and not any(isinstance(p, Empty) and p.exists for p in said):
        assert answer.endpoints


@given(spoken)
def test_a_union_has_the_endpoints_of_all_parts_and_no_other(latest: list[Answer]) -> None:
    answer = union_answer(latest, "s")
    assert answer is not None
    assert {e.key for e in answer.endpoints} == {e.key for part in latest for e in part.endpoints}
    assert len(answer.endpoints) == len({e.key for e in answer.endpoints})


@given(spoken)
def test_the_order_of_a_union_makes_no_difference_to_its_list(latest: list[Answer]) -> None:
    backwards = list(reversed(latest))
    one, other = union_answer(latest, "s"), union_answer(backwards, "s")
    assert one is not None
    assert other is not None
    assert type(one) is type(other)
    assert one.endpoints == other.endpoints


@given(parts)
def test_a_union_waits_for_every_part(latest: list[Answer | None]) -> None:
    assert (union_answer(latest, "s") is None) == (None in latest)


@given(spoken)
def test_an_outage_of_any_part_of_a_union_shows(latest: list[Answer]) -> None:
    answer = union_answer(latest, "s")
    assert isinstance(answer, Failed) == any(isinstance(part, Failed) for part in latest)


@given(spoken)
def test_a_union_in_trouble_is_as_old_as_its_oldest_part(latest: list[Answer]) -> None:
    answer = union_answer(latest, "s")
    if isinstance(answer, Failed) and answer.last is not None:
        good = [part.last if isinstance(part, Failed) else part for part in latest]
        assert answer.last.at == min(part.at for part in good if isinstance(part, Ready))


@given(endpoints)
def test_the_first_part_decides_on_an_endpoints_attributes(endpoint: Endpoint) -> None:
    heavier = Endpoint(endpoint.host, endpoint.port, weight=5.0)
    latest = [listing([heavier], source="a"), listing([endpoint], source="b")]
    answer = union_answer(latest, "s")
    assert answer is not None
    assert answer.endpoints == (heavier,)


def _word(answer: Answer | None, stored: bool) -> Word | None:
    return None if answer is None else Word(answer, stored and isinstance(answer, Failed) and answer.last is not None)


words = st.builds(_word, st.none() | answers, st.booleans())
A, B, C = (FakeResolver(source=f"{name}://") for name in "abc")


@given(st.lists(words, min_size=2, max_size=2))
def test_a_list_from_disk_is_the_last_resort_of_a_choice(latest: list[Word | None]) -> None:
    word = FirstAnswering((A, B)).join(latest)
    own = [
        None if each is None else replace(each.answer, last=None) if each.stored else each.answer  # type: ignore[arg-type]
        for each in latest
    ]
    first = first_answer(own, "a:// | b://")
    if first is None:
        assert word is None
    elif not isinstance(first, Failed) or first.last is not None:
        assert word == Word(first)
    else:
        lists = [each.answer for each in latest if each is not None and each.stored]
        assert word is not None
        assert word.answer.endpoints == (lists[0].endpoints if lists else ())
        assert word.stored == bool(lists)
        assert isinstance(word.answer, Failed)
        assert word.answer.cause == first.cause


@given(st.lists(words, min_size=2, max_size=2))
def test_a_union_is_from_disk_where_all_its_lists_are(latest: list[Word | None]) -> None:
    word = Union((A, B)).join(latest)
    if word is None:
        assert None in latest
        return
    assert word.answer == union_answer([each and each.answer for each in latest], "a:// + b://")
    lists = [each.stored for each in latest if each is not None and each.answer.endpoints]
    assert word.stored == (lists != [] and all(lists))


@given(st.lists(words, min_size=3, max_size=3))
def test_a_composition_of_compositions_is_made_of_its_leaves(latest: list[Word | None]) -> None:
    inner = Union((A, B))
    outer = FirstAnswering((inner, C))
    assert leaves(outer) == (A, B, C)
    assert joined(outer, iter(latest)) == outer.join([inner.join(latest[:2]), latest[2]])
