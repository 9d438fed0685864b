"""The table of networks."""

from __future__ import annotations

import pytest

from highbeam.errors import HighbeamError, NetworkError, UsageError
from highbeam.nets.registry import DEFAULT_NETWORK, NETWORKS, build, find, names


def test_the_table_is_what_it_says() -> None:
    assert names() == ("unet-s", "unet-m", "unet-l", "can24", "can32")
    assert DEFAULT_NETWORK in NETWORKS
    for name, spec in NETWORKS.items():
        assert spec.name == name
        assert spec.summary
        assert "20" in spec.source  # a year


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        NETWORKS["mine"] = NETWORKS["can24"]  # type: ignore[index]


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_and_networks_agree(name: str) -> None:
    network = build(name)
    assert network.stride == find(name).stride
    assert network.reach == find(name).reach > 0


def test_a_wrong_name_lists_the_right_ones_and_the_nearest() -> None:
    with pytest.raises(NetworkError, match=r"no network 'unet-x'; did you mean 'unet-[sml]'\? \(networks: unet-s, "):
        build("unet-x")


def test_a_wrong_field_lists_the_right_ones() -> None:
    with pytest.raises(NetworkError, match=r"unet-s has no field 'width'; did you mean 'widths'\? \(fields: cell, "):
        build("unet-s", width=3)
    with pytest.raises(NetworkError, match="can24 has no field 'cell'"):
        build("can24", cell=4)


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("unet-s", {"widths": (16, 24), "encoder": (1,)}, "encoder"),
        ("unet-s", {"decoder": (1,)}, "decoder"),
        ("unet-s", {"cell": 0}, "cell"),
        ("unet-s", {"block": "odd"}, "block"),
        ("unet-s", {"norm": "layer"}, "norm"),
        ("unet-s", {"widths": (12, 12, 12, 12)}, "group_width"),
        ("unet-s", {"widths": (), "encoder": ()}, "widths"),
        ("unet-s", {"group_width": 0}, "group_width"),
        ("unet-s", {"encoder": (1, 1, 1, -1)}, "encoder"),
        ("unet-s", {"hidden": 0.0}, "hidden"),
        ("unet-s", {"context": -1}, "context"),
        ("unet-s", {"widths": 8}, "unet-s"),
        ("can24", {"dilations": (1, 0)}, "dilations"),
        ("can24", {"dilations": ()}, "dilations"),
        ("can24", {"width": 2}, "width"),
    ],
)
def test_what_cannot_be_built_is_refused_with_its_field(name: str, changes: dict[str, object], reason: str) -> None:
    with pytest.raises(NetworkError, match=reason):
        build(name, **changes)


def test_errors_are_in_the_tree() -> None:
    assert issubclass(NetworkError, UsageError)
    assert issubclass(NetworkError, HighbeamError)
