"""Intake: accepts reports and 112 calls from the channels and loses none that it has accepted."""
