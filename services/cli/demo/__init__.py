"""The demo's other side: a call centre that acknowledges."""
