"""Reading what is to be migrated: which files, which of them to parse, their text, the code of notebooks."""
