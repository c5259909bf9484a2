"""The four services, and the operator's command line beside them. Services never import each other."""
