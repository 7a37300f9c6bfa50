# SPDX-License-Identifier: Zlib
"""Images with a real Vulkan driver: Debian 12 and 13 with the Vulkan loader and Mesa's lavapipe, which computes on
the CPU. Made when a pod first wants one, and kept under build/lab/images."""

import shutil

import certificates
import images
from archive import Archive, unpack
from places import BUILD, HERE, build_lock, digest

IMAGES = {"vulkan-bookworm": "bookworm", "vulkan-trixie": "trixie"}
PACKAGES = ["libvulkan1", "mesa-vulkan-drivers", "vulkan-tools"]
# Mesa's other drivers find no device in the lab; with them each instance would take longer to create.
LAVAPIPE = "lvp_icd"


def _keep_lavapipe_alone(root):
    for manifest in (root / "usr/share/vulkan/icd.d").iterdir():
        if not manifest.name.startswith(LAVAPIPE):
            manifest.unlink()
    for library in (root / "usr/lib").glob("*/libvulkan_*.so"):
        if library.name != "libvulkan_lvp.so":
            library.unlink()


def layer(image):
    """The image's root directory, made where it is missing."""
    suite = IMAGES[image]
    recipe = digest(suite, certificates.make() / "ca.crt", HERE / "images.py", HERE / "archive.py",
                    HERE / "vulkan_images.py")
    final = BUILD / "images" / f"{image}-{recipe}"
    with build_lock():
        if final.exists():
            return final
        for old in final.parent.glob(f"{image}-*"):
            shutil.rmtree(old)
        fresh = final.with_suffix(".new")
        archive = Archive(suite)
        base = archive.fetch(images.BASE_PACKAGES)
        images.make_bare(fresh, base)
        unpack([path for path in archive.fetch(images.BASE_PACKAGES + PACKAGES) if path not in base], fresh)
        _keep_lavapipe_alone(fresh)
        fresh.rename(final)
    return final
