"""A search finds every spelling of a name, in few questions, whatever else stands beside it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshclient_etcd import spelling
from meshclient_etcd.spelling import Search

ROOTS = st.sampled_from([b"", b"svc/", b"/a/b/"])
NAMES = st.text("aB_-1", min_size=1, max_size=4)
STORES = st.sets(
    st.builds(lambda service, rest: f"{service}{rest}".encode(), NAMES, st.sampled_from(["", "/", "/x", "/y/z"]))
)


def read(store: set[bytes], span: tuple[bytes, bytes]) -> tuple[bytes, ...]:
    """As etcd answers."""
    return tuple(sorted(key for key in store if span[0] <= key < span[1])[: spelling.PAGE])


def walk(root: bytes, name: bytes, store: set[bytes]) -> Search:
    search = Search.begin(root, name)
    while (span := search.span) is not None:
        search = search.after(read(store, span))
    return search


@given(ROOTS, NAMES, STORES, st.integers(1, 4))
def test_every_spelling_is_found(root: bytes, name: str, rest: set[bytes], page: int) -> None:
    folded = name.lower().encode()
    store = {root + each for each in rest} | {b"other", b"~"}
    expected = {
        root + each.partition(b"/")[0] + b"/"
        for each in rest
        if b"/" in each and each.partition(b"/")[0].lower() == folded
    }
    kept, spelling.PAGE = spelling.PAGE, page
    try:
        search = walk(root, folded, store)
    finally:
        spelling.PAGE = kept
    if search.pages < spelling.PAGES:
        assert set(search.found) == expected
        assert len(search.found) == len(expected)
    assert search.pages <= min(spelling.PAGES, len(store) + 2)


@given(st.integers(1, 40))
def test_a_service_with_many_instances_costs_one_page(count: int) -> None:
    store = {b"svc/Big/%06d" % number for number in range(count * 100)} | {b"svc/Bug/1"}
    search = walk(b"svc/", b"bug", store)
    assert search.found == (b"svc/Bug/",)
    assert search.pages <= 3


def test_the_number_of_pages_is_bounded() -> None:
    store = {b"svc/a%05d/%03d" % (service, number) for service in range(50) for number in range(spelling.PAGE)}
    assert walk(b"svc/", b"azz", store | {b"svc/Azz/1"}).pages == spelling.PAGES
