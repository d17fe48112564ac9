"""The declaration: a YAML file as a frozen object made of method objects."""
