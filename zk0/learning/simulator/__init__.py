"""SO-101 tasks in MuJoCo, scripted experts and recording. Needs the `simulator` group."""
