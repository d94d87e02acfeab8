"""Reading the sources: which files, which of them to parse, their text, the code of notebooks."""
