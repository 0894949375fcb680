"""Boards on Renode 1.16 or newer, in lock step with the bench."""
