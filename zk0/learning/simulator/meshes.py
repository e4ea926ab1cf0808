"""Lighter visual meshes for the SO-101 model, so that software rendering is bearable."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import so101_nexus
import so101_nexus.mujoco.move_env as move_env
import trimesh
from numpy.typing import NDArray

Vertices = NDArray[np.float64]
Faces = NDArray[np.int64]


def cluster_vertices(vertices: Vertices, faces: Faces, cell_m: float) -> tuple[Vertices, Faces]:
    """Merge vertices that share a grid cell; drop collapsed and duplicate faces.

    Args:
        vertices: float64[n, 3], metres.
        faces: int64[k, 3], indices into `vertices`.
        cell_m: edge of a grid cell in metres.
    """
    cells = np.floor(vertices / cell_m).astype(np.int64)
    _, first, inverse = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    merged = inverse.reshape(-1)[faces]
    a, b, c = merged.T
    merged = merged[(a != b) & (b != c) & (a != c)]
    _, keep = np.unique(np.sort(merged, axis=1), axis=0, return_index=True)
    return vertices[first], merged[np.sort(keep)]


def use_light_meshes(folder: Path, cell_m: float = 0.004) -> None:
    """Point so101-nexus at a copy of its model with 35k instead of 401k visual triangles.

    Software GL is bound by vertices: the original costs 47 ms of CPU a frame. Collision
    geometry (`*_gripper_*`) stays exact, so the physics does not change.
    """
    source = Path(so101_nexus.ASSETS_DIR) / "SO101_menagerie"
    (folder / "assets").mkdir(parents=True)
    shutil.copy(source / "so101.xml", folder)
    for mesh_file in sorted((source / "assets").glob("*.stl")):
        target = folder / "assets" / mesh_file.name
        if "_gripper_" in mesh_file.name:
            shutil.copy(mesh_file, target)
            continue
        mesh = trimesh.load(mesh_file)
        vertices, faces = cluster_vertices(
            np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64), cell_m
        )
        trimesh.Trimesh(vertices, faces, process=False).export(target)
    so101_nexus.get_so101_mujoco_model_dir = lambda: folder
    so101_nexus.get_so101_mujoco_model_path = lambda: folder / "so101.xml"
    move_env._SO101_DIR, move_env._SO101_XML = folder, folder / "so101.xml"  # read on import
