"""What decides whether an image is built again, and what the rig's images are."""

from __future__ import annotations

import pytest

from vsa_rig import images

PARTS = [("file Dockerfile", b"FROM x\n"), ("args", b"[]")]


def test_the_hash_does_not_depend_on_the_order():
    assert images.content_hash(PARTS) == images.content_hash(reversed(PARTS))


@pytest.mark.parametrize(
    "other",
    [
        [("file Dockerfile", b"FROM y\n"), ("args", b"[]")],
        [("file Dockerfil", b"eFROM x\n"), ("args", b"[]")],
        [("file Dockerfile", b"FROM x\n")],
        [*PARTS, ("file new", b"")],
        [],
    ],
)
def test_the_hash_changes_with_any_name_or_content(other):
    assert images.content_hash(other) != images.content_hash(PARTS)


def test_the_hash_is_what_it_always_was():
    # A change of the method would build every image of every machine again.
    assert images.content_hash(PARTS) == "960742b164d375c7"


def test_every_parent_is_an_image_of_the_rig():
    for image in images.IMAGES.values():
        assert (image.parent is None) != (image.suite == "")
        assert image.parent is None or image.parent in images.IMAGES


def test_no_image_is_called_latest_and_every_stand_in_says_what_it_is():
    for image in images.IMAGES.values():
        assert image.tag.count(":") == 1
        assert not image.tag.endswith(":latest")
        assert bool(image.really) or not image.genuine
