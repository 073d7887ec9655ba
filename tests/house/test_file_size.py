"""One concept per file: a source that outgrows the cap holds two."""

from house.source import core, plugins

CAP = 450


def test_no_source_is_longer_than_the_cap() -> None:
    lengths = {source.module: len(source.text.splitlines()) for source in core() + plugins()}
    assert lengths
    assert {module: lines for module, lines in lengths.items() if lines > CAP} == {}
