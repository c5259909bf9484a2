"""The board in Bahasa Indonesia: a live page for the control room, and a small page per report."""
