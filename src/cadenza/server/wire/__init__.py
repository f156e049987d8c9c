"""Mastra's wire: its routes, bodies, events and error texts, in its words. camelCase exists in this folder alone.

So its JavaScript client and its Studio work unchanged. What its servers do that is plainly a fault is not copied.
"""
