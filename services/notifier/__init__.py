"""The notifier: pushes each department its reports until a person has acknowledged them."""
