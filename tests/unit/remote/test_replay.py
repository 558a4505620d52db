from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.remote.replay import Recording, dump, load

RECORDINGS = st.builds(
    Recording,
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.lists(st.text(st.characters(codec="utf-8"), max_size=9), max_size=3).map(tuple),
    st.binary(max_size=20),
    st.booleans(),
    st.one_of(st.binary(max_size=40), st.text(st.characters(codec="utf-8"), max_size=40).map(str.encode)),
    st.binary(max_size=20),
    st.integers(0, 255),
)


@settings(deadline=None)
@given(recordings=st.lists(RECORDINGS, max_size=4))
def test_what_is_dumped_is_loaded(tmp_path_factory: pytest.TempPathFactory, recordings: list[Recording]) -> None:
    path = tmp_path_factory.getbasetemp() / "recording.json"
    dump(recordings, path)
    assert load(path) == tuple(recordings)


def test_another_file_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"schema": "opsconsole.hosts/1"}')
    with pytest.raises(ValueError, match="not a recording"):
        load(path)
