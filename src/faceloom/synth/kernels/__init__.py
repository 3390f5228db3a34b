"""Compiled kernels: noise, rasterising, shading. Arrays in, arrays out; nothing here knows a scene.

Every kernel runs in parallel over outputs that no other iteration writes, so that one thread and
many give the same bytes.
"""
