"""A demo call centre, which acknowledges the notifier's pushes."""
