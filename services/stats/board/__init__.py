"""The board in Bahasa Indonesia: one page for the control room, kept live, and one small page per report."""
