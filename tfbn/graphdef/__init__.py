"""Reading and editing graphs, no matter what built them."""
