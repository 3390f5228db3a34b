"""Faces in frames: found, followed, aligned, masked, recognised."""
